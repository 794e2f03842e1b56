"""What a restore grants: rights, what judges or changes requests, pods beyond ``baseline``. Pure.

A restore writes what the backup has, with the controller's rights. What of that gives others rights
over the cluster, or over what they could not see or change otherwise, is listed by itself in the
plan, the journal and the report (design.md, Security). ``privilegedResources: Skip`` leaves most of
it out; the kinds are the same.

Which rules of a role escalate is what Kubernetes' own good practices name: wildcards, ``escalate``,
``bind`` and ``impersonate``, reading Secrets, running code in pods or making them, tokens of
accounts, nodes, volumes, certificates, webhooks.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from kubeferry.kube.objects import POD_SPEC_PATHS, Object, at, labels
from kubeferry.transform.modifiers.kinds import pod_path
from kubeferry.transform.parameters.pod_security import beyond_baseline
from kubeferry.transform.parameters.privileged import LABEL_PREFIX

BINDING = "binding"
ROLE = "role"
WEBHOOK = "webhook"
POLICY = "admissionPolicy"
API_SERVICE = "apiService"
CONVERSION = "conversionWebhook"
PRIORITY = "priorityClass"
PRIVILEGED = "privilegedPod"
POD_SECURITY = "podSecurityLabel"
POD_POLICY = "podPolicy"
CERTIFICATE = "certificateRequest"
NODE_VOLUME = "nodeVolume"

TITLES: Mapping[str, str] = {
    BINDING: "bindings of roles",
    ROLE: "roles with far-reaching rules",
    WEBHOOK: "admission webhooks",
    POLICY: "admission policies and their bindings",
    API_SERVICE: "API services",
    CONVERSION: "conversion webhooks",
    PRIORITY: "priority classes",
    PRIVILEGED: "pods and workloads beyond the baseline Pod Security Standard",
    POD_SECURITY: "pod-security labels of namespaces",
    POD_POLICY: "policies that allow pods more",
    CERTIFICATE: "requests for certificates, in the name of kubeferry's controller",
    NODE_VOLUME: "volumes that are directories or disks of nodes",
}
"""What can be granted, as a heading says it, in the order of a report."""

_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_OPENSHIFT = "authorization.openshift.io"
"""Serves RBAC's roles and bindings under another name."""
_BINDINGS, _ROLES = ("rolebindings", "clusterrolebindings"), ("roles", "clusterroles")
_AGGREGATES = f"{_RBAC}/aggregate-to-"
_TOLD = 3
"""Parts of a list that are named; of the others it is told how many there are."""


class Grant(NamedTuple):
    """What one object grants: a key of ``TITLES``, and a short text for people."""

    what: str
    text: str


class Granted(NamedTuple):
    """What an object grants: a ``Grant``, and which object it is."""

    what: str
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"


def grants(group_resource: str, obj: Object) -> list[Grant]:
    """What an object of a kind grants once it is written, nothing for most."""
    judge = _KINDS.get(group_resource)
    if judge is None:
        path = pod_path(group_resource)
        judge = _pods(path) if path is not None else None
    return [] if judge is None else list(judge(obj))


def _listed(parts: Iterator[str] | list[str]) -> str:
    told = list(parts)
    more = f" and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    return ", ".join(told[:_TOLD]) + more


def _maps(value: Any) -> Iterator[dict[str, Any]]:
    """The maps in a list, whatever else somebody wrote there."""
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            yield one


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _binding(obj: Object) -> Iterator[Grant]:
    subjects = _listed([_subject(one) for one in _maps(obj.get("subjects"))])
    kind = at(obj, ("roleRef", "kind")) or "role"  # OpenShift's have none
    name = at(obj, ("roleRef", "name"))
    yield Grant(BINDING, f"{kind} {name} to {subjects or 'nobody'}")


def _subject(subject: Mapping[str, Any]) -> str:
    where = f"{subject['namespace']}/" if subject.get("namespace") else ""
    return f"{subject.get('kind')} {where}{subject.get('name')}"


class _Right(NamedTuple):
    """A right that leads to others.

    ``group`` and ``resources`` are what a rule must allow one of ``verbs`` on.
    """

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    text: str


