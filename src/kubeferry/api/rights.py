"""Who may do what: the controller's rights and those of people, each with its reason. Pure.

A rule is written down once: ``install`` prints it, docs/permissions.md tells its reasons, and the
tests hold the audit log of real clusters against it. None repeats what another one grants, so each
can be judged by whether it is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubeferry.api import crd
from kubeferry.api.definition import GROUP

CONTROLLER = "kubeferry-controller"
"""The controller's Deployment, service account, roles and Lease."""
OPERATOR = "kubeferry-operator"
VIEWER = "kubeferry-viewer"
RBAC = "rbac.authorization.k8s.io"

_OURS = tuple(sorted(definition.plural for definition in crd.DEFINITIONS))


@dataclass(frozen=True, slots=True)
class Rule:
    """Verbs on resources of one API group, ``""`` being the core group.

    Attributes:
        reasons: each verb with why it is needed.
        names: the objects it is about; all of them if empty.
    """

    group: str
    resources: tuple[str, ...]
    reasons: Mapping[str, str]
    names: tuple[str, ...] = ()

    def manifest(self) -> dict[str, Any]:
        """The rule as a role has it."""
        rule: dict[str, Any] = {
            "apiGroups": [self.group],
            "resources": list(self.resources),
            "verbs": list(self.reasons),
        }
        return rule | ({"resourceNames": list(self.names)} if self.names else {})


EVERYWHERE = (
    Rule(
        "*",
        ("*",),
        {
            "get": "what a backup adds by its name (volumes, definitions), whether what is in a "
            "restore's way is its own, the vault's keys, commands in pods by WebSocket",
            "list": "a backup reads every kind there is, in pages",
            "create": "a restore creates every kind there is, those included that it defines "
            "itself; commands in pods; events of tasks",
            "patch": "a restore with `existingResourcePolicy` `update` or `recreate`, and what a "
            "service account that is there lacks; a status that is restored; how a task or a vault "
            "is; a finalizer holds a backup whose applications are still frozen by a hook",
            "delete": "a restore with `existingResourcePolicy: recreate`",
        },
    ),
    Rule(
        RBAC,
        ("clusterroles", "roles"),
        {
            "escalate": "restoring a role that grants what the controller itself may not do",
            "bind": "restoring a binding to such a role",
        },
    ),
)
"""What the controller may do in the whole cluster. A list of kinds cannot be given: an application
may consist of any, of some that the cluster does not know yet too."""

AT_HOME = (
    Rule(
        GROUP,
        _OURS,
        {"watch": "tasks and vaults are taken up as soon as they are there"},
    ),
    Rule(
        "coordination.k8s.io",
        ("leases",),
        {"update": "taking, renewing and giving up the lease of the controller that works"},
        names=(CONTROLLER,),
    ),
)
"""What the controller may do beside that in its own namespace."""

_LOOK = ("get", "list", "watch")
_WRITE = ("create", "update", "patch", "delete")


def _all(verbs: tuple[str, ...], why: str) -> dict[str, str]:
    return dict.fromkeys(verbs, why)


_SEE = (
    Rule(GROUP, _OURS, _all(_LOOK, "seeing tasks and vaults, waiting for their end")),
    Rule("", ("configmaps",), _all(_LOOK, "planning a restore with its resource modifier")),
    Rule("", ("events",), _all(_LOOK, "what `describe` shows of them")),
)

PEOPLE: Mapping[str, tuple[Rule, ...]] = {
    VIEWER: _SEE,
    OPERATOR: (
        *_SEE,
        Rule(
            GROUP,
            _OURS,
            _all(_WRITE, "taking backups, restoring, registering vaults, and removing each"),
        ),
        Rule(
            "",
            ("configmaps",),
            _all(_WRITE, "removing resource modifiers; writing them where there is no guard"),
        ),
        Rule("apps", ("deployments",), _all(_LOOK, "whether the controller runs")),
        Rule("", ("pods",), _all(_LOOK, "whether the controller runs, and where")),
        Rule("", ("pods/log",), {"get": "reading the controller's log"}),
    ),
}
"""Cluster roles for people; a RoleBinding in kubeferry's namespace gives them out."""
