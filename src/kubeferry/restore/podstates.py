"""How a restored pod stands for its next hook: up, still to be waited for, or lost. Pure.

A pod is the restored one if the task's field manager is among its managers. Another one of its
name is somebody else's, for whom no hook was meant, unless it is an heir (``heirs``).
"""

from typing import Literal, NamedTuple

import msgspec

from kubeferry import codec
from kubeferry.kube.containers import Container, State, doing
from kubeferry.restore.hooks import ExecHook, InitWait, PodHook


class _Part(msgspec.Struct, rename="camel"):
    """What is read of a part, and nothing else."""


class _Manager(_Part):
    manager: str = ""


class _Reference(_Part):
    uid: str = ""
    controller: bool | None = None


class _Metadata(_Part):
    name: str
    labels: dict[str, str] | None = None
    deletion_timestamp: str | None = None
    managed_fields: list[_Manager] | None = None
    owner_references: list[_Reference] | None = None


class _Named(_Part):
    name: str


class _Spec(_Part):
    restart_policy: str = "Always"
    containers: list[_Named] | None = None
    init_containers: list[_Named] | None = None


class _Status(_Part):
    phase: str = ""
    reason: str = ""
    container_statuses: list[Container] | None = None
    init_container_statuses: list[Container] | None = None


class PodSeen(_Part):
    """What is looked at of a pod."""

    metadata: _Metadata
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


class Standing(NamedTuple):
    """``up``: the hook can be run, or what it waits for is there; ``why`` says why not.

    ``absent``: this hook never can, the pod's other hooks perhaps; ``lost``: none of them can.
    """

    state: Literal["up", "waiting", "absent", "lost"]
    why: str = ""


GONE = "the pod is gone: its workload, or somebody, deleted it"
REPLACED = "the restored pod was deleted and another one has its name now"


_POD = codec.Decoder(PodSeen)


def read_pod(body: bytes) -> PodSeen:
    """A pod as the API server sent it. Raises ``msgspec.DecodeError``."""
    return _POD.decode(body)


def standing(pod: PodSeen | None, hook: PodHook, *, manager: str) -> Standing:
    """How a pod (None: there is none of its name) stands for a hook."""
    if pod is None:
        return Standing("lost", GONE)
    if not is_restored(pod, manager):
        return Standing("lost", REPLACED)
    found = container_standing(pod, hook)
    if isinstance(hook, InitWait) and found.state == "up":
        return found  # they have done their work, whatever becomes of the pod
    over = why_over(pod)
    return Standing("lost", over) if over else found


def is_restored(pod: PodSeen, manager: str) -> bool:
    """Whether the task with this field manager made the pod."""
    return any(one.manager == manager for one in pod.metadata.managed_fields or ())


def why_over(pod: PodSeen) -> str:
    """Why no hook can be run in the pod any more; empty if one can."""
    if pod.metadata.deletion_timestamp:
        return "the pod is being deleted"
    if pod.status.phase in ("Succeeded", "Failed"):
        said = f"{pod.status.phase}: {pod.status.reason}".removesuffix(": ")
        return f"the pod has ended ({said})"
    return ""


def container_standing(pod: PodSeen, hook: PodHook) -> Standing:
    """How the containers of a pod stand for a hook."""
    found = {
        one.name: one
        for listed in (pod.status.init_container_statuses, pod.status.container_statuses)
        for one in listed or ()
    }
    if isinstance(hook, ExecHook):
        return _for_command(hook, found.get(hook.container), pod.spec.restart_policy)
    for name in hook.containers:
        state = (found[name].state if name in found else None) or State()
        if state.terminated is None or state.terminated.exit_code != 0:
            return Standing("waiting", f"init container {name} {doing(state)}")
    return Standing("up")


def _for_command(hook: ExecHook, container: Container | None, restarts: str) -> Standing:
    state = (container.state if container else None) or State()
    if container is not None and state.running is not None:
        if container.ready or not hook.wait_for_ready:
            return Standing("up")
        return Standing("waiting", f"container {hook.container} runs and is not ready")
    ended = state.terminated
    if ended and (restarts == "Never" or (restarts == "OnFailure" and not ended.exit_code)):
        why = f"container {hook.container} has ended with exit code {ended.exit_code}"
        return Standing("lost", why)
    return Standing("waiting", f"container {hook.container} {doing(state)}")
