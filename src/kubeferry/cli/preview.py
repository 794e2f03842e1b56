"""``backup create --dry-run``: what would be in a backup, found with the rights of who asks."""

import click

from kubeferry.api.backup import ApplicationBackup
from kubeferry.api.metadata import read
from kubeferry.backup.prepare import prepare
from kubeferry.backup.preview import Preview, preview_backup
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import connect
from kubeferry.cli.live import ViewReporter, view
from kubeferry.cli.manifests import placed
from kubeferry.cli.output import emit
from kubeferry.cli.planning import look
from kubeferry.cli.preview_view import Found, preview_json, preview_lines
from kubeferry.cli.prospects import prospects
from kubeferry.controller.resources import BACKUPS
from kubeferry.errors import TaskFailed, TaskIncomplete
from kubeferry.kube.objects import Object

UNNAMED = "dry-run"
"""The name of a backup that was given none."""


def check_options(*, wait: bool, output: str) -> None:
    """Raises ``click.UsageError`` for what does not go together with a dry run of the contents."""
    if wait:
        raise click.UsageError("--wait and --dry-run do not go together")
    if output not in ("", "json"):
        raise click.UsageError(
            f"--dry-run shows what would be in it, as json if asked for; -o {output} goes with "
            "--dry-run=client"
        )


async def preview(flags: Flags, body: Object, *, output: str) -> int:
    """Prints what a backup would hold; writes nothing and runs no hook.

    Returns the exit code of a backup that ended as this one would. Raises ``InvalidInput`` and
    ``ApiError`` for what makes it impossible.
    """
    backup = read(body, ApplicationBackup)
    async with connect(flags) as session:
        manifest = placed(BACKUPS, body, given=flags.namespace, default=session.namespace)
        request = await prepare(backup, client=session.client, namespace=manifest.namespace)
        with Preview() as counted:
            with view(f"dry run of {request.name}") as shown:
                reporter = ViewReporter(shown, tells=False)
                choice = await preview_backup(
                    request, counted, client=session.client, reporter=reporter
                )
            vault = backup.spec.storage_location
            ahead = await prospects(session, manifest, about=backup.metadata, vault=vault)
            found = Found(
                backup=request.name,
                vault=vault,
                cluster=session.cluster_name,
                namespaces=choice.scope.namespaces,
                left_out=counted.left_out,
                problems=reporter.problems,
                kinds_left_out=choice.kinds.left_out,
                ahead=ahead,
            )
            if output == "json":
                emit(preview_json(found, counted))
            else:
                emit(preview_lines(found, counted, look(full=False)))
    if ahead.obstacles:
        return TaskFailed.exit_code
    return TaskIncomplete.exit_code if found.errors else 0
