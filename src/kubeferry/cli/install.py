"""``kubeferry install`` and ``kubeferry crds``: manifests on stdout."""

from typing import Any

import click

from kubeferry import __version__
from kubeferry.cli.command import Command, output_option

_TEXT = "YAML (as kubectl apply -f - takes it) or one JSON List."


@click.command(
    cls=Command,
    examples=(
        "install | kubectl apply -f -",
        "install --image registry.example.com/team/kubeferry:1.0 --namespace csdr",
    ),
)
@click.option(
    "--image",
    metavar="IMAGE",
    default=f"kubeferry:{__version__}",
    show_default=True,
    help="The controller's image.",
)
@click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    default="csdr",
    show_default=True,
    help="Where the controller and its resources live.",
)
@click.option(
    "--replicas",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Controllers; one of them works, another takes over.",
)
@click.option(
    "--memory", metavar="QUANTITY", default="1Gi", show_default=True, help="The pod's limit."
)
@click.option(
    "--spool",
    metavar="QUANTITY",
    default="20Gi",
    show_default=True,
    help="Disk that restores may use.",
)
@output_option("yaml", "json", text=_TEXT)
def install(
    image: str, namespace: str, replicas: int, memory: str, spool: str, output: str
) -> None:
    """Print what a cluster needs: namespace, definitions, account, rights, Deployment."""
    from kubeferry.api.install import Installation, manifests

    installation = Installation(
        image=image, namespace=namespace, replicas=replicas, memory=memory, spool=spool
    )
    _print(manifests(installation), output)


@click.command(cls=Command, examples=("crds | kubectl apply -f -",))
@output_option("yaml", "json", text=_TEXT)
def crds(output: str) -> None:
    """Print the custom resource definitions alone."""
    from kubeferry.api.crd import manifests

    _print(manifests(), output)


def _print(objects: list[dict[str, Any]], output: str) -> None:
    from kubeferry import codec

    if output == "json":
        wrapped = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": objects}
        click.echo(codec.encode_pretty(wrapped), nl=False)
    else:
        click.echo(codec.dump_yaml(*objects), nl=False)
