"""Which kinds a backup takes: the two sorts of filters, resolved by what is served. Pure.

A word is a kind as people write it (``deploy``, ``Deployment``, ``deployments.apps``), else a glob
over group resources (``*.apps``); excludes beat includes (velero.md §2.1-2.3). The old filters are
``includedResources``, ``excludedResources``, ``includeClusterResources``; the scoped ones are lists
for namespaced and for cluster-scoped kinds. Mixing them is refused.

Cluster-scoped objects come in by relation: the volume of a claim, the definition of a custom
resource. ``includeClusterResources`` true lists all of them, false lets none in, unset is relation
alone (ack-backup-center.md §1.2). Unlike in Velero, ``includedResources`` does not keep them
out, or a claim would come without its volume (docs/decisions/0007-selection.md).

Namespace objects are apart: those of the chosen namespaces come in unless a filter names them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from kubeferry.backup.generated import GENERATED_KINDS
from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.globs import compile_glob
from kubeferry.kube.names import Resource
from kubeferry.transform.automatic.finished import NEVER_RESTORED

NAMESPACES = "namespaces"
PODS = "pods"
CLAIMS = "persistentvolumeclaims"
VOLUMES = "persistentvolumes"
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"

NEVER_KINDS = frozenset(
    {
        "volumesnapshots.snapshot.storage.k8s.io",
        "volumesnapshotcontents.snapshot.storage.k8s.io",
    }
)
"""Handles of the source's storage: whose data they are is another matter (velero.md §2.4)."""

RELATED_KINDS = frozenset(
    {
        VOLUMES,
        DEFINITIONS,
        "storageclasses.storage.k8s.io",
        "volumesnapshotclasses.snapshot.storage.k8s.io",
        "priorityclasses.scheduling.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
        "ingressclasses.networking.k8s.io",
    }
)
"""Cluster-scoped kinds that a relation may bring in."""

_COHABITING = {
    "deployments.extensions": "deployments.apps",
    "daemonsets.extensions": "daemonsets.apps",
    "replicasets.extensions": "replicasets.apps",
    "networkpolicies.extensions": "networkpolicies.networking.k8s.io",
    "ingresses.extensions": "ingresses.networking.k8s.io",
    "events.events.k8s.io": "events",
}
"""The same objects under two groups: the first is left out where the second is served."""

_VERBS = frozenset({"list", "get", "create", "delete"})
_FIRST = (PODS, CLAIMS, VOLUMES)
_FOR_CLAIMS = frozenset(
    {
        NAMESPACES,
        CLAIMS,
        VOLUMES,
        "secrets",
        "storageclasses.storage.k8s.io",
        "volumesnapshotclasses.snapshot.storage.k8s.io",
        DEFINITIONS,
    }
)


@dataclass(frozen=True, slots=True)
class ResourceFilters:
    """What people wrote; ``cluster`` is ``includeClusterResources``, None where it is unset."""

    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    included_cluster: tuple[str, ...] = ()
    excluded_cluster: tuple[str, ...] = ()
    included_namespaced: tuple[str, ...] = ()
    excluded_namespaced: tuple[str, ...] = ()
    cluster: bool | None = None


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of one backup.

    Attributes:
        listed: of which all selected objects are taken: pods, claims and volumes first, then by
            name. Namespace objects are never among them.
        allowed: group resources of which objects may come in because another one needs them.
        notes: what was written and has no effect, each with its field.
    """

    listed: tuple[Resource, ...]
    allowed: frozenset[str]
    notes: tuple[str, ...] = ()

    def allows(self, resource: Resource) -> bool:
        """Whether an object of this kind may come in by relation."""
        return resource.group_resource in self.allowed


def check_filters(filters: ResourceFilters) -> None:
    """Refuses what contradicts itself, before anything is asked of a server.

    Raises ``InvalidInput`` naming the field.
    """
    raise NotImplementedError


def choose_kinds(
    filters: ResourceFilters,
    discovery: Discovery,
    *,
    generated: bool,
    everything: bool,
    policy: ResourceFilters | None = None,
) -> Kinds:
    """The kinds to take of those that are served; the filters are checked ones.

    ``generated`` says that generated kinds are wanted too, ``everything`` that all namespaces are.
    ``policy`` are the scoped filters of a resource policy: the backup's own go before them.
    """
    raise NotImplementedError


def claim_kinds(discovery: Discovery) -> Kinds:
    """The kinds of a backup of volumes: claims, and what those may need."""
    raise NotImplementedError
