"""``kubeferry completion``, and the completion of names from the cluster."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

from kubeferry.cli.command import Command, Flags

if TYPE_CHECKING:
    from kubeferry.kube.names import Resource

SECONDS = 2.0
"""A shell waits for a completion; a slow cluster gives none."""


@click.command(
    cls=Command,
    examples=(
        "completion bash > ~/.local/share/bash-completion/completions/kubeferry",
        "completion zsh > ~/.zfunc/_kubeferry",
        "completion fish > ~/.config/fish/completions/kubeferry.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a shell's completion script; names of backups and vaults come from the cluster."""
    from kubeferry.cli.main import root

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(kind(root, {}, "kubeferry", "_KUBEFERRY_COMPLETE").source())


Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def names_of(resource_name: str) -> Completer:
    """Completes the names of ``BACKUPS``, ``RESTORES`` or ``LOCATIONS``; nothing when it cannot."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        import asyncio

        from kubeferry.controller import resources
        from kubeferry.errors import FerryError

        resource: Resource = getattr(resources, resource_name)
        try:
            names = asyncio.run(_names(resource, ctx.ensure_object(Flags)))
        except (FerryError, TimeoutError, OSError):
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    return complete


async def _names(resource: "Resource", flags: Flags) -> list[str]:
    import asyncio

    from kubeferry.cli.connection import connect
    from kubeferry.kube.objects import metadata

    async with asyncio.timeout(SECONDS), connect(flags) as session:
        found = await session.client.list(resource, namespace=session.namespace)
    return sorted(metadata(one)["name"] for one in found)
