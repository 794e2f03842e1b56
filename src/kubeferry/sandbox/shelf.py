"""Serves objects as they are, unchecked, in whatever versions they come: another server's.

What a real server would refuse or convert is shown as it was saved. Kinds that this server does not
know, or not in that version, are served with name and age; those that a definition among the
objects defines have its columns.
"""

from collections.abc import Callable
from dataclasses import replace

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.objects import Object
from kubeferry.sandbox.crds import kinds_of
from kubeferry.sandbox.kinds import AGE, NAME, Kind, Kinds
from kubeferry.sandbox.schema import Compiler
from kubeferry.sandbox.storage import Storage

_VERBS = frozenset({"get", "list", "watch"})
_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


class Shelf:
    """Puts objects into a server that is read only."""

    def __init__(self, storage: Storage, kinds: Kinds) -> None:
        self._storage = storage
        self._kinds = kinds
        self._seen: set[tuple[str, str]] = set()

    def define(self, definition: Object) -> None:
        """Learns kinds from a CustomResourceDefinition; one that is none teaches nothing."""
        try:
            kinds = kinds_of(definition)
            group, plural = definition["spec"]["group"], definition["spec"]["names"]["plural"]
        except (LookupError, TypeError, AttributeError, StopIteration, InvalidInput):
            return
        words = (group, plural, *(one.resource.version for one in kinds))
        if all(isinstance(one, str) for one in words):
            self._kinds.replace(group, plural, kinds)

    def put(self, identity: Identity, obj: Object, load: Callable[[], bytes]) -> None:
        """Puts an object there, which ``load`` reads whenever it is asked for.

        Its JSON must begin with ``kind`` and ``apiVersion``, in this order.
        """
        api_version = str(obj["apiVersion"])
        seen = (identity.group_resource, api_version)
        if seen not in self._seen:
            self._seen.add(seen)
            self._serve(identity, api_version, str(obj["kind"]))
        self._storage.shelve(identity.group_resource, (identity.namespace, identity.name), load)

    def _serve(self, identity: Identity, api_version: str, kind: str) -> None:
        """Sees to it that objects of a kind and version are served as what they are."""
        plural, _, group = identity.group_resource.partition(".")
        version = api_version.rpartition("/")[2]
        others = [
            one
            for one in self._kinds
            if (one.resource.group, one.resource.plural) == (group, plural)
        ]
        known = next((one for one in others if one.resource.version == version), None)
        if known is not None and known.resource.kind == kind:
            if known.stored_as != version:
                self._kinds.replace(
                    group, plural, [replace(one, stored_as=version) for one in others]
                )
            return
        if any(one.custom for one in others):
            others = [replace(one, stored_as=version) for one in others if one is not known]
        else:
            others = []  # of a built-in kind in a version of its own no other form is known
        resource = Resource(
            group=group,
            version=version,
            plural=plural,
            kind=kind,
            namespaced=bool(identity.namespace),
            verbs=_VERBS,
            singular=kind.lower(),
        )
        unknown = Kind(
            resource=resource,
            table=identity.group_resource,
            stored_as=version,
            node=Compiler().compile(_ANYTHING),
            columns=(NAME, AGE),
            custom=True,
            schema=_ANYTHING,
            list_kind=f"{kind}List",
        )
        self._kinds.replace(group, plural, [*others, unknown])
