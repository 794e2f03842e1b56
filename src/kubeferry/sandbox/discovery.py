"""Discovery: what is served, aggregated (v2) and in the old form, and the server's version."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from kubeferry.kube.names import version_rank
from kubeferry.sandbox.crds import VERBS
from kubeferry.sandbox.kinds import Kind, Kinds, table

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_STATUS_VERBS = ["get", "patch", "update"]


def wants_aggregated(accept: str) -> bool:
    """Whether an Accept header asks for the aggregated form, version v2."""
    return any(
        "as=APIGroupDiscoveryList" in part and "v=v2" in part.replace(" ", "").split(";")
        for part in accept.split(",")
    )


def server_version() -> dict[str, Any]:
    """What /version answers: the version whose API this is, marked as the sandbox."""
    about = table()["version"]
    return {
        "major": about["major"],
        "minor": about["minor"],
        "gitVersion": f"{about['gitVersion']}+kubeferry-sandbox",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "",
    }


def _groups(kinds: Iterable[Kind], *, core: bool) -> dict[str, dict[str, list[Kind]]]:
    found: dict[str, dict[str, list[Kind]]] = {}
    for kind in kinds:
        resource = kind.resource
        if (resource.group == "") is core:
            found.setdefault(resource.group, {}).setdefault(resource.version, []).append(kind)
    return {
        group: dict(sorted(versions.items(), key=lambda item: version_rank(item[0])))
        for group, versions in found.items()
    }


def aggregated(kinds: Kinds, *, core: bool) -> dict[str, Any]:
    """All groups with all their resources in one answer."""
    items = []
    for group, versions in _groups(kinds, core=core).items():
        items.append(
            {
                "metadata": {"name": group, "creationTimestamp": None}
                if group
                else {"creationTimestamp": None},
                "versions": [
                    {
                        "version": version,
                        "resources": [_aggregated(kind) for kind in served],
                        "freshness": "Current",
                    }
                    for version, served in versions.items()
                ],
            }
        )
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _verbs(kind: Kind) -> list[str]:
    return list(VERBS) if kind.custom else sorted(kind.resource.verbs)


def _response_kind(kind: Kind, name: str = "") -> dict[str, str]:
    resource = kind.resource
    return {"group": resource.group, "version": resource.version, "kind": name or resource.kind}


def _aggregated(kind: Kind) -> dict[str, Any]:
    resource = kind.resource
    entry: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": _response_kind(kind)
        if kind.custom
        else {"group": "", "version": "", "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": _verbs(kind),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [
            {
                "subresource": name,
                "responseKind": _subresource_kind(kind, name),
                "verbs": ["update"] if name == "finalize" else _STATUS_VERBS,
            }
            for name in _subresources(kind)
        ]
    return entry


def _subresources(kind: Kind) -> list[str]:
    """In the order of a real server: of custom resources status comes first."""
    return sorted(kind.resource.subresources, reverse=kind.custom)


def _subresource_kind(kind: Kind, name: str) -> dict[str, str]:
    if name == "scale":
        return {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    return _response_kind(kind)


def core_versions(address: str) -> dict[str, Any]:
    """The old form of /api."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group_list(kinds: Kinds) -> dict[str, Any]:
    """The old form of /apis."""
    groups = _groups(kinds, core=False)
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(name, versions) for name, versions in groups.items()],
    }


def one_group(kinds: Kinds, name: str) -> dict[str, Any] | None:
    """/apis/<group>, None where there is no such group."""
    versions = _groups(kinds, core=False).get(name)
    if versions is None:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def _group(name: str, versions: Mapping[str, Any]) -> dict[str, Any]:
    named = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": named, "preferredVersion": named[0]}


def resource_list(kinds: Kinds, group: str, version: str) -> dict[str, Any] | None:
    """The old form of a group version's resources, None where there is none."""
    served = [
        kind for kind in kinds if kind.resource.group == group and kind.resource.version == version
    ]
    if not served:
        return None
    resources: list[dict[str, Any]] = []
    for kind in served:
        resource = kind.resource
        entry: dict[str, Any] = {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": _verbs(kind),
        }
        if resource.short_names:
            entry["shortNames"] = list(resource.short_names)
        if resource.categories:
            entry["categories"] = list(resource.categories)
        entry["storageVersionHash"] = _storage_hash(kind)
        resources.append(entry)
        for name in _subresources(kind):
            resources.append(_old_subresource(kind, name))
    group_version = f"{group}/{version}" if group else version
    answer = {"kind": "APIResourceList", "groupVersion": group_version, "resources": resources}
    return answer if not group else {**answer, "apiVersion": "v1"}


def _storage_hash(kind: Kind) -> str:
    """What a client may compare to learn that a resource is stored in another version."""
    stored = f"{kind.resource.group}/{kind.stored_as}/{kind.resource.kind}"
    return b64encode(hashlib.sha256(stored.encode()).digest()[:8]).decode()


def _old_subresource(kind: Kind, name: str) -> dict[str, Any]:
    resource = kind.resource
    entry: dict[str, Any] = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": ["update"] if name == "finalize" else list(_STATUS_VERBS),
    }
    if name == "scale":
        entry.update({"group": "autoscaling", "version": "v1", "kind": "Scale"})
    return entry
