"""Reconciles `BackupLocation`: probes the vault, checks that it is the one it claims, syncs its
backups.

``InProgress`` while it is looked at for the first time, then ``Available`` or ``Unavailable`` with
the storage's own reason; looked at again every ``validationFrequency``. Backups in the vault that
this cluster does not know appear as objects born ``Completed`` with a mark, so that nobody takes
them for tasks (design.md, Vault): at once when the vault is initialised, then every
``backupSyncPeriod``.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeferry.api.location import BackupLocation, LocationSpec
from kubeferry.api.metadata import read
from kubeferry.clock import timestamp
from kubeferry.controller import vaults
from kubeferry.controller.context import Context
from kubeferry.controller.resources import LOCATIONS
from kubeferry.controller.status import patch_status
from kubeferry.controller.sync import sync_backups
from kubeferry.durations import parse_duration
from kubeferry.errors import FerryError, InvalidInput, VaultError
from kubeferry.vault.identity import identify
from kubeferry.vault.store import Store

_log = logging.getLogger("kubeferry.controller")


@dataclass(slots=True)
class _Seen:
    """What this process last saw of a vault; the status is for others to read."""

    spec: LocationSpec
    validated: datetime
    available: bool
    synced: datetime | None = None


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
        location = read(found, BackupLocation)
        frequency = parse_duration(location.spec.validation_frequency)
        seen = self._seen.get(name)
        if seen is None or seen.spec != location.spec or self._left(seen.validated, frequency) <= 0:
            if location.status.phase is None:
                await self._patch(name, {"phase": "InProgress"})
            available = await self._validate(location)
            seen = _Seen(location.spec, self._context.clock(), available)
            self._seen[name] = seen
        again = max(1.0, self._left(seen.validated, frequency))
        if not seen.available:
            del self._seen[name]
            return min(again, self._context.settings.sync_period)
        period = (
            parse_duration(location.spec.backup_sync_period) or self._context.settings.sync_period
        )
        if seen.synced is None or self._left(seen.synced, period) <= 0:
            await self._sync(location)
            seen.synced = self._context.clock()
        return max(1.0, min(again, self._left(seen.synced, period)))

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
            _log.warning("vault %s: %s", name, error)
            await self._patch(name, {"phase": "Unavailable", "message": str(error)} | self._now())
            return False
        await self._patch(name, {"phase": "Available", "message": None} | self._now())
        return True

    async def _sync(self, location: BackupLocation) -> None:
        name = location.metadata.name
        store = await self._open(location)
        try:
            await sync_backups(self._context, name, store)
        except FerryError as error:
            _log.warning("vault %s: its backups could not be synced: %s", name, error)
            return
        finally:
            await store.aclose()
        await self._patch(name, {"lastSyncTime": timestamp(self._context.clock())})

    async def _open(self, location: BackupLocation) -> Store:
        context = self._context
        return await vaults.open_location(
            context.client, location, settings=context.settings, credentials=context.credentials
        )

    def _now(self) -> dict[str, Any]:
        return {"lastValidationTime": timestamp(self._context.clock())}

    def _left(self, last: datetime, period: float) -> float:
        """Seconds until something that was done at ``last`` is to be done again."""
        return period - (self._context.clock() - last).total_seconds()

    async def _patch(self, name: str, status: dict[str, Any]) -> None:
        await patch_status(
            self._context.client, LOCATIONS, name, status, namespace=self._context.namespace
        )
