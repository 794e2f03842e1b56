"""The automatic fixes and verdicts, and the kinds each is for. Their names are the causes of
changes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from kubeferry.kube.objects import POD_SPEC_PATHS, Object
from kubeferry.transform.automatic import (
    api_services,
    claims,
    cron_jobs,
    definitions,
    disks,
    finished,
    flexvolume,
    flexvolume_inline,
    ingresses,
    jobs,
    old_references,
    openshift,
    pods,
    seccomp,
    service_accounts,
    services,
    snapshots,
    volumes,
    webhooks,
)
from kubeferry.transform.automatic.clouds import fixes as clouds
from kubeferry.transform.change import Change, Note
from kubeferry.transform.facts import Facts

Changing = Callable[[Facts, Object], list[Change]]
"""A fix: looks at an object without its server fields and says what to change."""

Judging = Callable[[Facts, Object], Note | None]
"""A verdict: looks at an object as archived, status and all, and says why not to create it."""


Applying = Callable[[Facts], bool]
"""Whether there can be anything to do in a restore at all: if not, no object is looked at."""


def _knows_classes(facts: Facts) -> bool:
    return facts.classes is not None


def _always(facts: Facts) -> bool:
    return True


def _leaves_provider(facts: Facts) -> bool:
    return bool(facts.left)


def _knows_nodes(facts: Facts) -> bool:
    return bool(facts.left) and facts.node_labels is not None


def _draws_node_ports(facts: Facts) -> bool:
    return facts.preserve_node_ports is False


@dataclass(frozen=True, slots=True)
class Fix:
    """A fix, the kinds (group resources) it is for, the rule (``RULES``) that it is, and in which
    restores it applies.
    """

    kinds: frozenset[str]
    changes: Changing
    rule: str
    applies: Applying = _always


Telling = Callable[[Facts, Object], list[Note]]
"""A warning: looks at an object as a fix does and says what a person should know."""


@dataclass(frozen=True, slots=True)
class Warn:
    """A warning, the kinds (group resources) it is for, the rule (``RULES``) that it is, and in
    which restores it applies.
    """

    kinds: frozenset[str]
    tell: Telling
    rule: str
    applies: Applying = _always


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict and the kinds (group resources) it is for."""

    kinds: frozenset[str]
    judge: Judging


def _on(*kinds: str) -> frozenset[str]:
    return frozenset(kinds)


_WEBHOOKS = _on(
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
)

_SPECIFIC = "cloud-specific"

VERDICTS = (
    Verdict(finished.NEVER_RESTORED, finished.never_restored),
    Verdict(_on("pods"), finished.completed_pod),
    Verdict(_on("pods"), finished.mirror_pod),
    Verdict(_on("jobs.batch"), finished.completed_job),
    Verdict(_on("configmaps"), finished.root_certificate),
    Verdict(_on("configmaps"), openshift.authority),
    Verdict(
        _on("services", "endpoints", "endpointslices.discovery.k8s.io"),
        finished.api_server_service,
    ),
    Verdict(_on("endpoints", "endpointslices.discovery.k8s.io"), finished.made_endpoints),
    Verdict(_on("secrets"), service_accounts.generated_token),
    Verdict(_on("secrets"), openshift.generated_secret),
    Verdict(_on("persistentvolumes"), volumes.not_restored),
    Verdict(_on("volumesnapshots.snapshot.storage.k8s.io"), snapshots.taken),
    Verdict(_on("volumesnapshotcontents.snapshot.storage.k8s.io"), snapshots.taken_content),
    Verdict(_on("apiservices.apiregistration.k8s.io"), api_services.own_api_service),
)

