"""The parameters of one restore and the kinds each is for: what ``pipeline`` asks for a kind."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from kubeferry.kube.objects import Object
from kubeferry.transform.change import Change, Note
from kubeferry.transform.facts import Facts
from kubeferry.transform.parameters import privileged
from kubeferry.transform.parameters.annotation_overwrites import Overwrites, overwrite_changes
from kubeferry.transform.parameters.claim_conversions import (
    Conversions,
    conversion_changes,
    conversion_errors,
)
from kubeferry.transform.parameters.image_places import ImagePaths, image_changes
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.parameters.references import references_for
from kubeferry.transform.parameters.service_names import ServiceNames
from kubeferry.transform.parameters.storage_classes import class_changes

Step = Callable[[Object], list[Change]]
Verdict = Callable[[Object], Note | None]
Concern = Callable[[Object], Iterable[Note]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters beside ``namespaceMapping`` and ``imageRegistryMapping``, compiled.

    Attributes:
        image_paths: where custom resources name images.
        references_off: kinds of reference that do not follow the namespace mapping.
        service_names: ``rewriteServiceNames``; None: not asked for.
        storage_classes: ``storageClassMapping``.
        conversions: ``convertedarg``.
        service_annotations: ``overwriteServiceAnnotations``.
        ingress_annotations: ``overwriteIngressAnnotations``.
        skip_privileged: whether ``privilegedResources`` is ``Skip``.
    """

    image_paths: ImagePaths = field(default_factory=dict)
    references_off: frozenset[str] = frozenset()
    service_names: ServiceNames | None = None
    storage_classes: Mapping[str, str] = field(default_factory=dict)
    conversions: Conversions = field(default_factory=dict)
    service_annotations: Overwrites = field(default_factory=dict)
    ingress_annotations: Overwrites = field(default_factory=dict)
    skip_privileged: bool = False

    def verdicts_for(self, group_resource: str) -> list[Verdict]:
        """What may leave objects of one kind out."""
        if not self.skip_privileged:
            return []
        if group_resource in privileged.KINDS:
            return [privileged.privileged_kind]
        verdict = privileged.pod_verdict(group_resource)
        return [verdict] if verdict is not None else []

    def concerns_for(self, group_resource: str, facts: Facts) -> list[Concern]:
        """What may be wrong with objects of one kind although they are created."""
        concern = conversion_errors(group_resource, self.conversions, facts)
        return [concern] if concern is not None else []

    def steps_for(
        self, group_resource: str, images: ImageMap, namespaces: Mapping[str, str], facts: Facts
    ) -> list[Step]:
        """The steps of one kind in their order (design.md, Order of work on one object)."""
        names = self.service_names
        steps = (
            image_changes(group_resource, images, self.image_paths),
            class_changes(group_resource, self.storage_classes),
            conversion_changes(group_resource, self.conversions, facts),
            overwrite_changes(group_resource, self.service_annotations, self.ingress_annotations),
            references_for(group_resource, namespaces, self.references_off),
            names.step(group_resource) if names is not None else None,
            privileged.namespace_labels
            if self.skip_privileged and group_resource == "namespaces"
            else None,
        )
        return [step for step in steps if step is not None]
