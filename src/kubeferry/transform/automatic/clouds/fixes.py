"""What is done with what only the source's provider can make true: taken out where that is certain,
told where it is not. ``Facts.left`` names the providers that the source has and the target has not.

A cause has the reason of the table's entry.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from kubeferry.kube.objects import CONTAINER_LISTS, Object, annotations, at, labels, metadata
from kubeferry.transform.automatic.clouds.detection import drivers
from kubeferry.transform.automatic.clouds.table import Cloud, Marks, Matcher, clouds
from kubeferry.transform.automatic.editor import Editor, Path
from kubeferry.transform.change import MISSING, Cause, Change, Note, removals
from kubeferry.transform.facts import Facts
from kubeferry.transform.patch.pointer import pointer_of

ANNOTATED = frozenset(
    kind for cloud in clouds().values() for entry in cloud.annotations for kind in entry.kinds
)
MARKED = frozenset(
    kind for cloud in clouds().values() for entry in cloud.marks for kind in entry.kinds
)
TOLD = frozenset(
    kind for cloud in clouds().values() for entry in cloud.told for kind in entry.kinds
)
"""Group resources that the tables speak of."""

SPECIFIC = "ProviderSpecific"
"""The reason of what is told: it means nothing in the target, or something else."""
_LEGACY_CLASS = "kubernetes.io/ingress.class"
_PLACES = frozenset(
    {
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "node.kubernetes.io/instance-type",
        "beta.kubernetes.io/instance-type",
    }
)
"""Labels that nodes of all providers have, each provider's with values of its own."""


def provider_annotations(facts: Facts, obj: Object, *, kind: str) -> list[Change]:
    """Annotations that the source's provider alone obeys, or wrote, go."""
    given = annotations(obj)
    return [
        change
        for cloud in _left(facts)
        for entry in cloud.annotations
        if kind in entry.kinds
        for change in removals(
            given,
            "/metadata/annotations",
            filter(_matcher(tuple(entry.names)), given),
            Cause("automatic", f"cloud-annotations ({entry.why})"),
        )
    ]


def marks(facts: Facts, obj: Object, *, kind: str) -> list[Change]:
    """What a provider's controller wrote to know an object again goes, whatever the target is:
    the target's own controller would take the object for one that it has seen to.
    """
    changes: list[Change] = []
    given = labels(obj)
    for entry in _marks(kind) if given else ():
        if entry.labels:
            named = filter(_matcher(tuple(entry.labels)), given)
            changes += removals(given, "/metadata/labels", named, _mark(entry))
    held = metadata(obj).get("finalizers")
    for index, one in reversed([*enumerate(held)]) if isinstance(held, list) else ():
        pointer = f"/metadata/finalizers/{index}"
        its = (entry for entry in _marks(kind) if _matcher(tuple(entry.finalizers))(one))
        changes += [Change(pointer, one, MISSING, _mark(entry)) for entry in its][:1]
    return changes


@cache
def _marks(kind: str) -> tuple[Marks, ...]:
    """What all providers' controllers write on objects of a kind (group resource)."""
    return tuple(one for cloud in clouds().values() for one in cloud.marks if kind in one.kinds)


def _mark(entry: Marks) -> Cause:
    return Cause("automatic", f"cloud-marks ({entry.why})")


def load_balancer(facts: Facts, obj: Object) -> list[Change]:
    """Classes and addresses of load balancers that the source's provider alone has go."""
    editor: Editor | None = None
    changes: list[Change] = []
    for cloud in _left(facts):
        for entry in cloud.load_balancers:
            path = tuple(entry.path)
            if _matcher(tuple(entry.values))(at(obj, path)):
                cause = Cause("automatic", f"cloud-load-balancer ({entry.why})")
                editor = Editor(obj if editor is None else editor.object, cause)
                editor.remove(path)
                changes += editor.changes
    return changes


def injected(facts: Facts, obj: Object) -> list[Change]:
    """Volumes that a webhook of the source's provider put into a pod go, their mounts, and the
    environment that leads to them: their tokens are of the source.
    """
    changes: list[Change] = []
    for cloud in _left(facts):
        for entry in cloud.injected:
            cause = Cause("automatic", f"cloud-injected ({entry.why})")
            editor = Editor(obj, cause)
            if not _take(editor, ("spec", "volumes"), frozenset(entry.volumes)):
                continue
            for field in CONTAINER_LISTS:
                for container, _ in editor.items(("spec", field)):
                    if _take(editor, (*container, "volumeMounts"), frozenset(entry.volumes)):
                        _take(editor, (*container, "env"), frozenset(entry.env))
            changes += editor.changes
            obj = editor.object
    return changes


