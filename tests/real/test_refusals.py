"""What real API servers say when they do not take an object of a restore: a quota, a policy, a
webhook that does not answer, validation. Each has a reason of its own, and the rest is restored.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.real import archives
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

VAULT = "refusals"
SHOP, COPY = "rf-shop", "rf-copy"
RBAC = "rbac.authorization.k8s.io/v1"
ADMISSION = "admissionregistration.k8s.io/v1"
MARK = {"rf": "refused"}


def named(api_version: str, kind: str, name: str, namespace: str, **fields: Any) -> dict[str, Any]:
    about: dict[str, Any] = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": about, **fields}


def marked(made: dict[str, Any]) -> dict[str, Any]:
    made["metadata"]["labels"] = MARK
    return made


ARCHIVED = (
    named("v1", "ConfigMap", "over", SHOP, data={"a": "1"}),
    marked(named("v1", "Secret", "denied", SHOP)),
    named("v1", "Secret", "allowed", SHOP),
    marked(named(RBAC, "Role", "unjudged", SHOP, rules=[])),
    named(RBAC, "Role", "judged-by-none", SHOP, rules=[]),
)
IN_COPY = {"matchLabels": {"kubernetes.io/metadata.name": COPY}}
IN_TARGET = (
    named("v1", "ResourceQuota", "small", COPY, spec={"hard": {"count/configmaps": "1"}}),
    named(
        ADMISSION,
        "ValidatingAdmissionPolicy",
        "rf-policy",
        "",
        spec={
            "matchConstraints": {
                "namespaceSelector": IN_COPY,
                "objectSelector": {"matchLabels": MARK},
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["secrets"],
                    }
                ],
            },
            "validations": [{"expression": "false", "message": "not here"}],
        },
    ),
    named(
        ADMISSION,
        "ValidatingAdmissionPolicyBinding",
        "rf-policy",
        "",
        spec={"policyName": "rf-policy", "validationActions": ["Deny"]},
    ),
    named(
        ADMISSION,
        "ValidatingWebhookConfiguration",
        "rf-hook",
        "",
        webhooks=[
            {
                "name": "a.rf.example.com",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail",
                "namespaceSelector": IN_COPY,
                "objectSelector": {"matchLabels": MARK},
                "clientConfig": {"service": {"name": "hook", "namespace": "rf-elsewhere"}},
                "rules": [
                    {
                        "apiGroups": ["rbac.authorization.k8s.io"],
                        "apiVersions": ["v1"],
                        "resources": ["roles"],
                        "operations": ["CREATE"],
                    }
                ],
            }
        ],
    ),
)


@pytest.fixture(scope="module")
def told(source: Site, target: Site, s3: S3Server) -> Iterator[dict[str, tuple[str, str]]]:
    """Action and reason of each object, after a restore into a namespace with such guards."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    source.cluster.kubectl("create", "namespace", SHOP)
    target.cluster.kubectl("create", "namespace", COPY)
    for one in ARCHIVED:
        source.apply(one)
    until(
        lambda: "kube-root-ca.crt" in target.cluster.kubectl("get", "cm", "-n", COPY),
        what="the namespace has its first ConfigMap",
    )
    for one in IN_TARGET:
        target.apply(one)
    probe = marked(named("v1", "Secret", "probe", COPY))

    def denies() -> bool:
        try:
            target.cluster.refusal("create", "--dry-run=server", "-f", "-", input=json.dumps(probe))
        except AssertionError:
            return False
        return bool(target.cluster.get("quota", "small", "-n", COPY)["status"].get("used"))

    until(denies, what="the guards are at work")
    source.back_up("rf-backup", VAULT, SHOP)
    source.ended("applicationbackup", "rf-backup")
    until(
        lambda: target.phase("applicationbackup", "rf-backup") == "Completed",
        what="the backup appears in the other cluster",
    )
    target.restore("rf-restore", "rf-backup", namespaceMapping={SHOP: COPY})
    ended = target.ended("applicationrestore", "rf-restore")
    assert ended["status"]["phase"] == "PartiallyFailed", ended["status"]
    lines = archives.restore_items(s3.folder / "cnfs-oss-test", "rf-restore", VAULT)
    yield {one["target"][2]: (one["action"], one.get("reason", "")) for one in lines}
    target.cluster.kubectl("delete", "validatingwebhookconfiguration", "rf-hook")
    for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
        target.cluster.kubectl("delete", kind, "rf-policy")
    for site, namespace in ((source, SHOP), (target, COPY)):
        site.cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("over", ("failed", "QuotaExceeded")),
        ("denied", ("failed", "RejectedByPolicy")),
        ("allowed", ("created", "")),
        ("unjudged", ("failed", "WebhookUnreachable")),
        ("judged-by-none", ("created", "")),
    ],
)
def test_each_refusal_has_its_reason(
    told: dict[str, tuple[str, str]], name: str, expected: tuple[str, str]
) -> None:
    assert told[name] == expected
