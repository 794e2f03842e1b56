"""The options that say what a backup takes, and the fields of its spec that they stand for."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from kubeferry.cli.command import names_option
from kubeferry.cli.options import F

_TYPES = ("AppAndPvBackup", "AppBackup", "PvBackup")
_KINDS = (
    ("--include-resources", "Only these kinds: deploy, ConfigMap, '*.apps' ...; else all."),
    ("--exclude-resources", "Leave out these kinds, by relation too."),
    ("--include-namespace-scoped-resources", "Only these namespaced kinds."),
    ("--exclude-namespace-scoped-resources", "Leave out these namespaced kinds."),
    ("--include-cluster-scoped-resources", "All objects of these cluster-scoped kinds."),
    ("--exclude-cluster-scoped-resources", "Leave out these cluster-scoped kinds."),
)


def selection_options(command: F) -> F:
    """Adds all of them, in the order in which the help is to show them."""
    for add in reversed(_options()):
        command = add(command)
    return command


def scope_options() -> list[Callable[[Any], Any]]:
    """Those that backups and restores share: cluster-scoped objects, and labels."""
    return [
        truth_option(
            "--include-cluster-resources",
            help="All cluster-scoped objects, or with =false none; else those that are needed.",
        ),
        click.option(
            "-l",
            "--selector",
            metavar="LABELS",
            callback=selectors,
            help="Only objects with these labels, 'app=shop,tier in (a,b)', and what they need.",
        ),
        click.option(
            "--or-selector",
            metavar="LABELS",
            multiple=True,
            callback=selectors,
            help="Only objects that one of these selects; several times, or 'a=b or c=d'.",
        ),
    ]


def _options() -> list[Callable[[Any], Any]]:
    return [
        names_option(
            "--include-namespaces",
            metavar="A,B",
            help="Only these namespaces, or patterns; else all but the reserved ones.",
        ),
        names_option("--exclude-namespaces", metavar="A,B", help="Leave out these namespaces."),
        *(names_option(name, metavar="A,B", help=text) for name, text in _KINDS),
        *scope_options(),
        click.option(
            "--generated-objects",
            type=click.Choice(["Skip", "Include"]),
            help="Include: also what others make, such as Events and Endpoints; else Skip.",
        ),
        click.option(
            "--all-versions/--no-all-versions",
            default=None,
            callback=_as_text,
            help="Archive objects in every version that is served, the default; or in one.",
        ),
        click.option(
            "--backup-type",
            type=click.Choice(_TYPES),
            help="Objects and data of volumes, the default; objects only; or claims, their "
            "volumes and the data only.",
        ),
        click.option(
            "--no-volume-data",
            is_flag=True,
            help="No data of volumes; without --backup-type the same as AppBackup.",
        ),
        names_option(
            "--storage-classes", metavar="A,B", help="Data only of claims of these classes."
        ),
        click.option(
            "--pv-selector",
            metavar="LABELS",
            multiple=True,
            callback=selectors,
            help="Data only of claims that one of these selects; several times.",
        ),
        click.option(
            "--mounted-only/--no-mounted-only",
            default=None,
            callback=_as_text,
            help="Data only of claims that a pod mounts, the default but in a PvBackup; or of all.",
        ),
        click.option("--resource-policy", metavar="NAME", help="ConfigMap with resource policies."),
    ]


def truth_option(*names: str, **rest: Any) -> Callable[[F], F]:
    """An option that is true alone, and may be given ``=true`` or ``=false``; see ``TRUTH``."""
    return click.option(
        *names, is_flag=False, flag_value="true", type=click.Choice(["true", "false"]), **rest
    )


def _as_text(ctx: click.Context, param: click.Parameter, value: bool | None) -> str | None:
    """``false`` was said too: unlike False it is not taken for nothing (``refuse_beside_file``)."""
    return None if value is None else str(value).lower()


TRUTH = {None: None, "true": True, "false": False}
"""What such an option stands for in a manifest."""


def selectors(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Selectors as a manifest has them: one, or a tuple of them for an option of several."""
    if value is None:
        return None
    from kubeferry.errors import InvalidInput

    try:
        if not param.multiple:
            return selector_field(value)
        return tuple(selector_field(one) for text in value for one in text.split(" or "))
    except InvalidInput as error:
        raise click.BadParameter(
            f"{error.problem}; {error.remedy}".removesuffix("; "), ctx=ctx, param=param
        ) from error


def selector_field(text: str) -> dict[str, Any]:
    """The ``labelSelector`` of a manifest for ``a=b,c in (d,e),!f``.

    Raises ``InvalidInput`` for what is no selector, or cannot be one in a manifest.
    """
    from kubeferry.errors import InvalidInput
    from kubeferry.kube.selectors import parse_selector_text

    labels: dict[str, str] = {}
    expressions: list[dict[str, Any]] = []
    found = parse_selector_text(text).requirements
    if not found:
        raise InvalidInput("selects by nothing", remedy="write a=b, or leave the option out")
    for one in found:
        if one.operator in ("Gt", "Lt"):
            raise InvalidInput(f"{one} cannot be asked of a backup", remedy="name the values")
        if one.operator == "In" and len(one.values) == 1 and one.key not in labels:
            labels[one.key] = one.values[0]
        else:
            values = {"values": list(one.values)} if one.values else {}
            expressions.append({"key": one.key, "operator": one.operator, **values})
    return {
        name: part
        for name, part in (("matchLabels", labels), ("matchExpressions", expressions))
        if part
    }


def selected(options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a backup's spec for the options' values; what was not said is empty."""
    fields: dict[str, Any] = {
        "includedNamespaces": options["include_namespaces"],
        "excludedNamespaces": options["exclude_namespaces"],
        "includedResources": options["include_resources"],
        "excludedResources": options["exclude_resources"],
        "includeClusterResources": TRUTH[options["include_cluster_resources"]],
        "includedClusterScopedResources": options["include_cluster_scoped_resources"],
        "excludedClusterScopedResources": options["exclude_cluster_scoped_resources"],
        "includedNamespaceScopedResources": options["include_namespace_scoped_resources"],
        "excludedNamespaceScopedResources": options["exclude_namespace_scoped_resources"],
        "labelSelector": options["selector"],
        "orLabelSelectors": options["or_selector"],
        "generatedObjects": options["generated_objects"],
        "allVersions": TRUTH[options["all_versions"]],
    }
    policy = options["resource_policy"]
    return fields | {
        "backupType": _backup_type(options),
        "pvBackup": {
            "defaultPvBackup": False if _without_data(options) else None,
            "includedStorageClasses": options["storage_classes"],
            "labelSelectors": options["pv_selector"],
            "mountedOnly": TRUTH[options["mounted_only"]],
        },
        "resourcePolicy": {"kind": "ConfigMap", "name": policy} if policy else None,
    }


def _backup_type(options: Mapping[str, Any]) -> str:
    if options["no_volume_data"]:
        return options["backup_type"] or "AppBackup"
    return options["backup_type"] or ""


def _without_data(options: Mapping[str, Any]) -> bool:
    """Whether claims are to be taken without their data by a backup that takes data."""
    return options["no_volume_data"] and options["backup_type"] not in (None, "AppBackup")
