"""OpenAPI v3, as much of it as kubectl asks for: schemas, and which operations take which options.

kubectl sends ``fieldValidation`` only to a server whose document knows it, and reads list types and
merge keys for its patches from the schemas; ``kubectl explain`` prints them.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from kubeferry.sandbox.kinds import Kind, Kinds, table

_PREFIX = "#/components/schemas/"
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def document(kinds: Kinds, path: str) -> dict[str, Any] | None:
    """The index (path empty) or the document of ``apis/apps/v1``; None where there is none."""
    if not path:
        return _index(kinds)
    served = [kind for kind in kinds if _path(kind) == path]
    return _document(served, path) if served else None


def _path(kind: Kind) -> str:
    resource = kind.resource
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.version}"


def _index(kinds: Kinds) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for path in dict.fromkeys(_path(kind) for kind in kinds):
        digest = hashlib.sha256(f"{path} {kinds.changes}".encode()).hexdigest().upper()
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return {"paths": paths}


def _document(served: list[Kind], path: str) -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for kind in served:
        name = kind.schema_name or _custom_name(kind)
        if kind.custom:
            schemas[name] = _custom_schema(kind)
            _close(schemas, [_OBJECT_META])
        else:
            _close(schemas, [name])
        paths.update(_paths(kind, name))
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": table()["version"]["gitVersion"]},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _close(schemas: dict[str, Any], names: Iterable[str]) -> None:
    """Adds schemas of the table and all they refer to."""
    queue = list(names)
    while queue:
        name = queue.pop()
        if name not in schemas:
            schemas[name] = table()["schemas"][name]
            queue.extend(_references(schemas[name]))


def _references(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        here = value.get("$ref")
        found = [here.removeprefix(_PREFIX)] if isinstance(here, str) else []
        return found + [name for inner in value.values() for name in _references(inner)]
    if isinstance(value, list):
        return [name for inner in value for name in _references(inner)]
    return []


def _custom_name(kind: Kind) -> str:
    reversed_group = ".".join(reversed(kind.resource.group.split(".")))
    return f"{reversed_group}.{kind.resource.version}.{kind.resource.kind}"


def _custom_schema(kind: Kind) -> dict[str, Any]:
    schema = dict(kind.schema)
    schema["properties"] = {
        **(schema.get("properties") or {}),
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"allOf": [{"$ref": _PREFIX + _OBJECT_META}]},
    }
    schema["x-kubernetes-group-version-kind"] = [_gvk(kind)]
    return schema


def _gvk(kind: Kind) -> dict[str, str]:
    resource = kind.resource
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _query(name: str, of: str = "string") -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": of, "uniqueItems": True}}


_WRITE = [_query("dryRun"), _query("fieldManager"), _query("fieldValidation")]


def _paths(kind: Kind, name: str) -> dict[str, Any]:
    resource = kind.resource
    scoped = kind.resource.namespaced
    collection = resource.path("NAMESPACE" if scoped else "").replace("NAMESPACE", "{namespace}")
    body = {"content": {"application/json": {"schema": {"$ref": _PREFIX + name}}}}

    def operation(action: str, parameters: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": _gvk(kind),
            "parameters": parameters,
            "responses": {"200": {"description": "OK", **body}},
            **more,
        }

    one = {
        "get": operation("get", []),
        "put": operation("put", _WRITE, requestBody=body),
        "patch": operation("patch", [*_WRITE, _query("force", "boolean")], requestBody=body),
        "delete": operation("delete", [_query("dryRun")]),
    }
    many = {
        "get": operation("list", [_query("limit", "integer")]),
        "post": operation("post", _WRITE, requestBody=body),
    }
    found: dict[str, Any] = {collection: many, f"{collection}/{{name}}": one}
    if scoped:
        found[resource.path()] = {"get": many["get"]}
    return found
