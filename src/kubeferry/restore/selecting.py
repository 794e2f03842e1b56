"""Takes out of the spool what is not to be restored, so that all that comes after sees the rest.

Bodies are read only where labels decide or where an object may need others; meanwhile others have
their turn.
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.objects import Object, labels
from kubeferry.restore.needs import BINDINGS, accounts_of, needed, reads_bodies
from kubeferry.restore.selection import Chosen, Selection, choose, written
from kubeferry.restore.spool import Spool
from kubeferry.restore.waves import DEFINITIONS, NAMESPACES
from kubeferry.transform.change import Note

_TURN = 500
"""How many bodies are read before others have their turn."""


async def select(
    spool: Spool, selection: Selection, *, discovery: Discovery, defined: Iterable[Resource]
) -> tuple[Note, ...]:
    """Removes from the spool what is not selected and what no selected object needs.

    Returns what was written and matches nothing. Raises ``InvalidInput`` when nothing is left, and
    for a namespace that is named and not in the backup.
    """
    if selection.is_everything:
        return ()
    archived = {name for _, name in spool.names(NAMESPACES)}
    chosen = choose(
        selection,
        namespaces=spool.namespaces() | archived,
        kinds=spool.kinds(),
        discovery=discovery,
        defined=defined,
    )
    for _ in _Keeper(spool, selection, chosen).run():
        await asyncio.sleep(0)
    spool.drop_others()
    if not spool.count():
        told = "; ".join(f"{name}: {text}" for name, text in written(selection))
        raise InvalidInput(
            f"selects nothing of the backup ({told})",
            place="spec",
            remedy="see what is in it: kubeferry backup contents NAME",
        )
    return chosen.notes


class _Keeper:
    """Marks what is kept."""

    def __init__(self, spool: Spool, selection: Selection, chosen: Chosen) -> None:
        self._spool = spool
        self._selection = selection
        self._chosen = chosen
        self._all_cluster = selection.cluster is True or (
            selection.cluster is None and selection.all_namespaces
        )

    def run(self) -> Iterator[None]:
        """Keeps what is selected, what that needs, and the Namespaces of both, bit by bit."""
        spool = self._spool
        for kind in spool.kinds():
            if kind in self._chosen.kinds and kind != NAMESPACES:
                yield from self._kind(kind)
        yield from self._bindings()
        for kind in spool.kept_kinds():
            self._keep(Identity(DEFINITIONS, "", kind))
        within = spool.kept_namespaces()
        for _, name in list(spool.names(NAMESPACES)):
            identity = Identity(NAMESPACES, "", name)
            if name in within or self._is_selected_namespace(identity):
                spool.keep(identity)

    def _kind(self, kind: str) -> Iterator[None]:
        if not self._selection.labels and not reads_bodies(kind):
            cluster = ("",) if self._all_cluster else ()
            self._spool.keep_all(kind, (*self._chosen.namespaces, *cluster))
            yield
            return
        for number, (identity, body) in enumerate(self._spool.walk(kind)):
            if number % _TURN == 0:
                yield
            if self._may_be_selected(identity.namespace):
                obj = _decoded(body)
                if self._selection.by_labels(labels_of(obj)) and self._spool.keep(identity):
                    self._keep_needed(kind, obj)

    def _may_be_selected(self, namespace: str) -> bool:
        return namespace in self._chosen.namespaces if namespace else self._all_cluster

    def _is_selected_namespace(self, identity: Identity) -> bool:
        if NAMESPACES not in self._chosen.kinds or identity.name not in self._chosen.namespaces:
            return False
        if not self._selection.labels:
            return True
        return self._selection.by_labels(labels_in(self._spool.get(identity) or b"{}"))

    def _bindings(self) -> Iterator[None]:
        """A cluster role binding is needed by the accounts that it grants something."""
        if not self._may_come_in(Identity(BINDINGS, "", "")):
            return
        for number, (identity, body) in enumerate(self._spool.walk(BINDINGS)):
            if number % _TURN == 0:
                yield
            if any(map(self._spool.is_kept, accounts_of(_decoded(body)))):
                self._keep(identity)

    def _keep(self, identity: Identity) -> None:
        """Keeps an object that another one needs, and what it needs itself."""
        if not self._may_come_in(identity) or not self._spool.keep(identity):
            return
        if reads_bodies(identity.group_resource):
            obj = _decoded(self._spool.get(identity) or b"{}")
            self._keep_needed(identity.group_resource, obj)

    def _keep_needed(self, kind: str, obj: Object) -> None:
        for other in needed(kind, obj):
            self._keep(other)

    def _may_come_in(self, identity: Identity) -> bool:
        if identity.group_resource in self._chosen.excluded:
            return False
        if identity.namespace:
            return identity.namespace in self._chosen.namespaces
        return self._selection.cluster is not False


def _decoded(body: bytes) -> Object:
    """An archived object; an empty one for what is none, of which the plan will tell."""
    try:
        obj: Any = codec.decode_archived(body)
    except msgspec.DecodeError:
        return {}
    return obj if isinstance(obj, dict) else {}


def labels_of(obj: Object) -> dict[str, str]:
    """An archived object's labels, whatever its metadata is."""
    found = labels(obj)
    return found if isinstance(found, dict) else {}


def labels_in(body: bytes) -> dict[str, str]:
    """The labels in an entry of an archive, none where it is no object."""
    return labels_of(_decoded(body))
