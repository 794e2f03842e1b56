"""Which hooks a pod has around its backup (velero.md §2.9). Pure.

The pod's annotations say it, for each phase else the backup's ``spec.hooks``. What is wrong with
one of them is an error of the pod, and then *none* of its hooks is run: an application must not be
frozen by a pre hook whose post hook cannot be run.

A hook that failed is an error whatever its ``onError`` says: what it was to prepare is not
prepared, so the backup is not `Completed`. ``Fail`` means moreover that the pod is not archived;
``Continue`` is, as in Velero, the same as nothing said.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from kubeferry.api.hooks import HOOK_SECONDS, BackupHook, BackupHooks
from kubeferry.durations import parse_duration, read_duration
from kubeferry.kube.exec import Exec
from kubeferry.kube.objects import Object, annotations, at, labels, metadata
from kubeferry.transform.hook_pods import PodSelection, compile_selection, parse_command

Phase = Literal["pre", "post"]

MARK = b"hook.backup.velero.io/"
"""What the bytes of a pod hold whose annotations may say something of hooks."""
OUTPUT_BYTES = 16 << 10
"""Bytes that are kept of each of a command's two streams."""

_PREFIXES: Mapping[Phase, tuple[str, ...]] = {
    "pre": ("pre.hook.backup.velero.io/", "hook.backup.velero.io/"),
    "post": ("post.hook.backup.velero.io/",),
}
_KEYS = ("container", "command", "on-error", "timeout")
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Hook:
    """One command for one container of one pod.

    Attributes:
        uid: of the pod; another pod of its name is another application's, or a restarted one.
        timeout: seconds.
        asked_by: the annotations, or the name of the group in ``spec.hooks``.
        may_fail: False where a failure keeps the pod out of the backup.
    """

    phase: Phase
    namespace: str
    pod: str
    uid: str
    container: str
    command: tuple[str, ...]
    timeout: float = HOOK_SECONDS
    asked_by: str = ""
    may_fail: bool = True

    @property
    def subject(self) -> str:
        """The pod, as reports name it."""
        return f"pods {self.namespace}/{self.pod}"

    @property
    def title(self) -> str:
        """The hook, as reports name it; its command may hold a secret and is left out."""
        return f"{self.phase} hook in container {self.container}"

    @property
    def request(self) -> Exec:
        """What is to be run."""
        return Exec(
            self.namespace,
            self.pod,
            self.container,
            self.command,
            timeout=self.timeout,
            keep=OUTPUT_BYTES,
        )


@dataclass(frozen=True, slots=True)
class PodHooks:
    """The hooks of one pod.

    Attributes:
        problems: what is wrong with them; then none is run.
        is_needed: whether the pod is only archived once its pre hooks ended well.
    """

    pre: tuple[Hook, ...] = ()
    post: tuple[Hook, ...] = ()
    problems: tuple[str, ...] = ()
    is_needed: bool = False

    def __bool__(self) -> bool:
        """Whether there is anything to do or to tell."""
        return bool(self.pre or self.post or self.problems)


@dataclass(frozen=True, slots=True)
class Command:
    """A hook of a group: for the pods of ``pods``, empty ``container``: the first."""

    phase: Phase
    asked_by: str
    pods: PodSelection
    container: str
    command: tuple[str, ...]
    timeout: float
    may_fail: bool


def compile_hooks(given: BackupHooks | None) -> tuple[Command, ...]:
    """The hooks of a spec, checked. Raises ``InvalidInput`` naming the field."""
    return tuple(_compiled(given)) if given is not None else ()


def _compiled(given: BackupHooks) -> Iterator[Command]:
    for index, group in enumerate(given.resources):
        place = f"spec.hooks.resources[{index}]"
        pods = compile_selection(group, place=place)
        sides: tuple[tuple[Phase, list[BackupHook]], ...] = (
            ("pre", group.pre),
            ("post", group.post),
        )
        for phase, hooks in sides:
            for number, hook in enumerate(hooks):
                told = f"{place}.{phase}[{number}].exec.timeout"
                yield Command(
                    phase,
                    group.name,
                    pods,
                    hook.exec.container,
                    tuple(hook.exec.command),
                    read_duration(hook.exec.timeout, place=told) or HOOK_SECONDS,
                    may_fail=hook.exec.on_error != "Fail",
                )


def may_have_hooks(
    body: bytes, namespace: str, pod_labels: Mapping[str, str], commands: Iterable[Command]
) -> bool:
    """Whether a pod must be decoded to know; ``body`` are its bytes.

    Nearly no pod has hooks, and looking through its bytes costs a fraction of decoding them.
    """
    return MARK in body or any(one.pods.matches(namespace, pod_labels) for one in commands)


