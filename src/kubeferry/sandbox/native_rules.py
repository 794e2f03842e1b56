"""Checks that Kubernetes does in code: names, what built-in kinds must have and may not change.

A reasonable part of the real server's, with its words: what a restore, a plan or a person trying
out a manifest runs into. Schemas of custom resources are checked by ``validation``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubeferry.kube.names import is_dns_label, is_dns_subdomain
from kubeferry.kube.objects import POD_SPEC_PATHS, Object, at
from kubeferry.kube.selectors import is_label_key, is_label_value
from kubeferry.sandbox.answers import Cause, invalid_value, required
from kubeferry.sandbox.crds import check_crd
from kubeferry.sandbox.kinds import Kind

_LABEL_NAMES = frozenset({"namespaces", "services"})
_PATH_NAMES = "rbac.authorization.k8s.io"
_SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    r"for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
    "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_NAME_PART_WORDS = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def _label_words(name: str) -> str:
    return "must not contain dots" if is_dns_subdomain(name) else _LABEL_WORDS


def check(kind: Kind, obj: Object, old: Object | None) -> Iterator[Cause]:
    """Why an object is refused (422), in the order in which the real server tells it."""
    yield from _metadata(kind, obj)
    if old is not None and old["metadata"].get("deletionTimestamp"):
        yield from _no_new_finalizers(obj, old)
    if kind.custom:
        return
    if kind.table in (
        "deployments.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "replicasets.apps",
    ):
        yield from _workload(obj)
    path = POD_SPEC_PATHS.get(kind.resource.group_resource)
    if path is not None:
        yield from _pod_spec(at(obj, path), ".".join(path))
    if kind.table in ("configmaps", "secrets"):
        yield from _keys(obj)
    if kind.table == "services":
        yield from _service(obj)
    if kind.table == "persistentvolumeclaims":
        yield from _claim(obj)
    if kind.table == "customresourcedefinitions.apiextensions.k8s.io":
        yield from check_crd(obj)
    if old is not None:
        yield from _kept(kind, obj, old)


def _metadata(kind: Kind, obj: Object) -> Iterator[Cause]:
    meta = obj["metadata"]
    name = meta.get("name")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif kind.resource.group == _PATH_NAMES:
        if name in (".", "..") or "/" in name or "%" in name:
            yield invalid_value("metadata.name", name, "may not contain '/' or '%'")
    elif kind.table in _LABEL_NAMES:
        if not is_dns_label(name):
            yield invalid_value("metadata.name", name, _label_words(name))
    elif not is_dns_subdomain(name):
        yield invalid_value("metadata.name", name, _SUBDOMAIN_WORDS)
    for key, value in (meta.get("labels") or {}).items():
        if not is_label_key(key):
            yield invalid_value("metadata.labels", key, _NAME_PART_WORDS)
        if not is_label_value(value):
            yield invalid_value("metadata.labels", value, _VALUE_WORDS)
    for index, owner in enumerate(meta.get("ownerReferences") or ()):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                yield invalid_value(
                    f"metadata.ownerReferences[{index}].{field}",
                    owner.get(field, ""),
                    {"apiVersion": "version must not be empty"}.get(field, "must not be empty"),
                )


def _no_new_finalizers(obj: Object, old: Object) -> Iterator[Cause]:
    before = old["metadata"].get("finalizers") or []
    new = [one for one in obj["metadata"].get("finalizers") or [] if one not in before]
    if new:
        shown = ", ".join(f'"{one}"' for one in new)
        yield Cause(
            "FieldValueForbidden",
            "Forbidden: no new finalizers can be added if the object is being deleted, found new "
            f"finalizers []string{{{shown}}}",
            "metadata.finalizers",
        )


def _pod_spec(spec: Any, path: str) -> Iterator[Cause]:
    if not isinstance(spec, Mapping):
        yield required(f"{path}.containers")
        return
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for field in ("initContainers", "containers"):
        containers = spec.get(field) or []
        if field == "containers" and not containers:
            yield required(f"{path}.containers")
        seen = set()
        for index, container in enumerate(containers):
            here, name = f"{path}.{field}[{index}]", container.get("name")
            if not name:
                yield required(f"{here}.name")
            elif not is_dns_label(name):
                yield invalid_value(f"{here}.name", name, _label_words(name))
            elif name in seen:
                yield Cause("FieldValueDuplicate", f'Duplicate value: "{name}"', f"{here}.name")
            seen.add(name)
            if not container.get("image"):
                yield required(f"{here}.image")
            yield from _mounts(container, volumes, here)


def _mounts(container: Mapping[str, Any], volumes: set[Any], path: str) -> Iterator[Cause]:
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        here = f"{path}.volumeMounts[{index}]"
        if not mount.get("name"):
            yield required(f"{here}.name")
        elif mount["name"] not in volumes and not path.startswith("spec.template"):
            yield Cause("FieldValueNotFound", f'Not found: "{mount["name"]}"', f"{here}.name")
        if not mount.get("mountPath"):
            yield required(f"{here}.mountPath")


def _workload(obj: Object) -> Iterator[Cause]:
    selector = at(obj, ("spec", "selector"))
    if not selector:
        yield required("spec.selector")
        selector = {"matchLabels": {"": ""}}
    labels = at(obj, ("spec", "template", "metadata", "labels"))
    for key, value in (selector.get("matchLabels") or {}).items():
        if (labels or {}).get(key) != value:
            words = "`selector` does not match template `labels`"
            yield invalid_value("spec.template.metadata.labels", labels, words)
            return


def _keys(obj: Object) -> Iterator[Cause]:
    for field in ("data", "binaryData"):
        for key in obj.get(field) or {}:
            if not _KEY.fullmatch(key):
                yield invalid_value(f"{field}[{key}]", key, _KEY_WORDS)


def _service(obj: Object) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None":
        return
    if not spec.get("ports"):
        yield required("spec.ports")


def _claim(obj: Object) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    if not at(obj, ("spec", "resources", "requests", "storage")):
        yield required("spec.resources[storage]")


_STATEFUL_FREE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_FIXED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "deployments.apps": (("spec", "selector"),),
    "daemonsets.apps": (("spec", "selector"),),
    "replicasets.apps": (("spec", "selector"),),
    "jobs.batch": (("spec", "selector"), ("spec", "template"), ("spec", "completionMode")),
    "secrets": (("type",),),
    "rolebindings.rbac.authorization.k8s.io": (("roleRef",),),
    "clusterrolebindings.rbac.authorization.k8s.io": (("roleRef",),),
}


def _kept(kind: Kind, obj: Object, old: Object) -> Iterator[Cause]:
    for path in _FIXED.get(kind.table, ()):
        if at(obj, path) != at(old, path):
            value = at(obj, path)
            words = "cannot change roleRef" if path == ("roleRef",) else "field is immutable"
            yield invalid_value(".".join(path), value, words)
    if kind.table == "statefulsets.apps":
        yield from _stateful(obj, old)
    if kind.table in ("configmaps", "secrets") and old.get("immutable"):
        yield from _immutable(obj, old)
    if kind.table == "pods":
        yield from _pod_kept(obj, old)
    if kind.table == "persistentvolumeclaims":
        yield from _claim_kept(obj, old)


def _stateful(obj: Object, old: Object) -> Iterator[Cause]:
    def fixed(spec: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in spec.items() if key not in _STATEFUL_FREE}

    if fixed(obj["spec"]) != fixed(old["spec"]):
        names = "', '".join(_STATEFUL_FREE[:-1])
        yield Cause(
            "FieldValueForbidden",
            f"Forbidden: updates to statefulset spec for fields other than '{names}' and "
            f"'{_STATEFUL_FREE[-1]}' are forbidden",
            "spec",
        )


def _immutable(obj: Object, old: Object) -> Iterator[Cause]:
    if not obj.get("immutable"):
        yield Cause(
            "FieldValueForbidden",
            "Forbidden: field is immutable when `immutable` is set",
            "immutable",
        )
    for field in ("data", "binaryData"):
        if obj.get(field) != old.get(field):
            yield Cause(
                "FieldValueForbidden",
                "Forbidden: field is immutable when `immutable` is set",
                field,
            )


_POD_FREE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName")


def _pod_kept(obj: Object, old: Object) -> Iterator[Cause]:
    def fixed(spec: Mapping[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in spec.items() if key not in _POD_FREE}
        for field in ("containers", "initContainers"):
            kept[field] = [
                {key: value for key, value in container.items() if key != "image"}
                for container in spec.get(field) or ()
            ]
        return kept

    if fixed(obj["spec"]) != fixed(old["spec"]):
        yield Cause(
            "FieldValueForbidden",
            "Forbidden: pod updates may not change fields other than "
            "`spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
            "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
            "previously negative)",
            "spec",
        )


def _claim_kept(obj: Object, old: Object) -> Iterator[Cause]:
    def fixed(claim: Object) -> dict[str, Any]:
        spec = dict(claim["spec"])
        resources = dict(spec.get("resources") or {})
        resources.pop("requests", None)
        spec["resources"] = resources
        spec.pop("volumeAttributesClassName", None)
        if not at(old, ("spec", "volumeName")):
            spec.pop("volumeName", None)
        return spec

    if fixed(obj) != fixed(old):
        yield Cause(
            "FieldValueForbidden",
            "Forbidden: spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims",
            "spec",
        )
