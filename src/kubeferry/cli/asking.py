"""``kubeferry why``."""

import click

from kubeferry.cli.command import Command, connection_options, flags


@click.command(
    cls=Command,
    examples=("why sts/web -n default1", "why configmap/settings -n shop-test -o json"),
)
@click.argument("what", metavar="KIND/NAME")
@click.option("--full", is_flag=True, help="Every change, with whole values.")
@click.option("-o", "--output", type=click.Choice(["json"]), help="A JSON line a restore.")
@connection_options
def why(what: str, full: bool, output: str | None) -> None:
    """Show which fields of a live object a restore changed, from what, why, and what is there now.

    -n is the object's namespace here, else default; kubeferry's is that of KUBEFERRY_NAMESPACE.
    """
    import asyncio

    from kubeferry.cli import why as asked

    asyncio.run(asked.why(flags(), what, full=full, output=output or ""))
