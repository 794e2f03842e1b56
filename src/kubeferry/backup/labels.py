"""Selection by labels: ``labelSelector``, or one of ``orLabelSelectors`` (velero.md §2.4). Pure.

Labels select what is listed; what a selected object needs comes in whatever its labels are. The API
server does the selecting: one list for each selector. An object that several of them select belongs
to the first, so nothing comes twice and no set of names is held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubeferry import codec
from kubeferry.api.labels import Labels
from kubeferry.kube.selectors import LabelSelector, parse_selector


@dataclass(frozen=True, slots=True)
class LabelSelection:
    """Any of some selectors; none of them select everything."""

    selectors: tuple[LabelSelector, ...] = ()

    @property
    def queries(self) -> tuple[str, ...]:
        """What goes into the ``labelSelector`` parameter of each list; none: one list without."""
        return tuple(map(str, self.selectors))

    def first_match(self, labels: Mapping[str, str]) -> int | None:
        """Which query an object belongs to, None if none selects it; 0 where there are none."""
        if not self.selectors:
            return 0
        for index, selector in enumerate(self.selectors):
            if selector.matches(labels):
                return index
        return None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether any of them selects an object with these labels."""
        return self.first_match(labels) is not None

    def __bool__(self) -> bool:
        """Whether anything is selected by labels."""
        return bool(self.selectors)


def compile_labels(selectors: Sequence[Labels], *, place: str) -> LabelSelection:
    """Any of some selectors. One without requirements selects everything, and so do all together.

    Raises ``InvalidInput`` naming the field below ``place``.
    """
    compiled = [
        parse_selector(codec.to_builtins(one), place=f"{place}[{index}]")
        for index, one in enumerate(selectors)
    ]
    if any(not one.requirements for one in compiled):
        return LabelSelection()
    return LabelSelection(tuple(dict.fromkeys(compiled)))


def compile_label(selector: Labels | None, *, place: str) -> LabelSelection:
    """A single selector, if there is one. Raises ``InvalidInput`` naming the field."""
    if selector is None:
        return LabelSelection()
    compiled = parse_selector(codec.to_builtins(selector), place=place)
    return LabelSelection((compiled,) if compiled.requirements else ())
