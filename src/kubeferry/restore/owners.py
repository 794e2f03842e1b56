"""References to owners that are restored too: they get the owner's new uid.

Kubernetes' own workloads adopt their pods and ReplicaSets by themselves; so do other workloads, so
of these the reference goes, as before. All else that names an owner which is restored keeps it:

* what is owned by a custom resource, a ConfigMap or the like waits for it: such owners are created
  before everything that may belong to them, owners of owners first
* what is owned by a workload (a Service of a Deployment, a Job of a CronJob) is created after it;
  not what the workload's pods may need before (waves 1 to 5): there the reference goes
* what comes before its owner all the same (claims, what a kind of ``served_later`` owns, circles)
  loses the reference, and a warning says so: an operator that saw its custom resource before the
  claims would make empty ones

An owner that is there already owns what is restored by its uid there. The index is on the spool's
disk: memory does not grow with the owners.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource, split_api_version
from kubeferry.kube.objects import Object, metadata
from kubeferry.restore.spool import Spool, Spooled
from kubeferry.restore.waves import NAMESPACES, OTHERS, OWNERS, ROUNDS, rank
from kubeferry.transform.automatic.upgrades.table import successor
from kubeferry.transform.change import MISSING, Cause, Change, Note

CAUSE = Cause("automatic", "owner-references")
POINTER = "/metadata/ownerReferences"
MISSING_OWNER = "OwnerNotRestored"
_WORKLOADS = frozenset(
    {"replicationcontrollers", "cronjobs.batch", "jobs.batch", "pods", "replicasets.apps"}
    | {"deployments.apps", "statefulsets.apps", "daemonsets.apps"}
)
"""Owners that make pods: pods that are restored come before them."""
_ADOPTED = frozenset({"pods", "replicasets.apps", "controllerrevisions.apps"})
"""What workloads adopt, those of others too: by labels, so a reference would be in the way."""
_ADOPTIONS = frozenset(
    {
        ("statefulsets.apps", "persistentvolumeclaims"),
        ("services", "endpoints"),
        ("services", "endpointslices.discovery.k8s.io"),
    }
)
"""Other owners that find by themselves what is theirs."""
_DEEPEST = 16
"""Owners of owners of ...: what is deeper is a circle, and no owner of it is known in time."""
_SCHEMA = """
create table links (
  kind text, namespace text, name text, number integer,
  owner_kind text, owner_namespace text, owner_name text,
  primary key (kind, namespace, name, number)
) without rowid;
create table owners (
  kind text, namespace text, name text, depth integer not null, is_early integer not null,
  primary key (kind, namespace, name)
) without rowid;
create table uids (
  kind text, namespace text, name text, uid text not null, primary key (kind, namespace, name)
) without rowid;
"""


class _Reference(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    name: str
    uid: str


class _Metadata(msgspec.Struct, rename="camel"):
    uid: str = ""
    deletion_timestamp: str | None = None
    owner_references: list[_Reference] | None = None


class _Head(msgspec.Struct, rename="camel"):
    metadata: _Metadata
    api_version: str = ""
    kind: str = ""


_HEAD = codec.Decoder(_Head)


@dataclass(frozen=True, slots=True)
class Pending:
    """A reference whose owner is not there yet: the reference without uid, and the owner, by what
    it is in the target. ``resource`` is its kind there, None if that is not served yet.
    """

    reference: Object
    owner: Identity
    resource: Resource | None = None


@dataclass(frozen=True, slots=True)
class Linked:
    """An object with those of its references whose owners are there, the change, the references
    that wait for their owners, and what is told of those that go. Without any that stays there is
    no change.
    """

    object: Object
    change: Change | None
    pending: tuple[Pending, ...]
    lost: tuple[Note, ...] = ()


class Owners:
    """Which objects are owned by which, and the new uids; made by ``find_owners``.

    ``namespaces`` is the mapping of the restore, ``last`` are kinds that come after all others.
    """

    def __init__(
        self, spool: Spool, namespaces: Mapping[str, str], last: frozenset[str] = frozenset()
    ) -> None:
        self._last = last
        self._spool = spool
        self._index = spool.index
        self._namespaces = namespaces
        self._index.executescript(_SCHEMA)
        self._index.execute("begin")
        self._has_any = False

    def add(self, dependent: Identity, number: int, owner: Identity) -> None:
        """Notes that reference ``number`` of an object of the archive is to another one of it."""
        self._has_any = True
        self._index.execute(
            "insert or replace into links values (?, ?, ?, ?, ?, ?, ?)",
            (*dependent, number, *owner),
        )
        place = rank(owner.group_resource)
        has_step = owner.group_resource not in _WORKLOADS | self._last
        is_early = has_step and OWNERS <= place <= OTHERS and self._spool.has(owner)
        self._index.execute(
            "insert or ignore into owners values (?, ?, ?, 0, ?)", (*owner, is_early)
        )

    def settle(self) -> None:
        """Puts owners of owners before them; call it when all were added."""
        for depth in range(_DEEPEST):
            moved = self._index.execute(
                "update owners set depth = ? where depth = ? and is_early and exists ("
                "select 1 from links join owners as above on above.kind = links.owner_kind and "
                "above.namespace = links.owner_namespace and above.name = links.owner_name "
                "where links.kind = owners.kind and links.namespace = owners.namespace and "
                "links.name = owners.name and above.is_early and above.depth = ?)",
                (depth + 1, depth, depth),
            )
            if not moved.rowcount:
                break

    def depths(self) -> list[int]:
        """The steps in which owners are created before all else, in order."""
        if not self._has_any:
            return []
        query = "select distinct depth from owners where is_early order by depth"
        return [row[0] for row in self._index.execute(query)]

    def early(self, depth: int) -> Iterator[Spooled]:
        """The owners of one of these steps."""
        query = (
            "select kind, namespace, name from owners where is_early and depth = ? "
            "order by kind, namespace, name"
        )
        for row in self._index.execute(query, (depth,)):
            identity = Identity(*row)
            body = self._spool.get(identity)
            if body is not None:
                yield Spooled(identity, body)

    @property
    def has_late(self) -> bool:
        """Whether ``late`` has anything."""
        return next(self.late(), None) is not None

    def has_own_step(self, identity: Identity) -> bool:
        """Whether ``early`` or ``late`` has it, so that it is not in the step of its kind."""
        return self._has_any and (self.is_early(identity) or self.is_late(identity))

    def is_early(self, identity: Identity) -> bool:
        """Whether ``early`` has it."""
        query = "select 1 from owners where kind = ? and namespace = ? and name = ? and is_early"
        return self._has_any and self._index.execute(query, identity).fetchone() is not None

    def is_late(self, identity: Identity) -> bool:
        """Whether it is created after its own step, for a workload of that owns it."""
        kind = identity.group_resource
        if not self._has_any or rank(kind) != OTHERS or kind in self._last:
            return False
        return any(owner.group_resource in _WORKLOADS for _, owner in self._links(identity))

    def late(self) -> Iterator[Spooled]:
        """What workloads of the step of all others own."""
        if not self._has_any:
            return
        query = "select distinct kind, namespace, name from links order by kind, namespace, name"
        for row in self._index.execute(query):  # of as many as the archive has
            identity = Identity(*row)
            if self.is_late(identity) and not self.is_early(identity):
                body = self._spool.get(identity)
                if body is not None:
                    yield Spooled(identity, body)

    def gives_back(self, dependent: Identity) -> bool:
        """Whether an object of the archive gets an owner back."""
        return self._has_any and bool(self._links(dependent))

    def _links(self, dependent: Identity) -> list[tuple[int, Identity]]:
        query = (
            "select number, owner_kind, owner_namespace, owner_name from links "
            "where kind = ? and namespace = ? and name = ? order by number"
        )
        return [
            (row[0], Identity(*row[1:])) for row in self._index.execute(query, dependent).fetchall()
        ]

    def link(
        self, source: Identity, archived: Object, obj: Object, discovery: Discovery
    ) -> Linked | None:
        """An object of the plan with its references; None where nothing is to be said of any.

        An owner is named in a version that ``discovery``, the target's, has.
        """
        if not self._has_any:
            return None
        links = self._links(source)
        listed = metadata(archived).get("ownerReferences") or []
        known: list[Object] = []
        told: list[Any] = []
        pending: list[Pending] = []
        lost: list[Note] = []
        for number, owner in links:
            reference = {key: value for key, value in listed[number].items() if key != "uid"}
            upgraded = discovery.find(successor(owner.group_resource))
            is_served = discovery.for_kind(reference["apiVersion"], reference["kind"])
            if not is_served and upgraded is not None:
                reference["apiVersion"] = upgraded.api_version
            target = self._target(owner)
            uid = self.uid(target)
            if uid:
                known.append(reference | {"uid": uid})
            elif not self._is_in_time(owner, source):
                text = f"{target}, which it belonged to, comes after it: it belongs to nobody"
                lost.append(Note(MISSING_OWNER, text))
                continue
            else:
                pending.append(Pending(reference, target, upgraded))
            told.append(reference | {"uid": uid or f"(the new uid of {target})"})
        if not told and not lost:
            return None
        made = obj
        if known:
            made = {**obj, "metadata": {**obj["metadata"], "ownerReferences": known}}
        change = Change(POINTER, MISSING, told, CAUSE) if told else None
        return Linked(made, change, tuple(pending), tuple(lost))

    def _is_in_time(self, owner: Identity, dependent: Identity) -> bool:
        """Whether an owner is through with when what it owns is created."""
        if not self._spool.has(owner):  # what is retried was through with it
            return True
        if owner.group_resource in self._last:
            return False
        if dependent.group_resource in self._last:
            return True
        above, depth = self._depth(owner), self._depth(dependent)
        if above is not None:
            after_all = rank(dependent.group_resource) >= OWNERS
            return after_all if depth is None else above < depth
        place = ROUNDS[rank(owner.group_resource)]
        if depth is not None:
            return place < ROUNDS[OWNERS]
        if self.is_late(dependent):
            return not self.is_late(owner)
        return place < ROUNDS[rank(dependent.group_resource)]

    def _depth(self, identity: Identity) -> int | None:
        """In which of the steps before all else it is created, None if in none of them."""
        query = (
            "select depth from owners where kind = ? and namespace = ? and name = ? and is_early"
        )
        row = self._index.execute(query, identity).fetchone()
        return None if row is None else int(row[0])

    def _target(self, owner: Identity) -> Identity:
        """What an owner is called in the target."""
        kind = successor(owner.group_resource)
        if kind == NAMESPACES:
            return Identity(kind, "", self._namespaces.get(owner.name, owner.name))
        namespace = self._namespaces.get(owner.namespace, owner.namespace)
        return Identity(kind, namespace, owner.name)

    def is_needed(self, source: Identity) -> bool:
        """Whether the uid of an object of the archive is asked for."""
        query = "select 1 from owners where kind = ? and namespace = ? and name = ?"
        return self._has_any and self._index.execute(query, source).fetchone() is not None

    def learn(self, target: Identity, body: bytes) -> None:
        """Takes the uid of an object of the target from its JSON; nothing if it has none."""
        try:
            uid = _HEAD.decode(body).metadata.uid
        except msgspec.DecodeError:
            return
        if uid:
            self._index.execute("insert or replace into uids values (?, ?, ?, ?)", (*target, uid))

    def forget(self, target: Identity) -> None:
        """Notes that there is no such object in the target: ``uid`` is empty until ``learn``."""
        self._index.execute("insert or replace into uids values (?, ?, ?, '')", target)

    def is_known(self, target: Identity) -> bool:
        """Whether ``learn``, ``forget`` or what was there says what its uid is."""
        return self._learned(target) is not None or self._spool.live(target) is not None

    def uid(self, target: Identity) -> str:
        """The uid of an owner in the target, by ``learn`` or by what was there; empty if neither
        knows it. What is being deleted owns nothing: all that it owned goes with it.
        """
        learned = self._learned(target)
        if learned is not None:
            return learned
        live = self._spool.live(target)
        try:
            about = _HEAD.decode(live).metadata if live is not None else _Metadata()
        except msgspec.DecodeError:
            return ""
        return "" if about.deletion_timestamp else about.uid

    def _learned(self, target: Identity) -> str | None:
        query = "select uid from uids where kind = ? and namespace = ? and name = ?"
        row = self._index.execute(query, target).fetchone()
        return None if row is None else str(row[0])

    def resolved(
        self, obj: Object, pending: tuple[Pending, ...]
    ) -> tuple[Object, tuple[Pending, ...]]:
        """The object with the references whose owners are there by now, and those that are left."""
        found, left = [], []
        for one in pending:
            uid = self.uid(one.owner)
            if uid:
                found.append(one.reference | {"uid": uid})
            else:
                left.append(one)
        if not found:
            return obj, tuple(left)
        about = obj["metadata"]
        listed = [*(about.get("ownerReferences") or ()), *found]
        return {**obj, "metadata": {**about, "ownerReferences": listed}}, tuple(left)


def find_owners(
    spool: Spool,
    *,
    namespaces: Mapping[str, str],
    last: frozenset[str] = frozenset(),
    defined: Callable[[str, str], Resource | None],
) -> Owners:
    """Finds what is owned by something that is restored, in the spool after the selection.

    ``defined`` finds a resource of the target or of the archive by ``apiVersion`` and kind;
    ``last`` are kinds that come after all others.
    """
    owners = Owners(spool, namespaces, last)
    kinds = _Kinds(spool, defined)
    for identity, body in spool.owned():
        if identity.group_resource in _ADOPTED:
            continue
        try:
            references = _HEAD.decode(body).metadata.owner_references or []
        except msgspec.DecodeError:
            continue  # the plan says what is wrong with it
        for number, one in enumerate(references):
            owner = kinds.owner(identity, one)
            if owner is None or not _stays(owner, identity):
                continue
            if _is(spool, owner, one.uid):
                owners.add(identity, number, owner)
    owners.settle()
    return owners


def _stays(owner: Identity, dependent: Identity) -> bool:
    pair = (owner.group_resource, dependent.group_resource)
    if pair in _ADOPTIONS or owner == dependent:
        return False
    if owner.group_resource in _WORKLOADS:
        return rank(dependent.group_resource) >= OTHERS
    return rank(owner.group_resource) <= OTHERS  # what comes later does something when it comes


def _is(spool: Spool, owner: Identity, uid: str) -> bool:
    """Whether the archive has just this owner: one of its name may have come after it."""
    body = spool.get(owner) or spool.forgotten(owner)
    try:
        return body is not None and _HEAD.decode(body).metadata.uid == uid
    except msgspec.DecodeError:
        return False


class _Kinds:
    """What the archive calls the kinds that references name."""

    def __init__(self, spool: Spool, defined: Callable[[str, str], Resource | None]) -> None:
        self._defined = defined
        self._found: dict[tuple[str, str], tuple[str, bool]] = {}
        for kind in spool.kinds():
            for identity, body in spool.walk(kind):
                try:
                    head = _HEAD.decode(body)
                except msgspec.DecodeError:
                    continue
                group = split_api_version(head.api_version)[0]
                self._found[group, head.kind] = (kind, bool(identity.namespace))
                break

    def owner(self, dependent: Identity, reference: _Reference) -> Identity | None:
        """The owner as the archive would have it, None for a kind that it does not have."""
        group = split_api_version(reference.api_version)[0]
        found = self._found.get((group, reference.kind))
        if found is None:
            resource = self._defined(reference.api_version, reference.kind)
            if resource is None:
                return None
            found = (resource.group_resource, resource.namespaced)
        kind, is_namespaced = found
        return Identity(kind, dependent.namespace if is_namespaced else "", reference.name)
