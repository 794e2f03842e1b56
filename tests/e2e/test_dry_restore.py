"""``spec.dryRun``: a restore that is planned by the controller, and nothing else."""

import json

import pytest

from tests.builders import config_map, namespace
from tests.e2e.machine import Machine
from tests.foreign import shop


@pytest.fixture(scope="module")
def planned(machine: Machine) -> Machine:
    for cluster in ("backup", "restore"):
        words = ("create", "dry", "--provider", "local", "--bucket", "dry", "--wait")
        assert machine.ferry(cluster, "vault", *words).exit_code == 0
    machine.create("backup", namespace("wine"))
    machine.create("backup", config_map("wine/list", red="3"))
    machine.create("backup", shop.definition())
    machine.create("backup", shop.widget() | {"metadata": {"name": "w", "namespace": "wine"}})
    words = ("create", "wine-1", "--vault", "dry", "--include-namespaces", "wine", "--wait")
    assert machine.ferry("backup", "backup", *words).exit_code == 0
    body = {
        "apiVersion": "csdr.alibabacloud.com/v1beta1",
        "kind": "ApplicationRestore",
        "metadata": {"name": "wine-dry", "namespace": "csdr"},
        "spec": {
            "backupName": "wine-1",
            "namespaceMapping": {"wine": "cellar"},
            "excludedResources": ["crd"],
            "dryRun": True,
        },
    }
    path = machine.folder / "wine.yaml"
    path.write_text(json.dumps(body))
    done = machine.ferry("restore", "restore", "create", "-f", str(path), "--wait")
    assert done.exit_code == 0, done.output
    return machine


def test_nothing_is_restored(planned: Machine) -> None:
    assert "cellar" not in planned.objects("restore", "namespaces", "")


def test_it_is_completed_and_says_what_would_be_done(planned: Machine) -> None:
    told = planned.ferry("restore", "restore", "get", "wine-dry", "-o", "json")
    status = json.loads(told.stdout)["status"]
    assert status["phase"] == "Completed"
    assert status["message"].startswith("dry run, nothing was restored: ")
    assert "to create" in status["message"]
    assert "1 failed" in status["message"], "the target does not know widgets"
    assert status["errors"] == 1


def test_its_plan_is_in_the_vault_object_by_object(planned: Machine) -> None:
    told = planned.ferry("restore", "restore", "describe", "wine-dry", "--changes")
    assert told.exit_code == 0, told.output
    assert "create     ConfigMap wine/list -> cellar/list" in told.stdout
    assert "dryRun" in told.stdout
    files = list((planned.folder / "vaults" / "dry" / "restores" / "wine-dry").glob("*items*"))
    assert files
