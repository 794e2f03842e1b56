"""How a restored pod stands for its next hook: up, still to be waited for, or lost. Pure.

A pod is the restored one if the task's field manager is among its managers: a StatefulSet or
ReplicaSet may delete it and make another one of its name, which no hook was meant for.
"""

from typing import Any, Literal, NamedTuple

import msgspec

from kubeferry import codec
from kubeferry.restore.hooks import ExecHook, PodHook


class _Part(msgspec.Struct, rename="camel"):
    """What is read of a part, and nothing else."""


class _Ended(_Part):
    exit_code: int = 0
    reason: str = ""


class _Waiting(_Part):
    reason: str = ""
    message: str = ""


class _State(_Part):
    running: dict[str, Any] | None = None
    terminated: _Ended | None = None
    waiting: _Waiting | None = None


class _Container(_Part):
    name: str
    ready: bool = False
    state: _State | None = None


class _Manager(_Part):
    manager: str = ""


class _Metadata(_Part):
    name: str
    deletion_timestamp: str | None = None
    managed_fields: list[_Manager] | None = None


class _Spec(_Part):
    restart_policy: str = "Always"


class _Status(_Part):
    phase: str = ""
    reason: str = ""
    container_statuses: list[_Container] | None = None
    init_container_statuses: list[_Container] | None = None


class PodSeen(_Part):
    """What is looked at of a pod."""

    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


class Standing(NamedTuple):
    """``up``: the hook can be run, or what it waits for is there; ``why`` says why not."""

    state: Literal["up", "waiting", "lost"]
    why: str = ""


_POD = codec.Decoder(PodSeen)


def read_pod(body: bytes) -> PodSeen:
    """A pod as the API server sent it. Raises ``msgspec.DecodeError``."""
    return _POD.decode(body)


def standing(pod: PodSeen | None, hook: PodHook, *, manager: str) -> Standing:
    """How a pod (None: there is none of its name) stands for a hook."""
    lost = _lost(pod, manager)
    if pod is None or lost:
        return Standing("lost", lost)
    found = {
        one.name: one
        for listed in (pod.status.init_container_statuses, pod.status.container_statuses)
        for one in listed or ()
    }
    if isinstance(hook, ExecHook):
        return _for_command(hook, found.get(hook.container), pod.spec.restart_policy)
    for name in hook.containers:
        state = (found[name].state if name in found else None) or _State()
        if state.terminated is None or state.terminated.exit_code != 0:
            return Standing("waiting", f"init container {name} {_doing(state)}")
    return Standing("up")


def _lost(pod: PodSeen | None, manager: str) -> str:
    """Why no hook can be run in it any more; empty if one can."""
    if pod is None:
        return "the pod is gone: its workload, or somebody, deleted it"
    if manager not in {one.manager for one in pod.metadata.managed_fields or ()}:
        return "the restored pod was deleted and another one has its name now"
    if pod.metadata.deletion_timestamp:
        return "the pod is being deleted"
    if pod.status.phase in ("Succeeded", "Failed"):
        said = f"{pod.status.phase}: {pod.status.reason}".removesuffix(": ")
        return f"the pod has ended ({said})"
    return ""


def _for_command(hook: ExecHook, container: _Container | None, restarts: str) -> Standing:
    state = (container.state if container else None) or _State()
    if container is not None and state.running is not None:
        if container.ready or not hook.wait_for_ready:
            return Standing("up")
        return Standing("waiting", f"container {hook.container} runs and is not ready")
    ended = state.terminated
    if ended and (restarts == "Never" or (restarts == "OnFailure" and not ended.exit_code)):
        why = f"container {hook.container} has ended with exit code {ended.exit_code}"
        return Standing("lost", why)
    return Standing("waiting", f"container {hook.container} {_doing(state)}")


def _doing(state: _State) -> str:
    if state.terminated is not None:
        return f"ended with exit code {state.terminated.exit_code} ({state.terminated.reason})"
    if state.waiting is not None and state.waiting.reason:
        said = f"{state.waiting.reason}: {state.waiting.message}".removesuffix(": ")
        return f"does not run ({said})"
    return "runs" if state.running is not None else "does not run"
