import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.describing_restore import (
    How,
    Report,
    json_lines,
    objects_lines,
    report_lines,
    restore_fields,
    status_lines,
)
from kubeferry.cli.output import fields
from kubeferry.cli.plan_view import Look
from kubeferry.journal import Item
from kubeferry.restore.chronicle import Chronicle

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEAD = {
    "apiVersion": "csdr.alibabacloud.com/v1beta1",
    "metadata": {"name": "a", "namespace": "csdr"},
}


def test_a_restore_shows_each_mapping_and_each_image() -> None:
    found = read(
        HEAD
        | {
            "kind": "ApplicationRestore",
            "spec": {
                "backupName": "b",
                "namespaceMapping": {"x": "y", "z": "w"},
                "hooks": {"resources": [{"name": "migrate"}]},
            },
            "status": {
                "phase": "Completed",
                "counts": {"created": 5, "skipped": 1},
                "hooks": {"attempted": 2, "failed": 1},
                "images": ["r/a:1", "r/b:2"],
            },
        },
        ApplicationRestore,
    )
    assert fields(restore_fields(found, now=NOW))[2:] == [
        "Phase:          Completed",
        "Backup:         b",
        "Namespaces:     x -> y",
        "                z -> w",
        "Hooks:          migrate",
        "Objects:        5 created, 1 skipped",
        "Hooks run:      2 attempted, 1 failed",
        "Errors:         0",
        "Warnings:       0",
        "Images needed:  r/a:1",
        "                r/b:2",
    ]


def test_the_other_parameters_of_a_restore_are_told_by_their_fields() -> None:
    spec = {
        "backupName": "b",
        "includedNamespaces": ["x", "y"],
        "storageClassMapping": {"slow": "fast"},
        "references": {"webhooks": False},
        "overwriteServiceAnnotations": {"a-": ""},
        "preserveNodePorts": False,
    }
    found = read(HEAD | {"kind": "ApplicationRestore", "spec": spec}, ApplicationRestore)
    told = dict(restore_fields(found, now=NOW))
    assert told["Parameters"] == [
        "includedNamespaces x, y",
        "storageClassMapping slow -> fast",
        "references.webhooks false",
        "overwriteServiceAnnotations a -> (taken out)",
        "preserveNodePorts false",
    ]


def test_contents_by_type() -> None:
    assert list(objects_lines({"v1/Pod": ["x/a", "x/b"], "apps/v1/Deployment": ["x/d"]})) == [
        "",
        "Contents: 3 objects",
        "  apps/v1/Deployment",
        "    x/d",
        "  v1/Pod",
        "    x/a",
        "    x/b",
    ]


def test_contents_that_were_never_stored() -> None:
    assert list(objects_lines(None)) == ["", "Contents: none in the vault"]


def told(status: dict[str, Any]) -> ApplicationRestore:
    body = {"kind": "ApplicationRestore", "spec": {"backupName": "b"}, "status": status}
    return read(HEAD | body, ApplicationRestore)


FAILED = told(
    {
        "phase": "PartiallyFailed",
        "counts": {"created": 5, "skipped": 3, "failed": 1},
        "errors": 1,
        "warnings": 1,
        "reasons": [
            {"outcome": "failed", "reason": "Forbidden", "count": 1},
            {"outcome": "error", "reason": "Forbidden", "count": 1},
            {"outcome": "warning", "reason": "Differs", "count": 1},
            {"outcome": "skipped", "reason": "Identical", "count": 2},
            {"outcome": "skipped", "reason": "Differs", "count": 1},
            {"outcome": "note", "reason": "RolloutFollows", "count": 3},
        ],
        "grants": [
            {"what": "binding", "count": 2, "first": ["rolebindings x/a: Role r to User u"]}
        ],
        "rules": [{"title": "rule 1 (pods)", "objects": 2, "operations": 1, "failed": 1}],
        "rollouts": ["statefulsets.apps x/web: web-0 is replaced"],
    }
)


def test_counts_tell_their_reasons() -> None:
    shown = dict(restore_fields(FAILED, now=NOW))
    assert shown["Objects"] == (
        "5 created, 3 skipped (2 Identical, 1 Differs), 1 failed (1 Forbidden)"
    )
    assert (shown["Errors"], shown["Warnings"]) == ("1 (1 Forbidden)", "1 (1 Differs)")


