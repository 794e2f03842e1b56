"""``backup browse``: a backup, or what a restore would make of it, as a cluster for kubectl."""

import asyncio
import contextlib
import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kubeferry import codec
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.live import view
from kubeferry.cli.manifests import load, placed
from kubeferry.cli.masking import masked_planned, masked_saved
from kubeferry.cli.output import say
from kubeferry.cli.plan_sources import shown_plan
from kubeferry.cli.stores import Opened, vault_of_backup
from kubeferry.controller.resources import RESTORES
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity
from kubeferry.local.browse import Shown, browse
from kubeferry.restore.archive import limits_for
from kubeferry.restore.plan import Planner
from kubeferry.restore.prepare import prepare
from kubeferry.restore.spool import Spool
from kubeferry.restore.target import LiveTarget
from kubeferry.vault.reader import disagreement, read_archive

_NO_SUCH_PROGRAM = 127


@dataclass(frozen=True, slots=True)
class How:
    """What the options say.

    ``restore`` is a restore's manifest: not the backup is shown, but what that would make of it.
    ``command`` is run with the cluster as its own; without one the cluster is there until Ctrl-C.
    """

    restore: str | None = None
    show_secrets: bool = False
    command: Sequence[str] = ()


async def browse_backup(flags: Flags, name: str, *, vault: str | None, how: How) -> int:
    """Serves it; returns the command's exit code, 0 without one.

    Raises ``BackupMissing``, ``ArchiveError``, ``VaultError``, ``ApiError``, ``InvalidInput``.
    """
    told = f"backup {name} is open for reading: nothing can be changed in it"
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(connect(flags))
        gathering = AsyncExitStack()
        async with gathering:
            shown = await _shown(gathering, session, name, vault=vault, how=how)
            sandbox = await stack.enter_async_context(
                browse(shown, name=name, read_only=told, settings=session.settings)
            )
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kubeferry-browse-"))
        kubeconfig = Path(folder) / "kubeconfig"
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(sandbox.kubeconfig())
        if not how.show_secrets:
            say("values of Secrets are masked: --show-secrets shows them")
        if how.command:
            return await _run(how.command, kubeconfig)
        say(f"backup {name} is open, read only, until Ctrl-C. In another terminal:")
        say(f"  export KUBECONFIG={shlex.quote(str(kubeconfig))}")
        say("  kubectl get all --all-namespaces")
        await asyncio.Event().wait()
    return 0


async def _shown(
    stack: AsyncExitStack, session: Session, name: str, *, vault: str | None, how: How
) -> Iterator[Shown]:
    """What is to be shown; to be consumed before ``stack`` ends."""
    if how.restore is not None:
        return _as_restored(await _planned(stack, session, name, vault, how.restore), how)
    opened = await stack.enter_async_context(vault_of_backup(session, name, vault=vault))
    settings = session.settings
    spool = stack.enter_context(Spool(parent=settings.spool_dir, limit=settings.spool_limit))
    with view(f"backup {name}") as shown:
        shown.update("reading the archive", 0, None)
        limits = limits_for(spool)
        read = await read_archive(opened.store, name, spool=spool.add, limits=limits)
    for note in read.notes:
        say(f"warning: {note}")
    return _as_saved(spool, how)


def _as_saved(spool: Spool, how: How) -> Iterator[Shown]:
    for kind in spool.kinds():
        for identity, body in spool.walk(kind):
            try:
                obj = codec.decode_archived(body)
            except msgspec.DecodeError as error:
                say(f"warning: {identity} is not shown: it is no JSON: {error}")
                continue
            is_one = isinstance(obj, dict) and isinstance(obj.get("apiVersion"), str)
            if not is_one or not isinstance(obj.get("kind"), str) or disagreement(identity, obj):
                say(f"warning: {identity} is not shown: what is in it is something else")
                continue
            yield _shown_as(identity, obj, how)


async def _planned(
    stack: AsyncExitStack, session: Session, name: str, vault: str | None, file: str
) -> Planner:
    body, restore = load(file, ApplicationRestore)
    if restore.spec.backup_name != name:
        raise InvalidInput(
            f"restores the backup {restore.spec.backup_name!r}, not {name!r}",
            place=f"{file} spec.backupName",
            remedy="name that backup",
        )
    where = placed(RESTORES, body, given=None, default=session.namespace).namespace
    request = await prepare(restore, client=session.client, namespace=where)
    opened: Opened = await stack.enter_async_context(
        vault_of_backup(session, name, vault=vault, task=restore.metadata)
    )
    target, settings = LiveTarget(session.client), session.settings
    return await stack.enter_async_context(
        shown_plan(request, target=target, store=opened.store, settings=settings)
    )


def _as_restored(planner: Planner, how: How) -> Iterator[Shown]:
    """What would be there: what would be written, and what is there and would be left as it is."""
    left = 0
    for _, items in planner.steps():
        for item in items:
            live = planner.spool.live(item.target) if item.object is None else None
            if item.object is not None:
                obj = item.object if how.show_secrets else masked_planned(item, item.object)
                yield Shown(item.target, obj)
            elif live is not None:
                yield _shown_as(item.target, codec.decode(live), how)
            else:
                left += 1
    if left:
        say(f"{left} objects are not shown: the restore would leave them out (see restore plan)")


def _shown_as(identity: Identity, obj: dict[str, object], how: How) -> Shown:
    return Shown(identity, obj if how.show_secrets else masked_saved(identity, obj))


async def _run(command: Sequence[str], kubeconfig: Path) -> int:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, "KUBECONFIG": str(kubeconfig)}
        )
    except OSError as error:
        say(f"error: {command[0]}: {error.strerror}")
        return _NO_SUCH_PROGRAM
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
