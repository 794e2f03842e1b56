"""Ingresses: the class is said in one place (ack-backup-center.md §2.1)."""

from kubeferry.kube.objects import Object, annotations, at
from kubeferry.transform.change import Cause, Change, removals
from kubeferry.transform.facts import Facts

_CLASS = Cause("automatic", "ingress-class")
_ANNOTATION = "kubernetes.io/ingress.class"


def ingress_class(facts: Facts, obj: Object) -> list[Change]:
    """No Ingress can be created with both the annotation and ``ingressClassName``.

    Where they differ the annotation stays, which controllers obeyed before the field.
    """
    spec, name = obj.get("spec"), at(obj, ("spec", "ingressClassName"))
    if not name or _ANNOTATION not in annotations(obj):
        return []
    if annotations(obj)[_ANNOTATION] != name:
        return removals(spec, "/spec", ("ingressClassName",), _CLASS)
    return removals(annotations(obj), "/metadata/annotations", (_ANNOTATION,), _CLASS)
