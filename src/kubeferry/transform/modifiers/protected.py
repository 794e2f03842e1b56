"""What a modifier must not change: the object before and after the rules is compared, field by
field.

Comparing results, not paths, leaves no way around it (a parent replaced, a move, a merge). An
object in which a protected field differs is refused: not created, and reported (design.md, Order of
work; ack-backup-center.md §2.3.3).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from kubeferry.kube.globs import Glob, compile_glob
from kubeferry.kube.objects import (
    CONTAINER_LISTS,
    OLD_CLASS_ANNOTATION,
    Object,
    at,
)
from kubeferry.transform.change import Note
from kubeferry.transform.modifiers.kinds import pod_path
from kubeferry.transform.patch.pointer import equal, pointer_of

_NAMESPACE_ADVICE = "use the restore's namespaceMapping"
VOLUME_ADVICE = "volumes are changed by storage class conversion, not by modifiers"
SECURITY_ADVICE = (
    "a modifier cannot change security-sensitive fields; change them after the restore"
)
_ADMINISTRATORS_ADVICE = "this cluster's administrator protects it (KUBEFERRY_PROTECTED_FIELDS)"
_GROUP_ADVICE = "a modifier cannot turn an object into another one"

HANDLERS = (
    *(("livenessProbe",), ("readinessProbe",), ("startupProbe",)),
    *(("lifecycle", "postStart"), ("lifecycle", "preStop")),
)
"""Where a container says what the node asks of it; ``host`` there can be any host."""
_FREE_VOLUMES = frozenset(
    {
        *("name", "configMap", "secret", "downwardAPI", "emptyDir"),
        *("persistentVolumeClaim", "ephemeral", "csi"),
    }
)
"""Volumes of the restricted Pod Security Standard, but for ``projected``, which can hold tokens."""
VOLUME_ANNOTATIONS = (
    OLD_CLASS_ANNOTATION,
    "volume.beta.kubernetes.io/mount-options",
    "pv.beta.kubernetes.io/gid",
)
"""The class, the mount options, and the group that pods of a volume get."""
_PROFILES = (
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
)

_TEMPLATE_CLASS = ("volumeClaimTemplate", "metadata", "annotations", OLD_CLASS_ANNOTATION)
"""Of an ephemeral volume: its claim gets the template's annotations, this one before its spec."""

Comparison = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Protected:
    """One protected part: where it is, what counts of it, and what to do instead.

    ``path`` leads there from the root; in ``POD_SPEC``, from the pod spec. ``agree`` says whether
    the part before and the part after are the same in what counts: by default all of it.
    """

    path: tuple[str, ...]
    advice: str
    kinds: frozenset[str] = frozenset()
    agree: Comparison = equal


def _claim_templates(old: Any, new: Any) -> bool:
    """Whether names and specs of claim templates agree; their labels and annotations are free."""
    return equal(_storage(old), _storage(new))


def _storage(templates: Any) -> Any:
    if not isinstance(templates, list):
        return templates
    return [
        [
            at(one, ("metadata", "name")),
            at(one, ("metadata", "annotations", OLD_CLASS_ANNOTATION)),
            at(one, ("spec",)),
        ]
        for one in templates
    ]


def _volume_annotations(old: Any, new: Any) -> bool:
    """Whether the annotations that are older than fields of the spec agree."""
    return equal(_those(old, VOLUME_ANNOTATIONS), _those(new, VOLUME_ANNOTATIONS))


def _aggregation(old: Any, new: Any) -> bool:
    """Whether a role is part of the same roles, such as admin; other labels are free."""
    return equal(_those(old, _AGGREGATED), _those(new, _AGGREGATED))


def _profiles(old: Any, new: Any) -> bool:
    """Whether the annotations older than the security context's profiles agree."""
    return equal(_those(old, _PROFILES), _those(new, _PROFILES))


def _those(entries: Any, prefixes: tuple[str, ...]) -> Any:
    """The labels or annotations whose keys begin so."""
    if not isinstance(entries, dict):
        return {}
    return {key: value for key, value in entries.items() if key.startswith(prefixes)}


def _volumes(old: Any, new: Any) -> bool:
    """Whether no volume that reaches the node, the network or tokens came in; taking one out is
    free.
    """
    before = _sensitive(old)
    return all(any(equal(one, other) for other in before) for one in _sensitive(new))


def _sensitive(volumes: Any) -> list[Any]:
    if not isinstance(volumes, list):
        return []
    return [one for one in volumes if isinstance(one, dict) and not one.keys() <= _FREE_VOLUMES]