def _take(editor: Editor, path: Path, names: frozenset[str]) -> bool:
    """Takes those elements out of a list that have one of the names; whether there were any."""
    found = [
        place
        for place, one in editor.items(path)
        if isinstance(one, dict) and isinstance(one.get("name"), str) and one["name"] in names
    ]
    for place in reversed(found):
        editor.remove(place)
    return bool(found)


def node_selector(facts: Facts, obj: Object, *, path: tuple[str, ...]) -> list[Change]:
    """Labels of the source's nodes go from a pod spec's ``nodeSelector`` (at ``path``) where it is
    certain that no node of the target has them: else its pods would wait for ever.
    """
    wanted = at(obj, (*path, "nodeSelector"))
    if not isinstance(wanted, dict) or facts.node_labels is None:
        return []
    pointer = "".join(f"/{key}" for key in (*path, "nodeSelector"))
    return [
        change
        for cloud in _left(facts)
        for change in removals(
            wanted,
            pointer,
            [
                key
                for key in wanted
                if _matcher(tuple(cloud.node_labels))(key) and key not in facts.node_labels
            ],
            Cause("automatic", f"cloud-node-selector (only nodes of {cloud.title} have the label)"),
        )
    ]


def unmatched_nodes(facts: Facts, obj: Object, *, path: tuple[str, ...]) -> list[Note]:
    """Zones, regions, machine types and labels of the source's nodes that pods still demand."""
    spec = at(obj, path)
    if not isinstance(spec, dict) or not facts.left:
        return []
    notes = {}
    is_on = "cloud-node-selector" not in facts.off
    gone = node_selector(facts, obj, path=path) if is_on else []
    dropped = {pointer_of(change.pointer).last for change in gone}
    for key, values in _demanded(spec, dropped):
        cloud = next(
            (one for one in _left(facts) if _matcher(tuple(one.node_labels))(key)),
            None,
        )
        if facts.node_labels is None:
            is_missed = cloud is not None
        else:
            is_of_places = cloud is not None or key in _PLACES
            is_missed = is_of_places and facts.node_labels.get(key, frozenset()).isdisjoint(values)
        if is_missed:
            texts = ", ".join(map(str, values)) or "any value"
            notes[key] = Note(
                "NodesUnmatched",
                f"its pods demand nodes with {key} = {texts}, which the target "
                + ("is not known to have" if facts.node_labels is None else "does not have"),
            )
    return list(notes.values())


def _demanded(spec: dict[str, Any], dropped: set[str]) -> Iterator[tuple[str, list[Any]]]:
    """The labels that a pod spec demands of its node, with the values that would do; those of its
    selector that are ``dropped`` aside.
    """
    selector = spec.get("nodeSelector")
    for key, value in selector.items() if isinstance(selector, dict) else ():
        if key not in dropped:
            yield key, [value]
    required = ("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = at(spec, (*required, "nodeSelectorTerms"))
    if not isinstance(terms, list) or len(terms) != 1:  # of several terms one is enough
        return
    for one in at(terms[0], ("matchExpressions",)) or ():
        if isinstance(one, dict) and one.get("operator") == "In":
            key, values = one.get("key"), one.get("values")
            if isinstance(key, str) and isinstance(values, list):
                yield key, values


def told(facts: Facts, obj: Object, *, kind: str) -> list[Note]:
    """Annotations that mean nothing in the target, for which a person must find a substitute."""
    given = annotations(obj)
    return [
        Note(SPECIFIC, f"{key} {entry.why}")
        for cloud in _left(facts)
        for entry in cloud.told
        if kind in entry.kinds
        for key in filter(_matcher(tuple(entry.names)), given)
    ]


def storage(facts: Facts, obj: Object) -> list[Note]:
    """A class or a volume whose driver is one of the source's provider."""
    return [
        Note(
            SPECIFIC,
            f"its driver {one} is one of {cloud.title}: unless the target has it too, claims wait "
            "for ever; map their class (storageClassMapping)",
        )
        for cloud in _left(facts)
        for one in drivers(obj)
        if _matcher(tuple(cloud.evidence.drivers))(one)
    ]


def ingress_class(facts: Facts, obj: Object) -> list[Note]:
    """An Ingress, or an IngressClass, of a controller of the source's provider."""
    name = at(obj, ("spec", "ingressClassName")) or annotations(obj).get(_LEGACY_CLASS)
    controller = at(obj, ("spec", "controller"))
    return [
        Note(
            SPECIFIC,
            f"its class {name or controller} is obeyed by a controller of {cloud.title}: choose "
            "one that the target has",
        )
        for cloud in _left(facts)
        if _matcher(tuple(cloud.ingress_classes))(name)
        or _matcher(tuple(cloud.ingress_controllers))(controller)
    ]


def _left(facts: Facts) -> list[Cloud]:
    return [clouds()[name] for name in facts.left]


@cache
def _matcher(patterns: tuple[str, ...]) -> Matcher:
    return Matcher(patterns)
