"""Reconciles `BackupLocation`: probes the vault, checks that it is the one it claims, syncs its
backups.

``InProgress`` while it is looked at for the first time, then ``Available`` or ``Unavailable`` with
the storage's own reason; looked at again every ``validationFrequency``. Backups in the vault that
this cluster does not know appear as objects born ``Completed`` with a mark, so that nobody takes
them for tasks (design.md, Vault): at once when the vault is initialised, then every
``backupSyncPeriod``.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kubeferry.api.location import MESSAGE_LENGTH, MOST_LEFT_OUT, BackupLocation, LocationSpec
from kubeferry.api.metadata import Metadata, read
from kubeferry.clock import timestamp
from kubeferry.controller import vaults
from kubeferry.controller.context import Context
from kubeferry.controller.resources import LOCATIONS
from kubeferry.controller.status import patch_status
from kubeferry.controller.sync import sync_backups
from kubeferry.durations import read_duration
from kubeferry.errors import InvalidInput, VaultError
from kubeferry.kube.objects import Object, metadata
from kubeferry.vault.identity import identify
from kubeferry.vault.store import Store

_log = logging.getLogger("kubeferry.controller")


SHORTEST_PERIOD = 10.0
"""Seconds: more often a vault is neither probed nor looked through, it may hold much."""


@dataclass(slots=True)
class _Seen:
    """What this process last saw of a vault; the status is for others to read."""

    uid: str
    spec: LocationSpec
    validated: datetime
    available: bool
    synced: datetime | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)

    def is_of(self, location: BackupLocation) -> bool:
        """Whether it was seen of this very vault, as it is now."""
        return self.uid == location.metadata.uid and self.spec == location.spec


class LocationReconciler:
    """Brings the status of vaults up to date and their backups into the cluster."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seen: dict[str, _Seen] = {}

    async def __call__(self, name: str) -> float | None:
        """Looks at one vault; returns the seconds until it should be looked at again."""
        found = self._context.locations.objects.get(name)
        if found is None:
            self._seen.pop(name, None)
            return None
        try:
            location, frequency, period = self._read(found)
        except InvalidInput as error:
            # Without a time: it would be a change, and bring us here again at once.
            about = _about(found)
            await self._tell(about, {"phase": "Unavailable", "message": _shortened(str(error))})
            return None
        seen = self._seen.get(name)
        if seen is not None and not seen.is_of(location):
            seen = None
        if seen is None or self._until_validation(seen, frequency) <= 0:
            seen = await self._look(location, before=seen)
            self._seen[name] = seen
        again = self._until_validation(seen, frequency)
        if not seen.available:
            return max(1.0, again)
        if seen.synced is None or self._left(seen.synced, period) <= 0:
            await self._sync(location, seen)
            seen.synced = self._context.clock()
        return max(1.0, min(again, self._left(seen.synced, period)))

    @property
    def _default_period(self) -> float:
        return self._context.settings.sync_period

    def _read(self, found: Object) -> tuple[BackupLocation, float, float]:
        """The vault, and how often it is validated and synced. Raises ``InvalidInput``."""
        location = read(found, BackupLocation)
        spec = location.spec
        frequency = read_duration(
            spec.validation_frequency, place="spec.validationFrequency", at_least=SHORTEST_PERIOD
        )
        period = read_duration(
            spec.backup_sync_period,
            place="spec.backupSyncPeriod",
            at_least=SHORTEST_PERIOD,
            zero=True,
        )
        return location, frequency, period or self._default_period

    async def _look(self, location: BackupLocation, *, before: _Seen | None) -> _Seen:
        if location.status.phase is None:
            await self._tell(location.metadata, {"phase": "InProgress"})
        return _Seen(
            uid=location.metadata.uid,
            spec=location.spec,
            available=await self._validate(location),
            validated=self._context.clock(),
            synced=before.synced if before is not None else None,
            left_out=before.left_out if before is not None else {},
        )

    async def _validate(self, location: BackupLocation) -> bool:
        name = location.metadata.name
        try:
            store = await self._open(location)
            try:
                await store.probe()
                await identify(
                    store,
                    region=location.spec.config.region,
                    cluster=self._context.cluster,
                    clock=self._context.clock,
                )
            finally:
                await store.aclose()
        except (VaultError, InvalidInput) as error:
            before = self._seen.get(name)
            if before is None or before.available:  # once, not with each look
                _log.warning("vault %s: %s", name, error)
            status = {"phase": "Unavailable", "message": _shortened(str(error))} | self._now()
            await self._tell(location.metadata, status)
            return False
        status = {"phase": "Available", "message": None} | self._now()
        await self._tell(location.metadata, status)
        return True

    async def _sync(self, location: BackupLocation, seen: _Seen) -> None:
        """Tells which backups were left out, and why; what was told before is not logged again."""
        name, told = location.metadata.name, seen.left_out
        store = await self._open(location)
        try:
            synced = await sync_backups(self._context, name, store)
        finally:
            await store.aclose()
        left_out = {
            backup: _shortened(f"{one.reason}: {one}") for backup, one in synced.left_out.items()
        }
        seen.left_out = left_out  # told in the log, whatever becomes of the status
        for backup, why in left_out.items():
            if told.get(backup) != why:
                _log.warning("vault %s: backup %s is left out: %s", name, backup, why)
        first = list(left_out.items())[:MOST_LEFT_OUT]
        status = {
            "lastSyncTime": timestamp(self._context.clock()),
            "leftOut": [{"backup": backup, "message": why} for backup, why in first] or None,
            "leftOutCount": len(left_out) or None,
        }
        await self._patch(location.metadata, status)

    async def _open(self, location: BackupLocation) -> Store:
        context = self._context
        return await vaults.open_location(
            context.client, location, settings=context.settings, credentials=context.credentials
        )

    def _now(self) -> dict[str, Any]:
        return {"lastValidationTime": timestamp(self._context.clock())}

    def _until_validation(self, seen: _Seen, frequency: float) -> float:
        """Seconds until the vault is probed again; one out of reach is asked again sooner."""
        if not seen.available:
            frequency = min(frequency, self._default_period)
        return self._left(seen.validated, frequency)

    def _left(self, last: datetime, period: float) -> float:
        """Seconds until something that was done at ``last`` is to be done again."""
        return period - (self._context.clock() - last).total_seconds()

    async def _tell(self, about: Metadata, status: dict[str, Any]) -> None:
        """Writes a phase, and which generation of the vault it is about."""
        await self._patch(about, {**status, "observedGeneration": about.generation})

    async def _patch(self, about: Metadata, status: dict[str, Any]) -> None:
        await patch_status(
            self._context.client,
            LOCATIONS,
            about.name,
            status,
            namespace=self._context.namespace,
            uid=about.uid,
        )


def _shortened(text: str) -> str:
    """What a status has room for: a storage may say anything, at any length."""
    return text if len(text) <= MESSAGE_LENGTH else f"{text[: MESSAGE_LENGTH - 3]}..."


def _about(found: Object) -> Metadata:
    """What names an object whose spec cannot be read."""
    about = metadata(found)
    return Metadata(name=about["name"], uid=about["uid"], generation=about["generation"])
