"""The guard: admission policies that keep whoever may write kubeferry's resources from becoming the
controller by them (design.md, Security). Pure.

Whoever administers RBAC, may ``escalate`` and ``bind`` cluster roles, can become anybody anyway:
those alone register vaults, ask for hooks, rules and privileged resources, and write the ConfigMaps
that the controller reads, which are those of its namespace, and statuses, by which the controller
knows what it owes. A policy judges only who changes what it guards, and never the controller's own
account.

Each expression asks the authorizer twice at most: more is beyond what an expression may cost
(KEP-3488).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kubeferry.api.definition import ADMISSION, GROUP, GUARD
from kubeferry.api.location import ANNOTATION
from kubeferry.api.rights import CONTROLLER

_ROLES = "authorizer.group('rbac.authorization.k8s.io').resource('clusterroles')"
IS_ADMINISTRATOR = f"{_ROLES}.check('escalate').allowed() && {_ROLES}.check('bind').allowed()"
_ASK = "ask whoever may escalate and bind cluster roles"
Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Door:
    """One thing that only administrators may do.

    ``needs`` is a CEL expression that says whether an object does it; ``said`` what it is, for the
    message; ``instead`` what others can do.
    """

    needs: str
    said: str
    instead: str = _ASK


@dataclass(frozen=True, slots=True)
class Guarded:
    """A kind with its doors. ``changed`` says whether an update changed what is guarded.

    ``at_home`` says whether only kubeferry's namespace counts.
    """

    name: str
    group: str
    plural: str
    changed: str
    doors: tuple[Door, ...]
    at_home: bool = False

    @property
    def has_status(self) -> bool:
        """Whether it is one of ours, with a status that the controller believes."""
        return self.group == GROUP


def _annotation(whose: str) -> str:
    return (
        f"(has({whose}.metadata.annotations) && '{ANNOTATION}' in {whose}.metadata.annotations ? "
        f"{whose}.metadata.annotations['{ANNOTATION}'] : '')"
    )


_IS_STATUS = "(has(request.subResource) && request.subResource == 'status')"
_SPEC = f"object.spec != oldObject.spec || {_IS_STATUS} && object.?status != oldObject.?status"
_TASK = f"{_SPEC} || {_annotation('object')} != {_annotation('oldObject')}"
_VAULT_BY_ANNOTATION = Door(
    f"{_annotation('object')} != ''",
    f"the annotation {ANNOTATION} registers a vault",
    "leave it out, where the vault is registered already",
)
_STATUS = Door(
    _IS_STATUS, "a status is believed: what was done, which commands are still to be run"
)
_HOOKS = Door("has(object.spec.hooks)", "hooks run commands in pods", "leave spec.hooks out")

_PUBLISHED = ("kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert")
"""ConfigMaps that others put into every namespace. The controller reads none of them, for it reads
what an administrator's restore names, and what has the label of an image renaming.
"""
_IS_READ = (
    f"!(object.metadata.name in {list(_PUBLISHED)}) || "
    f"(has(object.metadata.labels) && 'velero.io/plugin-config' in object.metadata.labels)"
)

GUARDED = (
    Guarded(
        "vaults",
        GROUP,
        "backuplocations",
        _SPEC,
        (Door("true", "a vault says what is restored and where Secrets go"),),
    ),
    Guarded("backups", GROUP, "applicationbackups", _TASK, (_VAULT_BY_ANNOTATION, _HOOKS, _STATUS)),
    Guarded(
        "restores",
        GROUP,
        "applicationrestores",
        _TASK,
        (
            _VAULT_BY_ANNOTATION,
            _HOOKS,
            _STATUS,
            Door(
                "has(object.spec.resourceModifier)",
                "a resource modifier changes any field",
                "leave spec.resourceModifier out",
            ),
            Door(
                "!has(object.spec.privilegedResources) || "
                "object.spec.privilegedResources != 'Skip'",
                "roles, webhooks and privileged pods give rights over the cluster",
                "write privilegedResources: Skip",
            ),
        ),
    ),
    Guarded(
        "configmaps",
        "",
        "configmaps",
        "object.?data != oldObject.?data || object.?binaryData != oldObject.?binaryData || "
        "object.metadata.?labels != oldObject.metadata.?labels",
        (Door(_IS_READ, "rules and policies for the controller are ConfigMaps of its namespace"),),
        at_home=True,
    ),
)
"""What is guarded, for docs/security.md too."""


def manifests(namespace: str) -> Iterator[Manifest]:
    """A policy and its binding for each guarded kind; ``namespace`` is kubeferry's."""
    for one in GUARDED:
        name = f"{GUARD}{one.name}"
        yield _object("ValidatingAdmissionPolicy", name, _policy(one, namespace))
        spec = {"policyName": name, "validationActions": ["Deny"]}
        yield _object("ValidatingAdmissionPolicyBinding", name, spec)


def _object(kind: str, name: str, spec: Manifest) -> Manifest:
    about = {"name": name}
    return {"apiVersion": f"{ADMISSION}/v1", "kind": kind, "metadata": about, "spec": spec}


def _policy(one: Guarded, namespace: str) -> Manifest:
    home = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    # The server's defaults are written out: it takes this part as one, and an apply compares it.
    matches: Manifest = {
        "matchPolicy": "Equivalent",
        "namespaceSelector": home if one.at_home else {},
        "objectSelector": {},
        "resourceRules": [
            {
                "apiGroups": [one.group],
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": [one.plural, *([f"{one.plural}/status"] if one.has_status else ())],
                "scope": "*",
            }
        ],
    }
    account = f"system:serviceaccount:{namespace}:{CONTROLLER}"
    return {
        "failurePolicy": "Fail",
        "matchConstraints": matches,
        "matchConditions": [
            {
                "name": "not-the-controller",
                "expression": f"request.userInfo.username != '{account}'",
            },
            {
                "name": "changes-what-is-guarded",
                "expression": f"request.operation == 'CREATE' || {one.changed}",
            },
        ],
        "variables": [{"name": "administrator", "expression": IS_ADMINISTRATOR}],
        "validations": [
            {
                "expression": "variables.administrator"
                if door.needs == "true"
                else f"!({door.needs}) || variables.administrator",
                "message": f"{door.said}: only who may escalate and bind cluster roles may do "
                f"that; {door.instead}",
                "reason": "Forbidden",
            }
            for door in one.doors
        ],
    }
