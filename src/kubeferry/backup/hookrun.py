"""Runs one hook and tells how it ended.

A pre hook is begun once. A post hook is owed to an application that a pre hook froze:

- where it did not get through to its container (the kubelet is away, the container restarts) it is
  tried again until the caller's patience ends, and then it is owed still
- where nobody knows whether it ran it is run again, ``_TRIES`` times, so it must bear that
- a command that had its time, and one that was refused, are not tried again

A pod that is gone, has ended or is another one of the same name is owed nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from kubeferry.backup.hooks import ENDED, Hook
from kubeferry.errors import NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.endings import Ending, run_command
from kubeferry.kube.names import PODS
from kubeferry.kube.objects import at, metadata
from kubeferry.transform.hook_pods import FAILED, NOT_RUN, TIMEOUT

_TRIES = 3
_PAUSE, _LONGEST_PAUSE = 1.0, 15.0
_TAIL_LINES, _TAIL_CHARACTERS = 5, 500
"""What a report repeats of the end of stderr."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a hook ended.

    Attributes:
        reason: empty for a good end.
        end: in a few words.
        problem: in a sentence, with the end of stderr; empty for a good end.
        is_away: it was not begun, for its container cannot be reached now.
    """

    reason: str = ""
    end: str = "ended well"
    problem: str = ""
    is_away: bool = False
    stdout: bytes = b""
    stderr: bytes = b""

    def __bool__(self) -> bool:
        """Whether it ended well."""
        return not self.reason


async def run_pre(client: Client, hook: Hook) -> Outcome:
    """Runs a pre hook to its end. Raises ``ApiLost``."""
    return _outcome(hook, await run_command(client, hook.request))


async def run_owed(
    client: Client, hooks: Sequence[Hook], *, patience: float
) -> AsyncGenerator[tuple[Hook, Outcome | None], None]:
    """Runs the hooks owed to one pod, one after the other, each whatever the others did.

    ``patience`` is how many seconds they may be tried for all together; each is tried once. One
    that is away then is owed still; None: the pod is owed nothing. Raises ``ApiLost``, and
    what reading the pod raises.
    """
    until = asyncio.get_running_loop().time() + patience
    for hook in hooks:
        yield hook, await _run_post(client, hook, until)


async def _run_post(client: Client, hook: Hook, until: float) -> Outcome | None:
    """Runs a post hook; None when the pod is owed nothing."""
    pause, tries = _PAUSE, 0
    while await is_there(client, hook):
        ending = await run_command(client, hook.request)
        if ending.is_passing:
            if asyncio.get_running_loop().time() + pause > until:
                return _outcome(hook, ending)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            continue
        tries += 1
        if ending.fate != "unknown" or ending.is_late or tries == _TRIES:
            return _outcome(hook, ending)
        await asyncio.sleep(_PAUSE)
    return None


async def is_there(client: Client, hook: Hook) -> bool:
    """Whether the very pod of a hook exists and has not ended."""
    try:
        pod = await client.get(PODS, hook.pod, namespace=hook.namespace)
    except NotFound:
        return False
    return metadata(pod).get("uid") == hook.uid and at(pod, ("status", "phase")) not in ENDED


def _outcome(hook: Hook, ending: Ending) -> Outcome:
    if ending:
        return Outcome(stdout=ending.stdout, stderr=ending.stderr)
    end = ending.problem or f"ended with exit code {ending.exit_code}"
    told = f"{hook.title}{':' if ending.fate == 'unknown' else ''} {end}"
    problem = _with_tail(told, ending.stderr)
    if ending.is_passing:
        return Outcome(NOT_RUN, end, problem, is_away=True)
    return Outcome(
        TIMEOUT if ending.is_late else FAILED,
        end,
        problem,
        stdout=ending.stdout,
        stderr=ending.stderr,
    )


def _with_tail(told: str, stderr: bytes) -> str:
    """A sentence with the last lines of stderr behind it."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines()]
    tail = " / ".join([line for line in lines if line][-_TAIL_LINES:])
    if len(tail) > _TAIL_CHARACTERS:
        tail = f"...{tail[-_TAIL_CHARACTERS:]}"
    return f"{told}: {tail}" if tail else told