_WRITES = ("create", "update", "patch")
_WORKLOADS = ("deployments", "statefulsets", "daemonsets", "replicasets")
_RIGHTS = (
    _Right(_RBAC, ("roles", "clusterroles"), ("escalate",), "escalates roles"),
    _Right(_RBAC, ("roles", "clusterroles"), ("bind",), "binds roles"),
    _Right("", ("users", "groups", "serviceaccounts"), ("impersonate",), "impersonates"),
    _Right("", ("secrets",), ("get", "list", "watch"), "reads Secrets"),
    _Right("", ("pods/exec", "pods/attach"), ("create", "get"), "runs commands in pods"),
    _Right("", ("pods/ephemeralcontainers",), ("update", "patch"), "adds containers to pods"),
    _Right("", ("pods", "replicationcontrollers"), _WRITES, "makes pods"),
    _Right("apps", _WORKLOADS, _WRITES, "makes pods"),
    _Right("batch", ("jobs", "cronjobs"), _WRITES, "makes pods"),
    _Right("", ("serviceaccounts/token",), ("create",), "makes tokens of accounts"),
    _Right("", ("nodes/proxy",), ("get", "create"), "reaches kubelets"),
    _Right("", ("persistentvolumes",), ("create",), "makes PersistentVolumes"),
    _Right(
        "certificates.k8s.io",
        ("certificatesigningrequests/approval",),
        ("update", "patch"),
        "approves certificates",
    ),
    _Right(
        _ADMISSION,
        ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
        _WRITES,
        "makes admission webhooks",
    ),
)


def _role(obj: Object) -> Iterator[Grant]:
    found: dict[str, None] = {}
    for rule in _maps(obj.get("rules")):
        found |= dict.fromkeys(_escalations(rule))
    for key, value in labels(obj).items():
        if key.startswith(_AGGREGATES) and value == "true":
            found[f"adds its rules to ClusterRole {key.removeprefix(_AGGREGATES)}"] = None
    if obj.get("aggregationRule"):
        found["takes the rules of other cluster roles by their labels"] = None
    if found:
        yield Grant(ROLE, "; ".join(found))


def _escalations(rule: Mapping[str, Any]) -> Iterator[str]:
    verbs, resources = _texts(rule.get("verbs")), _texts(rule.get("resources"))
    groups = _texts(rule.get("apiGroups"))
    if "*" in _texts(rule.get("nonResourceURLs")):
        yield "asks for every path of the API server"
    if not resources:
        return
    if "*" in groups and "*" in resources:
        yield f"may {'do everything' if '*' in verbs else _listed(verbs)} with every kind"
        return
    if "*" in verbs and "*" in resources:
        yield f"may do everything in {_listed([one or 'the core group' for one in groups])}"
        return
    for right in _RIGHTS:
        if right.group not in groups and "*" not in groups:
            continue
        is_meant = any(_covers(pattern, one) for pattern in resources for one in right.resources)
        if is_meant and ("*" in verbs or not set(verbs).isdisjoint(right.verbs)):
            yield right.text


def _covers(pattern: str, resource: str) -> bool:
    """As RBAC does: ``*`` covers all, ``*/scale`` a subresource of all."""
    if pattern in ("*", resource):
        return True
    return pattern.startswith("*/") and resource.partition("/")[2] == pattern[2:]


def _webhooks(obj: Object) -> Iterator[Grant]:
    for one in _maps(obj.get("webhooks")):
        asked = _listed([_asked(rule) for rule in _maps(one.get("rules"))])
        yield Grant(WEBHOOK, f"{_client(one.get('clientConfig'))} is asked on {asked or 'nothing'}")


def _asked(rule: Mapping[str, Any]) -> str:
    """``CREATE pods``, ``* deployments.apps``."""
    group = next(iter(_texts(rule.get("apiGroups"))), "")
    kinds = [f"{one}.{group}" if group else one for one in _texts(rule.get("resources"))]
    return f"{'/'.join(_texts(rule.get('operations')))} {'/'.join(kinds)}"


def _client(config: Any) -> str:
    """Who is asked. A URL is told without what may be secret in it."""
    service = at(config, ("service",))
    if isinstance(service, dict):
        return f"Service {service.get('namespace')}/{service.get('name')}"
    url = str(at(config, ("url",)) or "")
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    return f"{scheme}://{host}" if host else "nobody"


