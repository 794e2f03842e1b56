"""What OpenShift makes for each service account, Service and namespace by itself: pull secrets for
its own registry, certificates of Services, and the authority that signs these.

An account's pull secret is of the source's registry and names the source's account by its uid:
restored, it opens nothing, and who refers to it does not get the target's own (velero issue 1608).
Certificates are left out only where the target is an OpenShift, which makes its own and refuses to
serve with another's; elsewhere pods go on with those of the source.
"""

import re
from typing import Any

from kubeferry.kube.objects import Object, annotations, at, metadata
from kubeferry.transform.automatic.upgrades.conversion import ServedKind
from kubeferry.transform.change import MISSING, Cause, Change, Note, removals
from kubeferry.transform.facts import Facts

_PULL_SECRETS = Cause("automatic", "generated-pull-secrets")
_REFERENCE = "openshift.io/internal-registry-pull-secret-ref"
_ACCOUNT = (
    "openshift.io/internal-registry-auth-token.service-account",  # since 4.16
    "kubernetes.io/service-account.name",
)
_SERVICE = (
    "service.beta.openshift.io/originating-service-name",
    "service.alpha.openshift.io/originating-service-name",
)
_OPENSHIFT = ServedKind("security.openshift.io/v1", "SecurityContextConstraints")
"""A kind that every OpenShift serves, and nothing else."""


def generated_secret(facts: Facts, obj: Object) -> Note | None:
    """A pull secret that OpenShift generated for an account; a Service's certificate, where the
    target makes one.
    """
    given = annotations(obj)
    name = str(metadata(obj).get("name", ""))
    account = next((given[key] for key in _ACCOUNT if given.get(key)), None)
    if obj.get("type") == "kubernetes.io/dockercfg" and account and "-dockercfg-" in name:
        return Note("GeneratedObject", f"OpenShift generated it for service account {account}")
    service = next((given[key] for key in _SERVICE if given.get(key)), None)
    if service and _OPENSHIFT in facts.served:
        return Note("GeneratedObject", f"the target makes the certificate of Service {service}")
    return None


def authority(facts: Facts, obj: Object) -> Note | None:
    """The certificates of the authority that signs those of Services, where the target has its
    own.
    """
    if metadata(obj).get("name") == "openshift-service-ca.crt" and _OPENSHIFT in facts.served:
        return Note("GeneratedObject", "each OpenShift publishes its own certificates")
    return None


def account_references(facts: Facts, obj: Object) -> list[Change]:
    """References of an account to its generated pull secret go."""
    named = annotations(obj).get(_REFERENCE)
    account = str(metadata(obj).get("name", ""))
    changes = [
        change
        for field in ("secrets", "imagePullSecrets")
        for change in _references(obj.get(field), f"/{field}", account, named)
    ]
    return changes + removals(
        annotations(obj), "/metadata/annotations", (_REFERENCE,), _PULL_SECRETS
    )


def pod_references(facts: Facts, obj: Object) -> list[Change]:
    """So do those of a pod, which it was given when it was created: a pod that has one is not
    given the target's.
    """
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return []
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    listed = at(spec, ("imagePullSecrets",))
    return _references(listed, "/spec/imagePullSecrets", str(account), None)


def _references(listed: Any, pointer: str, account: str, named: Any) -> list[Change]:
    """Takes out the references; from the end, so that indexes stay true."""
    generated = re.compile(rf"{re.escape(account)}-dockercfg-[a-z0-9]{{5}}").fullmatch
    return [
        Change(f"{pointer}/{index}", one, MISSING, _PULL_SECRETS)
        for index, one in reversed([*enumerate(listed if isinstance(listed, list) else [])])
        if isinstance(one, dict)
        and isinstance(one.get("name"), str)
        and (one["name"] == named or generated(one["name"]))
    ]
