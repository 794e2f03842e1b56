"""All that a backup's spec says of what is taken, compiled and checked before anything is listed.
Pure.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

import msgspec

from kubeferry.api.backup import BackupSpec
from kubeferry.backup.filters import ResourceFilters, check_filters
from kubeferry.backup.kinds import Kinds, choose_kinds, claim_kinds
from kubeferry.backup.labels import LabelSelection, compile_label, compile_labels
from kubeferry.backup.namespaces import Scope, check_namespaces, choose_namespaces, is_everything
from kubeferry.backup.policies import Policies
from kubeferry.backup.select import why_left_out
from kubeferry.backup.volume_selection import VolumeSelection
from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import RESERVED_NAMESPACES


@dataclass(frozen=True, slots=True)
class Selection:
    """What one backup takes.

    Attributes:
        included_namespaces: names and globs; none or ``*``: all.
        excluded_namespaces: left out of those.
        reserved: namespaces that are never taken.
        filters: of kinds.
        policy_filters: those of the resource policy, which the backup's own go before.
        labels: of what is listed.
        generated: whether what others make is taken.
        claims_only: a PvBackup: claims, and what those need; ``volumes`` says which claims.
        volumes: whose data is asked for.
        notes: what was written and has no effect, each with its field.
    """

    included_namespaces: tuple[str, ...] = ()
    excluded_namespaces: tuple[str, ...] = ()
    reserved: frozenset[str] = RESERVED_NAMESPACES
    filters: ResourceFilters = field(default_factory=ResourceFilters)
    policy_filters: ResourceFilters | None = None
    labels: LabelSelection = field(default_factory=LabelSelection)
    generated: bool = False
    claims_only: bool = False
    volumes: VolumeSelection = field(default_factory=VolumeSelection)
    notes: tuple[str, ...] = ()

    def choose_namespaces(self, existing: Iterable[tuple[str, bool]]) -> Scope:
        """The namespaces to take of those that exist: names with whether they say not to be."""
        return choose_namespaces(
            existing,
            included=self.included_namespaces,
            excluded=self.excluded_namespaces,
            reserved=self.reserved,
        )

    def choose_kinds(self, discovery: Discovery) -> Kinds:
        """The kinds to take of those that are served."""
        if self.claims_only:
            return claim_kinds(discovery)
        return choose_kinds(
            self.filters,
            discovery,
            generated=self.generated,
            everything=is_everything(self.included_namespaces) and not self.excluded_namespaces,
            policy=self.policy_filters,
        )

    def takes(
        self,
        group_resource: str,
        namespace: str,
        name: str,
        labels: Mapping[str, str],
        *,
        secret_type: str = "",
        raw: bytes | msgspec.Raw = b"",
    ) -> bool:
        """Whether an object is archived that was listed, or that another needs."""
        return not self.why_left_out(
            group_resource, namespace, name, labels, secret_type=secret_type, raw=raw
        )

    def why_left_out(
        self,
        group_resource: str,
        namespace: str,
        name: str,
        labels: Mapping[str, str],
        *,
        secret_type: str = "",
        raw: bytes | msgspec.Raw = b"",
    ) -> str:
        """Why it is not, empty if it is: ``select.why_left_out``."""
        return why_left_out(
            group_resource, namespace, name, labels, secret_type, raw, generated=self.generated
        )

    def takes_namespace(self, labels: Mapping[str, str]) -> bool:
        """Whether the Namespace object of a chosen namespace is taken even if nothing in it is.

        It is if its namespace was asked for, or if its labels are selected (velero.md §2.4).
        """
        if self.claims_only:
            return False
        return not is_everything(self.included_namespaces) or self.labels.matches(labels)


def read_selection(
    spec: BackupSpec,
    *,
    reserved: Set[str] = RESERVED_NAMESPACES,
    policies: Policies | None = None,
) -> Selection:
    """The selection of a spec; ``policies`` are those of ``spec.resourcePolicy``, if it has one.

    Raises ``InvalidInput`` naming the field, before anything is listed.
    """
    check_namespaces(spec.included_namespaces, spec.excluded_namespaces, reserved=reserved)
    if spec.label_selector is not None and spec.or_label_selectors:
        raise InvalidInput(
            "labelSelector and orLabelSelectors exclude each other",
            place="spec.orLabelSelectors",
            remedy="write all of them into orLabelSelectors",
        )
    filters = _filters(spec)
    policies = policies or Policies()
    if policies.filters is not None and filters.is_old:
        raise InvalidInput(
            "its includeExcludePolicy does not go together with includedResources, "
            "excludedResources and includeClusterResources",
            place="spec.resourcePolicy",
            remedy="use the lists of cluster-scoped and namespace-scoped resources",
        )
    if policies.filters is not None and spec.backup_type == "PvBackup":
        raise InvalidInput(
            "its includeExcludePolicy does not go together with a PvBackup, which takes claims and "
            "what they need",
            place="spec.resourcePolicy",
            remedy="name a ConfigMap without it, or use AppAndPvBackup",
        )
    volumes = _volumes(spec, policies)
    notes: tuple[str, ...] = ()
    if policies.volumes and volumes.refusal:
        notes = (f"spec.resourcePolicy: no volume policy decides anything, as {volumes.refusal}",)
    return Selection(
        included_namespaces=tuple(spec.included_namespaces),
        excluded_namespaces=tuple(spec.excluded_namespaces),
        reserved=frozenset(reserved),
        filters=filters,
        policy_filters=policies.filters,
        labels=compile_label(spec.label_selector, place="spec.labelSelector")
        or compile_labels(spec.or_label_selectors, place="spec.orLabelSelectors"),
        generated=spec.generated_objects == "Include",
        claims_only=spec.backup_type == "PvBackup",
        volumes=volumes,
        notes=notes,
    )


def _filters(spec: BackupSpec) -> ResourceFilters:
    filters = ResourceFilters(
        included=tuple(spec.included_resources),
        excluded=tuple(spec.excluded_resources),
        included_cluster=tuple(spec.included_cluster_scoped_resources),
        excluded_cluster=tuple(spec.excluded_cluster_scoped_resources),
        included_namespaced=tuple(spec.included_namespace_scoped_resources),
        excluded_namespaced=tuple(spec.excluded_namespace_scoped_resources),
        cluster=spec.include_cluster_resources,
    )
    check_filters(filters)
    if spec.backup_type == "PvBackup" and (filters.is_old or filters.is_scoped):
        raise InvalidInput(
            "a PvBackup takes claims and what they need: it has no lists of resources",
            place="spec.backupType",
            remedy="leave them out, or use AppAndPvBackup",
        )
    return filters


def _volumes(spec: BackupSpec, policies: Policies) -> VolumeSelection:
    given, is_pv_backup = spec.pv_backup, spec.backup_type == "PvBackup"
    if not spec.wants_volume_data and not is_pv_backup:
        for name, is_set in (
            ("includedStorageClasses", bool(given.included_storage_classes)),
            ("labelSelectors", bool(given.label_selectors)),
            ("mountedOnly", given.mounted_only is not None),
        ):
            if is_set:
                raise InvalidInput(
                    "selects whose data is taken, and this backup takes none",
                    place=f"spec.pvBackup.{name}",
                    remedy="leave it out, or ask for the data",
                )
    if spec.backup_type == "AppBackup":
        refusal = "spec.backupType is AppBackup"
    else:
        refusal = "" if given.default_pv_backup else "spec.pvBackup.defaultPvBackup is false"
    return VolumeSelection(
        refusal=refusal,
        mounted_only=not is_pv_backup if given.mounted_only is None else given.mounted_only,
        classes=frozenset(given.included_storage_classes),
        labels=compile_labels(given.label_selectors, place="spec.pvBackup.labelSelectors"),
        policies=policies,
    )
