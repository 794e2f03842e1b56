"""Creating and changing objects, as a request's body says: decode, admit, check, own, store.

Every way to change an object (PUT, the patches, apply, scale) ends in ``Objects.change``: the new
object against the stored one. Nothing here knows HTTP; what fails raises ``Refused``.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from kubeferry import codec
from kubeferry.clock import Clock, timestamp
from kubeferry.kube.objects import Object
from kubeferry.sandbox import admission, answers, managed, native_rules, strategies
from kubeferry.sandbox.answers import Refused
from kubeferry.sandbox.defaulting import apply_defaults, apply_native_defaults
from kubeferry.sandbox.defaults import set_defaults
from kubeferry.sandbox.kinds import Kind, Kinds, metadata_node
from kubeferry.sandbox.pruning import WrongType, decode_native, prune
from kubeferry.sandbox.storage import Entry, Storage, Stored
from kubeferry.sandbox.validation import validate
from kubeferry.sandbox.versions import convert


@dataclass(slots=True)
class Write:
    """How a request wants to write; ``warnings`` collects what the answer's headers say."""

    manager: str
    operation: str = "Update"
    subresource: str = ""
    dry_run: bool = False
    validation: str = "Warn"
    force: bool = False
    warnings: list[str] = field(default_factory=list)


Written = Callable[[Kind, Entry], None]


