"""Which hooks a restored pod gets, from the restore's ``spec.hooks`` or its annotations (velero.md
§3.11). Pure.

A pod's annotations, as it will be created, come before the spec, for exec hooks and for init
containers each. What is wrong in an annotation is an error of the pod, which is created without the
hook. A spec's hook for a container that a pod does not have is left out for that pod, with a
warning: one group may be for pods of several kinds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

from kubeferry.api.hooks import HOOK_SECONDS, OnError
from kubeferry.api.restore_hooks import WAIT_SECONDS, ExecRestoreHook, RestoreHooks
from kubeferry.durations import parse_duration, read_duration
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import is_dns_label
from kubeferry.kube.objects import Object, annotations, at, labels
from kubeferry.transform.change import Note
from kubeferry.transform.hook_pods import INVALID, PodSelection, compile_selection, parse_command
from kubeferry.transform.init_hooks import InitHook, InitHooks, decide

PREFIX = "post.hook.restore.velero.io/"
ANNOTATION = "its annotations"
"""Who asked for a hook, if it was no group of the spec."""

_KEYS = ("container", "command", "on-error", "exec-timeout", "wait-timeout", "wait-for-ready")
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
"""What Go's ``strconv.ParseBool`` reads."""


@dataclass(frozen=True, slots=True)
class ExecHook:
    """A command for one container of a pod; times in seconds; ``name`` says who asked for it."""

    name: str
    container: str
    command: tuple[str, ...]
    on_error: OnError = "Continue"
    exec_seconds: float = HOOK_SECONDS
    wait_seconds: float = WAIT_SECONDS
    wait_for_ready: bool = False


@dataclass(frozen=True, slots=True)
class InitWait:
    """Init containers of hooks whose end is waited for."""

    name: str
    containers: tuple[str, ...]
    wait_seconds: float

    @property
    def container(self) -> str:
        """The containers' names, for people."""
        return ", ".join(self.containers)


PodHook = ExecHook | InitWait


@dataclass(frozen=True, slots=True)
class HookRules:
    """The ``spec.hooks`` of a restore, compiled: init containers and commands, in its order."""

    init: tuple[InitHook, ...] = ()
    exec: tuple[tuple[PodSelection, ExecHook], ...] = ()


@dataclass(frozen=True, slots=True)
class PodHooks:
    """The hooks of one pod in the order in which they are run, and what is wrong with others."""

    hooks: tuple[PodHook, ...] = ()
    warnings: tuple[Note, ...] = ()
    errors: tuple[Note, ...] = ()


NO_HOOKS = PodHooks()


def compile_hooks(hooks: RestoreHooks | None, *, place: str = "spec.hooks") -> HookRules:
    """Checks what is written. Raises ``InvalidInput`` naming the field."""
    init: list[InitHook] = []
    execs: list[tuple[PodSelection, ExecHook]] = []
    for number, group in enumerate(hooks.resources if hooks else ()):
        where = f"{place}.resources[{number}]"
        pods = compile_selection(group, place=where)
        for index, hook in enumerate(group.post_hooks):
            here = f"{where}.postHooks[{index}]"
            if hook.exec is None and hook.init is None:
                raise InvalidInput("is empty", place=here, remedy="write exec or init")
            if hook.init is not None:
                containers = tuple(hook.init.init_containers)
                _check_containers(containers, f"{here}.init.initContainers")
                timeout = read_duration(hook.init.timeout, place=f"{here}.init.timeout")
                init.append(InitHook(group.name, pods, containers, timeout or None))
            if hook.exec is not None:
                execs.append((pods, _compiled(group.name, hook.exec, f"{here}.exec")))
    return HookRules(tuple(init), tuple(execs))


def _compiled(name: str, hook: ExecRestoreHook, place: str) -> ExecHook:
    execute = read_duration(hook.exec_timeout, place=f"{place}.execTimeout")
    wait = read_duration(hook.wait_timeout, place=f"{place}.waitTimeout")
    if not hook.command[0]:
        raise InvalidInput("names no program", place=f"{place}.command")
    return ExecHook(
        name=name,
        container=hook.container,
        command=tuple(hook.command),
        on_error=hook.on_error,
        exec_seconds=execute or HOOK_SECONDS,
        wait_seconds=wait or WAIT_SECONDS,
        wait_for_ready=hook.wait_for_ready,
    )


def _check_containers(containers: Sequence[Mapping[str, Any]], place: str) -> None:
    """What Velero asks of an init container (velero.md §3.1); the rest the API server checks."""
    for index, one in enumerate(containers):
        where = f"{place}[{index}]"
        for field in ("name", "image"):
            if not isinstance(one.get(field), str) or not one[field]:
                raise InvalidInput("is missing", place=f"{where}.{field}", remedy="write a text")
        if not is_dns_label(one["name"]):
            raise InvalidInput(
                f"{one['name']!r} is no name of a container",
                place=f"{where}.name",
                remedy="write lower-case letters, digits and hyphens",
            )
        command = one.get("command")
        if not isinstance(command, list) or not command:
            raise InvalidInput(
                "is missing", place=f"{where}.command", remedy="write a list of texts"
            )