def test_the_status_tells_what_to_do_which_rollouts_follow_and_what_was_granted() -> None:
    assert list(status_lines(FAILED.status, Look())) == [
        "",
        "What to do:",
        "  Differs     existingResourcePolicy: update, or map to another namespace: what exists "
        "already",
        "  Forbidden   kubectl auth can-i; ask for the right",
        "",
        "Modifier rules",
        "  rule 1 (pods): 2 objects, 1 operation applied, failed for 1",
        "",
        "Rollouts that will follow: 3",
        "  i statefulsets.apps x/web: web-0 is replaced",
        "  and 2 more",
        "",
        "Rights and more that it grants",
        "  bindings of roles: 2",
        "    rolebindings x/a: Role r to User u",
        "    and 1 more",
    ]


def test_of_a_clean_restore_nothing_more_is_told() -> None:
    assert list(status_lines(told({"phase": "Completed"}).status, Look())) == []


WEB = Item(
    source=("statefulsets.apps", "shop", "web"),
    target=("statefulsets.apps", "shop1", "web"),
    action="created",
    kind="apps/v1/StatefulSet",
    changes=[
        {"pointer": "/spec/a", "old": 1, "new": 2, "mechanism": "modifier", "rule": "r"},
    ],
    grants=[("privilegedPod", "hostPID")],
    notes=[("RolloutFollows", "web-0 is replaced")],
)
KEY = Item(
    source=("secrets", "shop", "key"),
    target=("secrets", "shop1", "key"),
    action="failed",
    kind="v1/Secret",
    reason="Forbidden",
    message="no",
    problems=[("error", "Forbidden", "no")],
)
RESULTS = {
    "errors": {
        "velero": ["VaultUnavailable: for a while"],
        "namespaces": {"shop": ["secrets shop1/key: Forbidden: no"]},
    }
}


@pytest.fixture
def report() -> Iterator[Report]:
    with Chronicle() as chronicle:
        for item in (WEB, KEY):
            chronicle.add(codec.encode(item))
        yield Report({"v1/Secret": ["shop1/key(failed)"]}, RESULTS, chronicle)


def test_details_tell_every_problem_by_its_reason_every_rollout_and_every_grant(
    report: Report,
) -> None:
    assert list(report_lines(report, How(details=True), Look())) == [
        "",
        "Contents: 1 object",
        "  v1/Secret",
        "    shop1/key(failed)",
        "",
        "Errors: 2",
        "  Forbidden: 1",
        "    what to do: kubectl auth can-i; ask for the right",
        "    secrets shop1/key: no",
        "  VaultUnavailable: 1",
        "    what to do: vaults",
        "    for a while",
        "",
        "Rollouts that will follow: 1",
        "  i statefulsets.apps shop1/web: web-0 is replaced",
        "",
        "Rights and more that it grants",
        "  pods and workloads beyond the baseline Pod Security Standard: 1",
        "    statefulsets.apps shop1/web: hostPID",
    ]


def test_changes_come_with_their_objects(report: Report) -> None:
    lines = list(report_lines(report, How(changes=True), Look()))
    assert lines[:4] == [
        "",
        "Objects:",
        "created    StatefulSet shop/web -> shop1/web",
        "           ~ /spec/a: 1 -> 2" + "(modifier: r)".rjust(100 - 28),
    ]


def test_json_is_a_line_an_object_and_the_restore_last(report: Report) -> None:
    problem, web, key, summary = map(json.loads, json_lines(FAILED, report))
    assert problem == {
        "type": "problem",
        "level": "error",
        "reason": "VaultUnavailable",
        "message": "for a while",
    }
    assert (web["type"], web["action"], web["target"]["namespace"]) == ("item", "created", "shop1")
    assert key["errors"] == [{"reason": "Forbidden", "message": "no"}]
    assert (summary["type"], summary["name"], summary["phase"]) == (
        "summary",
        "a",
        "PartiallyFailed",
    )
    assert summary["reasons"][0] == {"outcome": "failed", "reason": "Forbidden", "count": 1}


def test_without_a_report_the_status_alone_is_told() -> None:
    assert list(report_lines(Report(), How(details=True), Look())) == [
        "",
        "No report in the vault yet.",
    ]
    [summary] = map(json.loads, json_lines(FAILED, Report()))
    assert summary["counts"] == {"created": 5, "skipped": 3, "failed": 1}
