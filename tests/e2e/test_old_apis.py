"""A backup of a Kubernetes of years ago, which no server of today can be, restored into a new one.

An independent generator writes the archive (``tests/foreign``); in it are the objects of the golden
folders ``api-*``.
"""

import json
import time
from typing import Any

import pytest

from tests.ancient import documents, old_objects
from tests.e2e.machine import Machine
from tests.foreign import writer
from tests.foreign.writer import Backup, Item
from tests.golden.test_golden import group_resource


@pytest.fixture(scope="module")
def restored(machine: Machine) -> dict[str, Any]:
    """The restore's items by kind and name, from its plan, after it was done."""
    items = [Item(group_resource(one), one) for one in old_objects()]
    twice = next(one for one in items if one.group_resource == "ingresses.extensions")
    new = twice.object | {"apiVersion": "networking.k8s.io/v1beta1"}
    backup = Backup("old", [*items, Item("ingresses.networking.k8s.io", new)])
    writer.write(machine.folder / "vaults" / "ancient", backup)
    made = machine.ferry(
        "restore", "vault", "create", "disk", "--provider", "local", "--bucket", "ancient", "--wait"
    )
    assert made.exit_code == 0, made.output
    until = time.monotonic() + 20
    while machine.ferry("restore", "backup", "get", "old").exit_code:
        assert time.monotonic() < until
        time.sleep(0.2)
    done = machine.ferry("restore", "restore", "plan", "--from-backup", "old", "-o", "json")
    assert done.exit_code == 0, done.output
    planned = [json.loads(line) for line in done.stdout.splitlines()]
    done = machine.ferry(
        "restore", "restore", "create", "old", "--from-backup", "old", "--wait", "--timeout", "60s"
    )
    assert done.exit_code == 0, done.output
    return {"planned": planned, "said": done.output}


def test_all_is_created_but_what_is_gone(restored: dict[str, Any]) -> None:
    items = [one for one in restored["planned"] if one["type"] == "item"]
    left = [one for one in items if one["action"] != "create"]
    assert {one["action"] for one in left} == {"skip"}
    assert sorted({one["reason"] for one in left}) == ["ApiRemoved", "ArchivedTwice"]
    gone = len(documents("api-removed", "before.yaml"))
    assert len(left) == gone + 1
    assert f"Completed ({len(items) - len(left)} created, {len(left)} skipped" in restored["said"]


@pytest.mark.parametrize(
    ("plural", "name", "namespace", "wanted"),
    [
        pytest.param(
            "ingresses",
            "from-extensions",
            "shop",
            {
                "apiVersion": "networking.k8s.io/v1",
                "spec": {
                    "defaultBackend": {"service": {"name": "fallback", "port": {"name": "http"}}}
                },
            },
            id="an Ingress",
        ),
        pytest.param(
            "deployments",
            "bare",
            "shop",
            {
                "apiVersion": "apps/v1",
                "spec": {
                    "progressDeadlineSeconds": 2147483647,
                    "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}},
                },
            },
            id="a Deployment",
        ),
        pytest.param(
            "poddisruptionbudgets",
            "selects-none",
            "shop",
            {
                "spec": {
                    "selector": {
                        "matchExpressions": [
                            {
                                "key": "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match",
                                "operator": "Exists",
                            }
                        ]
                    }
                }
            },
            id="a budget for no pod",
        ),
        pytest.param(
            "customresourcedefinitions",
            "bars.example.com",
            "",
            {"spec": {"names": {"singular": "bar"}, "scope": "Namespaced"}},
            id="a definition",
        ),
    ],
)
def test_an_old_object_is_there_in_its_new_form(
    machine: Machine,
    restored: dict[str, Any],
    plural: str,
    name: str,
    namespace: str,
    wanted: dict[str, Any],
) -> None:
    found = machine.objects("restore", plural, namespace)[name]
    assert is_within(wanted, found), found


def is_within(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and is_within(one, found[key]) for key, one in wanted.items())
    return bool(wanted == found)
