"""``restore retry``: what failed is done again once its cause is mended, and nothing else."""

import json
from typing import Any

import pytest

from tests.builders import config_map, namespace
from tests.e2e.machine import Machine
from tests.foreign import shop

KIND = "widgets.example.com"


@pytest.fixture(scope="module")
def failed(machine: Machine) -> Machine:
    """A restore that could not create one object: the target does not know its kind."""
    words = ("create", "store", "--provider", "local", "--bucket", "store", "--wait")
    assert machine.ferry("backup", "vault", *words).exit_code == 0
    assert machine.ferry("restore", "vault", *words).exit_code == 0
    machine.create("backup", namespace("shop"))
    machine.create("backup", config_map("shop/menu", tea="3"))
    machine.create("backup", shop.definition())
    machine.create("backup", shop.widget())
    words = ("create", "stock", "--vault", "store", "--include-namespaces", "shop", "--wait")
    assert machine.ferry("backup", "backup", *words).exit_code == 0
    words = ("create", "back", "--from-backup", "stock", "--namespace-mapping", "shop=shop2")
    done = machine.ferry("restore", "restore", *words, "--exclude-resources", "crd", "--wait")
    assert done.exit_code == 8, done.output
    return machine


def retried(machine: Machine, *words: str, code: int = 0) -> Any:
    done = machine.ferry("restore", "restore", "retry", *words)
    assert done.exit_code == code, done.output
    return done


def status(machine: Machine, name: str) -> Any:
    done = machine.ferry("restore", "restore", "get", name, "-o", "json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["status"]


def test_what_failed_is_done_again_and_nothing_else(failed: Machine) -> None:
    shown = retried(failed, "back", "--dry-run", code=8)
    assert "shop/blue" in shown.stdout
    assert "ConfigMap" not in shown.stdout, "it was written"
    assert "restore retry back --wait" in shown.stdout
    failed.create("restore", shop.definition())
    before = failed.objects("restore", "configmaps", "shop2")["menu"]
    shown = retried(failed, "back", "--wait")
    assert "back-retry-1: Completed" in shown.output
    assert status(failed, "back-retry-1")["counts"]["created"] == 1
    [widget] = failed.objects("restore", KIND, "shop2").values()
    assert widget["metadata"]["labels"]["velero.io/restore-name"] == "back", "one label finds all"
    assert failed.objects("restore", "configmaps", "shop2")["menu"] == before
    told = failed.ferry("restore", "restore", "describe", "back").stdout
    assert "back-retry-1 (Completed)" in told
    again = failed.ferry("restore", "restore", "describe", "back-retry-1").stdout
    assert "retryOf" in again


def test_a_restore_that_is_completed_is_not_retried(failed: Machine) -> None:
    words = ("create", "good", "--from-backup", "stock", "--namespace-mapping", "shop=shop3")
    done = failed.ferry("restore", "restore", *words, "--include-resources", "cm", "--wait")
    assert done.exit_code == 0, done.output
    assert "is Completed" in retried(failed, "good", code=2).stderr


def test_another_spec_is_no_retry(failed: Machine) -> None:
    body = {
        "apiVersion": "csdr.alibabacloud.com/v1beta1",
        "kind": "ApplicationRestore",
        "metadata": {"name": "sly", "namespace": "csdr"},
        "spec": {
            "backupName": "stock",
            "namespaceMapping": {"shop": "shop9"},
            "excludedResources": ["crd"],
            "retryOf": "back",
        },
    }
    failed.create("restore", body)
    done = failed.ferry("restore", "restore", "retry", "no-such")
    assert done.exit_code != 0
    path = failed.folder / "sly.yaml"
    path.write_text(json.dumps(body))
    shown = failed.ferry("restore", "restore", "plan", "-f", str(path))
    assert shown.exit_code == 2
    assert "spec.namespaceMapping: is not that of restore 'back'" in shown.stderr
