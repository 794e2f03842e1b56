"""What is there already and no policy changes, and why. Pure.

An update or a deletion of these could take data from who uses it, or from the restore the rights
and the definitions that it works with.
"""

from collections.abc import Set as AbstractSet

from kubeferry.api.rights import CONTROLLER, OPERATOR, RBAC, VIEWER
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.restore.waves import DEFINITIONS, NAMESPACES

_CLAIMS, _VOLUMES = "persistentvolumeclaims", "persistentvolumes"
_PRIORITIES = "priorityclasses.scheduling.k8s.io"
_BINDINGS = frozenset({f"clusterrolebindings.{RBAC}", f"rolebindings.{RBAC}"})
_RIGHTS = _BINDINGS | {f"clusterroles.{RBAC}", f"roles.{RBAC}"}
_OURS = frozenset({CONTROLLER, OPERATOR, VIEWER})
_EVERY_ACCOUNT = frozenset({"system:authenticated", "system:masters", "system:serviceaccounts"})
"""Groups that the controller's account is in, or that rule the cluster."""


def why_untouched(group_resource: str, live: Object, homes: AbstractSet[str]) -> str:
    """Why an object is left as it is whatever the policy; empty if it is not.

    ``homes`` are the namespaces of kubeferry and the cluster's own.
    """
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
    if group_resource in _RIGHTS:
        return _why_right(group_resource, name, live, homes)
    return ""


def _why_right(group_resource: str, name: str, live: Object, homes: AbstractSet[str]) -> str:
    if name in _OURS:
        return "it is kubeferry's own"
    if name.startswith("system:") or name == "cluster-admin":
        return "it is the cluster's own"
    if group_resource in _BINDINGS:
        subjects = live.get("subjects")
        for subject in subjects if isinstance(subjects, list) else ():
            if _has_controller(subject, homes):
                return "it gives rights to kubeferry's controller"
    return ""


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
