"""``restore retry``: a new restore that does again what one left undone."""

import re

from msgspec import structs

from kubeferry.api.location import ANNOTATION
from kubeferry.api.metadata import Metadata, read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.finding import find
from kubeferry.controller.resources import RESTORES
from kubeferry.errors import InvalidInput
from kubeferry.kube.objects import Object, metadata
from kubeferry.restore.retrying import ENDED_BADLY

_NUMBERED = re.compile(r"(?P<name>.+)-retry-[0-9]+")


async def retry_of(flags: Flags, name: str, *, new_name: str | None) -> ApplicationRestore:
    """The restore that does again what restore ``name`` left undone; it is not created yet.

    Raises ``InvalidInput`` for one that cannot be retried, ``NotFound``.
    """
    async with connect(flags) as session:
        earlier = read(await find(session, RESTORES, name), ApplicationRestore)
        phase = earlier.status.phase
        if phase not in ENDED_BADLY:
            raise InvalidInput(
                f"is {phase or 'not started'}: there is nothing to be done again",
                place=f"restore {name}",
                remedy="retry a restore that is PartiallyFailed or Failed",
            )
        chosen = new_name or await _free_name(session, earlier)
    kept = {key: text for key, text in earlier.metadata.annotations.items() if key == ANNOTATION}
    return ApplicationRestore(
        metadata=Metadata(name=chosen, annotations=kept),
        spec=structs.replace(earlier.spec, retry_of=name),
    )


async def _free_name(session: Session, earlier: ApplicationRestore) -> str:
    """``NAME-retry-1``, or the first number that is free; of a retry's retry with its NAME."""
    base = earlier.metadata.name
    numbered = _NUMBERED.fullmatch(base) if earlier.spec.retry_of else None
    base = numbered["name"] if numbered is not None else base
    found = await session.client.list(RESTORES, namespace=session.namespace)
    taken = {metadata(one).get("name") for one in found}
    number = 1
    while f"{base}-retry-{number}" in taken:
        number += 1
    return f"{base}-retry-{number}"


async def retries_of(session: Session, name: str) -> list[Object]:
    """The restores that retry one, oldest first."""
    found = await session.client.list(RESTORES, namespace=session.namespace)
    mine = [one for one in found if (one.get("spec") or {}).get("retryOf") == name]
    return sorted(mine, key=lambda one: str(metadata(one).get("creationTimestamp", "")))
