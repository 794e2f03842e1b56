"""Runs one hook and tells how it ended.

A pre hook is begun once. A post hook is owed to an application that a pre hook froze: where nobody
knows whether it ran (its connection broke, the kubelet did not answer) it is run again, so it must
bear being run twice.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from kubeferry.backup.hooks import Hook
from kubeferry.errors import ApiError, ApiUnreachable, ExecLost, ExecTimeout, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import PODS
from kubeferry.kube.objects import metadata
from kubeferry.transform.hook_pods import FAILED, TIMEOUT

_POST_TRIES = 3
_PAUSE = 1.0
_TAIL_LINES, _TAIL_CHARACTERS = 5, 500
"""What a report repeats of the end of stderr."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a hook ended; ``reason`` is empty for a good end, ``problem`` says more in a sentence."""

    reason: str = ""
    problem: str = ""
    stdout: bytes = b""
    stderr: bytes = b""

    def __bool__(self) -> bool:
        """Whether it ended well."""
        return not self.reason


async def run_hook(client: Client, hook: Hook) -> Outcome:
    """Runs a hook to its end. Raises ``ApiUnreachable``."""
    tries = _POST_TRIES if hook.phase == "post" else 1
    while True:
        try:
            result = await client.exec(hook.request)
        except ApiUnreachable:
            raise
        except ApiError as error:
            tries -= 1
            if not tries or not _is_passing(error):
                return _not_ended(hook, error)
            await asyncio.sleep(_PAUSE)
        else:
            if result.exit_code == 0:
                return Outcome(stdout=result.stdout, stderr=result.stderr)
            told = f"{hook.title} ended with exit code {result.exit_code}"
            return Outcome(FAILED, _with_tail(told, result.stderr), result.stdout, result.stderr)


async def run_owed(
    client: Client, hooks: Sequence[Hook]
) -> AsyncGenerator[tuple[Hook, Outcome], None]:
    """Runs the hooks owed to one pod, one after the other, each whatever the others did.

    A pod that is gone, or is another one of the same name, is owed nothing. Raises
    ``ApiUnreachable``.
    """
    if not hooks or not await is_there(client, hooks[0]):
        return
    for hook in hooks:
        yield hook, await run_hook(client, hook)


async def is_there(client: Client, hook: Hook) -> bool:
    """Whether the very pod of a hook exists."""
    try:
        pod = await client.get(PODS, hook.pod, namespace=hook.namespace)
    except NotFound:
        return False
    return metadata(pod).get("uid") == hook.uid


def _is_passing(error: ApiError) -> bool:
    """Whether another try may succeed; a command that took too long has had its time."""
    if isinstance(error, ExecTimeout):
        return False
    return isinstance(error, ExecLost) or error.status >= 500


def _not_ended(hook: Hook, error: ApiError) -> Outcome:
    if not isinstance(error, ExecLost):
        return Outcome(FAILED, f"{hook.title} was not run: {error.reason}: {error.problem}")
    told = _with_tail(f"{hook.title}: {error.problem}; {error.remedy}", error.stderr)
    if isinstance(error, ExecTimeout):
        return Outcome(TIMEOUT, told, error.stdout, error.stderr)
    return Outcome(FAILED, told, error.stdout, error.stderr)


def _with_tail(told: str, stderr: bytes) -> str:
    """A sentence with the last lines of stderr behind it."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines()]
    tail = " / ".join([line for line in lines if line][-_TAIL_LINES:])
    if len(tail) > _TAIL_CHARACTERS:
        tail = f"...{tail[-_TAIL_CHARACTERS:]}"
    return f"{told}: {tail}" if tail else told
