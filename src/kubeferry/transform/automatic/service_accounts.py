"""Service accounts and their token Secrets (velero.md §3.7 ``service-account``, ``secret``; ack
A4).
"""

from kubeferry.kube.objects import Object, annotations, metadata
from kubeferry.transform.change import MISSING, Cause, Change, Note, removals
from kubeferry.transform.facts import Facts

_REFERENCES = Cause("automatic", "service-account-tokens")
_TOKEN = Cause("automatic", "token-secret")
_TOKEN_TYPE = "kubernetes.io/service-account-token"


def token_references(facts: Facts, obj: Object) -> list[Change]:
    """References to generated token Secrets, ``<account>-token-*``, go; they name the source's."""
    secrets = obj.get("secrets")
    if not isinstance(secrets, list):
        return []
    prefix = f"{metadata(obj).get('name')}-token-"
    return [
        Change(f"/secrets/{index}", secrets[index], MISSING, _REFERENCES)
        for index in range(len(secrets) - 1, -1, -1)
        if isinstance(secrets[index], dict)
        and str(secrets[index].get("name", "")).startswith(prefix)
    ]


def generated_token(facts: Facts, obj: Object) -> Note | None:
    """A token Secret that the source's server generated for an account is not restored."""
    if obj.get("type") != _TOKEN_TYPE:
        return None
    account = annotations(obj).get("kubernetes.io/service-account.name")
    if not account or not str(metadata(obj).get("name", "")).startswith(f"{account}-token-"):
        return None
    return Note("GeneratedToken", f"the source's server generated it for service account {account}")


def token_secret(facts: Facts, obj: Object) -> list[Change]:
    """A token Secret that a person made keeps its name; the server fills in a token of its own."""
    if obj.get("type") != _TOKEN_TYPE:
        return []
    return [
        *removals(
            annotations(obj),
            "/metadata/annotations",
            ("kubernetes.io/service-account.uid",),
            _TOKEN,
        ),
        *removals(obj.get("data"), "/data", ("token", "ca.crt"), _TOKEN),
    ]
