"""``kubeferry version``."""

import click

from kubeferry import __version__
from kubeferry.cli.command import Command


@click.command(cls=Command, examples=("version", "version --short"))
@click.option("--short", is_flag=True, help="The number alone.")
def version(short: bool) -> None:
    """Print the version."""
    click.echo(__version__ if short else f"kubeferry {__version__}")
