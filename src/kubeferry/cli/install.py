"""``kubeferry install`` and ``kubeferry crds``: manifests on stdout.

What is asked for is checked before anything is printed: half an installation would be applied by
the ``kubectl apply -f -`` behind it, and a wrong setting would only show in a pod that crashes.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kubeferry import __version__
from kubeferry.cli.command import Command, mapping_option, names_option, output_option

if TYPE_CHECKING:
    from kubeferry.api.install import Installation

_TEXT = "YAML (as kubectl apply -f - takes it) or one JSON List."
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_BY_OPTION = {
    "KUBEFERRY_NAMESPACE": "--namespace",
    "KUBEFERRY_MEMORY": "--memory",
    "KUBEFERRY_SPOOL_LIMIT": "--spool",
    "KUBEFERRY_SPOOL_DIR": "a volume of your own, in the Deployment",
    "KUBEFERRY_LOCAL_ROOT": "a volume of your own, in the Deployment: the pod's disk goes with it",
}
"""Settings that are said otherwise."""
_VARIABLES = frozenset(
    {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"}
)
"""What the controller obeys beside its settings."""


def _variables(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> dict[str, str]:
    """``NAME=VALUE`` each; a value may have commas."""
    found: dict[str, str] = {}
    for text in value:
        name, equals, content = text.partition("=")
        if not (name and equals and content):
            raise click.BadParameter(f"{text!r} is no variable; write NAME=VALUE", ctx, param)
        if name in found:
            raise click.BadParameter(f"{name} is given twice", ctx, param)
        if name in _BY_OPTION:
            raise click.BadParameter(f"{name} is set by {_BY_OPTION[name]}", ctx, param)
        if not name.startswith("KUBEFERRY_") and name not in _VARIABLES:
            known = "a KUBEFERRY_ setting, a proxy, or KUBERNETES_SERVICE_HOST"
            raise click.BadParameter(f"the controller knows no {name}; give {known}", ctx, param)
        found[name] = content
    return found


@click.command(
    cls=Command,
    examples=(
        "install | kubectl apply -f -",
        "install --image registry.example.com/team/kubeferry:1.0 --image-pull-secret registry",
        "install --allow-endpoint http://minio.storage.svc:9000 --memory 2Gi",
        "install --set-env KUBEFERRY_MAX_TASKS=8 --set-env KUBEFERRY_SYNC_PERIOD=30s",
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
    "--image-pull-policy",
    type=click.Choice(["Always", "IfNotPresent", "Never"]),
    help="When nodes fetch the image; else as Kubernetes has it.",
)
@names_option(
    "--image-pull-secret",
    metavar="NAME",
    help="A Secret in the namespace with the registry's credentials.",
)
@click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    default="csdr",
    show_default=True,
    help="Where the controller and its resources live: one that is theirs alone.",
)
@click.option(
    "--replicas",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Controllers; one of them works, another takes over.",
)
@click.option(
    "--memory",
    metavar="SIZE",
    default="1Gi",
    show_default=True,
    help="What a controller may use, at least 128Mi; a quarter of it is set aside.",
)
@click.option(
    "--spool",
    metavar="SIZE",
    default="10Gi",
    show_default=True,
    help="Disk that one restore may use; the volume has room for all that run at once.",
)
@click.option(
    "--cluster-name",
    metavar="NAME",
    default="",
    help="What backups and vaults call this cluster; else a part of its uid.",
)
@mapping_option(
    "--endpoint",
    metavar="PROVIDER=URL",
    help="Where all vaults of a provider are, in place of its own endpoint: a storage of your own.",
)
@names_option(
    "--allow-endpoint",
    metavar="URL",
    help="An endpoint without https that a vault may name.",
)
@click.option(
    "--set-env",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_variables,
    help="Another setting by its variable, or a proxy; may be given several times.",
)
@click.option(
    "--no-guard",
    "guarded",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Leave the admission policies out: for servers before 1.30, which do not know them.",
)
@output_option("yaml", "json", text=_TEXT)
def install(output: str, **options: Any) -> None:
    """Print what a cluster needs: namespace, definitions, account, rights, guard, Deployment.

    The same command upgrades an installation: vaults and tasks stay. Not for a cluster with the ACK
    backup center: applied over its definitions, it takes them over.
    """
    from kubeferry.api.install import manifests

    _print(manifests(_installation(**options)), output)


def _installation(
    *,
    image: str,
    image_pull_policy: str | None,
    image_pull_secret: tuple[str, ...],
    namespace: str,
    replicas: int,
    memory: str,
    spool: str,
    cluster_name: str,
    endpoint: Mapping[str, str],
    allow_endpoint: tuple[str, ...],
    set_env: Mapping[str, str],
    guarded: bool,
) -> "Installation":
    """What the options say. Raises ``InvalidInput`` for what cannot be."""
    from kubeferry.api.definition import NAMESPACE
    from kubeferry.api.install import LEAST_MEMORY, Installation
    from kubeferry.errors import InvalidInput
    from kubeferry.kube.names import RESERVED_NAMESPACES, is_dns_label, is_dns_subdomain

    shared = RESERVED_NAMESPACES - {NAMESPACE} | {"default"}
    if not _IMAGE.fullmatch(image):
        raise InvalidInput(f"{image!r} names no image", place="--image")
    if namespace in shared or not is_dns_label(namespace):
        raise InvalidInput(
            f"{namespace!r} cannot be kubeferry's namespace",
            place="--namespace",
            remedy="name one that is its alone: pods in it are held to the restricted standard, "
            "and it is never backed up",
        )
    for name in image_pull_secret:
        if not is_dns_subdomain(name):
            raise InvalidInput(f"{name!r} names no Secret", place="--image-pull-secret")
    if _size(memory, "--memory") < LEAST_MEMORY:
        raise InvalidInput(f"{memory} is not enough", place="--memory", remedy="128Mi or more")
    if not _size(spool, "--spool"):
        raise InvalidInput(f"{spool} is nothing", place="--spool", remedy="for example 10Gi")
    return Installation(
        image=image,
        image_pull_policy=image_pull_policy or "",
        image_pull_secrets=image_pull_secret,
        namespace=namespace,
        replicas=replicas,
        memory=memory,
        spool=spool,
        environ=_environ(endpoint, allow_endpoint, cluster_name, set_env),
        guarded=guarded,
    )


def _size(text: str, option: str) -> int:
    from kubeferry.errors import ConfigError, InvalidInput
    from kubeferry.settings import read_size

    try:
        return read_size(text, place=option)
    except ConfigError as error:
        raise InvalidInput(error.problem, place=option, remedy=error.remedy) from error


def _environ(
    endpoints: Mapping[str, str],
    allowed: tuple[str, ...],
    cluster_name: str,
    given: Mapping[str, str],
) -> dict[str, str]:
    """The controller's variables, as they would be read by it. Raises ``InvalidInput``."""
    from kubeferry.errors import ConfigError, InvalidInput
    from kubeferry.settings import REMOTE_PROVIDERS, Settings, service_links
    from kubeferry.vault.endpoints import parse_endpoint

    environ = dict(given)

    def add(name: str, value: str, option: str) -> None:
        if environ.setdefault(name, value) != value:
            raise InvalidInput(f"{name} says something else", place=f"{option} {value}")

    for provider, url in endpoints.items():
        if provider not in REMOTE_PROVIDERS:
            raise InvalidInput(
                f"no provider called {provider!r} has an endpoint",
                place="--endpoint",
                remedy=f"one of {', '.join(REMOTE_PROVIDERS)}",
            )
        add(f"KUBEFERRY_ENDPOINT_{provider.upper()}", url, f"--endpoint {provider}")
    if allowed:
        add("KUBEFERRY_ALLOWED_ENDPOINTS", ",".join(allowed), "--allow-endpoint")
    if cluster_name:
        add("KUBEFERRY_CLUSTER_NAME", cluster_name, "--cluster-name")
    if links := service_links(environ):
        raise InvalidInput("no such setting", place=min(links))
    try:
        settings = Settings.from_environ(environ)
    except ConfigError as error:
        raise InvalidInput(error.problem, place=error.place, remedy=error.remedy) from error
    for url in (*settings.endpoints.values(), *settings.allowed_endpoints):
        parse_endpoint(url, place="endpoint")
    return environ


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
