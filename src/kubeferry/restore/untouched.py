"""What is there already and no policy changes, and why. Pure.

An update or a deletion of these could take data from who uses it, or from the restore the rights
and the definitions that it works with.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from kubeferry.api.definition import ADMISSION, GUARD
from kubeferry.api.rights import CONTROLLER, OPERATOR, RBAC, VIEWER
from kubeferry.kube.names import RESERVED_NAMESPACES, Identity
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.restore.waves import DEFINITIONS, NAMESPACES
from kubeferry.transform.parameters.privileged import pod_verdict

_CLAIMS, _VOLUMES = "persistentvolumeclaims", "persistentvolumes"
_PRIORITIES = "priorityclasses.scheduling.k8s.io"
BINDINGS = (f"clusterrolebindings.{RBAC}", f"rolebindings.{RBAC}")
ROLES = frozenset({f"clusterroles.{RBAC}", f"roles.{RBAC}"})
_POLICIES = frozenset(
    f"validatingadmissionpolic{ending}.{ADMISSION}" for ending in ("ies", "ybindings")
)
_OURS = frozenset({CONTROLLER, OPERATOR, VIEWER})
_EVERY_ACCOUNT = frozenset({"system:authenticated", "system:masters", "system:serviceaccounts"})
"""Groups that the controller's account is in, or that rule the cluster."""


@dataclass(frozen=True, slots=True)
class Homes:
    """What is kubeferry's or the cluster's own: ``namespaces``, and the ``roles`` that bindings of
    the target give to kubeferry's controller. Where ``skips_privileged``, what runs with privileges
    is the administrators' own too: an update keeps what others wrote, so that an image without any
    would get them.
    """

    namespaces: frozenset[str] = RESERVED_NAMESPACES
    roles: AbstractSet[Identity] = field(default_factory=frozenset)
    skips_privileged: bool = False


OURS = Homes()
"""Those of every cluster."""


def why_untouched(group_resource: str, live: Object, homes: Homes) -> str:
    """Why an object is left as it is whatever the policy; empty if it is not."""
    name = str(metadata(live).get("name", ""))
    if group_resource == NAMESPACES:
        return "a namespace is never changed"
    if group_resource == _VOLUMES:
        namespace, claim = (at(live, ("spec", "claimRef", key)) for key in ("namespace", "name"))
        bound = f"it is bound to claim {namespace}/{claim}" if claim else "it is bound to no claim"
        return f"a volume is never changed: {bound}"
    if group_resource == _CLAIMS:
        volume = at(live, ("spec", "volumeName"))
        bound = f"it is bound to volume {volume}" if volume else "it is bound to no volume"
        return f"a claim is never changed: {bound}"
    if group_resource == DEFINITIONS:
        return "a definition is never changed: what it defines could be lost"
    if group_resource == _PRIORITIES and name.startswith("system-"):
        return "it is the cluster's own"
    if group_resource in _POLICIES and name.startswith(GUARD):
        return "it is kubeferry's own"
    if group_resource in ROLES or group_resource in BINDINGS:
        return _why_right(group_resource, name, live, homes)
    judge = pod_verdict(group_resource) if homes.skips_privileged else None
    verdict = judge(live) if judge is not None else None
    return f"what is there {verdict.message}" if verdict is not None else ""


def given_role(binding: Object, homes: Homes) -> Identity | None:
    """The role that a binding gives to kubeferry's controller, None if it gives it none."""
    if not _is_to_controller(binding, homes):
        return None
    kind, name = (at(binding, ("roleRef", key)) for key in ("kind", "name"))
    if kind == "ClusterRole":
        return Identity(f"clusterroles.{RBAC}", "", str(name))
    return Identity(f"roles.{RBAC}", str(metadata(binding).get("namespace", "")), str(name))


def _why_right(group_resource: str, name: str, live: Object, homes: Homes) -> str:
    if name in _OURS:
        return "it is kubeferry's own"
    if name.startswith("system:") or name == "cluster-admin":
        return "it is the cluster's own"
    if group_resource in BINDINGS:
        is_given = _is_to_controller(live, homes)
    else:
        namespace = str(metadata(live).get("namespace", ""))
        is_given = Identity(group_resource, namespace, name) in homes.roles
    return "it gives rights to kubeferry's controller" if is_given else ""


def _is_to_controller(binding: Object, homes: Homes) -> bool:
    subjects = binding.get("subjects")
    return isinstance(subjects, list) and any(
        _has_controller(subject, homes.namespaces) for subject in subjects
    )


def _has_controller(subject: object, homes: AbstractSet[str]) -> bool:
    kind, name = (at(subject, (key,)) for key in ("kind", "name"))
    if kind == "ServiceAccount":
        return bool(name == CONTROLLER)
    if kind == "User":
        return str(name).startswith("system:serviceaccount:") and str(name).endswith(
            f":{CONTROLLER}"
        )
    if kind != "Group":
        return False
    return name in _EVERY_ACCOUNT or name in {f"system:serviceaccounts:{home}" for home in homes}
