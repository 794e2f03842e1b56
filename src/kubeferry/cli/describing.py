"""``describe``: everything a person wants to know of one vault or restore."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from kubeferry import codec
from kubeferry.api.location import BackupLocation
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import connect
from kubeferry.cli.description import (
    Pairs,
    course,
    decoded,
    events,
    head,
    moment,
    problems_lines,
)
from kubeferry.cli.finding import find
from kubeferry.cli.output import counted, emit, fields, pairs_text, printable
from kubeferry.cli.restore_words import row_text, rows
from kubeferry.cli.retrying import retries_of
from kubeferry.cli.stores import load_restore_file, vault_of_backup
from kubeferry.clock import utc_now
from kubeferry.controller.resources import LOCATIONS, RESTORES
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.vault.restores import find_restore_folder


async def vault(flags: Flags, name: str) -> None:
    """Prints what there is to know of a vault."""
    async with connect(flags) as session:
        obj = await find(session, LOCATIONS, name)
        emit(fields(vault_fields(read(obj, BackupLocation), now=utc_now())))
        await events(session, LOCATIONS, obj)


async def restore(flags: Flags, name: str, *, details: bool) -> None:
    """Prints what there is to know of a restore; ``details`` reads its report in the vault."""
    async with connect(flags) as session:
        obj = await find(session, RESTORES, name)
        found = read(obj, ApplicationRestore)
        retries = await retries_of(session, name)
        emit(fields(restore_fields(found, now=utc_now(), retries=retries)))
        if details:
            backup_name = found.spec.backup_name
            async with vault_of_backup(session, backup_name, task=found.metadata) as opened:
                folder = await find_restore_folder(opened.store, name, found.metadata.uid)
                if folder is None:
                    emit(["", "No report in the vault yet."])
                else:
                    place = f"restore {name}"
                    listed = await load_restore_file(opened.store, folder, "resource-list.json.gz")
                    results = await load_restore_file(opened.store, folder, "results.gz")
                    emit(objects_lines(decoded(listed, place)))
                    emit(problems_lines(decoded(results, place)))
        await events(session, RESTORES, obj)


def vault_fields(found: BackupLocation, *, now: datetime) -> Pairs:
    """A vault's labels and values."""
    spec, status = found.spec, found.status
    yield from head(found.metadata, status.phase, status.message, now=now)
    yield "Provider", spec.provider
    yield "Bucket", spec.object_storage.bucket
    yield "Prefix", spec.object_storage.prefix
    yield "Region", spec.config.region
    yield "Network", spec.config.network if spec.provider == "alibabacloud" else ""
    yield "Endpoint", spec.config.endpoint
    yield "Encryption", spec.config.server_side_encryption
    yield "KMS key", spec.config.kms_key_id
    yield "Checked", moment(status.last_validation_time, now)
    yield "Checked every", spec.validation_frequency
    yield "Backups looked for", moment(status.last_sync_time, now)
    more = status.left_out_count - len(status.left_out)
    left_out = [f"{one.backup}: {one.message}" for one in status.left_out]
    yield "Backups left out", [*left_out, *([f"and {more:,} more"] if more > 0 else [])]


def restore_fields(
    found: ApplicationRestore, *, now: datetime, retries: Sequence[Object] = ()
) -> Pairs:
    """A restore's labels and values; ``retries`` are the restores that retry it."""
    spec, status = found.spec, found.status
    yield from head(found.metadata, status.phase, status.message, now=now)
    yield "Retried by", [_with_phase(one) for one in retries]
    yield "Backup", spec.backup_name
    yield "Namespaces", pairs_text(spec.namespace_mapping)
    yield "Images", pairs_text(spec.image_registry_mapping)
    told = ("namespaceMapping", "imageRegistryMapping", "resourceModifier", "hooks")
    yield "Parameters", [row_text(row) for row in rows(spec) if row[0] not in told]
    modifier = spec.resource_modifier
    yield "Resource modifier", modifier.name if modifier is not None else ""
    yield "Modifier SHA-256", status.resource_modifier_digest
    yield "Hooks", ", ".join(one.name for one in spec.hooks.resources) if spec.hooks else ""
    yield from course(status.start_timestamp, status.completion_timestamp, status.progress, now)
    if status.counts is not None:
        counts = codec.to_builtins(status.counts)
        yield "Objects", ", ".join(f"{count:,} {what}" for what, count in counts.items())
    if status.hooks is not None and status.hooks.attempted:
        hooks = status.hooks
        yield "Hooks run", f"{hooks.attempted:,} attempted, {hooks.failed:,} failed"
    yield "Errors", str(status.errors)
    yield "Warnings", str(status.warnings)
    yield "Images needed", status.images


def _with_phase(restore: Object) -> str:
    phase = at(restore, ("status", "phase")) or "not started"
    return f"{metadata(restore).get('name')} ({phase})"


def objects_lines(listed: Any) -> Iterator[str]:
    """Velero's resource list, type by type."""
    yield ""
    if not isinstance(listed, dict):
        yield "Contents: none in the vault"
        return
    yield f"Contents: {counted(sum(map(len, listed.values())), 'object')}"
    for kind, names in sorted(listed.items()):
        yield f"  {printable(kind)}"
        yield from (f"    {printable(str(name))}" for name in names)
