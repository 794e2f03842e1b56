"""What an entry of the upgrade table is, and how it is chosen from what the target serves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kubeferry.kube.names import split_api_version
from kubeferry.kube.objects import Object
from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.change import Cause, Change, Note

MOVED = Cause("automatic", "api-upgrade")
"""A field that another version has elsewhere, or not at all."""
DEFAULT = Cause("automatic", "api-upgrade default")
"""A value that the old version meant where nothing was written and the new one does not."""

REMOVED = "ApiRemoved"
"""The reason of what is skipped because its kind is gone."""

Convert = Callable[[Editor], None]
"""Brings the fields of an object into the new form; ``apiVersion`` is not its affair."""


class ServedKind(NamedTuple):
    """A kind in one version: ``apps/v1``, ``Deployment``."""

    api_version: str
    kind: str


def same_form(editor: Editor) -> None:
    """For versions that differ in nothing but the name."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """One kind: from any of the versions ``sources`` to the first of ``targets`` that is served.

    ``sources`` and ``targets`` are API versions such as ``extensions/v1beta1``; ``plural`` is what
    both call the resource. A target's objects must have the form that ``convert`` makes.
    """

    kind: str
    plural: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    convert: Convert = same_form


@dataclass(frozen=True, slots=True)
class Removed:
    """Kinds that Kubernetes serves no more and that nothing took the place of as they were."""

    kind: str
    plural: str
    sources: tuple[str, ...]
    advice: str


class Upgraded(NamedTuple):
    """An object in its new form."""

    object: Object
    changes: list[Change]
    warnings: list[Note]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What is done to the objects of one kind in one version: a conversion and its target."""

    kind: str
    target: str
    group_resource: str
    convert: Convert

    def __call__(self, obj: Object) -> Upgraded:
        """The object in the target's version; the one given stays as it was."""
        editor = Editor(obj, MOVED)
        editor.set(("apiVersion",), self.target)
        self.convert(editor)
        return Upgraded(editor.object, editor.changes, editor.warnings)


def group_resource_of(plural: str, api_version: str) -> str:
    """``ingresses``, ``networking.k8s.io/v1``: ``ingresses.networking.k8s.io``."""
    group, _ = split_api_version(api_version)
    return f"{plural}.{group}" if group else plural


def choose(
    conversions: Iterable[Conversion],
    removed: Iterable[Removed],
    name: str,
    served: frozenset[ServedKind],
) -> dict[str, Upgrade | Note]:
    """For each API version of the group resource ``name`` that the target does not serve: what to
    do, or why nothing can be done. What is served, and what nobody knows, is not in it.
    """
    found: dict[str, Upgrade | Note] = {}
    for one in conversions:
        for source in one.sources:
            if group_resource_of(one.plural, source) != name or (source, one.kind) in served:
                continue
            target = next((to for to in one.targets if (to, one.kind) in served), None)
            if target is not None:
                renamed = group_resource_of(one.plural, target)
                found.setdefault(source, Upgrade(one.kind, target, renamed, one.convert))
    for gone in removed:
        for source in gone.sources:
            if group_resource_of(gone.plural, source) == name and (source, gone.kind) not in served:
                found[source] = Note(REMOVED, f"no {gone.kind} is served: {gone.advice}")
    return found
