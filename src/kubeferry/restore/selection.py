"""Which objects of a backup are restored: source namespaces, kinds, labels (velero.md §2.1, §3.1).
Pure.

Excludes beat includes. A glob that matches nothing selects nothing (in Velero: everything) and is
told; so is a word for a kind that is not in the backup. Cluster-scoped objects are selected where
all namespaces are, or with ``includeClusterResources: true``; else those come in that selected
objects need (``needs``), with ``false`` none.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

from kubeferry import codec
from kubeferry.api.labels import Labels
from kubeferry.api.restore import RestoreSpec
from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.globs import compile_glob
from kubeferry.kube.names import RESERVED_NAMESPACES, Resource, split_group_resource
from kubeferry.kube.namespace_globs import check_namespace, is_glob, matching
from kubeferry.kube.selectors import LabelSelector, parse_selector
from kubeferry.transform.automatic.finished import NEVER_RESTORED
from kubeferry.transform.automatic.upgrades.table import successor
from kubeferry.transform.change import Note

UNMATCHED = "NothingSelected"
"""The reason of a word that matches nothing in the backup."""

_ALL = "*"


@dataclass(frozen=True, slots=True)
class Selection:
    """What people wrote, checked; ``labels`` are any of some selectors, none of them mean all."""

    included_namespaces: tuple[str, ...] = ()
    excluded_namespaces: tuple[str, ...] = ()
    included_resources: tuple[str, ...] = ()
    excluded_resources: tuple[str, ...] = ()
    cluster: bool | None = None
    labels: tuple[LabelSelector, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Selection() or self == Selection(cluster=True)

    @property
    def all_namespaces(self) -> bool:
        """Whether every namespace is selected."""
        return _is_all(self.included_namespaces) and not self.excluded_namespaces

    def by_labels(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected by them."""
        return not self.labels or any(one.matches(labels) for one in self.labels)


@dataclass(frozen=True, slots=True)
class KindWords:
    """Words for kinds, checked; excludes win, and no includes mean all."""

    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """A selection held against one backup.

    Attributes:
        namespaces: source namespaces.
        kinds: group resources whose objects are selected.
        excluded: group resources of which no object comes in, by need neither.
        notes: what was written and matches nothing.
    """

    namespaces: frozenset[str]
    kinds: frozenset[str]
    excluded: frozenset[str]
    notes: tuple[Note, ...]


def compile_selection(
    spec: RestoreSpec, *, reserved: Set[str] = RESERVED_NAMESPACES, place: str = "spec"
) -> Selection:
    """Checks what is written. Raises ``InvalidInput`` naming the field."""
    _check_namespaces(spec, reserved, place)
    compile_words(spec.included_resources, spec.excluded_resources, place=place)
    for index, word in enumerate(spec.included_resources):
        if word in NEVER_RESTORED:
            raise InvalidInput(
                f"{word!r} is never restored: it describes the source cluster",
                place=f"{place}.includedResources[{index}]",
                remedy="leave it out",
            )
    return Selection(
        included_namespaces=_named(spec.included_namespaces),
        excluded_namespaces=tuple(spec.excluded_namespaces),
        included_resources=_named(spec.included_resources),
        excluded_resources=tuple(spec.excluded_resources),
        cluster=spec.include_cluster_resources,
        labels=_compile_labels(spec, place),
    )


def compile_words(included: Sequence[str], excluded: Sequence[str], *, place: str) -> KindWords:
    """Checks lists of kinds. Raises ``InvalidInput`` naming the field."""
    _check_words(included, (), f"{place}.includedResources")
    _check_words(excluded, included, f"{place}.excludedResources")
    return KindWords(tuple(included), tuple(excluded))


def choose(
    selection: Selection,
    *,
    namespaces: Set[str],
    kinds: Collection[str],
    discovery: Discovery,
    defined: Iterable[Resource] = (),
) -> Chosen:
    """Holds a selection against a backup.

    ``namespaces`` and ``kinds`` are those of the backup; ``discovery`` says what people call kinds
    that the target serves, ``defined`` those that the backup's definitions define.
    """
    notes: list[Note] = []
    words = KindWords(selection.included_resources, selection.excluded_resources)
    meant = _meant(words, _Words(kinds, discovery, defined), "spec", notes)
    taken = _taken(selection, namespaces, notes)
    return Chosen(
        namespaces=frozenset(taken),
        kinds=meant.kinds,
        excluded=meant.excluded,
        notes=tuple(notes),
    )


def kinds_meant(
    words: KindWords,
    *,
    kinds: Collection[str],
    discovery: Discovery,
    defined: Iterable[Resource] = (),
    place: str,
) -> tuple[frozenset[str], tuple[Note, ...]]:
    """The kinds of a backup that two lists mean, and the words that mean none."""
    notes: list[Note] = []
    meant = _meant(words, _Words(kinds, discovery, defined), place, notes)
    return meant.kinds, tuple(notes)


class _Meant(NamedTuple):
    kinds: frozenset[str]
    excluded: frozenset[str]


def _meant(words: KindWords, known: "_Words", place: str, notes: list[Note]) -> _Meant:
    def of(name: str, listed: Sequence[str]) -> frozenset[str]:
        found: set[str] = set()
        for index, word in enumerate(listed):
            matched = known.matching(word)
            if not matched:
                notes.append(_unmatched(f"{place}.{name}[{index}]", word, "no kind"))
            found |= matched
        return frozenset(found)

    excluded = of("excludedResources", words.excluded)
    included = of("includedResources", words.included or (_ALL,))
    return _Meant(included - excluded, excluded)


