"""``backup describe``: what was asked for, how it went, and with details what is in it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from kubeferry import codec
from kubeferry.api.backup import (
    MOST_RELATED,
    RESTORABLE_PHASES,
    ApplicationBackup,
    BackupSpec,
    Preview,
)
from kubeferry.api.definition import NOT_TOLD, SYNCED_FROM
from kubeferry.api.labels import Labels
from kubeferry.api.metadata import read
from kubeferry.cli.command import Flags, program
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.contents_view import CLUSTER_SCOPED
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
from kubeferry.cli.output import NONE, counted, emit, fields, printable, say, size_text, table
from kubeferry.cli.plan_view import Look
from kubeferry.cli.planning import look
from kubeferry.cli.preview_view import kind_lines, related_lines
from kubeferry.cli.stores import tell_notes, vault_of_backup
from kubeferry.clock import utc_now
from kubeferry.controller.resources import BACKUPS
from kubeferry.errors import BackupMissing
from kubeferry.kube.names import split_api_version
from kubeferry.kube.selectors import parse_selector
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.sidefiles import load_side_file

_SIZES = (
    ("csiSnapshotInfo", "size"),
    ("snapshotDataMovementInfo", "size"),
    ("pvbInfo", "size"),
)
"""Where an entry of volumeinfo has the size of the data (velero.md §1.2)."""


async def backup(flags: Flags, name: str, *, details: bool) -> None:
    """Prints what there is to know of a backup; ``details`` reads its files in the vault."""
    async with connect(flags) as session:
        obj = await find(session, BACKUPS, name)
        found = read(obj, ApplicationBackup)
        emit(fields(backup_fields(found, now=utc_now())))
        if found.status.preview is not None:
            emit(told_lines(found.status.preview, look(full=False)))
        is_there = True
        if details and found.status.preview is None:
            is_there = await _details(session, found)
        await events(session, BACKUPS, obj)
    if not is_there:
        raise gone(name, found.spec.storage_location)


def gone(name: str, vault: str) -> BackupMissing:
    """Of a backup that its vault had."""
    return BackupMissing(f"is not in vault {vault!r} any more", place=f"backup {name}")


async def _details(session: Session, found: ApplicationBackup) -> bool:
    """Tells what the vault has of it; whether it has what it should."""
    name = found.metadata.name
    async with vault_of_backup(session, name) as opened:
        verified = await tell_notes(opened.store, name)
        if is_synced(found) and verified is not None:
            emit(asked_lines(verified.facts))
        if verified is None:
            return found.status.phase not in RESTORABLE_PHASES
        listed, volumes, results = [
            decoded(
                await load_side_file(opened.store, name, kind, verified=verified), f"backup {name}"
            )
            for kind in ("resource-list.json.gz", "volumeinfo.json.gz", "results.gz")
        ]
    emit(details_lines(listed, volumes, results))
    say(f"{program()} backup contents {name} tells sizes and dates")
    return True


def is_synced(found: ApplicationBackup) -> bool:
    """Whether it appeared by sync: then its spec has defaults where the vault is silent."""
    return SYNCED_FROM in found.metadata.annotations


def asked_lines(facts: BackupFacts) -> Iterator[str]:
    """What was asked for, as the vault tells it by the names of Velero."""
    namespaces = {
        "includedNamespaces": facts.included_namespaces,
        "excludedNamespaces": facts.excluded_namespaces,
    }
    asked = {name: value for name, value in namespaces.items() if value} | dict(facts.asked)
    if asked:
        yield ""
        yield "Asked for:"
        texts = ((f"  {name}", codec.encode(value).decode()) for name, value in asked.items())
        yield from fields(texts)


def details_lines(listed: Any, volumes: Any, results: Any) -> Iterator[str]:
    """What the files in the vault tell: objects, volumes, problems."""
    yield from objects_lines(listed)
    yield from volumes_lines(volumes)
    yield from problems_lines(results)


def backup_fields(found: ApplicationBackup, *, now: datetime) -> Pairs:
    """A backup's labels and values."""
    spec, status = found.spec, found.status
    yield from head(found.metadata, status.phase, status.message, now=now)
    yield "Synced from", found.metadata.annotations.get(SYNCED_FROM, "")
    yield "Vault", spec.storage_location
    yield "Source cluster", status.source_cluster
    if is_synced(found):
        not_told = found.metadata.annotations.get(NOT_TOLD, "")
        if "includedNamespaces" not in not_told:
            yield from _namespaces(spec)
        yield "Not told here", not_told and f"{not_told}: --details tells them"
    else:
        yield from selection_fields(spec)
    yield "Hooks", ", ".join(one.name for one in spec.hooks.resources) if spec.hooks else ""
    yield "Kept for", spec.ttl
    yield "Expires", moment(status.expiration, now)
    yield from course(status.start_timestamp, status.completion_timestamp, status.progress, now)
    yield "Archive", size_text(status.bytes) if status.bytes else ""
    hooks, owed = status.hooks, [one for one in status.pending_hooks if not one.problem]
    yield "Hooks run", f"{hooks.attempted:,} attempted, {hooks.failed:,} failed" if hooks else ""
    yield "Still to be run", counted(len(owed), "post hook") if owed else ""
    yield "Errors", str(status.errors)
    yield "Warnings", str(status.warnings)


