"""Which namespaces a backup takes: names and globs, checked and chosen (velero.md §2.1). Pure.

The reserved namespaces are never taken; asking for one by name is refused. A name that is not there
and a glob that selects nothing are told, excludes too: none ever means everything.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import RESERVED_NAMESPACES
from kubeferry.kube.namespace_globs import check_namespace, is_glob, matching


@dataclass(frozen=True, slots=True)
class Scope:
    """The namespaces of one backup, all sorted.

    Attributes:
        namespaces: to back up.
        missing: asked for by name and not there.
        left_out: asked for by name, there, and not to be backed up.
        most: whether ``namespaces`` is most of the cluster.
        unmatched: globs that select none of ``namespaces``.
        idle: names and globs that leave no namespace out, as none that is there is called so.
    """

    namespaces: tuple[str, ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    most: bool
    unmatched: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()


def is_everything(included: Sequence[str]) -> bool:
    """Whether these stand for all namespaces."""
    return not included or "*" in included


def check_namespaces(
    included: Sequence[str],
    excluded: Sequence[str],
    *,
    reserved: Set[str] = RESERVED_NAMESPACES,
) -> None:
    """Refuses what a backup may not ask for. Raises ``InvalidInput`` naming the field and value."""
    for index, name in enumerate(included):
        place = f"spec.includedNamespaces[{index}]"
        if name in reserved:
            raise InvalidInput(
                f"the namespace {name!r} cannot be backed up",
                place=place,
                remedy=f"reserved are {', '.join(sorted(reserved))}",
            )
        if name != "*":
            check_namespace(name, place=place)
        if name in excluded:
            raise InvalidInput(f"{name!r} is also in spec.excludedNamespaces", place=place)
    if "*" in included and len(included) > 1:
        raise InvalidInput(
            "'*' stands for all namespaces", place="spec.includedNamespaces", remedy="name no other"
        )
    for index, name in enumerate(excluded):
        place = f"spec.excludedNamespaces[{index}]"
        if name == "*":
            raise InvalidInput(
                "'*' leaves nothing to back up", place=place, remedy="name what is to be left out"
            )
        check_namespace(name, place=place)


def choose_namespaces(
    existing: Iterable[tuple[str, bool]],
    *,
    included: Sequence[str],
    excluded: Sequence[str],
    reserved: Set[str] = RESERVED_NAMESPACES,
) -> Scope:
    """The namespaces to back up of those that exist; the lists are checked ones.

    ``existing`` are names with whether the namespace itself says it is not to be backed up (by
    ``EXCLUDE_LABEL``, or because it is being deleted).
    """
    there = dict(existing)
    usable = {name for name, left_out in there.items() if not left_out}
    excludes = {text: matching(text, there.keys()) for text in excluded}
    out = set(reserved).union(*excludes.values())
    by_text = {text: matching(text, usable) - out for text in included}
    wanted = usable - out if is_everything(included) else set().union(*by_text.values())
    names = {text for text in included if not is_glob(text)}
    return Scope(
        namespaces=tuple(sorted(wanted)),
        missing=tuple(sorted(names - there.keys())),
        left_out=tuple(sorted(names & (there.keys() - usable))),
        most=2 * len(wanted) >= len(there),
        unmatched=tuple(
            sorted(text for text, found in by_text.items() if is_glob(text) and not found)
        ),
        idle=tuple(sorted(text for text, found in excludes.items() if not found)),
    )
