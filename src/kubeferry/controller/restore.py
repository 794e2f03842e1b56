"""Reconciles `ApplicationRestore`: finds the backup, starts the restore, resumes one."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kubeferry.api.backup import RESTORABLE_PHASES, ApplicationBackup
from kubeferry.api.definition import SYNCED_FROM
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.clock import timestamp
from kubeferry.controller import vaults
from kubeferry.controller.context import Context
from kubeferry.controller.phrases import ending
from kubeferry.controller.resources import BACKUPS, RESTORES
from kubeferry.controller.status import ProgressWriter, patch_status
from kubeferry.controller.sync import create_synced
from kubeferry.controller.task import keep_running, wait_for_vault
from kubeferry.errors import Interrupted, InvalidInput, NotFound
from kubeferry.kube.discovery import ServerVersion
from kubeferry.kube.objects import Object
from kubeferry.vault.store import Store

if TYPE_CHECKING:
    from kubeferry.restore.request import RestoreRequest
    from kubeferry.transform.modifiers.counts import RuleCount

_GUARDABLE = (1, 30)
"""Since then ValidatingAdmissionPolicy is ``v1`` (KEP-3488)."""
MAX_IMAGES = 200
"""Target images told in a status; the vault's report has all of them."""

MAX_REASONS = 50
"""Reasons told there, the worst and most frequent ones."""
MAX_RULES = 100
"""Modifier rules told there."""
MAX_TEXT = 500
"""Characters of a text told there."""

_log = logging.getLogger("kubeferry.controller")


