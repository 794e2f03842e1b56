"""``logs``: the log of a task that has ended, from its vault."""

from kubeferry.api.backup import RESTORABLE_PHASES, ApplicationBackup
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.describing_backup import gone
from kubeferry.cli.output import counted, emit, printable, say
from kubeferry.cli.stores import (
    load_restore_file,
    tell_notes,
    vault_of_backup,
)
from kubeferry.controller.resources import BACKUPS, RESTORES
from kubeferry.errors import NotFound, ObjectMissing
from kubeferry.vault.restores import find_restore_folder
from kubeferry.vault.sidefiles import load_side_file


async def backup(flags: Flags, name: str) -> None:
    """Prints a backup's log, and how it ended.

    Raises ``ObjectMissing`` when its vault holds none, ``BackupMissing`` when it is gone from it.
    """
    async with connect(flags) as session:
        async with vault_of_backup(session, name) as opened:
            verified = await tell_notes(opened.store, name)
            log = None
            if verified is not None:
                log = await load_side_file(opened.store, name, "logs.gz", verified=verified)
        phase = "" if log is not None else await _phase(session, name)
        if verified is None and phase in RESTORABLE_PHASES:
            raise gone(name, opened.name)
        emit(log_lines(log, phase, place=f"backup {name}"))
        if verified is not None:
            facts = verified.facts
            found = [counted(facts.errors, "error"), counted(facts.warnings, "warning")]
            say(f"backup {name}: {facts.phase} ({', '.join(found)})")


async def _phase(session: Session, name: str) -> str:
    """How far the task is, empty where the cluster has none."""
    try:
        found = await session.client.get(BACKUPS, name, namespace=session.namespace)
    except NotFound:
        return ""
    return read(found, ApplicationBackup).status.phase or "not started"


async def restore(flags: Flags, name: str) -> None:
    """Prints a restore's log. Raises ``ObjectMissing`` when its vault holds none."""
    async with connect(flags) as session:
        obj = await session.client.get(RESTORES, name, namespace=session.namespace)
        found = read(obj, ApplicationRestore)
        async with vault_of_backup(session, found.spec.backup_name, task=found.metadata) as opened:
            folder = await find_restore_folder(opened.store, name, found.metadata.uid)
            log = None
            if folder is not None:
                log = await load_restore_file(opened.store, folder, "logs.gz")
        phase = found.status.phase or "not started"
        emit(log_lines(log, phase, place=f"restore {name}"))


def log_lines(log: bytes | None, phase: str, *, place: str) -> list[str]:
    """The lines of the log of a task in a phase.

    Raises ``ObjectMissing`` for one that is not there yet, and in other words for one that never
    was.
    """
    if log is None:
        waits = phase in ("InProgress", "not started")
        raise ObjectMissing(
            f"is {phase} and has no log yet" if waits else "its vault holds no log",
            place=place,
            remedy="a task stores its log when it ends; until then see the controller's log",
        )
    return [printable(line) for line in log.decode(errors="replace").splitlines()]