class Objects:
    """The objects of one server and the rules by which they change."""

    def __init__(self, storage: Storage, kinds: Kinds, *, clock: Clock) -> None:
        self.storage = storage
        self.kinds = kinds
        self.clock = clock
        self.after_write: list[Written] = []

    def now(self) -> str:
        """The time as objects carry it."""
        return timestamp(self.clock())

    def read(self, kind: Kind, namespace: str, name: str) -> Entry:
        """A stored object. Raises ``Refused`` (404)."""
        entry = self.storage.get(kind.table, namespace, name)
        if entry is None:
            raise answers.not_found(kind.resource, name)
        return entry

    def decode(self, kind: Kind, body: Any, write: Write) -> Object:
        """A request's body as an object of the kind's storage version; unknown fields go."""
        resource = kind.resource
        _refuse_other_kind(kind, body)
        unknown: list[str] = []
        try:
            meta = decode_native(body.get("metadata") or {}, metadata_node(), "metadata", unknown)
            if kind.custom:
                rest = {k: v for k, v in body.items() if k not in _ROOT}
                prune(rest, kind.node, "", unknown)
            else:
                rest = {k: v for k, v in body.items() if k not in _ROOT}
                rest = decode_native(rest, kind.node, "", unknown)
        except WrongType as error:
            raise error.refusal(resource.kind, resource.version) from error
        _tell_unknown(kind, unknown, write)
        obj: Object = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
        obj.update(rest)
        return convert(obj, kind, self.kinds.storage(kind))

    def create(self, kind: Kind, namespace: str, body: Any, write: Write) -> Entry:
        """Creates an object. A dry run's entry has no revision and is not stored."""
        obj = self.decode(kind, body, write)
        stored = self.kinds.storage(kind)
        meta = obj["metadata"]
        if meta.get("resourceVersion"):
            raise Refused(500, "", "resourceVersion should not be set on objects to be created")
        _place(stored, meta, namespace)
        generated = not meta.get("name") and meta.get("generateName")
        if generated:
            meta["name"] = f"{meta['generateName'][:58]}{_suffix()}"
        self._fill(stored, obj)
        for name in ("selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"):
            meta.pop(name, None)
        meta["uid"] = str(uuid4())
        meta["creationTimestamp"] = self.now()
        strategies.drop_status(stored, obj)
        if write.operation != "Apply":
            managed.after_update(
                None, obj, stored.node, self._manager(kind, write), native=not kind.custom
            )
        strategies.prepare_create(stored, obj, now=self.now())
        admission.admit_create(stored, obj, self.storage)
        self._check(stored, obj, None)
        name = meta["name"]
        if self.storage.get(stored.table, namespace, name) is not None:
            raise answers.already_exists(kind.resource, name)
        _ordered(obj)
        return self._store(stored, (namespace, name), obj, write, None)

    def replace(self, kind: Kind, namespace: str, name: str, body: Any, write: Write) -> Entry:
        """PUT: the whole object."""
        new = self.decode(kind, body, write)
        meta = new["metadata"]
        if meta.get("name", name) != name:
            raise answers.bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL "
                f"({name})"
            )
        meta["name"] = name
        _place(kind, meta, namespace)
        entry = self.read(kind, namespace, name)
        if not meta.get("resourceVersion") and (kind.custom or kind.table in _NEED_REVISION):
            raise answers.invalid(
                kind.resource.group,
                kind.resource.plural,
                name,
                [
                    answers.invalid_value(
                        "metadata.resourceVersion", 0, "must be specified for an update"
                    )
                ],
            )
        return self.change(kind, entry, new, write)

    def change(self, kind: Kind, entry: Entry, new: Object, write: Write) -> Entry:
        """Puts ``new`` (decoded, storage version) in the place of a stored object."""
        stored = self.kinds.storage(kind)
        old, meta = entry.object, new["metadata"]
        self._refuse_stale(kind, old, meta)
        for name in ("uid", "creationTimestamp", "deletionTimestamp", "selfLink", "generation"):
            meta.pop(name, None)
            if name in old["metadata"]:
                meta[name] = old["metadata"][name]
        for name in ("namespace", "deletionGracePeriodSeconds"):
            if name in old["metadata"]:
                meta[name] = old["metadata"][name]
        strategies.keep_other_parts(stored, new, old, write.subresource)
        self._fill(stored, new)
        if write.operation != "Apply":
            managed.after_update(
                old, new, stored.node, self._manager(kind, write), native=not kind.custom
            )
        strategies.prepare_update(stored, new, old, now=self.now())
        self._check(stored, new, old)
        meta["resourceVersion"] = old["metadata"]["resourceVersion"]
        if _same(new, old):
            return entry
        strategies.count_generation(stored, new, old)
        if meta.get("deletionTimestamp") and strategies.may_vanish(new):
            return entry if write.dry_run else self._remove(stored, entry, new)
        _ordered(new)
        return self._store(stored, entry.key, new, write, entry)

    def _remove(self, kind: Kind, entry: Entry, last: Object) -> Entry:
        """The last finalizer is gone: the object goes too, and the answer is its last state."""
        removed = self.storage.remove(kind.table, entry.key)
        last["metadata"]["resourceVersion"] = removed.object["metadata"]["resourceVersion"]
        return Stored(entry.key, last, codec.encode(last), removed.revision)

    def _manager(self, kind: Kind, write: Write) -> managed.Manager:
        return managed.Manager(
            write.manager,
            write.operation,
            kind.resource.api_version,
            write.subresource,
            # A real server stamps no time on what was written through scale.
            "" if write.subresource == "scale" else self.now(),
        )

    def manager(self, kind: Kind, write: Write) -> managed.Manager:
        """Who a write is owned by."""
        return self._manager(kind, write)

    def _fill(self, kind: Kind, obj: Object) -> None:
        """Defaults, in the storage version."""
        if kind.custom:
            for key, value in obj.items():
                if key not in _ROOT and isinstance(value, dict | list):
                    inner = kind.node.properties.get(key)
                    if inner is not None:
                        apply_defaults(value, inner)
            for key, inner in kind.node.properties.items():
                if key not in obj and key not in _ROOT and inner.has_default:
                    apply_defaults(obj, kind.node)
                    break
        else:
            set_defaults(obj, kind.table)
            apply_native_defaults(obj, kind.node)

    def _check(self, kind: Kind, obj: Object, old: Object | None) -> None:
        causes = list(native_rules.check(kind, obj, old))
        if kind.custom:
            causes.extend(validate(obj, kind.node, old))
        if causes:
            resource = kind.resource
            raise answers.invalid(
                resource.group, resource.kind, obj["metadata"].get("name", ""), causes
            )

    def _refuse_stale(self, kind: Kind, old: Object, meta: dict[str, Any]) -> None:
        held, name = old["metadata"], old["metadata"]["name"]
        uid = meta.get("uid")
        if uid and uid != held["uid"]:
            where = f"{held['namespace']}/{name}" if held.get("namespace") else name
            raise answers.conflict(
                kind.resource,
                name,
                f"StorageError: invalid object, Code: 4, Key: /registry/{kind.resource.plural}/"
                f"{where}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
                f"precondition: {uid}, UID in object meta: {held['uid']}",
            )
        version = meta.get("resourceVersion")
        if version and version != held["resourceVersion"]:
            raise answers.conflict(kind.resource, name)

    def _store(
        self, kind: Kind, key: tuple[str, str], obj: Object, write: Write, old: Entry | None
    ) -> Entry:
        if write.dry_run:
            if old is None:
                obj["metadata"].pop("resourceVersion", None)
            return Stored(key, obj, codec.encode(obj), 0)
        entry = self.storage.put(kind.table, key, obj)
        for listener in self.after_write:
            listener(kind, entry)
        return entry


