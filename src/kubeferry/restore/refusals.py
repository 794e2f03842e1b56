"""Why the API server did not take an object, and what of that passes by itself. Pure.

The server has one reason, ``Forbidden`` or ``InternalError``, for things that have different
causes: a quota, a webhook that says no, one that does not answer. Its message tells them apart.
"""

import re
from typing import NamedTuple

from kubeferry.errors import ApiError, Forbidden
from kubeferry.transform.change import Note

QUOTA_EXCEEDED = "QuotaExceeded"
REJECTED_BY_WEBHOOK = "RejectedByWebhook"
REJECTED_BY_POLICY = "RejectedByPolicy"
WEBHOOK_UNREACHABLE = "WebhookUnreachable"

_QUOTA = re.compile(r"exceeded quota: ")
_WEBHOOK = re.compile(r'admission webhook "[^"]*" denied the request')
_POLICY = re.compile(r"AdmissionPolicy '[^']*' with binding '[^']*' denied request")
_UNREACHABLE = re.compile(r'failed calling webhook "|conversion webhook for .* failed')
_SERVICE = re.compile(r'"https://(?P<name>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc[:/"]')


class Backend(NamedTuple):
    """The Service behind a webhook."""

    namespace: str
    name: str


def refusal(error: ApiError) -> Note:
    """Why an object was not written.

    The place is left out: whoever tells of it names the object.
    """
    said = f"{error.problem}; {error.remedy}" if error.remedy else error.problem
    if is_over_quota(error):
        return Note(QUOTA_EXCEEDED, said)
    if _WEBHOOK.search(error.problem):
        return Note(REJECTED_BY_WEBHOOK, error.problem)
    if _POLICY.search(error.problem):
        return Note(REJECTED_BY_POLICY, error.problem)
    if _UNREACHABLE.search(error.problem):
        return Note(WEBHOOK_UNREACHABLE, error.problem)
    return Note(error.kubernetes_reason or error.reason, said)


def is_over_quota(error: ApiError) -> bool:
    """Whether a quota says no: it may have room when what goes away has gone."""
    return isinstance(error, Forbidden) and _QUOTA.search(error.problem) is not None


def unreachable_backend(error: ApiError) -> Backend | None:
    """The Service of a webhook that does not answer, None if it is not that."""
    if not _UNREACHABLE.search(error.problem):
        return None
    match = _SERVICE.search(error.problem)
    return Backend(match["namespace"], match["name"]) if match else None
