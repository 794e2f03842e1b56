"""``kubeferry backup``: take backups, look at them, download them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kubeferry.cli.command import Command, connection_options, flags, names_option
from kubeferry.cli.completion import names_of
from kubeferry.cli.options import create_options, duration_text, get_options, name_argument

if TYPE_CHECKING:
    from kubeferry.api.backup import ApplicationBackup


@click.group(no_args_is_help=True)
def backup() -> None:
    """Take backups, look at them, download them."""


@backup.command(
    cls=Command,
    examples=(
        "backup create shop-1 --vault vault --include-namespaces shop,shop-db --wait",
        "backup create all-1 --vault vault --exclude-namespaces scratch --ttl 168h",
        "backup create shop-1 --vault vault --dry-run=client -o yaml",
        "backup create -f 02-applicationbackup.yaml --wait",
    ),
)
@click.argument("name", required=False)
@click.option("--vault", metavar="NAME", help="Where to.", shell_complete=names_of("LOCATIONS"))
@names_option(
    "--include-namespaces", metavar="A,B", help="What; all but the reserved ones if not said."
)
@names_option("--exclude-namespaces", metavar="A,B", help="What to leave out of those.")
@click.option(
    "--ttl", metavar="DURATION", callback=duration_text, help="Kept for so long; else 720h."
)
@click.option("--no-volume-data", is_flag=True, help="Objects only, no data of volumes.")
@create_options
def create(
    name: str | None,
    file: str | None,
    wait: bool,
    timeout: float | None,
    dry_run: Any,
    output: str,
    **spec: Any,
) -> None:
    """Take a backup. With --wait the exit code is 0 Completed, 7 Failed or 8 PartiallyFailed."""
    import asyncio

    from kubeferry.api.backup import ApplicationBackup
    from kubeferry.cli import creating, waiting
    from kubeferry.controller.resources import BACKUPS

    asyncio.run(
        creating.run(
            creating.Creation(BACKUPS, ApplicationBackup, waiting.wait_for_task),
            flags(),
            file=file,
            name=name,
            options=spec,
            build=lambda said: build(said, spec),
            ending=creating.Ending(dry_run, output, wait, timeout),
        )
    )


def build(name: str, options: dict[str, Any]) -> "ApplicationBackup":
    """The resource of the options. Raises ``click.UsageError`` for one that is missing."""
    from kubeferry.api.backup import ApplicationBackup
    from kubeferry.cli.creating import checked, required

    return checked(
        ApplicationBackup,
        name,
        {
            "storageLocation": required(options, "vault"),
            "includedNamespaces": options["include_namespaces"],
            "excludedNamespaces": options["exclude_namespaces"],
            "backupType": "AppBackup" if options["no_volume_data"] else "",
            "ttl": options["ttl"],
        },
    )


@backup.command(cls=Command, examples=("backup get", "backup get shop-1 -o yaml"))
@get_options("BACKUPS")
def get(names: tuple[str, ...], output: str, watch: bool, headers: bool) -> None:
    """List backups, those that appeared from a vault too."""
    import asyncio

    from kubeferry.api.backup import DEFINITION
    from kubeferry.api.definition import Column
    from kubeferry.cli import listing
    from kubeferry.controller.resources import BACKUPS

    more = (
        Column("Vault", ".spec.storageLocation", wide=True),
        Column("Namespaces", ".spec.includedNamespaces", wide=True),
        Column("Expires", ".status.expiration", wide=True),
    )
    asyncio.run(
        listing.run(
            flags(),
            names,
            listing.listing(DEFINITION, BACKUPS, more, output=output, headers=headers),
            watching=watch,
        )
    )


@backup.command(
    cls=Command, examples=("backup describe shop-1", "backup describe shop-1 --details")
)
@name_argument("BACKUPS")
@click.option(
    "--details", is_flag=True, help="Also each object in it and each problem, from the vault."
)
@connection_options
def describe(name: str, details: bool) -> None:
    """Show a backup: what was asked for, how it went, when it expires."""
    import asyncio

    from kubeferry.cli import describing

    asyncio.run(describing.backup(flags(), name, details=details))


@backup.command(
    cls=Command,
    examples=("backup download shop-1", "backup download shop-1 -o /tmp/shop.tar.gz --vault vault"),
)
@name_argument("BACKUPS")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; else NAME.tar.gz here.",
)
@click.option(
    "--output-dir",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for NAME.tar.gz.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option(
    "--vault",
    metavar="NAME",
    shell_complete=names_of("LOCATIONS"),
    help="The vault it is in; else the cluster is asked.",
)
@connection_options
def download(
    name: str, output: Path | None, output_dir: Path | None, force: bool, vault: str | None
) -> None:
    """Fetch a backup's archive from the vault: a tar.gz, its SHA-256 verified."""
    import asyncio

    from kubeferry.cli import download as downloading

    if output is not None and output_dir is not None:
        raise click.UsageError("--output and --output-dir do not go together")
    target = output or (output_dir or Path()) / f"{name}.tar.gz"
    downloading.check_target(target, overwrite=force)
    asyncio.run(downloading.download(flags(), name, vault=vault, target=target))


@backup.command(cls=Command, examples=("backup logs shop-1",))
@name_argument("BACKUPS")
@connection_options
def logs(name: str) -> None:
    """Print the log of a backup that has ended, from its vault."""
    import asyncio

    from kubeferry.cli import tasklogs

    asyncio.run(tasklogs.backup(flags(), name))
