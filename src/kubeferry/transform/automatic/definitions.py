"""Definitions whose objects keep fields that their schema does not know (velero.md §3.7
``crd-preserve-fields``).
"""

from kubeferry.kube.objects import Object, at
from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.automatic.structural import PRESERVE, nodes
from kubeferry.transform.change import Cause, Change
from kubeferry.transform.facts import Facts

_UNKNOWN_FIELDS = Cause("automatic", "definition-unknown-fields")


def unknown_fields(facts: Facts, obj: Object) -> list[Change]:
    """No definition can be created with ``preserveUnknownFields``; what it meant is said in its
    schemas.

    It is said of every map whose fields are named: said at the root alone, what is unknown deeper
    inside would be lost.
    """
    if at(obj, ("spec", "preserveUnknownFields")) is not True:
        return []
    editor = Editor(obj, _UNKNOWN_FIELDS)
    editor.set(("spec", "preserveUnknownFields"), False)
    for version, _ in editor.items(("spec", "versions")):
        root = (*version, "schema", "openAPIV3Schema")
        for path, schema in list(nodes(editor.get(root))):
            names_fields = not isinstance(schema.get("additionalProperties"), dict)
            is_metadata = path[:2] == ("properties", "metadata")
            if schema.get("type") == "object" and names_fields and not is_metadata:
                editor.default((*root, *path, PRESERVE), True)
    return editor.changes
