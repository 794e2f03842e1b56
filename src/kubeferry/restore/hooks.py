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
from typing import Any

from kubeferry.api.hooks import HOOK_SECONDS, OnError
from kubeferry.api.restore_hooks import WAIT_SECONDS, ExecRestoreHook, RestoreHooks
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import is_dns_label
from kubeferry.kube.objects import Object, at, labels
from kubeferry.transform.change import Note
from kubeferry.transform.hook_annotations import ANNOTATION, HookAnnotations
from kubeferry.transform.hook_pods import (
    INVALID,
    PodSelection,
    compile_selection,
    read_seconds,
    run_containers,
)
from kubeferry.transform.init_hooks import InitHook, InitHooks, decide

PREFIX = "post.hook.restore.velero.io/"

_KEYS = ("container", "command", "on-error", "exec-timeout", "wait-timeout", "wait-for-ready")


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
                timeout = read_seconds(hook.init.timeout, place=f"{here}.init.timeout")
                init.append(InitHook(group.name, pods, containers, timeout or None))
            if hook.exec is not None:
                execs.append((pods, _compiled(group.name, hook.exec, f"{here}.exec")))
    return HookRules(tuple(init), tuple(execs))


def _compiled(name: str, hook: ExecRestoreHook, place: str) -> ExecHook:
    execute = read_seconds(hook.exec_timeout, place=f"{place}.execTimeout")
    wait = read_seconds(hook.wait_timeout, place=f"{place}.waitTimeout")
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
    given = HookAnnotations(pod, PREFIX)
    if not given and not rules.exec and not waits:
        return NO_HOOKS
    present = run_containers(pod)
    if given:
        hook = _from_annotations(given, present)
        if given.problems:
            why = f"the hook of its annotations is not run: {'; '.join(given.problems)}"
            return PodHooks(tuple(waits), errors=(Note(INVALID, why),))
        return PodHooks((*waits, hook))
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


def _from_annotations(given: HookAnnotations, present: Sequence[str]) -> ExecHook:
    """The hook of a pod's annotations, if they have no problems."""
    given.only(_KEYS, needed="command")
    return ExecHook(
        name=ANNOTATION,
        container=given.container(present),
        command=given.command(),
        on_error=given.on_error(),
        exec_seconds=given.seconds("exec-timeout") or HOOK_SECONDS,
        wait_seconds=given.seconds("wait-timeout") or WAIT_SECONDS,
        wait_for_ready=given.is_true("wait-for-ready"),
    )
