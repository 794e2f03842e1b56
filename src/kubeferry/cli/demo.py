"""``kubeferry demo``."""

from pathlib import Path

import click

from kubeferry.cli.command import Command, verbose_option


@click.command(cls=Command, examples=("demo", "demo --keep ./ferry-demo"))
@click.option(
    "--keep",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the vault in DIR, and both clusters until Ctrl-C, to look at them with kubectl.",
)
@verbose_option
def demo(keep: Path | None) -> int:
    """Watch a whole migration on this machine: no cluster, no account, nothing to install.

    A StatefulSet is backed up from one cluster and restored into another with four changes at once.
    Both clusters are API servers in memory, with small stand-ins for their controllers.
    """
    import asyncio

    from kubeferry.cli.plan_summary import plan_lines
    from kubeferry.cli.planning import look
    from kubeferry.local.demo import run_demo

    seen = look(full=False)
    return asyncio.run(run_demo(click.echo, lambda steps: plan_lines(steps, seen), keep=keep))
