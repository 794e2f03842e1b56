"""The group resources that Kubernetes itself has, and what people write instead of them."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from functools import lru_cache

from kubeferry.kube.globs import Glob
from kubeferry.kube.names import split_group_resource
from kubeferry.kube.objects import POD_SPEC_PATHS

_BUILT_IN = """
configmaps cm
componentstatuses cs
endpoints ep
events ev
limitranges limits
namespaces ns
nodes no
persistentvolumeclaims pvc
persistentvolumes pv
pods po
podtemplates
replicationcontrollers rc
resourcequotas quota
secrets
serviceaccounts sa
services svc
bindings
mutatingwebhookconfigurations.admissionregistration.k8s.io
validatingwebhookconfigurations.admissionregistration.k8s.io
validatingadmissionpolicies.admissionregistration.k8s.io
validatingadmissionpolicybindings.admissionregistration.k8s.io
customresourcedefinitions.apiextensions.k8s.io crd crds
apiservices.apiregistration.k8s.io
controllerrevisions.apps
daemonsets.apps ds
deployments.apps deploy
replicasets.apps rs
statefulsets.apps sts
horizontalpodautoscalers.autoscaling hpa
cronjobs.batch cj
jobs.batch
certificatesigningrequests.certificates.k8s.io csr
leases.coordination.k8s.io
endpointslices.discovery.k8s.io
flowschemas.flowcontrol.apiserver.k8s.io
prioritylevelconfigurations.flowcontrol.apiserver.k8s.io
ingressclasses.networking.k8s.io
ingresses.networking.k8s.io ing
networkpolicies.networking.k8s.io netpol
runtimeclasses.node.k8s.io
poddisruptionbudgets.policy pdb
clusterrolebindings.rbac.authorization.k8s.io
clusterroles.rbac.authorization.k8s.io
rolebindings.rbac.authorization.k8s.io
roles.rbac.authorization.k8s.io
priorityclasses.scheduling.k8s.io pc
csidrivers.storage.k8s.io
csinodes.storage.k8s.io
storageclasses.storage.k8s.io sc
volumeattachments.storage.k8s.io
"""

BUILT_IN: tuple[str, ...] = tuple(line.split()[0] for line in _BUILT_IN.strip().splitlines())
CORE = frozenset(name for name in BUILT_IN if "." not in name)
_OTHER_GROUPS = ("extensions", "events.k8s.io", "resource.k8s.io")
_GROUPS = frozenset(
    (*(split_group_resource(name)[1] for name in BUILT_IN if "." in name), *_OTHER_GROUPS)
)
_WHOLE_GROUPS = frozenset({"apps", "batch", "autoscaling"})
"""Groups of which every kind there ever was is known here: another name is a slip."""
_LIKE_BUILT_IN = frozenset({"snapshot.storage.k8s.io", "groupsnapshot.storage.k8s.io"})
"""Groups of custom resources whose types Velero knows: for it strategic patches fit them too."""


def is_built_in(group_resource: str) -> bool:
    """Whether Kubernetes itself defines the kind, so that a strategic merge patch fits it."""
    plural, group = split_group_resource(group_resource)
    if not group:
        return plural in CORE
    return group in _GROUPS or group in _LIKE_BUILT_IN


_TEMPLATE = ("spec", "template", "spec")
_POD_SPECS = {
    **POD_SPEC_PATHS,
    # Of a status that is restored too a StatefulSet makes pods by it.
    "controllerrevisions.apps": ("data", "spec", "template", "spec"),
}


@lru_cache(1024)
def pod_path(group_resource: str) -> tuple[str, ...] | None:
    """Where objects of a kind have a pod spec, None if they have none.

    Custom resources that make pods (CloneSets, Rollouts, DeploymentConfigs) have theirs where
    workloads do, as far as they follow the custom.
    """
    path = _POD_SPECS.get(group_resource)
    if path is None and "." in group_resource and not is_built_in(group_resource):
        return _TEMPLATE
    return path


def _written_instead() -> dict[str, str]:
    """Plural without its group, singular or kind, and short names, all in lower case."""
    words: dict[str, str] = {}
    for line in _BUILT_IN.strip().splitlines():
        full, *short = line.split()
        plural, _ = split_group_resource(full)
        for word in (plural, *_singulars(plural), *short):
            words.setdefault(word, full)
    return words


def _singulars(plural: str) -> Iterable[str]:
    if plural.endswith("ies"):
        yield f"{plural[:-3]}y"
    elif plural.endswith(("sses", "shes")):
        yield plural[:-2]
    if plural.endswith("s"):
        yield plural[:-1]


_INSTEAD = _written_instead()


def matches_nothing(glob: Glob, known: Collection[str]) -> str | None:
    """Why a groupResource can match no object at all, or None if it may.

    ``known`` are the group resources that are known beside the built-in ones (archive, target). A
    name with a group may be a custom resource's that nobody told us of, so only what is certain is
    said.
    """
    pattern = glob.pattern
    if glob.literal:
        if pattern in BUILT_IN or pattern in known:
            return None
        _, group = split_group_resource(pattern)
        if group and group not in _WHOLE_GROUPS and pattern == pattern.lower():
            return None
        return f"no resource is named {pattern!r}{_suggestion(pattern, known)}"
    if "." in pattern or "**" in pattern:
        return None
    if any(glob.matches(name) for name in (*CORE, *known)):
        return None
    return (
        f"{pattern!r} matches nothing: * and ? do not cross the dot, write {pattern}.* for groups"
    )


def _suggestion(word: str, known: Collection[str]) -> str:
    lower = word.lower()
    right = _INSTEAD.get(lower) or _INSTEAD.get(lower.partition(".")[0])
    if right is None:
        close = get_close_matches(lower, (*_INSTEAD, *BUILT_IN, *known), n=1)
        right = _INSTEAD.get(close[0], close[0]) if close else None
    return f"; did you mean {right}?" if right else ""
