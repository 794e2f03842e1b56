"""Messages as Kubernetes 1.36 writes them."""

import pytest

from kubeferry.errors import ApiError, BadRequest, Conflict, Forbidden, Invalid
from kubeferry.restore.refusals import Backend, is_over_quota, refusal, unreachable_backend

QUOTA = Forbidden(
    'pods "web-0" is forbidden: exceeded quota: all, requested: pods=1, used: pods=4, '
    "limited: pods=4",
    remedy="ask for a role",
)
DENIED = BadRequest('admission webhook "v.example.com" denied the request: no')
POLICY = Invalid(
    "configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: "
    "failed expression: false"
)


def internal(problem: str) -> ApiError:
    return ApiError(problem, status=500, kubernetes_reason="InternalError")


def unreachable(what: str) -> ApiError:
    return internal(
        'Internal error occurred: failed calling webhook "v.example.com": failed to call webhook: '
        f"{what}"
    )


DOWN = unreachable('Post "https://hook.shop.svc:443/v?timeout=10s": service "hook" not found')


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(QUOTA, "QuotaExceeded", id="a quota"),
        pytest.param(DENIED, "RejectedByWebhook", id="a webhook"),
        pytest.param(POLICY, "RejectedByPolicy", id="a policy"),
        pytest.param(DOWN, "WebhookUnreachable", id="a webhook that is down"),
        pytest.param(Forbidden("no"), "Forbidden", id="a right that is missing"),
        pytest.param(Invalid("spec.x"), "Invalid", id="validation"),
        pytest.param(Conflict("changed"), "Conflict", id="a change in between"),
        pytest.param(internal("no space left"), "InternalError", id="the server's own reason"),
    ],
)
def test_a_refusal_has_a_reason_of_its_own(error: ApiError, reason: str) -> None:
    told = refusal(error)
    assert told.reason == reason
    assert error.problem in told.message


def test_what_a_quota_must_be_told_is_not_exceeded() -> None:
    assert is_over_quota(QUOTA)
    assert not is_over_quota(Forbidden("failed quota: all: must specify limits.cpu for: web"))
    assert not is_over_quota(DENIED)


@pytest.mark.parametrize(
    ("error", "backend"),
    [
        pytest.param(DOWN, Backend("shop", "hook"), id="its Service is not there"),
        pytest.param(
            unreachable('Post "https://hook.shop.svc:443/": dial tcp 10.0.0.1:443: refused'),
            Backend("shop", "hook"),
            id="nobody listens",
        ),
        pytest.param(
            internal(
                "conversion webhook for x.io/v1, Kind=A failed: Post "
                '"https://hook.shop.svc:443/convert?timeout=30s": no endpoints available'
            ),
            Backend("shop", "hook"),
            id="of a conversion",
        ),
        pytest.param(
            unreachable('Post "https://hook.example.com/": refused'), None, id="elsewhere"
        ),
        pytest.param(DENIED, None, id="a webhook that answered"),
        pytest.param(
            internal('Post "https://hook.shop.svc:443/": refused'), None, id="no webhook at all"
        ),
    ],
)
def test_the_service_behind_a_webhook_is_known_by_its_address(
    error: ApiError, backend: Backend | None
) -> None:
    assert unreachable_backend(error) == backend