def _claims(old: Any, new: Any) -> bool:
    """Whether no claim of a volume that lives as long as its pod came in or differs."""
    before = _ephemeral(old)
    return all(any(equal(one, other) for other in before) for one in _ephemeral(new))


def _ephemeral(volumes: Any) -> list[Any]:
    if not isinstance(volumes, list):
        return []
    return [
        [
            one.get("name"),
            at(one["ephemeral"], ("volumeClaimTemplate", "spec")),
            at(one["ephemeral"], _TEMPLATE_CLASS),
        ]
        for one in volumes
        if isinstance(one, dict) and one.get("ephemeral") is not None
    ]


def _containers(old: Any, new: Any) -> bool:
    """Whether each container was there before, by name, with the same security context, ports of
    the node and hosts that probes and handlers ask.

    Taking a container out is free.
    """
    if new is None:
        return True
    if not isinstance(old, list) or not isinstance(new, list):
        return False
    before = {_name(one): one for one in old if isinstance(one, dict)}
    for other in new:
        one = before.get(_name(other)) if isinstance(other, dict) else None
        if one is None:
            return False
        if not (
            equal(one.get("securityContext"), other.get("securityContext"))
            and _same_host_ports(one.get("ports"), other.get("ports"))
            and _asked_hosts(other) <= _asked_hosts(one)
        ):
            return False
    return True


def _name(container: Mapping[str, Any]) -> str | None:
    name = container.get("name")
    return name if isinstance(name, str) else None


def _same_host_ports(old: Any, new: Any) -> bool:
    return old is new or equal(_host_ports(old), _host_ports(new))


def _host_ports(ports: Any) -> Any:
    """The ports that are opened on the node."""
    if not isinstance(ports, list):
        return []
    return [port.get("hostPort") for port in ports if isinstance(port, dict) and "hostPort" in port]


