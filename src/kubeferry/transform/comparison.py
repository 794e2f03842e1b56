"""Whether two copies of one object differ in what people and applications wrote. Pure.

What an API server writes by itself tells nothing: a version, a uid, who last wrote which field. An
object that was deleted and made anew as it was is the same one.
"""

from typing import Any

from kubeferry.kube.objects import Object
from kubeferry.transform.patch.differences import Difference, differences

SERVER_MADE = frozenset(
    {"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink"}
)
"""Fields of the metadata that do not count; nor does the ``uid`` of an owner."""


def compare(old: Object, new: Object, *, status: bool = False) -> list[Difference]:
    """The fields that differ and count; ``status`` says that the status counts."""
    return differences(comparable(old, status=status), comparable(new, status=status))


def comparable(obj: Object, *, status: bool = False) -> Object:
    """What of an object counts; the object stays as it is."""
    kept = {key: value for key, value in obj.items() if status or key != "status"}
    about = obj.get("metadata")
    if isinstance(about, dict):
        kept["metadata"] = {
            key: _owners(value) if key == "ownerReferences" else value
            for key, value in about.items()
            if key not in SERVER_MADE
        }
    return kept


def _owners(references: Any) -> Any:
    if not isinstance(references, list):
        return references
    return [
        {key: value for key, value in one.items() if key != "uid"} if isinstance(one, dict) else one
        for one in references
    ]