FIXES = (
    *(
        Fix(_on(kind), partial(fix, kind=kind), rule, applies)
        for kinds, fix, rule, applies in (
            (clouds.ANNOTATED, clouds.provider_annotations, "cloud-annotations", _leaves_provider),
            (clouds.MARKED, clouds.marks, "cloud-marks", _always),
        )
        for kind in sorted(kinds)
    ),
    Fix(_on("services"), clouds.load_balancer, "cloud-load-balancer", _leaves_provider),
    Fix(_on("pods"), clouds.injected, "cloud-injected", _leaves_provider),
    Fix(_on("pods"), pods.placement, "pod-placement"),
    Fix(_on("pods"), pods.ephemeral_containers, "pod-ephemeral-containers"),
    Fix(_on("pods"), pods.token_volumes, "pod-token-volumes"),
    Fix(_on("pods"), pods.old_waits, "pod-restore-wait"),
    Fix(_on("pods"), openshift.pod_references, "generated-pull-secrets"),
    Fix(_on("services"), services.addresses, "service-cluster-ip"),
    Fix(_on("services"), services.node_ports, "service-node-ports", _draws_node_ports),
    Fix(_on("services"), services.health_check_port, "service-health-check-port"),
    Fix(_on("services"), services.listeners, "service-listeners"),
    Fix(_on("ingresses.networking.k8s.io"), ingresses.ingress_class, "ingress-class"),
    # Before ``claim-volume``: a claim's own volume tells whether it gets a new one.
    *(
        Fix(_on(kind), partial(fix, kind=kind), rule, _knows_classes)
        for kind in disks.KINDS
        for rule, fix in (
            ("disk-size", disks.size),
            ("disk-access-mode", disks.access_modes),
            ("missing-class", disks.missing_class),
        )
    ),
    Fix(_on("persistentvolumeclaims"), claims.binding, "claim-binding"),
    Fix(_on("persistentvolumeclaims"), claims.volume_name, "claim-volume"),
    Fix(_on("persistentvolumes"), volumes.binding, "volume-binding"),
    Fix(_on("persistentvolumes"), flexvolume.volume, "flexvolume-to-csi"),
    Fix(_on("storageclasses.storage.k8s.io"), flexvolume.storage_class, "flexvolume-to-csi"),
    *(
        Fix(_on(kind), partial(fix, path=path), rule, applies)
        for kind, path in POD_SPEC_PATHS.items()
        for fix, rule, applies in (
            (flexvolume_inline.claims, "flexvolume-claim", _always),
            (seccomp.profiles, "seccomp-profile", _always),
            (clouds.node_selector, "cloud-node-selector", _knows_nodes),
        )
    ),
    Fix(_on("cronjobs.batch"), cron_jobs.time_zone, "cron-time-zone"),
    Fix(
        _on("horizontalpodautoscalers.autoscaling"),
        old_references.scale_targets,
        "api-upgrade-reference",
    ),
    Fix(_on("jobs.batch"), jobs.selector, "job-selector"),
    Fix(_on("serviceaccounts"), service_accounts.token_references, "service-account-tokens"),
    Fix(_on("serviceaccounts"), openshift.account_references, "generated-pull-secrets"),
    Fix(_on("secrets"), service_accounts.token_secret, "token-secret"),
    Fix(_WEBHOOKS, webhooks.side_effects, "webhook-side-effects"),
    Fix(
        _on("customresourcedefinitions.apiextensions.k8s.io"),
        definitions.unknown_fields,
        "definition-unknown-fields",
    ),
)

WARNINGS = (
    *(
        Warn(_on(kind), partial(disks.told, kind=kind, rule=rule), rule, _knows_classes)
        for kind in disks.KINDS
        for rule in ("disk-size", "disk-access-mode", "missing-class")
    ),
    *(
        Warn(_on(kind), partial(clouds.told, kind=kind), _SPECIFIC, _leaves_provider)
        for kind in sorted(clouds.TOLD)
    ),
    Warn(
        _on("storageclasses.storage.k8s.io", "persistentvolumes"),
        clouds.storage,
        _SPECIFIC,
        _leaves_provider,
    ),
    Warn(
        _on("ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io"),
        clouds.ingress_class,
        _SPECIFIC,
        _leaves_provider,
    ),
    *(
        Warn(_on(kind), partial(clouds.unmatched_nodes, path=path), _SPECIFIC, _leaves_provider)
        for kind, path in POD_SPEC_PATHS.items()
    ),
    Warn(_WEBHOOKS, webhooks.had_side_effects, "webhook-side-effects"),
    Warn(_WEBHOOKS, old_references.webhook_rules, "old-api-named"),
    Warn(
        _on("roles.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io"),
        old_references.role_groups,
        "old-api-named",
    ),
)


def fixes_for(group_resource: str, facts: Facts) -> Iterable[Callable[[Object], list[Change]]]:
    """The fixes of one kind that are on and apply, in order, bound to the facts."""
    return [
        partial(fix.changes, facts)
        for fix in FIXES
        if group_resource in fix.kinds and fix.rule not in facts.off and fix.applies(facts)
    ]


def verdicts_for(group_resource: str, facts: Facts) -> Iterable[Callable[[Object], Note | None]]:
    """The verdicts on one kind, in order, bound to the facts."""
    return [
        partial(verdict.judge, facts) for verdict in VERDICTS if group_resource in verdict.kinds
    ]


def warnings_for(group_resource: str, facts: Facts) -> Iterable[Callable[[Object], list[Note]]]:
    """The warnings about one kind that are on and apply, in order, bound to the facts."""
    return [
        partial(one.tell, facts)
        for one in WARNINGS
        if group_resource in one.kinds and one.rule not in facts.off and one.applies(facts)
    ]
