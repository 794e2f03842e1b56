"""What hooks have in common: which pods a group of them is for, commands in annotations, reasons
(velero.md §2.9, §3.11). Pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec

from kubeferry import codec
from kubeferry.api.hooks import HookPods
from kubeferry.kube.selectors import LabelSelector, parse_selector

INVALID = "HookInvalid"
"""The reason of a hook that cannot be."""
NOT_RUN = "HookNotRun"
"""The reason of one that was not begun, or whose end was not seen."""
FAILED = "HookFailed"
"""The reason of one that did not end well."""
TIMEOUT = "HookTimeout"
"""The reason of one that took too long."""

_PODS = frozenset({"pods", "pod", "po", "*"})


@dataclass(frozen=True, slots=True)
class PodSelection:
    """The pods of some hooks; no included namespaces mean all."""

    included: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    labels: LabelSelector = field(default_factory=LabelSelector)
    any_pod: bool = True

    def matches(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether a pod of this namespace with these labels is one of them."""
        return (
            self.any_pod
            and (not self.included or namespace in self.included)
            and namespace not in self.excluded
            and self.labels.matches(labels)
        )


def compile_selection(pods: HookPods, *, place: str) -> PodSelection:
    """The selection, checked. Raises ``InvalidInput`` naming the field below ``place``."""
    included, excluded = set(pods.included_namespaces), set(pods.excluded_namespaces)
    selector = codec.to_builtins(pods.label_selector) if pods.label_selector else {}
    named = not pods.included_resources or _name_pods(pods.included_resources)
    return PodSelection(
        included=frozenset() if "*" in included else frozenset(included),
        excluded=frozenset(excluded),
        labels=parse_selector(selector, place=f"{place}.labelSelector"),
        any_pod=named and not _name_pods(pods.excluded_resources) and "*" not in excluded,
    )


def _name_pods(resources: Collection[str]) -> bool:
    return not _PODS.isdisjoint(resources)


def parse_command(text: str) -> tuple[str, ...]:
    """A command as an annotation has it: a JSON list of texts if it begins with ``[``, else the
    name of a program. Raises ``ValueError`` for what is neither.
    """
    if not text.strip():
        raise ValueError("the command is empty")
    if not text.startswith("["):
        return (text,)
    try:
        found = _COMMAND.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(
            f"the command begins with [ and is no JSON list of texts: {error}"
        ) from error
    if not found:
        raise ValueError("the command is an empty list")
    return tuple(found)


_COMMAND = codec.Decoder(list[str])
