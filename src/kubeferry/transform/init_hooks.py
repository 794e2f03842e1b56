"""Init containers that a restored pod gets before its own (velero.md §3.7 ``init-restore-hook``).

The pod's annotations ask for one, else the restore's ``spec.hooks`` for any number; namespaces
there are those of the target. They go to the front.
A workload adopts the pod all the same: it looks at labels, not at containers.

A pod that was restored with hooks before and backed up since has their containers already: one of
the same name and command is replaced. Another container of that name is the application's own and
stays; the hook is then an error of the pod.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubeferry.kube.names import is_dns_label
from kubeferry.kube.objects import Object, annotations, at, labels, metadata
from kubeferry.transform.change import MISSING, Cause, Change, Note
from kubeferry.transform.hook_annotations import HookAnnotations
from kubeferry.transform.hook_pods import INVALID, PodSelection

PREFIX = "init.hook.restore.velero.io/"

_KEYS = ("container-image", "container-name", "command", "timeout")
_FROM_ANNOTATION = Cause("automatic", "init-hook-annotation")
_LIST = ("spec", "initContainers")
_POINTER = "/spec/initContainers"


@dataclass(frozen=True, slots=True)
class InitHook:
    """Init containers for the pods of a selection; ``timeout`` in seconds, None: not waited for."""

    name: str
    pods: PodSelection
    containers: tuple[Object, ...]
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class InitContainer:
    """One that a pod gets, why, and how long its end is waited for."""

    container: Object
    cause: Cause
    timeout: float | None

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.container["name"])


@dataclass(frozen=True, slots=True)
class Decision:
    """The init containers of a pod, in order, and what is wrong with what was asked for."""

    added: tuple[InitContainer, ...] = ()
    errors: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class InitHooks:
    """The init hooks of a restore, and which namespace becomes which."""

    hooks: tuple[InitHook, ...] = ()
    namespaces: Mapping[str, str] = field(default_factory=dict)


def decide(hooks: InitHooks, pod: Object) -> Decision:
    """The init containers that a pod, as it was archived, gets."""
    if not hooks.hooks and PREFIX not in " ".join(annotations(pod)):  # nearly all pods
        return _NOTHING
    given = HookAnnotations(pod, PREFIX)
    if given:
        wanted, errors = _annotated(given)
    elif hooks.hooks:
        wanted, errors = list(_selected(hooks, pod)), []
    else:
        return _NOTHING
    return _checked(wanted, errors, pod)


def init_changes(hooks: InitHooks, pod: Object) -> list[Change]:
    """The step of the pipeline."""
    added = decide(hooks, pod).added
    if not added:
        return []
    present = at(pod, _LIST)
    if not isinstance(pod.get("spec"), dict) or not isinstance(present, list | None):
        return []  # what is wrong with such a pod, the server says
    if present is None:
        first, *rest = added
        changes = [Change(_POINTER, _absent(pod), [first.container], first.cause)]
        return changes + _inserted(rest, 1)
    names, causes = _named(pod, "initContainers"), {one.name: one.cause for one in added}
    changes = [
        Change(f"{_POINTER}/{index}", present[index], MISSING, causes[name])
        for index, (name, _) in reversed(list(enumerate(names)))
        if name in causes
    ]
    return changes + _inserted(added, 0)


def init_errors(hooks: InitHooks, pod: Object) -> tuple[Note, ...]:
    """What is wrong with what was asked for; the pod is restored without it."""
    return decide(hooks, pod).errors


def _selected(hooks: InitHooks, pod: Object) -> Iterator[InitContainer]:
    source = metadata(pod).get("namespace", "")
    namespace = hooks.namespaces.get(source, source)
    for hook in hooks.hooks:
        if hook.pods.matches(namespace, labels(pod)):
            cause = Cause("parameter", f"hooks {hook.name}")
            yield from (InitContainer(one, cause, hook.timeout) for one in hook.containers)


_NOTHING = Decision()


def _annotated(given: HookAnnotations) -> tuple[list[InitContainer], list[Note]]:
    """The container that a pod's annotations ask for; one that is wrong is not added at all."""
    given.only(_KEYS, needed="container-image")
    image, name = given.text("container-image"), given.text("container-name")
    command, seconds = given.command(), given.seconds("timeout")
    if name and not is_dns_label(name):
        given.problems.append(f"{PREFIX}container-name: {name!r} is no name of a container")
    if given.problems:
        why = f"the init container of its annotations is not added: {'; '.join(given.problems)}"
        return [], [Note(INVALID, why)]
    if not name:
        digest = hashlib.sha256(f"{image}\n{given.text('command')}".encode()).hexdigest()
        name = f"velero-restore-init-{digest[:8]}"
    container: Object = {"name": name, "image": image}
    if command:
        container["command"] = list(command)
    return [InitContainer(container, _FROM_ANNOTATION, seconds or None)], []


def _checked(wanted: list[InitContainer], errors: list[Note], pod: Object) -> Decision:
    """Leaves out those whose name another container of the pod has."""
    taken = {name for name, _ in _named(pod, "containers")}
    commands = dict(_named(pod, "initContainers"))
    added: dict[str, InitContainer] = {}
    for one in wanted:
        is_own = one.name in commands and commands[one.name] != one.container.get("command")
        if is_own or one.name in taken or one.name in added:
            why = f"has a container {one.name!r} already; that of the hook is not added"
            errors.append(Note(INVALID, why))
        else:
            added[one.name] = one
    return Decision(tuple(added.values()), tuple(errors))


def _named(pod: Object, field: str) -> list[tuple[str, Any]]:
    """Name and command of the containers of a list; no name where there is none."""
    listed = at(pod, ("spec", field))
    return [
        (str(one.get("name", "")), one.get("command")) if isinstance(one, dict) else ("", None)
        for one in (listed if isinstance(listed, list) else ())
    ]


def _absent(pod: Object) -> Any:
    """The old value of a list that is not there, or null."""
    return None if "initContainers" in pod["spec"] else MISSING


def _inserted(added: Iterable[InitContainer], place: int) -> list[Change]:
    return [
        Change(f"{_POINTER}/{index}", MISSING, one.container, one.cause)
        for index, one in enumerate(added, place)
    ]
