"""Reconciles `ApplicationBackup`: starts a new one, resumes one, leaves a synced one alone."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from kubeferry import codec
from kubeferry.api.backup import WOULD_END, ApplicationBackup
from kubeferry.api.definition import SYNCED_FROM
from kubeferry.api.location import annotated_vault
from kubeferry.api.metadata import read
from kubeferry.backup.prepare import prepare
from kubeferry.backup.preview import Preview, preview_backup
from kubeferry.backup.request import BackupRequest
from kubeferry.backup.run import committed, run_backup
from kubeferry.controller import vaults
from kubeferry.controller.context import Context
from kubeferry.controller.frozen import Debts, problems_told
from kubeferry.controller.phrases import ending, failure
from kubeferry.controller.resources import BACKUPS
from kubeferry.controller.status import ProgressWriter, patch_status
from kubeferry.controller.sync import LOCATION_LABEL, write_synced_status
from kubeferry.controller.task import keep_running, wait_for_vault, wants_running
from kubeferry.errors import ApiError, ArchiveError, BackupMissing, InvalidInput, VaultError
from kubeferry.kube.names import label_value
from kubeferry.kube.objects import Object, annotations, metadata
from kubeferry.report import Findings, Several, reason_counts
from kubeferry.vault.metadata import load_backup


class BackupReconciler:
    """Starts the work of backups."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, name: str) -> float | None:
        """Looks at one backup."""
        obj = self._context.backups.objects.get(name)
        if obj is None or SYNCED_FROM not in annotations(obj):
            return keep_running(self._context, BACKUPS, name, obj, self._work)
        if wants_running(obj):
            await self._complete_synced(name, annotations(obj)[SYNCED_FROM], metadata(obj)["uid"])
        return None

    async def _complete_synced(self, name: str, location: str, uid: str) -> None:
        """A synced backup whose status was not written: the process died in between."""
        context = self._context
        store = await vaults.open_registered(
            context.client, location, settings=context.settings, credentials=context.credentials
        )
        try:
            facts = await load_backup(store, name)
        except (BackupMissing, ArchiveError) as error:
            gone = {"phase": "Failed", "message": f"{error.reason}: {error}"}
            await patch_status(
                context.client, BACKUPS, name, gone, namespace=context.namespace, uid=uid
            )
        else:
            await write_synced_status(context, facts, uid=uid)
        finally:
            await store.aclose()

    async def _work(self, obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        context = self._context
        backup = read(obj, ApplicationBackup)
        spec = backup.spec
        request = replace(
            await prepare(
                backup,
                client=context.client,
                namespace=context.namespace,
                cluster=context.cluster,
            ),
            labels={LOCATION_LABEL: label_value(spec.storage_location)},
            earlier=problems_told(obj),
        )
        if spec.dry_run:
            return await self._preview(backup, request, progress)
        await vaults.register_annotated(
            context.client,
            backup.metadata,
            namespace=context.namespace,
            used=spec.storage_location,
        )
        await wait_for_vault(context, spec.storage_location, place="spec.storageLocation")
        debts = Debts(context, BACKUPS, obj)
        store = await vaults.open_registered(
            context.client,
            spec.storage_location,
            settings=context.settings,
            credentials=context.credentials,
        )
        try:
            result = await run_backup(
                request,
                client=context.client,
                store=store,
                reporter=progress,
                clock=context.clock,
                frozen=debts,
            )
        finally:
            await store.aclose()
        with suppress(ApiError):  # the backup is there; what is left is done once the task ended
            await debts.close()
        hooks = {"attempted": result.hooks_attempted, "failed": result.hooks_failed}
        return {
            "phase": result.phase,
            "message": ending(
                warnings=result.warnings,
                errors=result.errors,
                first=str(result.first_problem or ""),
                reasons=result.reasons,
            ),
            # As the vault has them, so that every cluster tells the same.
            "startTimestamp": result.started,
            "completionTimestamp": result.completed,
            "expiration": result.expiration,
            "progress": {"itemsDone": result.items, "totalItems": result.items},
            "warnings": result.warnings,
            "errors": result.errors,
            "bytes": result.size,
            "sourceCluster": context.cluster.name,
            "hooks": hooks if result.hooks_attempted else None,
        }

    async def _refusal(self, backup: ApplicationBackup, request: BackupRequest) -> str:
        """Why the vault would not take the backup, as far as reading tells; empty if it would."""
        context, name = self._context, request.location
        annotated = annotated_vault(backup.metadata)
        if annotated is not None and not await context.is_registered(name):
            return ""  # the backup itself would register it
        try:
            await wait_for_vault(context, name, place="spec.storageLocation")
            store = await vaults.open_registered(
                context.client, name, settings=context.settings, credentials=context.credentials
            )
            try:
                await committed(request, store)
            finally:
                await store.aclose()
        except (InvalidInput, VaultError) as error:
            return failure(error, BACKUPS)
        return ""

    async def _preview(
        self, backup: ApplicationBackup, request: BackupRequest, progress: ProgressWriter
    ) -> dict[str, Any]:
        """Tells what would be in the backup; nothing is written to the vault, no hook is run."""
        context, findings = self._context, Findings()
        refusal = await self._refusal(backup, request)
        reporter = Several((progress, findings))
        with Preview() as preview:
            await preview_backup(request, preview, client=context.client, reporter=reporter)
            told = codec.to_builtins(preview.told())
            count = preview.objects
        first = next((one for one in findings.problems if one.level == "error"), None)
        ends = ending(
            warnings=findings.warnings,
            errors=findings.errors,
            first=str(first or next(iter(findings.problems), "")),
            reasons=reason_counts(findings.reasons),
        )
        phase = "PartiallyFailed" if findings.errors else "Completed"
        if refusal:
            phase, ends = "Failed", refusal
        return {
            "phase": "Completed",
            "message": f"{WOULD_END}{phase}" + (f": {ends}" if ends else ""),
            "progress": {"itemsDone": count, "totalItems": count},
            "warnings": findings.warnings,
            "errors": findings.errors,
            "sourceCluster": context.cluster.name,
            "preview": told,
        }
