"""The kinds a server serves: the built-in ones from a table, custom ones while it runs.

``data/kinds.json`` is made from a real API server by hack/sandbox_kinds.py. A ``Kind`` is one
resource in one version; versions of one resource share a table in the storage, whose objects are
kept in the storage version.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from kubeferry import codec
from kubeferry.kube.names import Resource, version_rank
from kubeferry.sandbox.schema import Compiler, Node


class Column(NamedTuple):
    """One column of ``kubectl get``: ``path`` is a JSONPath for custom columns, else empty."""

    name: str
    type: str
    format: str
    priority: int
    path: str = ""
    description: str = ""


NAME = Column("Name", "string", "name", 0, ".metadata.name")
AGE = Column("Age", "date", "", 0, ".metadata.creationTimestamp")
"""The columns of a custom resource that names none."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the scale subresource finds its fields, as paths of keys."""

    replicas: tuple[str, ...] = ("spec", "replicas")
    status: tuple[str, ...] = ("status", "replicas")
    selector: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One resource in one version, with all that its requests need.

    Attributes:
        table: the storage's name for all its versions.
        stored_as: the version its objects are stored in.
        node: the schema of the whole object.
        schema_name: of a built-in kind, its schema's name in the OpenAPI document.
        schema: of a custom one, its schema as the CRD has it.
        selectable: paths a field selector may name beside metadata.name and metadata.namespace.
    """

    resource: Resource
    table: str
    stored_as: str
    node: Node
    columns: tuple[Column, ...] = ()
    custom: bool = False
    scale: Scale | None = None
    schema_name: str = ""
    schema: dict[str, Any] = field(default_factory=dict)
    selectable: tuple[str, ...] = ()
    list_kind: str = ""

    @property
    def has_status(self) -> bool:
        """Whether status is written through its own subresource only."""
        return "status" in self.resource.subresources

    @property
    def storage_api_version(self) -> str:
        """The apiVersion its objects are stored with."""
        group = self.resource.group
        return f"{group}/{self.stored_as}" if group else self.stored_as

    @property
    def prefix(self) -> bytes:
        """How each stored object's JSON begins."""
        about = f'{{"kind":"{self.resource.kind}","apiVersion":"{self.resource.api_version}",'
        return about.encode()


@cache
def table() -> dict[str, Any]:
    """The file: ``version``, ``resources`` and ``schemas``. Read once; nobody changes it."""
    text = files("kubeferry.sandbox").joinpath("data/kinds.json").read_bytes()
    read: dict[str, Any] = codec.decode(text)
    return read


@cache
def metadata_node() -> Node:
    """The schema of every object's metadata."""
    return _compiler().named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")


@cache
def _compiler() -> Compiler:
    return Compiler(table()["schemas"])


_STORED_AS = {"horizontalpodautoscalers.autoscaling": "v2"}
_TABLES = {"events.events.k8s.io": "events"}
_SELECTABLE: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "namespaces": ("status.phase",),
    "nodes": ("spec.unschedulable",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
    "replicationcontrollers": ("status.replicas",),
    "replicasets.apps": ("status.replicas",),
    "jobs.batch": ("status.successful",),
    "certificatesigningrequests.certificates.k8s.io": ("spec.signerName",),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
}


@cache
def builtin_kinds() -> tuple[Kind, ...]:
    """The built-in kinds, in discovery's order."""
    names = {
        (gvk["group"], gvk["version"], gvk["kind"]): name
        for name, schema in table()["schemas"].items()
        for gvk in schema.get("x-kubernetes-group-version-kind", ())
    }
    return tuple(_builtin(entry, names) for entry in table()["resources"])


def _builtin(entry: dict[str, Any], names: dict[tuple[str, str, str], str]) -> Kind:
    resource = Resource(
        group=entry["group"],
        version=entry["version"],
        plural=entry["plural"],
        kind=entry["kind"],
        namespaced=entry["namespaced"],
        verbs=frozenset(entry["verbs"]),
        singular=entry["singular"],
        short_names=tuple(entry["shortNames"]),
        categories=tuple(entry["categories"]),
        subresources=frozenset(entry["subresources"]),
    )
    name = resource.group_resource
    schema = names[(resource.group, resource.version, resource.kind)]
    selector = ("spec", "selector")
    return Kind(
        resource=resource,
        table=_TABLES.get(name, name),
        stored_as=_STORED_AS.get(name, resource.version),
        node=_compiler().named(schema),
        columns=tuple(Column(*column) for column in entry["columns"]),
        scale=Scale(selector=selector) if "scale" in resource.subresources else None,
        schema_name=schema,
        selectable=_SELECTABLE.get(name, ()),
        list_kind=f"{resource.kind}List",
    )


class Kinds:
    """What one server serves now; ``changes`` grows with each kind that comes or goes."""

    def __init__(self) -> None:
        self._by_path = {_path(kind): kind for kind in builtin_kinds()}
        self.changes = 0

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_path.values())

    def get(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind served at a path, if any."""
        return self._by_path.get((group, version, plural))

    def of(self, api_version: str, kind: str) -> Kind | None:
        """The kind that an object's apiVersion and kind name."""
        for one in self._by_path.values():
            if one.resource.kind == kind and one.resource.api_version == api_version:
                return one
        return None

    def stored(self) -> Iterator[Kind]:
        """Each resource once, in the version it is stored in."""
        for kind in self._by_path.values():
            if (
                kind.resource.version == kind.stored_as
                and kind.table == kind.resource.group_resource
            ):
                yield kind

    def storage(self, kind: Kind) -> Kind:
        """The same resource in its storage version."""
        plural, _, group = kind.table.partition(".")
        return self._by_path.get((group, kind.stored_as, plural), kind)

    def replace(self, group: str, plural: str, served: Iterable[Kind]) -> None:
        """Serves a custom resource's versions, or with none stops serving it."""
        for key in [key for key in self._by_path if key[0] == group and key[2] == plural]:
            del self._by_path[key]
        for kind in sorted(served, key=lambda one: version_rank(one.resource.version)):
            self._by_path[_path(kind)] = kind
        self.changes += 1


def _path(kind: Kind) -> tuple[str, str, str]:
    return kind.resource.group, kind.resource.version, kind.resource.plural