def selection_fields(spec: BackupSpec) -> Pairs:
    """What was asked for; what is as it is by default goes without saying, volume data aside."""
    yield "Type", spec.backup_type + (", dry run" if spec.dry_run else "")
    yield from _namespaces(spec)
    for label, words in (
        ("Kinds", spec.included_resources),
        ("Kinds left out", spec.excluded_resources),
        ("Namespaced kinds", spec.included_namespace_scoped_resources),
        ("  left out", spec.excluded_namespace_scoped_resources),
        ("Cluster-scoped kinds", spec.included_cluster_scoped_resources),
        ("  left out", spec.excluded_cluster_scoped_resources),
    ):
        yield label, ", ".join(words)
    yield "Cluster-scoped", _CLUSTER[spec.include_cluster_resources]
    yield "Labels", "" if spec.label_selector is None else _text(spec.label_selector)
    yield "Labels, one of", [_text(one) for one in spec.or_label_selectors]
    yield "Generated objects", "too" if spec.generated_objects == "Include" else ""
    yield "Versions", "" if spec.all_versions else "the preferred one of each kind"
    policy = spec.resource_policy
    yield "Resource policy", policy.name if policy is not None else ""
    volumes = spec.pv_backup
    yield "Volume data", "asked for" if spec.wants_volume_data else "not asked for"
    yield "  of classes", ", ".join(volumes.included_storage_classes)
    yield "  of claims", [_text(one) for one in volumes.label_selectors]
    yield "  mounted", _MOUNTED[volumes.mounted_only]


def _namespaces(spec: BackupSpec) -> Pairs:
    yield "Namespaces", ", ".join(spec.included_namespaces) or "all but the reserved ones"
    yield "Namespaces left out", ", ".join(spec.excluded_namespaces)


_CLUSTER = {None: "", True: "all", False: "none"}
_MOUNTED = {None: "", True: "only", False: "or not"}


def _text(labels: Labels) -> str:
    """A selector as kubectl writes it; an empty one selects everything."""
    return str(parse_selector(codec.to_builtins(labels), place="labels")) or "any"


def told_lines(preview: Preview, look: Look) -> Iterator[str]:
    """What a dry run found, as its status tells it: of related objects some."""
    yield ""
    total = f"{counted(preview.objects, 'object')}, {size_text(preview.bytes)}"
    if preview.other_versions_bytes:
        total += f" + {size_text(preview.other_versions_bytes)} in other versions"
    yield f"{look.paint('Would be in it', bold=True)}  {total}"
    yield from kind_lines([(one.kind, one.objects, one.bytes) for one in preview.kinds])
    yield from related_lines([(one.object, one.because) for one in preview.related], look)
    if len(preview.related) == MOST_RELATED:
        yield "  and perhaps more: backup create --dry-run shows all"


def objects_lines(listed: Any) -> Iterator[str]:
    """Velero's resource list (velero.md §1.2) by namespace, then kind; cluster-scoped ones last."""
    yield ""
    if not isinstance(listed, dict):
        yield "Contents: no list in the vault"
        return
    counts: Counter[str] = Counter()
    grouped: dict[str, dict[str, list[str]]] = {}
    for type_key, entries in listed.items():
        for entry in map(str, entries or ()):
            namespace, _, name = entry.rpartition("/")
            counts[namespace] += 1
            grouped.setdefault(namespace, {}).setdefault(type_key, []).append(name)
    yield f"Contents: {counted(counts.total(), 'object')}"
    for namespace in sorted(grouped, key=lambda one: (not one, one)):
        title = f"namespace {namespace}" if namespace else CLUSTER_SCOPED
        yield f"  {printable(title)}: {counted(counts[namespace], 'object')}"
        yield from _kinds(grouped[namespace])


def _kinds(kinds: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for type_key in sorted(kinds, key=lambda one: one.rpartition("/")[::-1]):
        api_version, kind = split_api_version(type_key)
        yield f"    {printable(kind)} ({printable(api_version)}): {len(kinds[type_key]):,}"
        yield from (f"      {printable(name)}" for name in kinds[type_key])


def volumes_lines(volumes: Any) -> Iterator[str]:
    """What became of the data of each claim, by the backup's volumeinfo (velero.md §1.2)."""
    entries = [one for one in volumes or () if isinstance(one, dict)]
    if not entries:
        return
    yield ""
    yield f"Volumes: {len(entries):,}"
    yield from table([("  CLAIM", "VOLUME", "DATA"), *_volume_rows(entries)])


def _volume_rows(entries: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    for one in entries:
        claim = f"{one.get('pvcNamespace', '')}/{one.get('pvcName', '')}"
        yield (
            f"  {printable(claim)}",
            printable(str(one.get("pvName") or NONE)),
            printable(_data(one)),
        )


def _data(entry: dict[str, Any]) -> str:
    method = entry.get("backupMethod")
    if not method:
        reason = entry.get("skippedReason")
        return f"not taken: {reason}" if reason else "not taken"
    parts = [f"{method}, moved to the vault" if entry.get("snapshotDataMoved") else str(method)]
    sizes = [(entry.get(block) or {}).get(field) for block, field in _SIZES]
    parts += [size_text(int(size)) for size in sizes if isinstance(size, int) and size]
    return ", ".join([*parts, str(entry.get("result") or "")]).removesuffix(", ")