def pod_hooks(rules: HookRules, pod: Object, archived: Object, *, init: InitHooks) -> PodHooks:
    """The hooks of a pod that will be created as ``pod``; its namespace is the target's.

    ``archived`` is the same pod as it was, by which its init containers were chosen.
    """
    waits = list(_init_waits(pod, archived, init))
    given = {
        key.removeprefix(PREFIX): value
        for key, value in annotations(pod).items()
        if key.startswith(PREFIX)
    }
    if not given and not rules.exec and not waits:
        return NO_HOOKS
    present = _containers(pod)
    if given:
        try:
            return PodHooks((*waits, _from_annotations(given, present)))
        except ValueError as error:
            note = Note(INVALID, f"its annotations {PREFIX}... are wrong: {error}; nothing is run")
            return PodHooks(tuple(waits), errors=(note,))
    namespace = at(pod, ("metadata", "namespace")) or ""
    mine = [hook for pods, hook in rules.exec if pods.matches(namespace, labels(pod))]
    hooks, warnings = _placed(mine, present)
    return PodHooks((*waits, *hooks), tuple(warnings))


def _init_waits(pod: Object, archived: Object, init: InitHooks) -> Iterator[InitWait]:
    """Those of the pod's init containers that came from a hook with a timeout."""
    listed = at(pod, ("spec", "initContainers"))
    kept = {
        one["name"]
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(at(one, ("name",)), str)
    }
    found: dict[tuple[str, float], list[str]] = {}
    for one in decide(init, archived).added if kept else ():
        if one.timeout is not None and one.name in kept:
            name = one.cause.rule.removeprefix("hooks ")
            name = name if one.cause.mechanism == "parameter" else ANNOTATION
            found.setdefault((name, one.timeout), []).append(one.name)
    for (name, seconds), containers in found.items():
        yield InitWait(name, tuple(containers), seconds)


def _containers(pod: Object) -> list[str]:
    """The containers in which a command can be run: not init containers that end."""
    spec = pod.get("spec")
    found: list[str] = []
    for field in ("containers", "initContainers"):
        listed = at(spec, (field,))
        for one in listed if isinstance(listed, list) else ():
            stays = field == "containers" or at(one, ("restartPolicy",)) == "Always"
            if stays and isinstance(at(one, ("name",)), str):
                found.append(one["name"])
    return found


def _placed(hooks: Iterable[ExecHook], present: Sequence[str]) -> tuple[list[ExecHook], list[Note]]:
    """The hooks whose container the pod has; where none is named it is the first."""
    placed: list[ExecHook] = []
    warnings: list[Note] = []
    for hook in hooks:
        container = hook.container or (present[0] if present else "")
        if container not in present:
            why = f"has no container {container!r}: hook {hook.name} is not run in it"
            warnings.append(Note(INVALID, why))
        else:
            placed.append(_in(hook, container))
    return placed, warnings


@lru_cache(maxsize=256)
def _in(hook: ExecHook, container: str) -> ExecHook:
    """The hook in a container; pods of one kind share it."""
    return replace(hook, container=container)


def _from_annotations(given: Mapping[str, Any], present: Sequence[str]) -> ExecHook:
    """The hook of a pod's annotations. Raises ``ValueError``."""
    for key, value in given.items():
        if key not in _KEYS:
            raise ValueError(f"there is no {key}, only {', '.join(_KEYS)}")
        if not isinstance(value, str):
            raise ValueError(f"{key} is no text")
    if not given.get("command"):
        raise ValueError("command is missing")
    container = given.get("container") or (present[0] if present else "")
    if container not in present:
        raise ValueError(f"the pod has no container {container!r}")
    on_error = given.get("on-error") or "Continue"
    if on_error not in ("Continue", "Fail"):
        raise ValueError(f"on-error {on_error!r} is neither Continue nor Fail")
    ready = given.get("wait-for-ready") or "false"
    if ready not in _BOOLEANS:
        raise ValueError(f"wait-for-ready {ready!r} is neither true nor false")
    return ExecHook(
        name=ANNOTATION,
        container=container,
        command=parse_command(given["command"]),
        on_error=cast(OnError, on_error),
        exec_seconds=parse_duration(given.get("exec-timeout") or "0") or HOOK_SECONDS,
        wait_seconds=parse_duration(given.get("wait-timeout") or "0") or WAIT_SECONDS,
        wait_for_ready=_BOOLEANS[ready],
    )
