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
    finished,
    flexvolume,
    flexvolume_inline,
    ingresses,
    jobs,
    old_references,
    pods,
    seccomp,
    service_accounts,
    services,
    volumes,
    webhooks,
)
from kubeferry.transform.change import Change, Note
from kubeferry.transform.facts import Facts

Changing = Callable[[Facts, Object], list[Change]]
"""A fix: looks at an object without its server fields and says what to change."""

Judging = Callable[[Facts, Object], Note | None]
"""A verdict: looks at an object as archived, status and all, and says why not to create it."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A fix and the kinds (group resources) it is for."""

    kinds: frozenset[str]
    changes: Changing


Telling = Callable[[Facts, Object], list[Note]]
"""A warning: looks at an object as a fix does and says what a person should know."""


@dataclass(frozen=True, slots=True)
class Warn:
    """A warning and the kinds (group resources) it is for."""

    kinds: frozenset[str]
    tell: Telling


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

VERDICTS = (
    Verdict(finished.NEVER_RESTORED, finished.never_restored),
    Verdict(_on("pods"), finished.completed_pod),
    Verdict(_on("pods"), finished.mirror_pod),
    Verdict(_on("jobs.batch"), finished.completed_job),
    Verdict(_on("configmaps"), finished.root_certificate),
    Verdict(
        _on("services", "endpoints", "endpointslices.discovery.k8s.io"),
        finished.api_server_service,
    ),
    Verdict(_on("endpoints", "endpointslices.discovery.k8s.io"), finished.made_endpoints),
    Verdict(_on("secrets"), service_accounts.generated_token),
    Verdict(_on("persistentvolumes"), volumes.not_restored),
    Verdict(_on("apiservices.apiregistration.k8s.io"), api_services.own_api_service),
)

FIXES = (
    Fix(_on("pods"), pods.fields),
    Fix(_on("pods"), pods.token_volumes),
    Fix(_on("pods"), pods.old_waits),
    Fix(_on("services"), services.addresses),
    Fix(_on("services"), services.node_ports),
    Fix(_on("services"), services.health_check_port),
    Fix(_on("services"), services.listeners),
    Fix(_on("ingresses.networking.k8s.io"), ingresses.ingress_class),
    Fix(_on("persistentvolumeclaims"), claims.binding),
    Fix(_on("persistentvolumeclaims"), claims.volume_name),
    Fix(_on("persistentvolumes"), volumes.binding),
    Fix(_on("persistentvolumes"), flexvolume.volume),
    Fix(_on("storageclasses.storage.k8s.io"), flexvolume.storage_class),
    *(
        Fix(_on(kind), partial(fix, path=path))
        for kind, path in POD_SPEC_PATHS.items()
        for fix in (flexvolume_inline.claims, seccomp.profiles)
    ),
    Fix(_on("cronjobs.batch"), cron_jobs.time_zone),
    Fix(_on("horizontalpodautoscalers.autoscaling"), old_references.scale_targets),
    Fix(_on("jobs.batch"), jobs.selector),
    Fix(_on("serviceaccounts"), service_accounts.token_references),
    Fix(_on("secrets"), service_accounts.token_secret),
    Fix(_WEBHOOKS, webhooks.side_effects),
    Fix(_on("customresourcedefinitions.apiextensions.k8s.io"), definitions.unknown_fields),
)

WARNINGS = (
    Warn(_WEBHOOKS, webhooks.had_side_effects),
    Warn(_WEBHOOKS, old_references.webhook_rules),
    Warn(
        _on("roles.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io"),
        old_references.role_groups,
    ),
)


def fixes_for(group_resource: str, facts: Facts) -> Iterable[Callable[[Object], list[Change]]]:
    """The fixes of one kind, in order, bound to the facts."""
    return [partial(fix.changes, facts) for fix in FIXES if group_resource in fix.kinds]


def verdicts_for(group_resource: str, facts: Facts) -> Iterable[Callable[[Object], Note | None]]:
    """The verdicts on one kind, in order, bound to the facts."""
    return [
        partial(verdict.judge, facts) for verdict in VERDICTS if group_resource in verdict.kinds
    ]


def warnings_for(group_resource: str, facts: Facts) -> Iterable[Callable[[Object], list[Note]]]:
    """The warnings about one kind, in order, bound to the facts."""
    return [partial(one.tell, facts) for one in WARNINGS if group_resource in one.kinds]
