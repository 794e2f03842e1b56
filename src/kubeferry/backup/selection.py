"""All that a backup's spec says of what is taken, compiled and checked before anything is listed.
Pure.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

import msgspec

from kubeferry.api.backup import BackupSpec
from kubeferry.backup.generated import is_generated
from kubeferry.backup.kinds import (
    Kinds,
    ResourceFilters,
    check_filters,
    choose_kinds,
    claim_kinds,
)
from kubeferry.backup.labels import LabelSelection, compile_label, compile_labels
from kubeferry.backup.namespaces import Scope, check_namespaces, choose_namespaces, is_everything
from kubeferry.backup.policies import Policies
from kubeferry.backup.select import EXCLUDE_LABEL, NEVER_OBJECTS
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
        generated: whether what others make anew is taken.
        claims_only: a PvBackup: claims, and what those need; ``volumes`` says which claims.
        volumes: whose data is asked for.
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
        """Whether an object is archived that was listed or is needed by another.

        What a deletion timestamp and the label selectors say is not asked here. ``secret_type`` is
        a Secret's; ``raw`` are the object's bytes (looked at for Endpoints alone).
        """
        if labels.get(EXCLUDE_LABEL) == "true":
            return False
        if (group_resource, namespace, name) in NEVER_OBJECTS:
            return False
        return self.generated or not is_generated(group_resource, name, labels, secret_type, raw)

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
    raise NotImplementedError
