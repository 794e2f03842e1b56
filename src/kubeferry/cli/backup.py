"""``kubeferry backup``: take backups, look at them, download them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kubeferry.cli.command import (
    Command,
    connection_options,
    flags,
    names_option,
    output_option,
)
from kubeferry.cli.completion import names_of
from kubeferry.cli.options import (
    duration_text,
    get_options,
    name_argument,
    preview_or_create_options,
    vault_option,
)
from kubeferry.cli.selecting import selected, selection_options

if TYPE_CHECKING:
    from kubeferry.api.backup import ApplicationBackup


@click.group(no_args_is_help=True)
def backup() -> None:
    """Take backups, look at them, download them."""


@backup.command(
    cls=Command,
    examples=(
        "backup create shop-1 --vault vault --include-namespaces shop,shop-db --wait",
        "backup create all-1 --vault vault --exclude-namespaces 'scratch-*' --ttl 168h",
        "backup create web-1 --vault vault --include-namespaces shop -l app=web --dry-run",
        "backup create shop-1 --vault vault --dry-run=client -o yaml",
        "backup create -f 02-applicationbackup.yaml --wait",
    ),
)
@click.argument("name", required=False)
@click.option("--vault", metavar="NAME", help="Where to.", shell_complete=names_of("LOCATIONS"))
@selection_options
@click.option(
    "--ttl", metavar="DURATION", callback=duration_text, help="Kept for so long; else 720h."
)
@preview_or_create_options
def create(
    name: str | None,
    file: str | None,
    wait: bool,
    timeout: float | None,
    dry_run: Any,
    output: str,
    **spec: Any,
) -> int:
    """Take a backup. With --wait the exit code is 0 Completed, 7 Failed or 8 PartiallyFailed.

    With --dry-run alone nothing is written: what would be in the backup is found with your own
    rights and shown, each object that others need with its cause; -o json has it for programs.
    """
    import asyncio

    from kubeferry.api.backup import ApplicationBackup
    from kubeferry.cli import creating, waiting
    from kubeferry.controller.resources import BACKUPS

    creation = creating.Creation(BACKUPS, ApplicationBackup, waiting.wait_for_task)

    def built(said: str) -> "ApplicationBackup":
        return build(said, spec)

    if dry_run == "contents":
        from kubeferry.cli import preview

        preview.check_options(wait=wait, output=output)
        name = name or (None if file else preview.UNNAMED)
        body = creating.body_of(creation, file=file, name=name, options=spec, build=built)
        return asyncio.run(preview.preview(flags(), body, output=output))
    ending = creating.Ending(dry_run, output, wait, timeout)
    asyncio.run(
        creating.run(
            creation, flags(), file=file, name=name, options=spec, build=built, ending=ending
        )
    )
    return 0


def build(name: str, options: dict[str, Any]) -> "ApplicationBackup":
    """The resource of the options. Raises ``click.UsageError`` for one that is missing."""
    from kubeferry.api.backup import ApplicationBackup
    from kubeferry.cli.creating import checked, required

    return checked(
        ApplicationBackup,
        name,
        {
            "storageLocation": required(options, "vault"),
            **selected(options),
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
        Column("Took", ".status", "duration", wide=True),
        Column("Size", ".status.bytes", "bytes", wide=True),
        Column("Expires", ".status.expiration", "deadline", wide=True),
        Column("Vault", ".spec.storageLocation", wide=True),
        Column("Namespaces", ".spec.includedNamespaces", "patterns", wide=True),
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

    from kubeferry.cli import describing_backup

    asyncio.run(describing_backup.backup(flags(), name, details=details))


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
@vault_option
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


@backup.command(
    cls=Command,
    examples=(
        "backup contents shop-1",
        "backup contents shop-1 -o table --kind deploy,svc --in-namespace shop",
        "backup contents shop-1 deployment/web configmap/settings",
        "backup contents shop-1 secret/database --show-secrets",
    ),
)
@name_argument("BACKUPS")
@click.argument("objects", nargs=-1, metavar="[KIND/NAME]...")
@output_option(
    "tree",
    "table",
    "json",
    "yaml",
    text="The list's form, else a tree; of named objects, else yaml.",
)
@names_option("--kind", metavar="A,B", help="Only these kinds: deploy, ConfigMap, jobs.batch ...")
@names_option("--in-namespace", metavar="A,B", help="Only what is in these namespaces.")
@click.option("--show-secrets", is_flag=True, help="Do not mask the values of named Secrets.")
@vault_option
@connection_options
def contents(
    name: str,
    objects: tuple[str, ...],
    output: str,
    kind: tuple[str, ...],
    in_namespace: tuple[str, ...],
    show_secrets: bool,
    vault: str | None,
) -> None:
    """Show what is in a backup with sizes and dates, or some of its objects as they are."""
    import asyncio

    from kubeferry.cli import contents as showing

    if objects and output in ("tree", "table"):
        raise click.UsageError(f"named objects are shown as yaml or json, not as a {output}")
    if objects and kind:
        raise click.UsageError("--kind and KIND/NAME do not go together")
    how = showing.How(output, kind, in_namespace, show_secrets)
    asyncio.run(showing.contents(flags(), name, objects, vault=vault, how=how))


@backup.command(
    cls=Command,
    examples=(
        "backup diff shop-1 shop-2",
        "backup diff shop-1 shop-2 --show --kind deploy",
        "backup diff shop-1 --live --in-namespace shop",
    ),
)
@name_argument("BACKUPS")
@click.argument("other", metavar="[OTHER]", required=False, shell_complete=names_of("BACKUPS"))
@click.option("--live", is_flag=True, help="In place of OTHER: what the cluster has now.")
@click.option("--show", is_flag=True, help="Also each field that changed, before and after.")
@click.option("--full", is_flag=True, help="With --show: whole values, however long.")
@click.option("--status", is_flag=True, help="Compare what controllers report too.")
@names_option("--kind", metavar="A,B", help="Only these kinds: deploy, ConfigMap, jobs.batch ...")
@names_option("--in-namespace", metavar="A,B", help="Only what is in these namespaces.")
@output_option("json", text="For programs: each object with its fields.")
@vault_option
@connection_options
def diff(
    name: str,
    other: str | None,
    live: bool,
    show: bool,
    full: bool,
    status: bool,
    kind: tuple[str, ...],
    in_namespace: tuple[str, ...],
    output: str,
    vault: str | None,
) -> int:
    """Show what was added, removed and changed from a backup to another, or to the cluster now.

    What the API server writes by itself does not count. The exit code is 0 when nothing differs,
    10 when something does.
    """
    import asyncio

    from kubeferry.cli import diff as comparing

    if live is (other is not None):
        raise click.UsageError("name another backup, or give --live")
    how = comparing.How(output == "json", show, full, status, kind, in_namespace)
    return asyncio.run(comparing.diff(flags(), name, other, vault=vault, how=how))


@backup.command(
    cls=Command,
    examples=(
        "backup browse shop-1",
        "backup browse shop-1 -- kubectl get pods --all-namespaces",
        "backup browse shop-1 --as-restored restore.yaml -- kubectl get all -n shop-test",
    ),
)
@name_argument("BACKUPS")
@click.argument("command", nargs=-1, metavar="[-- COMMAND...]", type=click.UNPROCESSED)
@click.option(
    "--as-restored",
    metavar="FILE",
    help="Show what the restore of this manifest would write, as it would write it.",
)
@click.option("--show-secrets", is_flag=True, help="Do not mask the values of Secrets.")
@vault_option
@connection_options
def browse(
    name: str,
    command: tuple[str, ...],
    as_restored: str | None,
    show_secrets: bool,
    vault: str | None,
) -> int:
    """Open a backup as a cluster that kubectl can read, on this machine, until Ctrl-C.

    With a COMMAND that is run with the backup as its cluster (KUBECONFIG), and its exit code is
    this one's. Nothing can be changed. Values of Secrets are masked.
    """
    import asyncio

    from kubeferry.cli import browsing

    how = browsing.How(as_restored, show_secrets, command)
    return asyncio.run(browsing.browse_backup(flags(), name, vault=vault, how=how))