_ROOT = ("apiVersion", "kind", "metadata")
_NEED_REVISION = frozenset(
    {
        "customresourcedefinitions.apiextensions.k8s.io",
        "apiservices.apiregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "leases.coordination.k8s.io",
        "poddisruptionbudgets.policy",
        "priorityclasses.scheduling.k8s.io",
    }
)
"""Built-in kinds that may not be replaced without saying which revision is meant."""
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def _suffix() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(5))


def _ordered(obj: Object) -> None:
    """Kind and apiVersion first: lists of built-in kinds leave them out."""
    rest = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}
    kind, version = obj["kind"], obj["apiVersion"]
    obj.clear()
    obj.update({"kind": kind, "apiVersion": version, **rest})


def _same(new: Object, old: Object) -> bool:
    """Whether a write changes nothing, so that it makes no new revision."""
    return new == old


def _place(kind: Kind, meta: dict[str, Any], namespace: str) -> None:
    """The namespace of the URL, with which the body's must agree."""
    if not kind.resource.namespaced:
        meta.pop("namespace", None)
        return
    if meta.get("namespace", namespace) != namespace:
        raise answers.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    meta["namespace"] = namespace


def _refuse_other_kind(kind: Kind, body: Any) -> None:
    resource = kind.resource
    if not isinstance(body, dict):
        raise answers.bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): couldn't get "
            "version/kind; json parse error: json: cannot unmarshal into Go value of type struct"
        )
    found_version, found_kind = body.get("apiVersion"), body.get("kind")
    if found_kind in (None, "", resource.kind) and found_version in (
        None,
        "",
        resource.api_version,
    ):
        if kind.custom and not (found_kind and found_version):
            missing = "Kind" if not found_kind else "apiVersion"
            text = codec.encode(body).decode()
            raise answers.bad_request(f"Object '{missing}' is missing in '{text}'")
        return
    if found_kind != resource.kind:
        version = str(found_version or "").rpartition("/")[2]
        raise answers.bad_request(
            f'{found_kind} in version "{version}" cannot be handled as a {resource.kind}: '
            f"converting ({version}.{found_kind}) to ({resource.group or 'core'}.{resource.kind}): "
            "unknown conversion"
        )
    raise answers.bad_request(
        f"the API version in the data ({found_version}) does not match the expected API version "
        f"({resource.api_version})"
    )


def _tell_unknown(kind: Kind, unknown: list[str], write: Write) -> None:
    if not unknown or write.validation == "Ignore":
        return
    texts = [f'unknown field "{path}"' for path in unknown]
    if write.validation == "Strict":
        resource = kind.resource
        raise answers.bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a '
            f"{resource.kind}: strict decoding error: {', '.join(texts)}"
        )
    write.warnings.extend(texts)
