"""``describe``: everything a person wants to know of one vault, backup or restore."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.api.backup import ApplicationBackup
from kubeferry.api.definition import SYNCED_FROM
from kubeferry.api.fields import Progress
from kubeferry.api.location import BackupLocation
from kubeferry.api.metadata import Metadata, read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.output import (
    NONE,
    counted,
    emit,
    fields,
    pairs_text,
    printable,
    size_text,
    table,
)
from kubeferry.cli.stores import load_restore_file, restore_folder, vault_of_backup
from kubeferry.clock import parse_timestamp, utc_now
from kubeferry.controller.resources import BACKUPS, EVENTS, LOCATIONS, RESTORES
from kubeferry.durations import format_age
from kubeferry.errors import ApiError, ArchiveDamaged
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, metadata
from kubeferry.vault.sidefiles import load_side_file

Pairs = Iterator[tuple[str, object]]


async def vault(flags: Flags, name: str) -> None:
    """Prints what there is to know of a vault."""
    async with connect(flags) as session:
        obj = await session.client.get(LOCATIONS, name, namespace=session.namespace)
        emit(fields(vault_fields(read(obj, BackupLocation), now=utc_now())))
        await _events(session, LOCATIONS, obj)


async def backup(flags: Flags, name: str, *, details: bool) -> None:
    """Prints what there is to know of a backup; ``details`` reads its files in the vault."""
    async with connect(flags) as session:
        obj = await session.client.get(BACKUPS, name, namespace=session.namespace)
        emit(fields(backup_fields(read(obj, ApplicationBackup), now=utc_now())))
        if details:
            async with vault_of_backup(session, name) as opened:
                listed = await load_side_file(opened.store, name, "resource-list.json.gz")
                results = await load_side_file(opened.store, name, "results.gz")
            place = f"backup {name}"
            emit(objects_lines(_decoded(listed, place)))
            emit(problems_lines(_decoded(results, place)))
        await _events(session, BACKUPS, obj)


async def restore(flags: Flags, name: str, *, details: bool) -> None:
    """Prints what there is to know of a restore; ``details`` reads its report in the vault."""
    async with connect(flags) as session:
        obj = await session.client.get(RESTORES, name, namespace=session.namespace)
        found = read(obj, ApplicationRestore)
        emit(fields(restore_fields(found, now=utc_now())))
        if details:
            backup_name = found.spec.backup_name
            async with vault_of_backup(session, backup_name, task=found.metadata) as opened:
                folder = await restore_folder(opened.store, name, found.metadata.uid)
                if folder is None:
                    emit(["", "No report in the vault yet."])
                else:
                    place = f"restore {name}"
                    listed = await load_restore_file(opened.store, folder, "resource-list.json.gz")
                    results = await load_restore_file(opened.store, folder, "results.gz")
                    emit(objects_lines(_decoded(listed, place)))
                    emit(problems_lines(_decoded(results, place)))
        await _events(session, RESTORES, obj)


def vault_fields(found: BackupLocation, *, now: datetime) -> Pairs:
    """A vault's labels and values."""
    spec, status = found.spec, found.status
    yield from _head(found.metadata, status.phase, status.message, now=now)
    yield "Provider", spec.provider
    yield "Bucket", spec.object_storage.bucket
    yield "Prefix", spec.object_storage.prefix
    yield "Region", spec.config.region
    yield "Network", spec.config.network if spec.provider == "alibabacloud" else ""
    yield "Endpoint", spec.config.endpoint
    yield "Checked", _moment(status.last_validation_time, now)
    yield "Checked every", spec.validation_frequency
    yield "Backups looked for", _moment(status.last_sync_time, now)


def backup_fields(found: ApplicationBackup, *, now: datetime) -> Pairs:
    """A backup's labels and values."""
    spec, status = found.spec, found.status
    yield from _head(found.metadata, status.phase, status.message, now=now)
    yield "Synced from", found.metadata.annotations.get(SYNCED_FROM, "")
    yield "Vault", spec.storage_location
    yield "Source cluster", status.source_cluster
    yield "Namespaces", ", ".join(spec.included_namespaces) or "all but the reserved ones"
    yield "Left out", ", ".join(spec.excluded_namespaces)
    yield "Volume data", "asked for" if spec.wants_volume_data else "not asked for"
    yield "Hooks", ", ".join(one.name for one in spec.hooks.resources) if spec.hooks else ""
    yield "Kept for", spec.ttl
    yield "Expires", _moment(status.expiration, now)
    yield from _course(status.start_timestamp, status.completion_timestamp, status.progress, now)
    yield "Archive", size_text(status.bytes) if status.bytes else ""
    hooks, owed = status.hooks, [one for one in status.pending_hooks if not one.problem]
    yield "Hooks run", f"{hooks.attempted:,} attempted, {hooks.failed:,} failed" if hooks else ""
    yield "Still to be run", counted(len(owed), "post hook") if owed else ""
    yield "Errors", str(status.errors)
    yield "Warnings", str(status.warnings)


