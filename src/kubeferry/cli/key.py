"""``kubeferry vault key``: the keys that sign a vault's backups, so that forged ones are found."""

import click

from kubeferry.cli.command import Command, connection_options, flags
from kubeferry.cli.options import name_argument


@click.group(no_args_is_help=True)
def key() -> None:
    """The keys that sign a vault's backups: make, look, carry to another cluster.

    Where a vault has a key in a cluster, the cluster refuses backups that no key of the vault has
    signed, Velero's included. Keys are in the Secret csdr-vault-keys; who may read and write it is
    for the cluster's administrators to say.
    """


_vault = name_argument("LOCATIONS")


@key.command(
    cls=Command,
    examples=("vault key create vault", "vault key create vault --rotate"),
)
@_vault
@click.option("--rotate", is_flag=True, help="Add a newer key to those there are.")
@click.option(
    "--allow-unsigned",
    is_flag=True,
    help="Let backups pass that no key has signed: nothing finds forgery then.",
)
@connection_options
def create(name: str, rotate: bool, allow_unsigned: bool) -> None:
    """Make a key: it signs the vault's backups from now on."""
    import asyncio

    from kubeferry.cli import keyring

    asyncio.run(keyring.create(flags(), name, rotate=rotate, allow_unsigned=allow_unsigned))


@key.command(cls=Command, examples=("vault key get", "vault key get vault"))
@click.argument("names", nargs=-1, metavar="[NAME]...")
@connection_options
def get(names: tuple[str, ...]) -> None:
    """List the vaults that have keys; never the keys themselves."""
    import asyncio

    from kubeferry.cli import keyring

    asyncio.run(keyring.get(flags(), names))


@key.command(cls=Command, examples=("vault key describe vault",))
@_vault
@connection_options
def describe(name: str) -> None:
    """Show a vault's keys by their ids and ages; never the keys themselves."""
    import asyncio

    from kubeferry.cli import keyring

    asyncio.run(keyring.describe(flags(), name))


@key.command(cls=Command, examples=("vault key export vault -o vault.keys",))
@_vault
@click.option("-o", "--output", "target", metavar="FILE", required=True, help="The file to write.")
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@connection_options
def export(name: str, target: str, force: bool) -> None:
    """Write a vault's keys into a file for another cluster; who has it can forge backups.

    Only its owner can read the file.
    """
    import asyncio
    from pathlib import Path

    from kubeferry.cli import keyring

    asyncio.run(keyring.export(flags(), name, target=Path(target), overwrite=force))


@key.command("import", cls=Command, examples=("vault key import vault -f vault.keys",))
@_vault
@click.option("-f", "--file", "source", metavar="FILE", required=True, help="An exported file.")
@click.option(
    "--allow-unsigned",
    is_flag=True,
    help="Let backups pass that no key has signed: nothing finds forgery then.",
)
@connection_options
def import_(name: str, source: str, allow_unsigned: bool) -> None:
    """Add the keys of a file to a vault's, before or after the vault is registered."""
    import asyncio
    from pathlib import Path

    from kubeferry.cli import keyring

    work = keyring.import_(flags(), name, source=Path(source), allow_unsigned=allow_unsigned)
    asyncio.run(work)


@key.command(
    "set",
    cls=Command,
    examples=("vault key set vault --allow-unsigned", "vault key set vault --refuse-unsigned"),
)
@_vault
@click.option(
    "--allow-unsigned/--refuse-unsigned",
    required=True,
    help="Whether backups pass that no key has signed; if they do, nothing finds forgery: who can "
    "write to the vault can take a signature away.",
)
@connection_options
def set_(name: str, allow_unsigned: bool) -> None:
    """Say what becomes of backups without a signature."""
    import asyncio

    from kubeferry.cli import keyring

    asyncio.run(keyring.set_unsigned(flags(), name, allow=allow_unsigned))


@key.command(cls=Command, examples=("vault key delete vault 1f2e3d4c",))
@_vault
@click.argument("key_id", metavar="ID")
@click.option("--last", is_flag=True, help="Also the last one: nothing finds forgery afterwards.")
@connection_options
def delete(name: str, key_id: str, last: bool) -> None:
    """Take away a key that others know: what it has signed counts as not signed."""
    import asyncio

    from kubeferry.cli import keyring

    asyncio.run(keyring.delete(flags(), name, key_id, last=last))
