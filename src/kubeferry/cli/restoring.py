"""The options that say what a restore restores and changes, and the fields of its spec that they
stand for; ``restore_words`` goes the way back.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kubeferry.cli.command import mapping_option, names_option
from kubeferry.cli.completion import names_of
from kubeferry.cli.options import F
from kubeferry.cli.selecting import TRUTH, scope_options, truth_option

if TYPE_CHECKING:
    from kubeferry.api.restore import ApplicationRestore

_ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
_PROVIDERS = ("alibaba", "aws", "azure", "gcp", "on-prem", "openshift")


def planned(
    path: Path, name: str | None, *, file: str | None, options: Mapping[str, Any]
) -> "ApplicationRestore":
    """The restore of a plan's file, by another name if one is given.

    Raises ``click.UsageError`` for options beside it, ``InvalidInput``.
    """
    from msgspec.structs import replace

    from kubeferry.api.metadata import read
    from kubeferry.api.restore import ApplicationRestore
    from kubeferry.restore.plan_file import read_plan

    said = [key for key, value in options.items() if value not in (None, "", (), {}, False)]
    if file is not None or said:
        other = "-f" if file is not None else f"--{said[0].replace('_', '-')}"
        raise click.UsageError(f"{other} cannot be given beside --plan, which says everything")
    restore = read(read_plan(path), ApplicationRestore)
    if name is None:
        return restore
    return replace(restore, metadata=replace(restore.metadata, name=name))


def spec_options(command: F) -> F:
    """Adds all of them, in the order in which the help is to show them."""
    for add in reversed(_options()):
        command = add(command)
    return command


def _options() -> list[Callable[[Any], Any]]:
    return [
        click.option(
            "--from-backup",
            "--backup",
            "from_backup",
            metavar="NAME",
            shell_complete=names_of("BACKUPS"),
            help="The backup to restore.",
        ),
        *_selecting(),
        *_changing(),
        click.option(
            "--resource-modifier",
            metavar="NAME",
            help="ConfigMap with rules that patch any field.",
        ),
    ]


def _selecting() -> list[Callable[[Any], Any]]:
    return [
        names_option(
            "--include-namespaces",
            metavar="A,B",
            help="Only these source namespaces, or patterns; else all of the backup.",
        ),
        names_option(
            "--exclude-namespaces", metavar="A,B", help="Leave out these source namespaces."
        ),
        names_option(
            "--include-resources",
            metavar="A,B",
            help="Only these kinds, and what they need: deploy, ConfigMap, '*.apps' ...",
        ),
        names_option(
            "--exclude-resources", metavar="A,B", help="Leave out these kinds, by relation too."
        ),
        *scope_options(),
        click.option(
            "--privileged-resources",
            type=click.Choice(["Restore", "Skip"]),
            help="Skip: leave out what gives rights over the cluster. If not given Restore, and "
            "Skip for who is no administrator.",
        ),
        click.option(
            "--owner-references",
            type=click.Choice(["Restore", "Drop"]),
            help="Drop: nothing belongs to the owner that it had; else Restore.",
        ),
    ]


def _changing() -> list[Callable[[Any], Any]]:
    return [
        mapping_option(
            "--namespace-mapping", metavar="A=B", help="Source namespace to target namespace."
        ),
        mapping_option(
            "--references",
            metavar="KIND=false",
            help="Kinds of reference that do not follow the namespace mapping: webhooks=false.",
        ),
        click.option(
            "--rewrite-service-names",
            is_flag=True,
            help="DNS names of Services in commands, environment and ConfigMaps follow, too.",
        ),
        mapping_option(
            "--image-registry-mapping",
            metavar="X=Y",
            help="Image prefix to image prefix; the images must be there.",
        ),
        click.option(
            "--image-path",
            metavar="KIND=PATH",
            multiple=True,
            callback=_image_paths,
            help="Where a custom resource names an image: foos.example.com=/spec/image.",
        ),
        mapping_option(
            "--storage-class-mapping", metavar="A=B", help="Storage class to storage class."
        ),
        click.option(
            "--convert-claim",
            metavar="NAMESPACE/CLAIM=...",
            multiple=True,
            callback=_conversions,
            help="Storage class, access modes or size of one claim: shop/data=fast,20Gi.",
        ),
        click.option(
            "--service-annotation",
            metavar="KEY=VALUE",
            multiple=True,
            callback=_annotations,
            help="An annotation that every Service gets; KEY- takes one out.",
        ),
        click.option(
            "--ingress-annotation",
            metavar="KEY=VALUE",
            multiple=True,
            callback=_annotations,
            help="An annotation that every Ingress gets; KEY- takes one out.",
        ),
        truth_option(
            "--preserve-node-ports",
            "--preserve-nodeports",
            "preserve_node_ports",
            help="All node ports of Services stay, or with =false none; else all but the health "
            "check's.",
        ),
        click.option(
            "--source-provider",
            type=click.Choice(_PROVIDERS),
            help="Provider that the backup's cluster is of; else what its objects tell.",
        ),
        click.option(
            "--target-provider",
            type=click.Choice(_PROVIDERS),
            help="Provider that this cluster is of; else what its nodes tell.",
        ),
        mapping_option(
            "--automatic",
            metavar="RULE=false",
            help="Automatic rules that are switched off: service-listeners=false.",
        ),
        click.option(
            "--existing-resource-policy",
            type=click.Choice(["none", "update", "recreate"]),
            help="What is done with objects that are there and differ: nothing (none), or they "
            "become as the backup has them (update), made anew where that is needed (recreate).",
        ),
        click.option(
            "--wait-for-ready",
            metavar="DURATION",
            help="The restore ends when what it wrote is ready, after so long at most: 10m.",
        ),
        names_option(
            "--status-include-resources",
            metavar="A,B",
            help="Kinds whose objects get their status from the backup; '*' means all.",
        ),
        names_option(
            "--status-exclude-resources", metavar="A,B", help="Leave out these kinds of them."
        ),
        click.option(
            "--app-restore-only",
            is_flag=True,
            help="Objects only: that claims stay empty is no error.",
        ),
    ]


def _image_paths(
    ctx: click.Context, param: click.Parameter, value: Sequence[str]
) -> dict[str, list[str]]:
    paths: dict[str, list[str]] = {}
    for text in value:
        kind, path = _pair(text, param)
        paths.setdefault(kind, []).append(path)
    return paths


def _annotations(
    ctx: click.Context, param: click.Parameter, value: Sequence[str]
) -> dict[str, str]:
    """``key=value`` with any value, ``key-`` to take one out, as kubectl annotate has it.

    It stays ``key-`` in the manifest: ``kubectl apply`` would lose a null.
    """
    found: dict[str, str] = {}
    for text in value:
        if "=" not in text and text.endswith("-") and len(text) > 1:
            found[text] = ""
            continue
        key, equals, new = text.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{text!r}: write KEY=VALUE, or KEY-", param=param)
        found[key] = new
    return found


def _conversions(
    ctx: click.Context, param: click.Parameter, value: Sequence[str]
) -> tuple[dict[str, Any], ...]:
    return tuple(_conversion(text, param) for text in value)


def _conversion(text: str, param: click.Parameter) -> dict[str, Any]:
    """``shop/data=fast,ReadWriteOnce,20Gi``: access modes and sizes are told by their form."""
    claim, wanted = _pair(text, param)
    namespace, slash, name = claim.partition("/")
    if not slash:
        raise click.BadParameter(f"{text!r}: write NAMESPACE/CLAIM=...", param=param)
    made: dict[str, Any] = {"namespace": namespace, "persistentVolumeClaim": name}
    for part in filter(None, (piece.strip() for piece in wanted.split(","))):
        if part in _ACCESS_MODES:
            made.setdefault("convertToAccessModes", []).append(part)
        elif part[0].isdigit():
            made["convertToCapacity"] = part
        else:
            made["convertToStorageClassType"] = part
    return made


def _pair(text: str, param: click.Parameter) -> tuple[str, str]:
    key, equals, value = (piece.strip() for piece in text.partition("="))
    if not (key and equals and value):
        raise click.BadParameter(f"{text!r} is no pair; write {param.metavar}", param=param)
    return key, value


def spec_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a restore's spec for the options' values; what was not said is empty.

    Annotations are apart: among them an empty text means something.
    """
    modifier = options["resource_modifier"]
    return {
        "backupName": options["from_backup"],
        "includedNamespaces": options["include_namespaces"],
        "excludedNamespaces": options["exclude_namespaces"],
        "includedResources": options["include_resources"],
        "excludedResources": options["exclude_resources"],
        "includeClusterResources": TRUTH[options["include_cluster_resources"]],
        "labelSelector": options["selector"],
        "orLabelSelectors": options["or_selector"],
        "privilegedResources": options["privileged_resources"],
        "ownerReferences": options["owner_references"],
        "namespaceMapping": options["namespace_mapping"],
        "references": _switches(options["references"], "--references"),
        "rewriteServiceNames": options["rewrite_service_names"] or None,
        "imageRegistryMapping": options["image_registry_mapping"],
        "imagePaths": options["image_path"],
        "storageClassMapping": options["storage_class_mapping"],
        "convertedarg": options["convert_claim"],
        "preserveNodePorts": TRUTH[options["preserve_node_ports"]],
        "sourceProvider": options["source_provider"],
        "targetProvider": options["target_provider"],
        "automatic": _switches(options["automatic"], "--automatic"),
        "existingResourcePolicy": options["existing_resource_policy"],
        "waitForReady": options["wait_for_ready"],
        "restoreStatus": {
            "includedResources": options["status_include_resources"],
            "excludedResources": options["status_exclude_resources"],
        },
        "appRestoreOnly": options["app_restore_only"] or None,
        "resourceModifier": {"kind": "ConfigMap", "name": modifier} if modifier else None,
    }


def _switches(pairs: Mapping[str, str], option: str) -> dict[str, bool]:
    for key, value in pairs.items():
        if value not in ("true", "false"):
            raise click.BadParameter(f"{key} is true or false, not {value!r}", param_hint=option)
    return {key: value == "true" for key, value in pairs.items()}
