"""What the server wrote: its metadata fields and the status."""

from kubeferry.kube.objects import Object

SERVER_FIELDS = frozenset(
    {
        "generateName",
        "selfLink",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "ownerReferences",
        "managedFields",
    }
)
"""velero.md §3.4 step 6; and ``managedFields``, which are not put back afterwards either (§9.2)."""


def strip_server_fields(obj: Object) -> Object:
    """The object without its status and without the metadata that only the server writes."""
    result = obj.copy()
    result.pop("status", None)
    metadata = obj.get("metadata")
    if isinstance(metadata, dict):
        result["metadata"] = kept = metadata.copy()
        for key in metadata:
            if key in SERVER_FIELDS:
                del kept[key]
    return result
