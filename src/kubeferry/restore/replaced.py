"""Copies of what a restore deletes to make it anew, in the vault before the deletion.

So whatever happens between the deletion and the create, nothing is lost, and a run that takes up
the task again knows that an empty place is its own doing: what it creates there counts as made
anew, and if it cannot create it, the error says so. A copy is the whole object, also of a Secret,
as the vault has them of a backup; where the vault has a key its file is sealed.

What an earlier run of the task has copied is only told, never put back: a file without a seal could
hold anything.
"""

import asyncio
from dataclasses import replace

import msgspec

from kubeferry.errors import ArchiveDamaged
from kubeferry.journal import Journal, Replaced, read_replaced
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object
from kubeferry.report import Problem, Reporter
from kubeferry.restore.apply import Result
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.resuming import UNPROVEN
from kubeferry.restore.spool import Spool
from kubeferry.vault import layout
from kubeferry.vault.restores import items_files, items_sink
from kubeferry.vault.store import Store

_LINES: layout.Lines = "replaced"


class Copies:
    """The copies of one restore, in its folder of the vault."""

    def __init__(self, store: Store, folder: str, *, uid: str, spool: Spool) -> None:
        self._store = store
        self._folder = folder
        self._uid = uid
        self._spool = spool
        self._has_earlier = False
        # A number that is taken is passed over.
        sink = items_sink(store, folder, uid=uid, lines=_LINES)
        self._journal = Journal(sink, first=1, now=asyncio.get_running_loop().time)
        self.place = f"{store.url}/{layout.restore_items_prefix(folder, _LINES)}*"

    async def keep(self, item: PlanItem, live: Object) -> str:
        """Stores a copy of an object that an item's is to replace; says where. Several that come
        at once are stored in one file.

        Raises ``VaultError``.
        """
        self._journal.add(Replaced(source=item.source, target=item.target, object=live))
        await self._journal.flush()
        return self.place

    async def resume(self, *, reporter: Reporter) -> None:
        """Learns what earlier runs of the task were about to delete.

        Raises ``ArchiveDamaged`` for what is no such file, ``InvalidInput`` when the spool has no
        room.
        """
        async for file in items_files(self._store, self._folder, uid=self._uid, lines=_LINES):
            if file.proof == "missing":
                text = "is not sealed with the vault's key, or was changed: it is not looked at"
                reporter.problem(Problem("warning", UNPROVEN, f"{file.place} {text}"))
                continue
            for line in file.lines():
                try:
                    source = read_replaced(line)
                except msgspec.DecodeError as error:
                    raise ArchiveDamaged(
                        f"a line of the copies is none: {error}", place=file.place
                    ) from error
                self._spool.note_replaced(Identity(*source))
                self._has_earlier = True

    def explained(self, result: Result) -> Result:
        """A result, which says so if an earlier run of the task has emptied its place."""
        item, why = result.item, result.why
        if not self._has_earlier or item.action != "create":
            return result
        if not self._spool.is_replaced(item.source):
            return result
        if result.action == "created":
            return replace(result, action="recreated")
        if result.action != "failed" or why is None:
            return result
        text = f"{why.message}; this restore had deleted what was there; its copy is in"
        return replace(result, why=why._replace(message=f"{text} {self.place}"))