def _taken(selection: Selection, there: Set[str], notes: list[Note]) -> set[str]:
    """The chosen namespaces of those in the backup.

    Raises ``InvalidInput`` for a name that the backup does not have.
    """
    out = {name for text in selection.excluded_namespaces for name in matching(text, there)}
    if _is_all(selection.included_namespaces):
        return set(there) - out
    taken: set[str] = set()
    for index, text in enumerate(selection.included_namespaces):
        place = f"spec.includedNamespaces[{index}]"
        found = matching(text, there)
        if not found and not is_glob(text):
            raise InvalidInput(
                f"the backup has no namespace {text!r}",
                place=place,
                remedy=f"it has {', '.join(sorted(there)) or 'none'}",
            )
        if not found:
            notes.append(_unmatched(place, text, "no namespace"))
        taken |= found
    return taken - out


def _unmatched(place: str, word: str, what: str) -> Note:
    return Note(UNMATCHED, f"{place}: {word!r} matches {what} of the backup")


class _Words:
    """Which kinds of a backup people mean by ``deploy``, ``Deployment``, ``*.apps``.

    A kind that has moved to another group since is meant by its old and by its new name.
    """

    def __init__(
        self, kinds: Collection[str], discovery: Discovery, defined: Iterable[Resource]
    ) -> None:
        self._kinds = frozenset(kinds)
        self._discovery = discovery
        self._defined: dict[str, str] = {}
        for one in defined:
            for word in (one.plural, one.kind.lower(), f"{one.kind.lower()}.{one.group}"):
                self._defined.setdefault(word, one.group_resource)

    def matching(self, word: str) -> frozenset[str]:
        """The kinds of the backup that a word or glob stands for."""
        if word == _ALL:
            return self._kinds
        if _is_pattern(word):
            matches = compile_glob(word, place="resources").matches
            return frozenset(
                kind for kind in self._kinds if matches(kind) or matches(successor(kind))
            )
        lower = word.lower()
        names = {lower, self._defined.get(lower, lower)}
        resolved = self._discovery.resolve(word)
        if resolved is not None:
            names.add(resolved.group_resource)
        elif "." not in word:
            names |= {kind for kind in self._kinds if split_group_resource(kind)[0] == lower}
        return frozenset(
            kind for kind in self._kinds if not names.isdisjoint((kind, successor(kind)))
        )


def _is_all(words: Sequence[str]) -> bool:
    return not words or _ALL in words


def _named(words: Sequence[str]) -> tuple[str, ...]:
    """The words, none where they stand for all."""
    return () if _is_all(words) else tuple(words)


def _is_pattern(word: str) -> bool:
    return any(char in word for char in "*?[{\\")


def _check_namespaces(spec: RestoreSpec, reserved: Set[str], place: str) -> None:
    where = f"{place}.includedNamespaces"
    for index, name in enumerate(spec.included_namespaces):
        here = f"{where}[{index}]"
        if name in reserved:
            raise InvalidInput(
                f"the namespace {name!r} is never restored",
                place=here,
                remedy=f"reserved are {', '.join(sorted(reserved))}",
            )
        if name != _ALL:
            check_namespace(name, place=here)
        if name in spec.excluded_namespaces:
            raise InvalidInput(
                f"{name!r} is also in {place}.excludedNamespaces", place=here, remedy="keep one"
            )
    if _ALL in spec.included_namespaces and len(spec.included_namespaces) > 1:
        raise InvalidInput("'*' stands for all namespaces", place=where, remedy="name no other")
    for index, name in enumerate(spec.excluded_namespaces):
        here = f"{place}.excludedNamespaces[{index}]"
        if name == _ALL:
            raise InvalidInput(
                "'*' leaves nothing to restore", place=here, remedy="name what is to be left out"
            )
        check_namespace(name, place=here)


def _check_words(words: Sequence[str], included: Sequence[str], place: str) -> None:
    is_exclude = place.endswith("excludedResources")
    if _ALL in words and is_exclude:
        raise InvalidInput(
            "'*' leaves nothing to restore", place=place, remedy="name what is to be left out"
        )
    if _ALL in words and len(words) > 1:
        raise InvalidInput("'*' stands for all kinds", place=place, remedy="name no other")
    for index, word in enumerate(words):
        here = f"{place}[{index}]"
        if word in included:
            raise InvalidInput(f"{word!r} is also included", place=here, remedy="keep one")
        if _is_pattern(word):
            compile_glob(word, place=here)


def _compile_labels(spec: RestoreSpec, place: str) -> tuple[LabelSelector, ...]:
    one, several = spec.label_selector, spec.or_label_selectors
    if one is not None and several:
        raise InvalidInput(
            "labelSelector and orLabelSelectors exclude each other", place=place, remedy="keep one"
        )
    named: list[tuple[str, Labels]] = [(f"{place}.labelSelector", one)] if one is not None else []
    named += [(f"{place}.orLabelSelectors[{index}]", each) for index, each in enumerate(several)]
    compiled = [parse_selector(codec.to_builtins(each), place=where) for where, each in named]
    if any(not each.requirements for each in compiled):
        return ()
    return tuple(compiled)


def written(selection: Selection) -> Iterator[tuple[str, str]]:
    """The fields that select something, with what is written there, for people."""
    for name, words in (
        ("includedNamespaces", selection.included_namespaces),
        ("excludedNamespaces", selection.excluded_namespaces),
        ("includedResources", selection.included_resources),
        ("excludedResources", selection.excluded_resources),
        ("labels", tuple(map(str, selection.labels))),
    ):
        if words:
            yield name, ", ".join(words)
    if selection.cluster is not None:
        yield "includeClusterResources", str(selection.cluster).lower()
