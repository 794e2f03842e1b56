"""A restore's spec in words: the options that make it, for the command that a plan ends with, and
its fields with what is written there.
"""

import shlex
from collections.abc import Iterator, Mapping

from kubeferry import codec
from kubeferry.api.labels import Labels
from kubeferry.api.restore import RestoreSpec, StatusKinds
from kubeferry.kube.selectors import parse_selector
from kubeferry.restore.parameters import references_off


def words_of(spec: RestoreSpec) -> list[str]:
    """The options that make this spec, each with its value, ready for a shell."""
    return [
        option if value is None else f"{option} {shlex.quote(value)}"
        for option, value in _said(spec)
    ]


def _said(spec: RestoreSpec) -> Iterator[tuple[str, str | None]]:
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
    if spec.owner_references != "Restore":
        yield "--owner-references", spec.owner_references
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
    if spec.source_provider is not None:
        yield "--source-provider", spec.source_provider
    if spec.target_provider is not None:
        yield "--target-provider", spec.target_provider
    for rule, is_on in spec.automatic.items():
        yield "--automatic", f"{rule}={str(is_on).lower()}"
    if spec.existing_resource_policy != "none":
        yield "--existing-resource-policy", spec.existing_resource_policy
    if spec.wait_for_ready is not None:
        yield "--wait-for-ready", spec.wait_for_ready
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


def _status_words(asked: StatusKinds) -> tuple[list[str], list[str]]:
    return asked.included_resources or ["*"], asked.excluded_resources


def _selector_text(labels: Labels) -> str:
    return str(parse_selector(codec.to_builtins(labels)))


def _off(spec: RestoreSpec) -> list[str]:
    return sorted(references_off(spec))


Row = tuple[str, str, str]
"""A field's name, what is written there, and for a pair the other side of it."""


def row_text(row: Row) -> str:
    """A row on one line: ``storageClassMapping slow -> fast``."""
    name, written, other = row
    return f"{name} {written} -> {other}" if other else f"{name} {written}"


def rows(spec: RestoreSpec) -> Iterator[Row]:
    """All that a spec asks for beside its backup, as rows for people."""
    if spec.retry_of is not None:
        yield "retryOf", spec.retry_of, ""
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
    if spec.owner_references != "Restore":
        yield "ownerReferences", spec.owner_references, ""
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
    for name, provider in (
        ("sourceProvider", spec.source_provider),
        ("targetProvider", spec.target_provider),
    ):
        if provider is not None:
            yield name, provider, ""
    for rule, is_on in spec.automatic.items():
        yield f"automatic.{rule}", str(is_on).lower(), ""
    if spec.existing_resource_policy != "none":
        yield "existingResourcePolicy", spec.existing_resource_policy, ""
    if spec.wait_for_ready is not None:
        yield "waitForReady", spec.wait_for_ready, ""
    if spec.dry_run:
        yield "dryRun", "true", ""
    if spec.restore_status is not None:
        included, excluded = _status_words(spec.restore_status)
        but = f" but {', '.join(excluded)}" if excluded else ""
        yield "restoreStatus", f"{', '.join(included)}{but}", ""
    if spec.app_restore_only:
        yield "appRestoreOnly", "true", ""
    if spec.resource_modifier is not None:
        yield "resourceModifier", spec.resource_modifier.name, ""
    if spec.plan_digest is not None:
        yield "planDigest", f"archive {spec.plan_digest.archive[:12]}", ""
    yield from (("hooks", one.name, "") for one in (spec.hooks.resources if spec.hooks else ()))
