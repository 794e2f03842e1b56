"""``kubeferry uninstall``."""

import click

from kubeferry.cli.command import Command, connection_options, flags


@click.command(
    cls=Command,
    examples=(
        "uninstall --dry-run",
        "uninstall --context staging",
        "uninstall --yes --keep-namespace",
    ),
)
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask. Needed where nobody can be asked.")
@click.option(
    "--keep-namespace/--delete-namespace",
    "keep",
    default=None,
    help="Keep the namespace, or delete it with all that people put into it; else it goes if "
    "nothing else is in it.",
)
@connection_options
def uninstall(dry_run: bool, yes: bool, keep: bool | None) -> None:
    """Remove kubeferry from a cluster: controller, tasks, vaults' registrations, rights.

    What the vaults hold stays. First it shows what goes and what stays, and asks. It may be run
    again after it was cut short.
    """
    import asyncio
    import sys

    from kubeferry.cli import uninstalling
    from kubeferry.errors import FerryError

    if not (dry_run or yes or sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked here; --yes removes, --dry-run shows")
    given = flags()
    removal = asyncio.run(uninstalling.show(given, keeps_home=keep))
    if removal.is_nothing:
        return
    if dry_run:
        click.echo("Nothing was removed.")
        return
    if not yes and not click.confirm("Remove it?", err=True):
        raise FerryError("nothing was removed")
    asyncio.run(uninstalling.act(given, removal))