def hooks_of(pod: Object, commands: Iterable[Command]) -> PodHooks:
    """The hooks of a pod as it is; none for one that has ended."""
    if at(pod, ("status", "phase")) in _ENDED:
        return PodHooks()
    about = metadata(pod)
    wanted = [
        one for one in commands if one.pods.matches(str(about.get("namespace", "")), labels(pod))
    ]
    hooks: dict[Phase, tuple[Hook, ...]] = {}
    problems: list[str] = []
    is_needed = False
    for phase in _PREFIXES:
        given = _annotated(annotations(pod), phase, problems)
        if given:
            is_needed = is_needed or (phase == "pre" and given.get("on-error") == "Fail")
            asked = _from_annotations(given, phase, problems)
        else:
            asked = [one for one in wanted if one.phase == phase]
            is_needed = is_needed or (phase == "pre" and not all(one.may_fail for one in asked))
        hooks[phase] = tuple(_placed(pod, asked, problems))
    if problems:
        return PodHooks(problems=tuple(problems), is_needed=is_needed)
    return PodHooks(hooks["pre"], hooks["post"], is_needed=is_needed)


def _annotated(given: Mapping[str, str], phase: Phase, problems: list[str]) -> dict[str, str]:
    """What the annotations say of a phase, by the last part of their keys, the prefix with it.

    Of the two spellings of a pre hook the one that has a command counts, the longer one first.
    """
    found: list[dict[str, str]] = []
    for prefix in _PREFIXES[phase]:
        told = {
            key.removeprefix(prefix): value
            for key, value in given.items()
            if key.startswith(prefix) and value
        }
        if told:
            found.append(told | {"": prefix})
    problems += (f"{one['']}command is missing" for one in found if "command" not in one)
    return next((one for one in found if "command" in one), found[0] if found else {})


def _from_annotations(given: Mapping[str, str], phase: Phase, problems: list[str]) -> list[Command]:
    """The one hook that annotations ask for, if nothing is wrong with it."""
    prefix, before = given[""], len(problems)
    problems += (
        f"{prefix}{key} is no annotation of a hook; there are {', '.join(_KEYS)}"
        for key in sorted(given.keys() - {"", *_KEYS})
    )
    on_error = given.get("on-error", "Continue")
    if on_error not in ("Continue", "Fail"):
        problems.append(f"{prefix}on-error is {on_error!r}; write Continue or Fail")
    timeout = HOOK_SECONDS
    command: tuple[str, ...] = ()
    try:
        timeout = parse_duration(given.get("timeout", "0")) or HOOK_SECONDS
    except ValueError as error:
        problems.append(f"{prefix}timeout: {error}")
    try:
        command = parse_command(given["command"]) if "command" in given else ()
    except ValueError as error:
        problems.append(f"{prefix}command: {error}")
    if len(problems) > before or not command:
        return []
    container, may_fail = given.get("container", ""), on_error != "Fail"
    every = PodSelection()
    return [Command(phase, "its annotations", every, container, command, timeout, may_fail)]


def _placed(pod: Object, asked: Iterable[Command], problems: list[str]) -> Iterator[Hook]:
    """The commands as hooks of this pod."""
    about = metadata(pod)
    names = _containers(pod)
    for one in asked:
        container = one.container or next(iter(names), "")
        if container not in names:
            problems.append(
                f"the {one.phase} hook of {one.asked_by} is for the container {container!r}; "
                f"there are {', '.join(names)}"
            )
            continue
        yield Hook(
            one.phase,
            about["namespace"],
            about["name"],
            about["uid"],
            container,
            one.command,
            one.timeout,
            one.asked_by,
            one.may_fail,
        )


def _containers(pod: Object) -> list[str]:
    """The names of the containers that run as long as the pod does, the pod's own first."""
    own = at(pod, ("spec", "containers")) or ()
    sidecars = [
        one
        for one in at(pod, ("spec", "initContainers")) or ()
        if one.get("restartPolicy") == "Always"
    ]
    return [one["name"] for one in (*own, *sidecars)]


def why_not_now(pod: Object) -> str:
    """Why no command can be run in a pod now; empty when it can."""
    phase = at(pod, ("status", "phase")) or "Pending"
    return "" if phase == "Running" else f"the pod is {phase}, no command can be run in it"


def claims_of(pod: Object) -> tuple[str, ...]:
    """The names of the claims that a pod mounts, those made for it alone too."""
    name = metadata(pod).get("name", "")
    found: dict[str, None] = {}
    for volume in at(pod, ("spec", "volumes")) or ():
        claim = at(volume, ("persistentVolumeClaim", "claimName"))
        if claim is None and "ephemeral" in volume:
            claim = f"{name}-{volume['name']}"
        if claim:
            found[claim] = None
    return tuple(found)
