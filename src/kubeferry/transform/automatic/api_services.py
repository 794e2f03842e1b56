"""APIServices: those that each API server has of itself are not restored (velero.md §3.7)."""

from kubeferry.kube.objects import Object, at, labels
from kubeferry.transform.change import Note
from kubeferry.transform.facts import Facts

_AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"


def own_api_service(facts: Facts, obj: Object) -> Note | None:
    """One that the server keeps, or that no Service is behind: a definition, or a built-in
    group.
    """
    if _AUTOMANAGED in labels(obj) or at(obj, ("spec", "service")) is None:
        return Note("GeneratedObject", "each API server registers its own groups")
    return None