def _asked_hosts(container: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The hosts that a container's probes and handlers ask, other than the pod itself."""
    asked = set()
    for path in HANDLERS:
        if path[0] not in container:
            continue
        for kind in ("httpGet", "tcpSocket"):
            host = at(container, (*path, kind, "host"))
            if host is not None:
                asked.add(("/".join((*path, kind)), str(host)))
    return asked


def _kinds(group: str, *plurals: str) -> frozenset[str]:
    return frozenset(f"{plural}.{group}" if group else plural for plural in plurals)


_RBAC = "rbac.authorization.k8s.io"
_ROLES = _kinds(_RBAC, "roles", "clusterroles")
_BINDINGS = _kinds(_RBAC, "rolebindings", "clusterrolebindings")
_ADMISSION = "admissionregistration.k8s.io"
_WEBHOOKS = _kinds(_ADMISSION, "mutatingwebhookconfigurations", "validatingwebhookconfigurations")
_POLICIES = _kinds(
    _ADMISSION,
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
)
_STORAGE = _kinds("", "persistentvolumes", "persistentvolumeclaims")
_AGGREGATED = ("rbac.authorization.k8s.io/aggregate-to-",)

EVERY_OBJECT = (
    Protected(("apiVersion",), _GROUP_ADVICE),
    Protected(("kind",), _GROUP_ADVICE),
    Protected(("metadata", "name"), _GROUP_ADVICE),
    Protected(("metadata", "namespace"), _NAMESPACE_ADVICE),
)

BY_KIND = (
    Protected(("spec",), VOLUME_ADVICE, _STORAGE),
    Protected(("metadata", "annotations"), VOLUME_ADVICE, _STORAGE, _volume_annotations),
    Protected(
        ("spec", "volumeClaimTemplates"),
        VOLUME_ADVICE,
        _kinds("apps", "statefulsets"),
        _claim_templates,
    ),
    Protected(("rules",), SECURITY_ADVICE, _ROLES),
    Protected(("aggregationRule",), SECURITY_ADVICE, _ROLES),
    Protected(("roleRef",), SECURITY_ADVICE, _BINDINGS),
    Protected(("subjects",), SECURITY_ADVICE, _BINDINGS),
    Protected(("metadata", "labels"), SECURITY_ADVICE, _kinds(_RBAC, "clusterroles"), _aggregation),
    Protected(("webhooks",), SECURITY_ADVICE, _WEBHOOKS),
    Protected(("spec",), SECURITY_ADVICE, _kinds("apiregistration.k8s.io", "apiservices")),
    Protected(
        ("spec", "conversion"),
        SECURITY_ADVICE,
        _kinds("apiextensions.k8s.io", "customresourcedefinitions"),
    ),
    Protected(("spec",), SECURITY_ADVICE, _POLICIES),
    Protected(("data",), SECURITY_ADVICE, _kinds("", "secrets")),
    Protected(("stringData",), SECURITY_ADVICE, _kinds("", "secrets")),
    Protected(("type",), SECURITY_ADVICE, _kinds("", "secrets")),
)

POD_SPEC = (
    *(
        Protected((field,), SECURITY_ADVICE)
        for field in (
            "hostNetwork",
            "hostPID",
            "hostIPC",
            "hostUsers",
            "securityContext",
            "serviceAccountName",
            "serviceAccount",
        )
    ),
    Protected(("volumes",), SECURITY_ADVICE, agree=_volumes),
    Protected(("volumes",), VOLUME_ADVICE, agree=_claims),
    *(Protected((field,), SECURITY_ADVICE, agree=_containers) for field in CONTAINER_LISTS),
)


POD_METADATA = (Protected(("annotations",), SECURITY_ADVICE, agree=_profiles),)
"""Of a pod or of a pod template, beside its spec."""

Groups = Mapping[str, tuple[Protected, ...]]
"""Entries by the first key of their paths."""


class Widened(NamedTuple):
    """A field that an administrator protects beside these, in the kinds of a pattern."""

    kinds: Glob
    entry: Protected


def widened_by(fields: Iterable[str]) -> tuple[Widened, ...]:
    """What the setting ``protected_fields`` names: ``deployments.apps:/spec/replicas``."""
    found = []
    for text in fields:
        kinds, _, pointer = text.partition(":")
        entry = Protected(pointer_of(pointer).tokens, _ADMINISTRATORS_ADVICE)
        found.append(Widened(compile_glob(kinds, separator=".", place=text), entry))
    return tuple(found)


class Guard:
    """The protected parts of one kind; an administrator may mean it by what it was called
    ``formerly``, before an API upgrade.
    """

    def __init__(
        self, group_resource: str, widened: Iterable["Widened"] = (), formerly: str = ""
    ) -> None:
        own = (entry for entry in BY_KIND if group_resource in entry.kinds)
        names = {group_resource, formerly or group_resource}
        more = (one.entry for one in widened if any(map(one.kinds.matches, names)))
        self._entries = _by_first_key((*EVERY_OBJECT, *own, *more))
        self._pod_path = pod_path(group_resource)

    def refuse(self, before: Object, after: Object) -> Note | None:
        """Why the object must not be created, or None: the first protected field that differs."""
        if before is after:
            return None
        difference = _first_difference(before, after, self._entries)
        prefix: tuple[str, ...] = ()
        if difference is None and self._pod_path is not None:
            prefix = self._pod_path
            difference = _first_difference(at(before, prefix), at(after, prefix), _POD_ENTRIES)
            if difference is None:
                prefix = (*prefix[:-1], "metadata")
                difference = _first_difference(
                    at(before, prefix) or {}, at(after, prefix) or {}, _POD_METADATA_ENTRIES
                )
        if difference is None:
            return None
        path = "/".join((*prefix, *difference.path))
        return Note("ProtectedField", f"a modifier changes /{path}; {difference.advice}")


def _part(value: Any, path: tuple[str, ...]) -> Any:
    """What is at a path, or the list that it leads into: of that, all is protected."""
    for key in path:
        if isinstance(value, list):
            return value
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _by_first_key(entries: Iterable[Protected]) -> Groups:
    groups: dict[str, tuple[Protected, ...]] = {}
    for entry in entries:
        groups[entry.path[0]] = (*groups.get(entry.path[0], ()), entry)
    return groups


_POD_ENTRIES = _by_first_key(POD_SPEC)
_POD_METADATA_ENTRIES = _by_first_key(POD_METADATA)


def _first_difference(before: Any, after: Any, groups: Groups) -> Protected | None:
    """The first entry that differs. Edits copy only their path: the same part is an equal part."""
    if before is after:
        return None
    if not isinstance(before, dict) or not isinstance(after, dict):
        return next((entry for entries in groups.values() for entry in entries), None)
    for key in groups:
        if before.get(key) is not after.get(key):
            for entry in groups[key]:
                old, new = _part(before, entry.path), _part(after, entry.path)
                if old is not new and not entry.agree(old, new):
                    return entry
    return None