def _policy(obj: Object) -> Iterator[Grant]:
    rules = _maps(at(obj, ("spec", "matchConstraints", "resourceRules")))
    yield Grant(POLICY, f"is about {_listed([_asked(rule) for rule in rules]) or 'nothing'}")


def _policy_binding(obj: Object) -> Iterator[Grant]:
    actions = _listed(_texts(at(obj, ("spec", "validationActions"))))
    puts = f" to {actions}" if actions else ""
    yield Grant(POLICY, f"puts {at(obj, ('spec', 'policyName'))} into force{puts}")


def _api_service(obj: Object) -> Iterator[Grant]:
    service = at(obj, ("spec", "service"))
    if isinstance(service, dict):
        version, group = at(obj, ("spec", "version")), at(obj, ("spec", "group"))
        yield Grant(API_SERVICE, f"{_client({'service': service})} serves {group}/{version}")


def _definition(obj: Object) -> Iterator[Grant]:
    conversion = at(obj, ("spec", "conversion"))
    if at(conversion, ("strategy",)) == "Webhook":
        client = at(conversion, ("webhook", "clientConfig"))
        yield Grant(CONVERSION, f"{_client(client)} converts its objects")


def _priority(obj: Object) -> Iterator[Grant]:
    default = ", of every pod without one" if obj.get("globalDefault") is True else ""
    yield Grant(PRIORITY, f"priority {obj.get('value')}{default}")


def _namespace(obj: Object) -> Iterator[Grant]:
    told = [f"{key}={value}" for key, value in labels(obj).items() if key.startswith(LABEL_PREFIX)]
    if told:
        yield Grant(POD_SECURITY, _listed(told))


def _pod_policy(obj: Object) -> Iterator[Grant]:
    """OpenShift's SecurityContextConstraints name who has them, PodSecurityPolicies do not."""
    who = _listed(_texts(obj.get("users")) + _texts(obj.get("groups")))
    yield Grant(POD_POLICY, f"is for {who}" if who else "is for whoever may use it")


def _certificate(obj: Object) -> Iterator[Grant]:
    yield Grant(CERTIFICATE, f"asks {at(obj, ('spec', 'signerName'))} for one")


def _volume(obj: Object) -> Iterator[Grant]:
    for source in ("hostPath", "local"):
        if at(obj, ("spec", source)) is not None:
            yield Grant(NODE_VOLUME, f"{source} {at(obj, ('spec', source, 'path'))}")


def _pods(path: tuple[str, ...]) -> Callable[[Object], Iterator[Grant]]:
    noted = (*path[:-1], "metadata", "annotations")

    def judge(obj: Object) -> Iterator[Grant]:
        own = at(obj, noted)
        found = beyond_baseline(at(obj, path), own if isinstance(own, dict) else None)
        told = list(islice(found, _TOLD + 1))
        if told:
            more = " ..." if len(told) > _TOLD else ""
            yield Grant(PRIVILEGED, "; ".join(told[:_TOLD]) + more)

    return judge


_KINDS: Mapping[str, Callable[[Object], Iterator[Grant]]] = {
    **{f"{kind}.{group}": _binding for group in (_RBAC, _OPENSHIFT) for kind in _BINDINGS},
    **{f"{kind}.{group}": _role for group in (_RBAC, _OPENSHIFT) for kind in _ROLES},
    f"mutatingwebhookconfigurations.{_ADMISSION}": _webhooks,
    f"validatingwebhookconfigurations.{_ADMISSION}": _webhooks,
    f"mutatingadmissionpolicies.{_ADMISSION}": _policy,
    f"validatingadmissionpolicies.{_ADMISSION}": _policy,
    f"mutatingadmissionpolicybindings.{_ADMISSION}": _policy_binding,
    f"validatingadmissionpolicybindings.{_ADMISSION}": _policy_binding,
    "apiservices.apiregistration.k8s.io": _api_service,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
    "priorityclasses.scheduling.k8s.io": _priority,
    "podsecuritypolicies.policy": _pod_policy,
    "securitycontextconstraints.security.openshift.io": _pod_policy,
    "certificatesigningrequests.certificates.k8s.io": _certificate,
    "persistentvolumes": _volume,
    "namespaces": _namespace,
    **{kind: _pods(path) for kind, path in POD_SPEC_PATHS.items()},
}
