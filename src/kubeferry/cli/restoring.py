"""The options that say what a restore restores and changes, the fields of its spec that they stand
for, and back again: the command that a plan ends with can be copied.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from kubeferry.cli.command import mapping_option, names_option
from kubeferry.cli.completion import names_of
from kubeferry.cli.options import F
from kubeferry.cli.selecting import selector_field

if TYPE_CHECKING:
    from kubeferry.api.labels import Labels
    from kubeferry.api.restore import RestoreSpec, StatusKinds

_TRUTH = {None: None, "true": True, "false": False}
_ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")


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
        _truth_option(
            "--include-cluster-resources",
            help="All cluster-scoped objects, or with =false none; else those that are needed.",
        ),
        click.option(
            "-l",
            "--selector",
            metavar="LABELS",
            callback=_selectors,
            help="Only objects with these labels, 'app=shop,tier in (a,b)', and what they need.",
        ),
        click.option(
            "--or-selector",
            metavar="LABELS",
            multiple=True,
            callback=_selectors,
            help="Only objects that one of these selects; several times, or 'a=b or c=d'.",
        ),
        click.option(
            "--privileged-resources",
            type=click.Choice(["Restore", "Skip"]),
            help="Skip: leave out what gives rights over the cluster; else Restore.",
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
        _truth_option(
            "--preserve-node-ports",
            "--preserve-nodeports",
            "preserve_node_ports",
            help="All node ports of Services stay, or with =false none; else all but the health "
            "check's.",
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


def _truth_option(*declarations: str, **rest: Any) -> Callable[[F], F]:
    """An option that is true alone, and may be given ``=true`` or ``=false``."""
    return click.option(
        *declarations,
        is_flag=False,
        flag_value="true",
        type=click.Choice(["true", "false"]),
        **rest,
    )


def _selectors(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
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
        "includeClusterResources": _TRUTH[options["include_cluster_resources"]],
        "labelSelector": options["selector"],
        "orLabelSelectors": options["or_selector"],
        "privilegedResources": options["privileged_resources"],
        "namespaceMapping": options["namespace_mapping"],
        "references": _switches(options["references"]),
        "rewriteServiceNames": options["rewrite_service_names"] or None,
        "imageRegistryMapping": options["image_registry_mapping"],
        "imagePaths": options["image_path"],
        "storageClassMapping": options["storage_class_mapping"],
        "convertedarg": options["convert_claim"],
        "preserveNodePorts": _TRUTH[options["preserve_node_ports"]],
        "restoreStatus": {
            "includedResources": options["status_include_resources"],
            "excludedResources": options["status_exclude_resources"],
        },
        "appRestoreOnly": options["app_restore_only"] or None,
        "resourceModifier": {"kind": "ConfigMap", "name": modifier} if modifier else None,
    }


def _switches(pairs: Mapping[str, str]) -> dict[str, bool]:
    for key, value in pairs.items():
        if value not in ("true", "false"):
            raise click.BadParameter(
                f"{key} is true or false, not {value!r}", param_hint="--references"
            )
    return {key: value == "true" for key, value in pairs.items()}


def words_of(spec: "RestoreSpec") -> list[str]:
    """The options that make this spec, each with its value, ready for a shell."""
    return [
        option if value is None else f"{option} {shlex.quote(value)}"
        for option, value in _said(spec)
    ]


def _said(spec: "RestoreSpec") -> Iterator[tuple[str, str | None]]:
    """Option and value of all that is said; None: the option alone."""
    yield "--from-backup", spec.backup_name
    for option, names in (
        ("--include-namespaces", spec.included_namespaces),
        ("--exclude-namespaces", spec.excluded_namespaces),
        ("--include-resources", spec.included_resources),
        ("--exclude-resources", spec.excluded_resources),
    ):
        if names:
            yield option, ",".join(names)
    if spec.include_cluster_resources is not None:
        yield from _truth("--include-cluster-resources", spec.include_cluster_resources)
    if spec.label_selector is not None:
        yield "--selector", _selector_text(spec.label_selector)
    for one in spec.or_label_selectors:
        yield "--or-selector", _selector_text(one)
    if spec.privileged_resources != "Restore":
        yield "--privileged-resources", spec.privileged_resources
    yield from _pairs("--namespace-mapping", spec.namespace_mapping)
    for kind in _off(spec):
        yield "--references", f"{kind}=false"
    if spec.rewrite_service_names:
        yield "--rewrite-service-names", None
    yield from _pairs("--image-registry-mapping", spec.image_registry_mapping)
    for kind, paths in spec.image_paths.items():
        for path in paths:
            yield "--image-path", f"{kind}={path}"
    yield from _pairs("--storage-class-mapping", spec.storage_class_mapping)
    for claim in spec.convertedarg:
        parts = (
            claim.convert_to_storage_class_type,
            *claim.convert_to_access_modes,
            claim.convert_to_capacity,
        )
        wanted = ",".join(filter(None, parts))
        yield "--convert-claim", f"{claim.namespace}/{claim.persistent_volume_claim}={wanted}"
    yield from _annotated("--service-annotation", spec.overwrite_service_annotations)
    yield from _annotated("--ingress-annotation", spec.overwrite_ingress_annotations)
    if spec.preserve_node_ports is not None:
        yield from _truth("--preserve-node-ports", spec.preserve_node_ports)
    if spec.restore_status is not None:
        included, excluded = _status_words(spec.restore_status)
        yield "--status-include-resources", ",".join(included)
        if excluded:
            yield "--status-exclude-resources", ",".join(excluded)
    if spec.app_restore_only:
        yield "--app-restore-only", None
    if spec.resource_modifier is not None:
        yield "--resource-modifier", spec.resource_modifier.name


def _truth(option: str, value: bool) -> Iterator[tuple[str, str | None]]:
    yield (option, None) if value else (f"{option}=false", None)


def _pairs(option: str, mapping: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    yield from ((option, f"{key}={value}") for key, value in mapping.items())


def _annotated(option: str, mapping: Mapping[str, str | None]) -> Iterator[tuple[str, str | None]]:
    for key, value in mapping.items():
        is_out = value is None or key.endswith("-")
        yield option, f"{key.removesuffix('-')}-" if is_out else f"{key}={value}"


def _status_words(asked: "StatusKinds") -> tuple[list[str], list[str]]:
    return asked.included_resources or ["*"], asked.excluded_resources


def _selector_text(labels: "Labels") -> str:
    from kubeferry import codec
    from kubeferry.kube.selectors import parse_selector

    return str(parse_selector(codec.to_builtins(labels)))


def _off(spec: "RestoreSpec") -> list[str]:
    from kubeferry.restore.parameters import references_off

    return sorted(references_off(spec))


Row = tuple[str, str, str]
"""A field's name, what is written there, and for a pair the other side of it."""


