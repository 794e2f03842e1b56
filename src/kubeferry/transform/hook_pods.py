"""What hooks have in common: which pods a group of them is for, the containers in which they can be
run, how long they may take, what is said of those that failed (velero.md §2.9, §3.11). Pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from kubeferry import codec
from kubeferry.api.hooks import HookPods
from kubeferry.durations import format_duration, parse_duration
from kubeferry.errors import InvalidInput
from kubeferry.kube.objects import Object, at
from kubeferry.kube.selectors import LabelSelector, parse_selector

MAX_SECONDS = 4 * 3600.0
"""The most that a command may take, or be waited for: a task ends one day, whoever may annotate a
pod.
"""

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


def run_containers(pod: Object) -> tuple[str, ...]:
    """The names of the containers in which a command can be run, the pod's own first: not init
    containers that end.
    """
    spec = pod.get("spec")
    found: list[str] = []
    for field_name in ("containers", "initContainers"):
        listed = at(spec, (field_name,))
        for one in listed if isinstance(listed, list) else ():
            stays = field_name == "containers" or at(one, ("restartPolicy",)) == "Always"
            if stays and isinstance(at(one, ("name",)), str):
                found.append(one["name"])
    return tuple(found)


def parse_seconds(text: str) -> float:
    """A time of a hook. Raises ``ValueError`` for what is none, or more than ``MAX_SECONDS``."""
    seconds = parse_duration(text)
    if seconds > MAX_SECONDS:
        raise ValueError(f"{text} is too long; {format_duration(MAX_SECONDS)} at most")
    return seconds


def read_seconds(text: str, *, place: str) -> float:
    """The same of a spec. Raises ``InvalidInput`` naming the field."""
    try:
        return parse_seconds(text)
    except ValueError as error:
        raise InvalidInput(str(error), place=place) from error
