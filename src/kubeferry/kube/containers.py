"""What a pod's status says of its containers, as far as commands are run in them. Pure."""

from typing import Any

import msgspec

from kubeferry.kube.objects import Object, at


class _Part(msgspec.Struct, rename="camel"):
    """What is read of a part, and nothing else."""


class Ended(_Part):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""


class Waiting(_Part):
    """Why a container has not begun, or begun again."""

    reason: str = ""
    message: str = ""


class State(_Part):
    """What a container does now; nothing is told of one that was never begun."""

    running: dict[str, Any] | None = None
    terminated: Ended | None = None
    waiting: Waiting | None = None


class Container(_Part):
    """A container's status."""

    name: str
    ready: bool = False
    state: State | None = None


def doing(state: State) -> str:
    """What a container does, behind its name in a sentence."""
    if state.terminated is not None:
        return f"ended with exit code {state.terminated.exit_code} ({state.terminated.reason})"
    if state.waiting is not None and state.waiting.reason:
        said = f"{state.waiting.reason}: {state.waiting.message}".removesuffix(": ")
        return f"does not run ({said})"
    return "runs" if state.running is not None else "does not run"


def why_not_running(pod: Object, name: str) -> str:
    """Why no command can be run in a container now; empty when it runs."""
    found = State()
    for listed in ("containerStatuses", "initContainerStatuses"):
        for one in at(pod, ("status", listed)) or ():
            if one.get("name") == name:
                found = msgspec.convert(one, Container).state or State()
    return "" if found.running is not None else f"container {name} {doing(found)}"