def row_text(row: Row) -> str:
    """A row on one line: ``storageClassMapping slow -> fast``."""
    name, written, other = row
    return f"{name} {written} -> {other}" if other else f"{name} {written}"


def rows(spec: "RestoreSpec") -> Iterator[Row]:
    """All that a spec asks for beside its backup, as rows for people."""
    for name, words in (
        ("includedNamespaces", spec.included_namespaces),
        ("excludedNamespaces", spec.excluded_namespaces),
        ("includedResources", spec.included_resources),
        ("excludedResources", spec.excluded_resources),
    ):
        if words:
            yield name, ", ".join(words), ""
    if spec.include_cluster_resources is not None:
        yield "includeClusterResources", str(spec.include_cluster_resources).lower(), ""
    if spec.label_selector is not None:
        yield "labelSelector", _selector_text(spec.label_selector), ""
    for one in spec.or_label_selectors:
        yield "orLabelSelectors", _selector_text(one), ""
    if spec.privileged_resources != "Restore":
        yield "privilegedResources", spec.privileged_resources, ""
    for name, mapping in (
        ("namespaceMapping", spec.namespace_mapping),
        ("imageRegistryMapping", spec.image_registry_mapping),
        ("storageClassMapping", spec.storage_class_mapping),
    ):
        yield from ((name, source, target) for source, target in mapping.items())
    for kind in _off(spec):
        yield f"references.{kind}", "false", ""
    if spec.rewrite_service_names:
        yield "rewriteServiceNames", "true", ""
    for kind, paths in spec.image_paths.items():
        yield "imagePaths", f"{kind}: {', '.join(paths)}", ""
    for option, value in _said(spec):
        if option == "--convert-claim" and value:
            claim, _, wanted = value.partition("=")
            yield "convertedarg", claim, wanted
    for name, annotations in (
        ("overwriteServiceAnnotations", spec.overwrite_service_annotations),
        ("overwriteIngressAnnotations", spec.overwrite_ingress_annotations),
    ):
        for key, new in annotations.items():
            is_out = new is None or key.endswith("-")
            yield name, key.removesuffix("-"), "(taken out)" if is_out else str(new)
    if spec.preserve_node_ports is not None:
        yield "preserveNodePorts", str(spec.preserve_node_ports).lower(), ""
    if spec.restore_status is not None:
        included, excluded = _status_words(spec.restore_status)
        but = f" but {', '.join(excluded)}" if excluded else ""
        yield "restoreStatus", f"{', '.join(included)}{but}", ""
    if spec.app_restore_only:
        yield "appRestoreOnly", "true", ""
    if spec.resource_modifier is not None:
        yield "resourceModifier", spec.resource_modifier.name, ""
    yield from (("hooks", one.name, "") for one in (spec.hooks.resources if spec.hooks else ()))
