"""``kubeferry restore``: plan a restore, do it, look at it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kubeferry.cli.command import Command, connection_options, flags, names_option
from kubeferry.cli.completion import names_of
from kubeferry.cli.options import create_options, get_options, name_argument, wait_options
from kubeferry.cli.restoring import spec_of, spec_options

if TYPE_CHECKING:
    from kubeferry.api.restore import ApplicationRestore


@click.group(no_args_is_help=True)
def restore() -> None:
    """Plan a restore to see what it would change, then do it."""


@restore.command(
    cls=Command,
    examples=(
        "restore create shop-test --from-backup shop-1 --namespace-mapping shop=shop-test --wait",
        "restore create web-only --from-backup shop-1 --include-namespaces shop -l app=web --wait",
        "restore create -f 05-applicationrestore.yaml --wait",
        "restore create shop-test --plan plan.json --wait",
    ),
)
@click.argument("name", required=False)
@spec_options
@click.option(
    "--plan",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Do just what this file of 'restore plan --out' says, or nothing if that changed since.",
)
@create_options
def create(
    name: str | None,
    plan: Path | None,
    file: str | None,
    wait: bool,
    timeout: float | None,
    dry_run: Any,
    output: str,
    **spec: Any,
) -> None:
    """Restore a backup; what exists is left alone. With --wait the exit code is 0, 7 or 8."""
    import asyncio

    from kubeferry.api.restore import ApplicationRestore
    from kubeferry.cli import creating, waiting
    from kubeferry.cli.restoring import planned
    from kubeferry.controller.resources import RESTORES

    made = planned(plan, name, file=file, options=spec) if plan is not None else None
    asyncio.run(
        creating.run(
            creating.Creation(RESTORES, ApplicationRestore, waiting.wait_for_task),
            flags(),
            file=file,
            name=made.metadata.name if made is not None else name,
            options=spec,
            build=lambda said: made or build(said, spec),
            ending=creating.Ending(dry_run, output, wait, timeout),
        )
    )


def build(name: str, options: dict[str, Any]) -> "ApplicationRestore":
    """The resource of the options. Raises ``click.UsageError`` for one that is missing."""
    from msgspec.structs import replace

    from kubeferry.api.restore import ApplicationRestore
    from kubeferry.cli.creating import checked, required

    required(options, "from_backup")
    made = checked(ApplicationRestore, name, spec_of(options))
    overwrites = {  # whose empty texts mean something, so none is taken for "not said"
        "overwrite_service_annotations": options["service_annotation"],
        "overwrite_ingress_annotations": options["ingress_annotation"],
    }
    return replace(made, spec=replace(made.spec, **overwrites))


@restore.command(
    cls=Command,
    examples=(
        "restore plan --from-backup shop-1 --namespace-mapping shop=shop-test",
        "restore plan -f 05-applicationrestore.yaml --full",
        "restore plan -f 05-applicationrestore.yaml -o json | jq 'select(.action != \"create\")'",
        "restore plan --offline nginx-backup.tar.gz --namespace-mapping default=default1",
        "restore plan --offline nginx-backup.tar.gz --target-api target.json -o yaml",
        "restore plan --from-backup shop-1 --namespace-mapping shop=shop-test --object deploy/web",
        "restore plan -f 05-applicationrestore.yaml --out plan.json",
    ),
)
@spec_options
@click.option("-f", "--file", metavar="FILE", help="The restore's manifest (- for stdin).")
@click.option(
    "--modifiers",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Rules that are in no cluster yet, in place of the restore's ConfigMap.",
)
@click.option(
    "--vault",
    metavar="NAME|URL",
    shell_complete=names_of("LOCATIONS"),
    help="The vault the backup is in; else the cluster is asked. s3://BUCKET/PREFIX?region=R, "
    "oss://... or a directory: any bucket of Velero's or ours.",
)
@click.option(
    "--offline",
    metavar="ARCHIVE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Plan the backup in this file, NAME.tar.gz, and ask no cluster.",
)
@click.option(
    "--target-api",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Ask no cluster: this is what it serves, saved by 'restore target-api' or 'kubectl "
    "api-resources'; else, with --offline, the newest Kubernetes known.",
)
@click.option("--full", is_flag=True, help="Every change of every object, with whole values.")
@click.option(
    "--object", "one", metavar="KIND/NAME", help="Only this object, in depth: deploy/web."
)
@names_option("--in-namespace", metavar="A,B", help="With --object: only in these namespaces.")
@click.option(
    "--images", is_flag=True, help="Only the images that a mapping renames: source, target."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["summary", "diff", "json", "yaml"]),
    help="Only what it comes to; a unified diff; a JSON line an object, a summary last; or the "
    "manifests that it would write.",
)
@click.option(
    "--output-dir",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the manifests there, each into a file.",
)
@click.option("--show-secrets", is_flag=True, help="Write the Secrets' manifests, too.")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the plan: restore create --plan FILE does just that, or refuses.",
)
@click.option(
    "--name", "task_name", metavar="NAME", default="", help="With --out: the restore's name."
)
@connection_options
def plan(
    file: str | None,
    modifiers: Path | None,
    vault: str | None,
    offline: Path | None,
    target_api: Path | None,
    full: bool,
    one: str | None,
    in_namespace: tuple[str, ...],
    images: bool,
    output: str | None,
    output_dir: Path | None,
    show_secrets: bool,
    out: Path | None,
    task_name: str,
    **spec: Any,
) -> int:
    """Show what a restore would do, object by object, change by change, and why.

    Nothing is written, neither to the cluster nor to the vault. Exit code 2: it cannot be done as
    it is asked for. Exit code 8: it would end PartiallyFailed.
    """
    import asyncio

    from kubeferry.cli import planning
    from kubeferry.cli.plan_sources import Sources

    if offline is not None and vault is not None:
        raise click.UsageError("--offline and --vault do not go together")
    if offline is not None and not file:
        spec["from_backup"] = spec["from_backup"] or offline.name.removesuffix(".tar.gz")
    if show_secrets and output != "yaml" and output_dir is None:
        raise click.UsageError("--show-secrets is for -o yaml and --output-dir")
    if in_namespace and not one:
        raise click.UsageError("--in-namespace goes with --object")
    if images and output not in (None, "json"):
        raise click.UsageError("--images is a list, or -o json")
    if out is not None and one:
        raise click.UsageError("--out takes the whole plan: leave --object out")
    if task_name and (out is None or file):
        raise click.UsageError("--name goes with --out; a manifest has a name")
    how = planning.How(
        output or "",
        full,
        images,
        output_dir,
        show_secrets,
        one or "",
        in_namespace,
        out,
        task_name,
    )
    return asyncio.run(
        planning.plan(
            flags(),
            file=file,
            options=spec,
            build=lambda said: build(said, spec),
            sources=Sources(offline, target_api, vault, modifiers),
            how=how,
        )
    )


@restore.command(
    "target-api",
    cls=Command,
    examples=("restore target-api > target.json",),
)
@connection_options
def target_api() -> None:
    """Print what this cluster serves, for plans elsewhere: restore plan --target-api FILE."""
    import asyncio

    from kubeferry.cli import plan_sources

    asyncio.run(plan_sources.print_api(flags()))


@restore.command(
    cls=Command,
    examples=("restore retry shop-test --dry-run", "restore retry shop-test --wait"),
)
@name_argument("RESTORES")
@click.option("--name", "new_name", metavar="NEW", help="The new restore's; else NAME-retry-1.")
@click.option("--dry-run", is_flag=True, help="Create nothing: show what would be done again.")
@click.option("--full", is_flag=True, help="With --dry-run: every change, with whole values.")
@wait_options
@connection_options
def retry(
    name: str,
    new_name: str | None,
    dry_run: bool,
    full: bool,
    wait: bool,
    timeout: float | None,
    output: str,
) -> int:
    """Do again what a restore left undone, under the same plan, once the cause is mended.

    A new restore with the same spec is created, and the same rules must still be there. What the
    earlier one wrote is left alone. With --wait the exit code is 0, 7 or 8.
    """
    import asyncio

    from kubeferry.api.restore import ApplicationRestore
    from kubeferry.cli import creating, planning, retrying, waiting
    from kubeferry.controller.resources import RESTORES

    if dry_run and wait:
        raise click.UsageError("--wait and --dry-run do not go together")
    made = asyncio.run(retrying.retry_of(flags(), name, new_name=new_name))
    if dry_run:
        how = planning.How("json" if output == "json" else "", full)
        return asyncio.run(
            planning.plan(flags(), file=None, options={}, build=lambda said: made, how=how)
        )
    asyncio.run(
        creating.run(
            creating.Creation(RESTORES, ApplicationRestore, waiting.wait_for_task),
            flags(),
            file=None,
            name=made.metadata.name,
            options={},
            build=lambda said: made,
            ending=creating.Ending("", output, wait, timeout),
        )
    )
    return 0


@restore.command(cls=Command, examples=("restore get", "restore get shop-test -o wide --watch"))
@get_options("RESTORES")
def get(names: tuple[str, ...], output: str, watch: bool, headers: bool) -> None:
    """List restores."""
    import asyncio

    from kubeferry.api.definition import Column
    from kubeferry.api.restore import DEFINITION
    from kubeferry.cli import listing
    from kubeferry.controller.resources import RESTORES

    more = (Column("Backup", ".spec.backupName", wide=True),)
    asyncio.run(
        listing.run(
            flags(),
            names,
            listing.listing(DEFINITION, RESTORES, more, output=output, headers=headers),
            watching=watch,
        )
    )


@restore.command(
    cls=Command,
    examples=(
        "restore describe shop-test",
        "restore describe shop-test --details",
        "restore describe shop-test --changes --full",
        "restore describe shop-test -o json | jq 'select(.action == \"failed\")'",
    ),
)
@name_argument("RESTORES")
@click.option(
    "--details",
    is_flag=True,
    help="Also what became of each object, every problem by its reason, everything that was "
    "granted, from the vault.",
)
@click.option(
    "--changes", is_flag=True, help="Also each object's changes and their causes, from the vault."
)
@click.option("--full", is_flag=True, help="With --changes: every change, with whole values.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json"]),
    help="A JSON line an object and hook, as the plan's, and the restore last.",
)
@connection_options
def describe(name: str, details: bool, changes: bool, full: bool, output: str | None) -> None:
    """Show a restore: what was asked for, how it went, what to do, which images it needs."""
    import asyncio

    from kubeferry.cli import describing_restore

    how = describing_restore.How(
        details=details, changes=changes or full, full=full, json=output == "json"
    )
    asyncio.run(describing_restore.restore(flags(), name, how))


@restore.command(cls=Command, examples=("restore logs shop-test",))
@name_argument("RESTORES")
@connection_options
def logs(name: str) -> None:
    """Print the log of a restore that has ended, from its vault."""
    import asyncio

    from kubeferry.cli import tasklogs

    asyncio.run(tasklogs.restore(flags(), name))
