"""A namespace object of the archive as it is created in the target (velero.md §3.3). Pure.

Namespaces pass no rule and carry no restore label: only labels, annotations and the name as mapped.
"""

from kubeferry.kube.objects import Object, annotations, labels
from kubeferry.transform.change import MISSING, Cause, Change
from kubeferry.transform.parameters.namespaces import cause

_NAME_LABEL = "kubernetes.io/metadata.name"


def plan_namespace(
    archived: Object | None, source: str, target: str
) -> tuple[Object, tuple[Change, ...]]:
    """The namespace to create and its changes; a bare one where the archive holds none."""
    meta: Object = {"name": target}
    changes: list[Change] = []
    if archived is not None:
        if kept := {key: value for key, value in labels(archived).items() if key != _NAME_LABEL}:
            meta["labels"] = kept
        if notes := annotations(archived):
            meta["annotations"] = notes
    else:
        changes.append(Change("", MISSING, target, Cause("automatic", "namespaces are ensured")))
    if source != target:
        changes.append(Change("/metadata/name", source, target, cause(source)))
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, tuple(changes)
