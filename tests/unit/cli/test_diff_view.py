import json

from kubeferry.cli.comparing import Compared
from kubeferry.cli.diff_view import Tally, Unread, diff_json, diff_lines
from kubeferry.cli.plan_view import Look
from kubeferry.kube.names import Identity
from kubeferry.transform.patch.differences import Difference
from kubeferry.transform.patch.pointer import MISSING

WEB = Identity("deployments.apps", "shop", "web")
FOUND = [
    Compared(Identity("configmaps", "shop", "new"), "added", "v1", "ConfigMap"),
    Compared(Identity("configmaps", "shop", "old"), "removed", "v1", "ConfigMap"),
    Compared(Identity("configmaps", "shop", "kept"), "same", "v1", "ConfigMap"),
    Compared(
        WEB,
        "changed",
        "apps/v1",
        "Deployment",
        (
            Difference("/spec/replicas", 2, 3),
            Difference("/metadata/labels", MISSING, {"a": "b"}),
            Difference("/spec/paused", True, MISSING),
        ),
    ),
    Compared(Identity("namespaces", "", "shop"), "same", "v1", "Namespace"),
]


def test_what_differs_by_kind() -> None:
    tally = Tally()
    assert list(diff_lines(FOUND, Look(), tally, show=False)) == [
        "",
        "ConfigMap (v1)",
        "  + shop/new",
        "  - shop/old",
        "",
        "Deployment (apps/v1)",
        "  ~ shop/web                                         3 fields",
        "",
        "1 added, 1 removed, 1 changed, 2 objects the same",
    ]
    assert tally.differs


def test_the_fields_of_what_changed() -> None:
    lines = list(diff_lines(FOUND[3:4], Look(), Tally(), show=True))
    assert lines[2:-2] == [
        "  ~ shop/web",
        "      ~ /spec/replicas: 2 -> 3",
        '      + /metadata/labels: {"a": "b"}',
        "      - /spec/paused: true",
    ]


def test_a_masked_value_is_shown_once() -> None:
    fields = (Difference("/data/key", "(masked)", "(masked)"),)
    one = Compared(Identity("secrets", "a", "x"), "changed", "v1", "Secret", fields)
    lines = list(diff_lines([one], Look(), Tally(), show=True))
    assert "      ~ /data/key: (masked)" in lines


def test_nothing_differs() -> None:
    tally = Tally()
    assert list(diff_lines([FOUND[2]], Look(), tally, show=True)) == [
        "",
        "0 added, 0 removed, 0 changed, 1 object the same",
    ]
    assert not tally.differs


def test_what_could_not_be_read_is_no_difference_and_is_told() -> None:
    tally = Tally()
    one = Compared(WEB, "unread", "apps/v1", "Deployment")
    assert list(diff_lines([one], Look(), tally, show=False))[2:] == [
        "  ? shop/web",
        "",
        "0 added, 0 removed, 0 changed, 0 objects the same, 1 could not be read",
    ]
    assert not tally.differs


def test_what_was_not_read_at_all_is_told_too() -> None:
    tally = Tally(unread=(Unread("backup b", "m.example.com", "m.example.com: X: y"),))
    assert list(diff_lines(FOUND[2:3], Look(), tally, show=False)) == [
        "",
        "Could not be read",
        "  ? m.example.com",
        "      backup b",
        "",
        "0 added, 0 removed, 0 changed, 1 object the same",
    ]
    said = json.loads("".join(diff_json({}, {}, [], tally)))
    assert said["unread"] == [
        {"side": "backup b", "what": "m.example.com", "why": "m.example.com: X: y"}
    ]


def test_the_same_for_programs() -> None:
    lines = list(diff_json({"backup": "a"}, {"cluster": "b"}, FOUND, Tally()))
    said = json.loads("\n".join(lines))
    assert len(lines) == 2 + len(said["objects"])
    assert (said["old"], said["new"]) == ({"backup": "a"}, {"cluster": "b"})
    assert said["summary"] == {"added": 1, "removed": 1, "changed": 1, "unread": 0, "same": 2}
    assert said["objects"][2] == {
        "change": "changed",
        "name": "web",
        "namespace": "shop",
        "type": "deployments.apps",
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "fields": [
            {"pointer": "/spec/replicas", "old": 2, "new": 3},
            {"pointer": "/metadata/labels", "new": {"a": "b"}},
            {"pointer": "/spec/paused", "old": True},
        ],
    }


def test_nothing_that_differs_for_programs() -> None:
    assert json.loads("".join(diff_json({}, {}, [], Tally())))["objects"] == []
