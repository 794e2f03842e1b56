"""Brings the backups of a vault into the cluster as objects, and marks them: they are no tasks.

Only finished backups appear (velero.md §1.4). An object that the cluster already has under that
name is left alone, whatever vault it is of.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeferry import codec
from kubeferry.api.backup import RESTORABLE_PHASES, ApplicationBackup, BackupSpec
from kubeferry.api.definition import NOT_TOLD, SYNCED_FROM
from kubeferry.api.metadata import Metadata, manifest, read
from kubeferry.clock import timestamp
from kubeferry.controller.context import Context
from kubeferry.controller.resources import BACKUPS
from kubeferry.controller.status import patch_status
from kubeferry.durations import format_duration, parse_duration
from kubeferry.errors import (
    AlreadyExists,
    ArchiveError,
    BackupExists,
    BackupMissing,
    FerryError,
    Invalid,
    InvalidInput,
    VaultError,
)
from kubeferry.kube.names import label_value
from kubeferry.kube.objects import at
from kubeferry.vault.metadata import FILTERS, OWN_FILTERS, BackupFacts, backup_names, load_backup
from kubeferry.vault.store import Store

LOCATION_LABEL = "velero.io/storage-location"
_FAILURES = 5
_ASKED = ("includedNamespaces", "excludedNamespaces", *FILTERS, *OWN_FILTERS)

_log = logging.getLogger("kubeferry.controller")


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync did: how many backups it brought, and by name why others stayed out."""

    created: int
    left_out: Mapping[str, FerryError]


async def sync_backups(context: Context, location: str, store: Store) -> Synced:
    """Creates an object for each finished backup the cluster does not know.

    One that cannot be read or trusted does not appear: its facts would decide about an object of
    the cluster. It keeps no other from appearing. Raises ``VaultError`` when ``_FAILURES`` in a row
    could not be had from the vault: it is the vault then.
    """
    created, failures = 0, 0
    left_out: dict[str, FerryError] = {}
    for name in await backup_names(store):
        known = context.backups.objects.get(name)
        if known is not None and not at(known, ("spec", "dryRun")):
            continue
        try:
            facts = await load_backup(store, name)
        except BackupMissing:
            continue  # never finished: no commit mark
        except (ArchiveError, VaultError) as error:
            failures = failures + 1 if isinstance(error, VaultError) else 0
            if failures == _FAILURES:
                raise
            left_out[name] = error
            continue
        failures = 0
        if known is not None:
            left_out[name] = BackupExists(
                "a dry run in the cluster has its name",
                place=f"{context.namespace}/{name}",
                remedy=f"kubectl -n {context.namespace} delete applicationbackup {name}",
            )
        elif facts.phase in RESTORABLE_PHASES and await create_synced(context, location, facts):
            created += 1
    return Synced(created, left_out)


async def create_synced(context: Context, location: str, facts: BackupFacts) -> bool:
    """Creates the object of one backup of a vault; False if that cannot be, or is not whole yet."""
    spec, not_told = _spec(location, facts)
    try:
        try:
            made = await _create(context, location, facts.name, spec, not_told)
        except Invalid:  # each field is right, and not all of them together: another's rules
            kept = BackupSpec(storage_location=location, ttl=spec.ttl)
            made = await _create(context, location, facts.name, kept, _ASKED)
        uid = read(codec.decode(made), ApplicationBackup).metadata.uid
        await write_synced_status(context, facts, uid=uid)
    except AlreadyExists:
        return False
    except FerryError as error:
        _log.warning("vault %s: backup %s does not fit in here: %s", location, facts.name, error)
        return False
    return True


async def write_synced_status(context: Context, facts: BackupFacts, *, uid: str) -> None:
    """Gives a synced backup the status that its vault tells; no other object of its name."""
    status: dict[str, Any] = {
        "phase": facts.phase,
        "startTimestamp": _written(facts.started),
        "completionTimestamp": _written(facts.completed),
        "expiration": _written(facts.expiration),
        "progress": {"itemsDone": facts.items_backed_up, "totalItems": facts.total_items},
        "warnings": facts.warnings,
        "errors": facts.errors,
        "bytes": facts.bytes,
        "sourceCluster": facts.cluster.name,
    }
    if facts.hooks_attempted:
        status["hooks"] = {"attempted": facts.hooks_attempted, "failed": facts.hooks_failed}
    present = {key: value for key, value in status.items() if value not in (None, "")}
    await patch_status(
        context.client, BACKUPS, facts.name, present, namespace=context.namespace, uid=uid
    )


async def _create(
    context: Context, location: str, name: str, spec: BackupSpec, not_told: Iterable[str]
) -> bytes:
    told = ", ".join(not_told)
    backup = ApplicationBackup(
        metadata=Metadata(
            name=name,
            namespace=context.namespace,
            labels={LOCATION_LABEL: label_value(location)},
            annotations={SYNCED_FROM: location} | ({NOT_TOLD: told} if told else {}),
        ),
        spec=spec,
    )
    return await context.client.create(
        BACKUPS, manifest(backup), namespace=context.namespace, field_validation="Strict"
    )


def _written(moment: datetime | None) -> str:
    return timestamp(moment) if moment else ""


def _spec(location: str, facts: BackupFacts) -> tuple[BackupSpec, list[str]]:
    """What was asked for, as far as this version has words for it; which fields it has none for.

    A field is there whole or not at all: half a list would tell of another backup.
    """
    try:
        ttl = format_duration(parse_duration(facts.ttl)) if facts.ttl else "720h0m0s"
    except ValueError:
        ttl = "720h0m0s"
    asked = {name: _without_nulls(value) for name, value in facts.asked.items()}
    asked["includedNamespaces"] = list(facts.included_namespaces)
    asked["excludedNamespaces"] = list(facts.excluded_namespaces)
    told: dict[str, Any] = {"storageLocation": location, "ttl": ttl}
    not_told: list[str] = []
    for name, value in asked.items():
        try:
            codec.convert(told | {name: value}, BackupSpec, place="spec")
        except InvalidInput:
            not_told.append(name)
        else:
            told[name] = value
    return codec.convert(told, BackupSpec, place="spec"), not_told


def _without_nulls(value: Any) -> Any:
    """Velero's writers have nulls for what is not set; a selector has them below."""
    if isinstance(value, dict):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value
