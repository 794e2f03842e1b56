"""A restore that does again what an earlier one left undone, under the same plan (``retryOf``).

Both are given the same spec, and the rules must be the same still. The earlier one's journal in the
vault says which objects it was through with; all others are left in the spool, after everything
that a plan takes from the whole backup was taken from it. What is restored gets the labels of the
first restore of the family, so that one label finds all of them.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from kubeferry.api.definition import GROUP, VERSION
from kubeferry.api.metadata import read
from kubeferry.api.restore import DEFINITION, ApplicationRestore
from kubeferry.clock import parse_timestamp
from kubeferry.errors import InvalidInput, NotFound
from kubeferry.journal import Item
from kubeferry.kube.client import Client
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.resuming import UNPROVEN, UNSEALED, read_told
from kubeferry.restore.spool import Spool
from kubeferry.transform.change import Note
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.restores import find_restore_folder, items_files
from kubeferry.vault.store import Store

_RESTORES = Resource(GROUP, VERSION, DEFINITION.plural, DEFINITION.kind, namespaced=True)
ENDED_BADLY = ("PartiallyFailed", "Failed")
"""The phases of a restore that can be retried."""
_UNDONE = frozenset({"failed", "refused"})
_PLACE = "spec.retryOf"
_FAMILY = 100
"""Retries of retries: more than this is no family but a circle."""


@dataclass(frozen=True, slots=True)
class Retried:
    """The restore that is done again in part.

    ``family`` is the name of the first restore that was retried, which the labels of objects have;
    ``begun`` when the earlier one started; ``undone`` how many objects it did not write, by its
    status, None where that does not say. ``before`` are name and uid of the restores that it did
    again itself, the first one first, as far as they are there.
    """

    name: str
    uid: str
    family: str
    begun: datetime | None
    undone: int | None
    before: tuple[tuple[str, str], ...] = ()


async def find_retried(
    restore: ApplicationRestore, *, client: Client, namespace: str, modifier_digest: str
) -> Retried | None:
    """The restore that ``spec.retryOf`` names, None where it names none.

    Raises ``InvalidInput`` when it cannot be retried: it is not there or has not ended badly, or
    it was given another spec or other rules.
    """
    name = restore.spec.retry_of
    if not name:
        return None
    earlier = await _get(client, name, namespace)
    phase = earlier.status.phase
    if phase not in ENDED_BADLY:
        raise InvalidInput(
            f"restore {name!r} is {phase or 'not started'}",
            place=_PLACE,
            remedy="retry a restore that is PartiallyFailed or Failed",
        )
    _check_same_spec(restore, earlier)
    if earlier.status.resource_modifier_digest not in ("", modifier_digest):
        raise InvalidInput(
            f"the modifier was changed since restore {name!r}",
            place="spec.resourceModifier",
            remedy="a retry follows the same rules: create a new restore, which leaves alone what "
            "is there already",
        )
    family, before = await _family(client, earlier, namespace)
    begun = earlier.status.start_timestamp
    counts = earlier.status.counts
    return Retried(
        name=name,
        uid=earlier.metadata.uid,
        family=family,
        begun=parse_timestamp(begun) if begun else None,
        undone=counts.failed + counts.refused if counts is not None else None,
        before=before,
    )


async def _get(client: Client, name: str, namespace: str) -> ApplicationRestore:
    try:
        return read(await client.get(_RESTORES, name, namespace=namespace), ApplicationRestore)
    except NotFound as error:
        raise InvalidInput(
            f"there is no restore {name!r}",
            place=_PLACE,
            remedy="its journal is found through it: create a new restore, which leaves alone what "
            "is there already",
        ) from error


def _check_same_spec(restore: ApplicationRestore, earlier: ApplicationRestore) -> None:
    for one in msgspec.structs.fields(restore.spec):
        differs = getattr(restore.spec, one.name) != getattr(earlier.spec, one.name)
        if differs and one.name != "retry_of":
            raise InvalidInput(
                f"is not that of restore {earlier.metadata.name!r}",
                place=f"spec.{one.encode_name}",
                remedy="a retry is the same restore once more: create a new one for another",
            )


async def _family(
    client: Client, restore: ApplicationRestore, namespace: str
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The name of the first restore, and those between, the first one first, as far as they are
    there.
    """
    before: list[tuple[str, str]] = []
    for _ in range(_FAMILY):
        name = restore.spec.retry_of
        if not name:
            break
        try:
            restore = await _get(client, name, namespace)
        except InvalidInput:
            return name, tuple(reversed(before))
        before.append((restore.metadata.name, restore.metadata.uid))
    return restore.metadata.name, tuple(reversed(before))


async def keep_undone(
    spool: Spool, retried: Retried, *, store: Store, backup: BackupFacts
) -> tuple[Note, ...]:
    """Leaves in the spool what the earlier restore did not write; what a person should know.

    Raises ``InvalidInput`` when nothing is left to be done, or the backup is another one by now;
    ``ArchiveDamaged`` for a journal that is none.
    """
    if retried.begun is not None and backup.started is not None and backup.started > retried.begun:
        raise InvalidInput(
            f"the backup was taken after restore {retried.name!r} had begun: it is another one",
            place=_PLACE,
            remedy="create a new restore",
        )
    notes: list[Note] = []
    for name, uid in retried.before:  # of the lines of an object the last one counts
        folder = await find_restore_folder(store, name, uid)
        if folder is not None:
            notes += await _take_journal(spool, store, folder, uid)
    folder = await find_restore_folder(store, retried.name, retried.uid)
    if folder is not None:
        notes += await _take_journal(spool, store, folder, retried.uid)
    elif retried.undone is not None:
        text = f"the journal of restore {retried.name!r} is not in the vault any more"
        return (*notes, Note(UNPROVEN, f"{text}: everything is done again"))
    elif not retried.before:  # it wrote nothing
        return ()
    told = spool.forget_hinted(_UNDONE)
    if retried.undone is not None and told < retried.undone:
        text = f"tells of {told} objects that were not written, its status of {retried.undone}"
        notes.append(Note(UNPROVEN, f"the journal of restore {retried.name!r} {text}"))
    if not spool.count():
        raise InvalidInput(
            f"restore {retried.name!r} wrote every object: its errors are of another kind",
            place=_PLACE,
            remedy=f"restore describe {retried.name} --details tells them",
        )
    return tuple(notes)


async def _take_journal(spool: Spool, store: Store, folder: str, uid: str) -> list[Note]:
    """Tells the spool what a journal says became of each object; what of it is not believed.

    Raises ``ArchiveDamaged``.
    """
    notes: list[Note] = []
    async for file in items_files(store, folder, uid=uid):
        if file.proof == "missing":
            notes.append(Note(UNPROVEN, f"{file.place} {UNSEALED}"))
            continue
        for line in file.lines():
            done = read_told(line, file)
            if isinstance(done, Item):
                spool.hint(Identity(*done.source), done.action)
    return notes
