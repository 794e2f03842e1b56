"""Waits until what the last step restores can be created: its API answers, its webhook converts."""

import asyncio
from collections.abc import Iterable

from kubeferry import codec
from kubeferry.errors import ApiError, ApiLost
from kubeferry.kube.client import Client
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.refusals import unreachable_backend
from kubeferry.restore.waves import NAMESPACES

SERVED_SECONDS = 120.0
"""How long a kind is waited for, as long as for webhooks."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
_NOT_YET = frozenset({404, 503})


async def wait_until_served(
    client: Client,
    samples: Iterable[PlanItem],
    *,
    field_manager: str,
    seconds: float = SERVED_SECONDS,
) -> None:
    """Tries a dry run of each item until its kind is served, or the time is over.

    What is still wrong then is told by the creates. Raises ``ApiLost``.
    """
    try:
        async with asyncio.timeout(seconds):
            for item in samples:
                pause = _FIRST_PAUSE
                while not await _is_served(client, item, field_manager):
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
    except TimeoutError:
        return


async def _is_served(client: Client, item: PlanItem, field_manager: str) -> bool:
    if item.resource is None or item.object is None:
        return True
    try:
        await client.create(
            item.resource,
            codec.encode(item.object),
            namespace=item.target.namespace,
            field_manager=field_manager,
            dry_run=True,
        )
    except ApiLost:
        raise
    except ApiError as error:
        if error.details.get("kind") == NAMESPACES:  # nothing will serve it in a missing one
            return True
        return error.status not in _NOT_YET and unreachable_backend(error) is None
    return True
