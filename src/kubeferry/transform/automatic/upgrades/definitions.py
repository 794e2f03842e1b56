"""CustomResourceDefinitions of ``apiextensions.k8s.io/v1beta1``.

What ``v1beta1`` says once for all versions, ``v1`` says for each; a schema must be there and must
be structural. What keeps unknown fields is brought over by the fix ``definition-unknown-fields``.
"""

from typing import Any

from kubeferry.transform.automatic.editor import Editor, Path
from kubeferry.transform.automatic.structural import (
    JUNCTORS,
    PRESERVE,
    UNKNOWN,
    has_type,
    is_plain_metadata,
    is_structural,
    missing_type,
    nodes,
    restricts_only,
)
from kubeferry.transform.automatic.upgrades.conversion import DEFAULT
from kubeferry.transform.change import Note

_APPROVED = ("metadata", "annotations", "api-approved.kubernetes.io")
_COMMUNITY = ("k8s.io", "kubernetes.io")
_ANYTHING = {"type": "object", PRESERVE: True}
_FORBIDDEN = (*UNKNOWN, "additionalItems", "uniqueItems")
_FOR_ALL = {
    "validation": "schema",
    "subresources": "subresources",
    "additionalPrinterColumns": "additionalPrinterColumns",
}


def definition(editor: Editor) -> None:
    """Versions, columns and conversion get their new form, what was meant is written out."""
    editor.default(("spec", "scope"), "Namespaced", cause=DEFAULT)
    editor.default(("spec", "preserveUnknownFields"), True, cause=DEFAULT)
    _versions(editor)
    for version, _ in editor.items(("spec", "versions")):
        _columns(editor, version)
        _schema(editor, version)
    _conversion(editor)
    _approval(editor)


def _versions(editor: Editor) -> None:
    name = editor.remove(("spec", "version"))
    if not editor.get(("spec", "versions")) and isinstance(name, str):
        editor.set(("spec", "versions"), [{"name": name, "served": True, "storage": True}])
    for old, new in _FOR_ALL.items():
        shared = editor.remove(("spec", old))
        if shared is None:
            continue
        for version, _ in editor.items(("spec", "versions")):
            editor.default((*version, new), shared)


def _columns(editor: Editor, version: Path) -> None:
    for column, _ in editor.items((*version, "additionalPrinterColumns")):
        editor.move((*column, "JSONPath"), (*column, "jsonPath"))


def _schema(editor: Editor, version: Path) -> None:
    path = (*version, "schema", "openAPIV3Schema")
    schema = editor.get(path)
    if schema is None:
        editor.set((*version, "schema"), {"openAPIV3Schema": dict(_ANYTHING)}, cause=DEFAULT)
        return
    if not isinstance(schema, dict):
        return
    editor.default((*path, "type"), "object", cause=DEFAULT)
    metadata = (*path, "properties", "metadata")
    if not is_plain_metadata(editor.get(metadata)):
        editor.set(metadata, {"type": "object"})
    lost = [_made_structural(editor, (*path, *inside)) for inside, _ in list(nodes(schema))]
    if not is_structural(editor.get(path)):
        editor.set(path, dict(_ANYTHING))
        lost = [True]
    if any(lost):
        editor.warn(_loosened(editor.get((*version, "name"))))


def _loosened(version: object) -> Note:
    return Note(
        "SchemaLoosened",
        f"the schema of version {version} was not structural: what no structural schema can say is "
        "not checked any more; write it as a validation rule",
    )


def _made_structural(editor: Editor, path: Path) -> bool:
    """One node gets a type and loses what must not be in it; whether it takes more than before."""
    schema = editor.get(path)
    if not isinstance(schema, dict):  # it went with the one around it
        return False
    if not has_type(schema):
        kind = missing_type(schema)
        editor.set((*path, "type" if kind else PRESERVE), kind or True, cause=DEFAULT)
    gone = [word for word in _FORBIDDEN if schema.get(word)]
    if not restricts_only(schema):
        gone += [word for word in JUNCTORS if word in schema]
    if "additionalProperties" in schema and schema.get("properties"):
        gone.append("additionalProperties")
    for word in gone:
        editor.remove((*path, word))
    closed = editor.get((*path, "additionalProperties")) is False
    if closed:
        editor.remove((*path, "additionalProperties"))
    items = schema.get("items")
    is_list = editor.get((*path, "type")) == "array"
    if isinstance(items, list) or (is_list and items is None):
        editor.set((*path, "items"), {PRESERVE: True})
    return bool(gone) or isinstance(items, list)


def _conversion(editor: Editor) -> None:
    path = ("spec", "conversion")
    if editor.get(path) is None:
        return
    client: Any = editor.remove((*path, "webhookClientConfig"))
    reviews: Any = editor.remove((*path, "conversionReviewVersions"))
    if editor.get((*path, "strategy")) == "Webhook":
        webhook = {"conversionReviewVersions": reviews or ["v1beta1"]}
        if client is not None:
            webhook["clientConfig"] = client
        editor.set((*path, "webhook"), webhook)


def _approval(editor: Editor) -> None:
    """Groups that belong to Kubernetes' community need a word on who approved of them."""
    group = editor.get(("spec", "group"))
    if isinstance(group, str) and any(
        group == one or group.endswith(f".{one}") for one in _COMMUNITY
    ):
        editor.default(_APPROVED, "unapproved, from apiextensions.k8s.io/v1beta1", cause=DEFAULT)