class RestoreReconciler:
    """Starts the work of restores."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def __call__(self, name: str) -> float | None:
        """Looks at one restore."""
        obj = self._context.restores.objects.get(name)
        return keep_running(self._context, RESTORES, name, obj, self._work)

    async def _work(self, obj: Object, progress: ProgressWriter) -> dict[str, Any]:
        # The first restore loads its engine: a controller that waits for tasks stays small.
        from kubeferry.restore.planned import counts_text
        from kubeferry.restore.prepare import prepare
        from kubeferry.restore.run import run_restore

        context = self._context
        restore = read(obj, ApplicationRestore)
        request = await prepare(
            restore,
            client=context.client,
            namespace=context.namespace,
        )
        if request.modifiers is not None and not context.settings.unguarded_modifiers:
            check_guardable(await context.client.version())
        _check_unchanged(request.modifier_digest, restore.status.resource_modifier_digest)
        if request.modifier_digest:
            await self._tell_digest(request)
        annotated = await vaults.register_annotated(
            context.client, restore.metadata, namespace=context.namespace
        )
        location = await self._find_vault(request.backup, annotated)
        store = await vaults.open_registered(
            context.client, location, settings=context.settings, credentials=context.credentials
        )
        try:
            result = await run_restore(
                request,
                client=context.client,
                store=store,
                settings=context.settings,
                reporter=progress,
                clock=context.clock,
            )
        finally:
            await store.aclose()
        total = sum(result.counts.values())
        return {
            "phase": result.phase,
            "message": f"dry run, nothing was restored: {counts_text(result.counts)}"
            if request.dry_run
            else ending(
                warnings=result.warnings,
                errors=result.errors,
                first=str(result.first_problem or ""),
                reasons=result.reasons,
            ),
            "completionTimestamp": timestamp(context.clock()),
            "progress": {"itemsDone": total, "totalItems": total},
            "warnings": result.warnings,
            "errors": result.errors,
            "counts": {action: count for action, count in result.counts.items() if count},
            "reasons": [
                {"outcome": one.outcome, "reason": one.reason, "count": one.times}
                for one in result.reasons[:MAX_REASONS]
            ],
            "grants": [
                {
                    "what": what,
                    "count": count,
                    "first": [str(one)[:MAX_TEXT] for one in result.granted if one.what == what],
                }
                for what, count in result.grants.items()
            ],
            "rollouts": [one[:MAX_TEXT] for one in result.rollouts],
            "rules": told_rules(result.rules),
            "hooks": {"attempted": result.hooks, "failed": result.failed_hooks},
            "images": list(result.target_images[:MAX_IMAGES]),
        }

    async def _tell_digest(self, request: "RestoreRequest") -> None:
        """Raises ``Interrupted`` when the restore is gone: nothing is done for it any more."""
        context = self._context
        digest = {"resourceModifierDigest": request.modifier_digest}
        is_there = await patch_status(
            context.client,
            RESTORES,
            request.name,
            digest,
            namespace=context.namespace,
            uid=request.uid,
        )
        if not is_there:
            raise Interrupted("was deleted", place=f"restore {request.name}")

    async def _find_vault(self, backup: str, annotated: str | None) -> str:
        """The vault that holds the backup.

        A backup that the cluster knows names its vault. One that was not synced yet is looked for
        in the vault of the restore's annotation, else in every vault there is. Raises
        what ``vaults.find_backup`` raises.
        """
        context = self._context
        try:
            obj = await context.client.get(BACKUPS, backup, namespace=context.namespace)
        except NotFound:
            return await self._search(backup, annotated)
        known = read(obj, ApplicationBackup)
        location = known.spec.storage_location
        if annotated is not None and annotated != location:
            raise InvalidInput(
                f"backup {backup!r} is in vault {location!r}, the annotation names {annotated!r}",
                place="metadata.annotations",
                remedy="leave the annotation out",
            )
        if known.status.phase is None and SYNCED_FROM in known.metadata.annotations:
            return await self._search(backup, location)  # it is just appearing
        if known.status.phase not in RESTORABLE_PHASES:
            raise InvalidInput(
                f"backup {backup!r} is {known.status.phase or 'not started'}",
                place="spec.backupName",
                remedy="restore a backup that is Completed or PartiallyFailed",
            )
        await wait_for_vault(context, location, place=f"spec.backupName: backup {backup!r}")
        return location

    async def _search(self, backup: str, annotated: str | None) -> str:
        context = self._context

        async def open_vault(name: str) -> Store:
            await wait_for_vault(context, name, place="spec.backupName")
            return await vaults.open_registered(
                context.client, name, settings=context.settings, credentials=context.credentials
            )

        names = [annotated] if annotated else sorted(context.locations.objects)
        found = await vaults.find_backup(
            backup, names, open_vault, place="spec.backupName", namespace=context.namespace
        )
        for why in found.unasked:
            _log.warning("backup %s: %s", backup, why)
        if found.facts.phase in RESTORABLE_PHASES:
            await create_synced(context, found.name, found.facts)
        return found.name


def check_guardable(version: ServerVersion) -> None:
    """A modifier is for administrators, which admission policies see to, since 1.30.

    Raises ``InvalidInput`` for an older server.
    """
    if (version.major, version.minor) < _GUARDABLE:
        raise InvalidInput(
            f"{version.git_version} has no admission policies that keep modifiers to "
            "administrators",
            place="spec.resourceModifier",
            remedy="the administrator allows it by KUBEFERRY_UNGUARDED_MODIFIERS=true",
        )


def told_rules(rules: Iterable["RuleCount"]) -> list[dict[str, Any]]:
    """The rules of a status: those of interest, where they are too many, in their order."""
    numbered = list(enumerate(rules))
    numbered.sort(key=lambda one: (not one[1].failed, one[1].objects > 0))
    told = sorted(numbered[:MAX_RULES])
    return [{**one._asdict(), "title": one.title[:MAX_TEXT]} for _, one in told]


def _check_unchanged(digest: str, before: str) -> None:
    """An interrupted restore does not go on by other rules than it began with."""
    if before and before != digest:
        raise InvalidInput(
            "the modifier was changed while the restore was interrupted",
            place="spec.resourceModifier",
            remedy="create a new restore: what was restored already is left alone",
        )
