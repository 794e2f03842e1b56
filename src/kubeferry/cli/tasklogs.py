"""``logs``: the log of a task that has ended, from its vault."""

from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import connect
from kubeferry.cli.output import emit, printable
from kubeferry.cli.stores import load_restore_file, restore_folder, vault_of_backup
from kubeferry.controller.resources import RESTORES
from kubeferry.errors import ObjectMissing
from kubeferry.vault.sidefiles import load_side_file


async def backup(flags: Flags, name: str) -> None:
    """Prints a backup's log. Raises ``ObjectMissing`` when its vault holds none."""
    async with connect(flags) as session, vault_of_backup(session, name) as opened:
        _print(await load_side_file(opened.store, name, "logs.gz"), place=f"backup {name}")


async def restore(flags: Flags, name: str) -> None:
    """Prints a restore's log. Raises ``ObjectMissing`` when its vault holds none."""
    async with connect(flags) as session:
        obj = await session.client.get(RESTORES, name, namespace=session.namespace)
        found = read(obj, ApplicationRestore)
        async with vault_of_backup(session, found.spec.backup_name, task=found.metadata) as opened:
            folder = await restore_folder(opened.store, name, found.metadata.uid)
            log = None
            if folder is not None:
                log = await load_restore_file(opened.store, folder, "logs.gz")
        _print(log, place=f"restore {name}")


def _print(log: bytes | None, *, place: str) -> None:
    if log is None:
        raise ObjectMissing(
            "its vault holds no log",
            place=place,
            remedy="a task stores its log when it ends; until then see the controller's log",
        )
    emit(printable(line) for line in log.decode(errors="replace").splitlines())