def restore_fields(found: ApplicationRestore, *, now: datetime) -> Pairs:
    """A restore's labels and values."""
    spec, status = found.spec, found.status
    yield from _head(found.metadata, status.phase, status.message, now=now)
    yield "Backup", spec.backup_name
    yield "Namespaces", pairs_text(spec.namespace_mapping)
    yield "Images", pairs_text(spec.image_registry_mapping)
    modifier = spec.resource_modifier
    yield "Resource modifier", modifier.name if modifier is not None else ""
    yield "Modifier SHA-256", status.resource_modifier_digest
    yield "Hooks", ", ".join(one.name for one in spec.hooks.resources) if spec.hooks else ""
    yield from _course(status.start_timestamp, status.completion_timestamp, status.progress, now)
    if status.counts is not None:
        counts = codec.to_builtins(status.counts)
        yield "Objects", ", ".join(f"{count:,} {what}" for what, count in counts.items())
    if status.hooks is not None and status.hooks.attempted:
        hooks = status.hooks
        yield "Hooks run", f"{hooks.attempted:,} attempted, {hooks.failed:,} failed"
    yield "Errors", str(status.errors)
    yield "Warnings", str(status.warnings)
    yield "Images needed", status.images


def _head(about: Metadata, phase: str | None, message: str, *, now: datetime) -> Pairs:
    yield "Name", about.name
    yield "Namespace", about.namespace
    yield "Created", _moment(about.creation_timestamp, now)
    yield "Phase", phase or "not started"
    yield "Message", message


def _course(
    started: str | None, completed: str | None, progress: Progress | None, now: datetime
) -> Pairs:
    yield "Started", _moment(started, now)
    if started and completed:
        took = parse_timestamp(completed) - parse_timestamp(started)
        yield "Ended", f"{completed} (took {format_age(took.total_seconds())})"
    if progress is not None and progress.total_items:
        yield "Progress", f"{progress.items_done:,} of {progress.total_items:,} objects"


def _moment(text: str | None, now: datetime) -> str:
    if not text:
        return ""
    seconds = (now - parse_timestamp(text)).total_seconds()
    age = f"{format_age(seconds)} ago" if seconds >= 0 else f"in {format_age(-seconds)}"
    return f"{text} ({age})"


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


def problems_lines(results: Any) -> Iterator[str]:
    """The warnings and errors of a results file (velero.md §1.2)."""
    for level in ("errors", "warnings"):
        lines = list(_problems((results or {}).get(level) or {}))
        if lines:
            yield ""
            yield f"{level.capitalize()}:"
            yield from lines


def _problems(side: dict[str, Any]) -> Iterator[str]:
    for where in ("velero", "cluster"):
        yield from (f"  {printable(str(text))}" for text in side.get(where) or ())
    for namespace, texts in sorted((side.get("namespaces") or {}).items()):
        yield f"  namespace {printable(namespace)}"
        yield from (f"    {printable(str(text))}" for text in texts)


def _decoded(data: bytes | None, place: str) -> Any:
    try:
        return codec.decode(data) if data else None
    except msgspec.DecodeError as error:
        raise ArchiveDamaged(
            f"a file of its report does not decode: {error}", place=place
        ) from error


async def _events(session: Session, resource: Resource, obj: Object) -> None:
    """The events about an object, oldest first; who may not read events sees none."""
    selector = f"involvedObject.kind={resource.kind},involvedObject.name={metadata(obj)['name']}"
    try:
        found = await session.client.list(
            EVENTS, namespace=session.namespace, field_selector=selector
        )
    except ApiError:
        return
    uid = metadata(obj).get("uid")
    mine = [one for one in found if (one.get("involvedObject") or {}).get("uid") == uid]
    if mine:
        emit(["", "Events:", *events_lines(mine, now=utc_now())])


def events_lines(events: Sequence[Object], *, now: datetime) -> Iterable[str]:
    """Events as kubectl shows them: type, reason, age, message."""
    rows = [("  TYPE", "REASON", "AGE", "MESSAGE")]
    for event in sorted(events, key=_when):
        seconds = (now - parse_timestamp(_when(event))).total_seconds() if _when(event) else None
        rows.append(
            (
                f"  {event.get('type') or NONE}",
                printable(str(event.get("reason") or NONE)),
                NONE if seconds is None else format_age(seconds),
                printable(str(event.get("message") or "").strip()),
            )
        )
    return table(rows)


def _when(event: Object) -> str:
    return str(
        event.get("lastTimestamp")
        or event.get("eventTime")
        or metadata(event).get("creationTimestamp")
        or ""
    )
