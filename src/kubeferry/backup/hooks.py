"""Which hooks a pod has around its backup (velero.md §2.9). Pure.

The pod's annotations say it, for each phase else the backup's ``spec.hooks``. What is wrong in an
annotation is an error of the pod, and then *none* of its hooks is run: an application must not be
frozen by a pre hook whose post hook cannot be run.

A group of the spec may be for pods of several kinds: its hook for a container that a pod does not
have is left out with a warning. If the group has pre *and* post hooks for the pod, none of them is
run. A post hook without a pre hook in its group may belong to any pre hook without a post hook in
its own: where one would be run and the other is left out, it is an error as above.

A hook that failed is an error whatever its ``onError`` says: what it was to prepare is not
prepared, so the backup is not `Completed`. ``Fail`` means moreover that the pod is not archived;
``Continue`` is, as in Velero, the same as nothing said.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from kubeferry.api.hooks import HOOK_SECONDS, BackupHook, BackupHooks
from kubeferry.kube.containers import why_not_running
from kubeferry.kube.exec import Exec
from kubeferry.kube.objects import Object, at, labels, metadata
from kubeferry.transform.hook_annotations import ANNOTATION, HookAnnotations
from kubeferry.transform.hook_pods import (
    PodSelection,
    compile_selection,
    read_seconds,
    run_containers,
)

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
ENDED = frozenset({"Succeeded", "Failed"})
"""Phases of a pod in which no command is run any more."""


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
        warnings: which hooks of the spec are not for this pod, although it was selected.
        is_needed: whether the pod is only archived once its pre hooks ended well.
    """

    pre: tuple[Hook, ...] = ()
    post: tuple[Hook, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_needed: bool = False

    def __bool__(self) -> bool:
        """Whether there is anything to do about the pod; warnings alone are no reason."""
        return bool(self.pre or self.post or self.problems)


@dataclass(frozen=True, slots=True)
class Command:
    """A hook of a group: for the pods of ``pods``, empty ``container``: the first.

    ``group`` is the group's place in the spec, for names may be the same.
    """

    phase: Phase
    asked_by: str
    pods: PodSelection
    container: str
    command: tuple[str, ...]
    timeout: float
    may_fail: bool
    group: int


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
                    read_seconds(hook.exec.timeout, place=told) or HOOK_SECONDS,
                    may_fail=hook.exec.on_error != "Fail",
                    group=index,
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
    if at(pod, ("status", "phase")) in ENDED:
        return PodHooks()
    namespace, present = str(metadata(pod).get("namespace", "")), run_containers(pod)
    problems: list[str] = []
    hooks: dict[Phase, list[Hook]] = {"pre": [], "post": []}
    annotated: set[Phase] = set()
    is_needed = False
    for phase in _PREFIXES:
        given = _annotations(pod, phase, problems)
        if given:
            annotated.add(phase)
            is_needed = is_needed or (phase == "pre" and given.text("on-error") == "Fail")
            hooks[phase].append(_annotated(given, phase, pod, present))
            problems += given.problems
    selected = [
        one
        for one in commands
        if one.phase not in annotated and one.pods.matches(namespace, labels(pod))
    ]
    fit = _fitted(selected, present, is_open="pre" in annotated)
    problems += fit.problems
    if problems:
        is_needed = is_needed or _keeps_out(selected)
        return PodHooks(problems=tuple(problems), is_needed=is_needed)
    for one in fit.commands:
        hooks[one.phase].append(_placed(one, pod, present))
    is_needed = is_needed or _keeps_out(fit.commands)
    return PodHooks(tuple(hooks["pre"]), tuple(hooks["post"]), (), fit.warnings, is_needed)


def _keeps_out(commands: Iterable[Command]) -> bool:
    """Whether one of the pre hooks has to end well."""
    return any(one.phase == "pre" and not one.may_fail for one in commands)


def _annotations(pod: Object, phase: Phase, problems: list[str]) -> HookAnnotations | None:
    """What the annotations say of a phase, None if that is nothing.

    Of the two spellings of a pre hook the one that has a command counts, the longer one first.
    """
    spelled = [HookAnnotations(pod, prefix) for prefix in _PREFIXES[phase]]
    found = [one for one in spelled if one]
    chosen = next((one for one in found if "command" in one), found[0] if found else None)
    for one in found:
        if one is not chosen:
            one.only(_KEYS, needed="command")
            problems += one.problems
    return chosen


def _annotated(given: HookAnnotations, phase: Phase, pod: Object, present: Sequence[str]) -> Hook:
    """The one hook that annotations ask for, if they have no problems."""
    given.only(_KEYS, needed="command")
    return _hook(
        pod,
        phase,
        given.container(present),
        given.command(),
        timeout=given.seconds("timeout") or HOOK_SECONDS,
        asked_by=ANNOTATION,
        may_fail=given.on_error() != "Fail",
    )


class _Fit(NamedTuple):
    """The commands that are run in a pod, and what is said of the others."""

    commands: tuple[Command, ...]
    warnings: tuple[str, ...]
    problems: tuple[str, ...]


def _fitted(commands: Sequence[Command], present: Sequence[str], *, is_open: bool) -> _Fit:
    """Leaves out what is for containers that a pod does not have.

    ``is_open`` says that the pod's annotations ask for a pre hook.
    """
    phases: dict[int, set[Phase]] = {}
    for one in commands:
        phases.setdefault(one.group, set()).add(one.phase)
    lacking = [one for one in commands if _container(one, present) not in present]
    broken = {one.group for one in lacking if len(phases[one.group]) == len(_PREFIXES)}
    fitting = [one for one in commands if one not in lacking and one.group not in broken]
    is_open = is_open or any(phases[one.group] == {"pre"} for one in fitting)
    warnings, problems = [], []
    for one in lacking:
        told = f"has no container {one.container!r}: the {one.phase} hook of {one.asked_by} is"
        if one.group in broken:
            warnings.append(f"{told} not run in it, nor is any other hook of that group")
        elif is_open and phases[one.group] == {"post"}:
            problems.append(f"{told} for it, and it may be what ends a pre hook")
        else:
            warnings.append(f"{told} not run in it")
    return _Fit(tuple(fitting), tuple(warnings), tuple(problems))


def _container(one: Command, present: Sequence[str]) -> str:
    return one.container or next(iter(present), "")


def _placed(one: Command, pod: Object, present: Sequence[str]) -> Hook:
    """A command as a hook of this pod."""
    return _hook(
        pod,
        one.phase,
        _container(one, present),
        one.command,
        timeout=one.timeout,
        asked_by=one.asked_by,
        may_fail=one.may_fail,
    )


def _hook(
    pod: Object,
    phase: Phase,
    container: str,
    command: tuple[str, ...],
    *,
    timeout: float,
    asked_by: str,
    may_fail: bool,
) -> Hook:
    about = metadata(pod)
    where = about["namespace"], about["name"], about["uid"]
    return Hook(phase, *where, container, command, timeout, asked_by, may_fail)


def why_not_now(pod: Object, hooks: PodHooks) -> str:
    """Why the hooks of a pod cannot be run now; empty when they can.

    A post hook's container has to run too: what a pre hook does must be undone in it.
    """
    phase = at(pod, ("status", "phase")) or "Pending"
    if phase != "Running":
        return f"the pod is {phase}, no command can be run in it"
    containers = dict.fromkeys(one.container for one in (*hooks.pre, *hooks.post))
    whys = [why_not_running(pod, name) for name in containers]
    return "; ".join(filter(None, whys))


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
