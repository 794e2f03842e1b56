"""CustomResourceDefinitions: checked, established at once, and what they make the server serve."""

from collections.abc import Iterator, Mapping
from typing import Any

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.sandbox.answers import Cause, invalid_value, required
from kubeferry.sandbox.kinds import AGE, NAME, Column, Kind, Kinds, Scale
from kubeferry.sandbox.schema import Compiler

VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


def check_crd(crd: Object) -> Iterator[Cause]:
    """Why a CRD is refused: names that do not fit, no schema, a rule the sandbox cannot read."""
    spec, names = crd["spec"], crd["spec"].get("names") or {}
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if crd["metadata"]["name"] != wanted:
        yield invalid_value(
            "metadata.name",
            crd["metadata"]["name"],
            'must be spec.names.plural+"."+spec.group',
        )
    for field in ("plural", "singular", "kind", "listKind"):
        if not names.get(field):
            yield required(f"spec.names.{field}")
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        yield (
            required("spec.scope")
            if not spec.get("scope")
            else Cause(
                "FieldValueNotSupported",
                f'Unsupported value: "{spec["scope"]}": supported values: "Cluster", "Namespaced"',
                "spec.scope",
            )
        )
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        yield invalid_value(
            "spec.versions", versions, "must have exactly one version marked as storage version"
        )
    for index, version in enumerate(versions):
        yield from _check_schema(version, f"spec.versions[{index}].schema.openAPIV3Schema")


def _check_schema(version: Mapping[str, Any], place: str) -> Iterator[Cause]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if not schema:
        yield required(place, "schemas are required")
        return
    if schema.get("type") != "object":
        yield invalid_value(f"{place}.type", schema.get("type", ""), "must be object at the root")
    try:
        Compiler().compile(schema, place=place)
    except InvalidInput as error:
        yield invalid_value(f"{error.place}.x-kubernetes-validations", {}, error.problem)


def established(crd: Object, kinds: Kinds, *, now: str) -> None:
    """Sets the status of a CRD that was accepted, in place."""
    spec, old = crd["spec"], crd.get("status") or {}
    names = dict(spec["names"])
    stored = list(old.get("storedVersions") or ())
    storage = next(version["name"] for version in spec["versions"] if version["storage"])
    if storage not in stored:
        stored.append(storage)
    clash = _clash(spec, kinds)
    accepted = {
        "lastTransitionTime": now,
        "message": clash or "no conflicts found",
        "reason": "NotAccepted" if clash else "NoConflicts",
        "status": "False" if clash else "True",
        "type": "NamesAccepted",
    }
    served = {
        "lastTransitionTime": now,
        "message": "not all names are accepted"
        if clash
        else "the initial names have been accepted",
        "reason": "NotAccepted" if clash else "InitialNamesAccepted",
        "status": "False" if clash else "True",
        "type": "Established",
    }
    conditions = _kept(old.get("conditions") or [], [accepted, served])
    crd["status"] = {
        "conditions": conditions,
        "acceptedNames": {"plural": "", "kind": ""} if clash else names,
        "storedVersions": stored,
    }


def _kept(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The new conditions, with the old times where the status did not change."""
    before = {condition["type"]: condition for condition in old}
    for condition in new:
        earlier = before.get(condition["type"])
        if earlier and earlier["status"] == condition["status"]:
            condition["lastTransitionTime"] = earlier["lastTransitionTime"]
    return new


def _clash(spec: Mapping[str, Any], kinds: Kinds) -> str:
    for kind in kinds:
        resource = kind.resource
        if resource.group != spec["group"] or resource.plural == spec["names"]["plural"]:
            continue
        if resource.kind == spec["names"]["kind"]:
            return f'"{resource.kind}" is already in use'
    return ""


def kinds_of(crd: Object) -> list[Kind]:
    """The kinds that an established CRD makes the server serve, one a served version."""
    spec = crd["spec"]
    storage = next(version["name"] for version in spec["versions"] if version["storage"])
    return [_kind(spec, version, storage) for version in spec["versions"] if version["served"]]


def _kind(spec: Mapping[str, Any], version: Mapping[str, Any], storage: str) -> Kind:
    names = spec["names"]
    subresources = version.get("subresources") or {}
    resource = Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        verbs=frozenset(VERBS),
        singular=names.get("singular") or names["kind"].lower(),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=frozenset(subresources),
    )
    schema = version["schema"]["openAPIV3Schema"]
    return Kind(
        resource=resource,
        table=resource.group_resource,
        stored_as=storage,
        node=Compiler().compile(schema),
        columns=_columns(version.get("additionalPrinterColumns")),
        custom=True,
        scale=_scale(subresources.get("scale")),
        schema=schema,
        selectable=tuple(
            field["jsonPath"].lstrip(".") for field in version.get("selectableFields") or ()
        ),
        list_kind=names.get("listKind") or f"{names['kind']}List",
    )


def _columns(defined: list[dict[str, Any]] | None) -> tuple[Column, ...]:
    if not defined:
        return (NAME, AGE)
    return (
        NAME,
        *(
            Column(
                one["name"],
                one["type"],
                one.get("format", ""),
                one.get("priority", 0),
                one["jsonPath"],
                one.get("description", ""),
            )
            for one in defined
        ),
    )


def _scale(scale: Mapping[str, str] | None) -> Scale | None:
    if scale is None:
        return None

    def path(text: str) -> tuple[str, ...]:
        return tuple(part for part in text.split(".") if part)

    return Scale(
        replicas=path(scale["specReplicasPath"]),
        status=path(scale["statusReplicasPath"]),
        selector=path(scale.get("labelSelectorPath", "")),
    )
