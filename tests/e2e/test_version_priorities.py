"""The ConfigMap ``enableapigroupversions``: it chooses among a backup's versions, as in Velero."""

import time

import pytest

from tests.builders import obj
from tests.e2e.machine import Machine
from tests.foreign import writer
from tests.foreign.writer import Backup, Item

SCALER = {
    "maxReplicas": 3,
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
}
KIND = "horizontalpodautoscalers.autoscaling"


@pytest.fixture(scope="module")
def vault(machine: Machine) -> Machine:
    """A vault with a backup of Velero's that has an autoscaler in two versions."""
    bare, other = (
        obj(f"autoscaling/{version}/HorizontalPodAutoscaler", "scaled/web").with_(
            spec=SCALER | {"minReplicas": number}
        )
        for number, version in enumerate(("v2", "v1"), start=1)
    )
    items = [Item("namespaces", obj("v1/Namespace", "scaled")), Item(KIND, bare, others=(other,))]
    writer.write(machine.folder / "vaults" / "scaled", Backup("scaled", items))
    made = machine.ferry(
        "restore",
        "vault",
        "create",
        "scaled",
        "--provider",
        "local",
        "--bucket",
        "scaled",
        "--wait",
    )
    assert made.exit_code == 0, made.output
    until = time.monotonic() + 20
    while machine.ferry("restore", "backup", "describe", "scaled").exit_code:
        assert time.monotonic() < until
        time.sleep(0.2)
    return machine


def planned(machine: Machine) -> dict[str, object]:
    """The autoscaler as a plan would write it, and the reasons of what is told."""
    ask = ("restore", "plan", "--from-backup", "scaled", "-o", "yaml")
    plan = machine.ferry("restore", *ask)
    assert plan.exit_code == 0, plan.output
    version = next(one for one in ("v1", "v2") if f"apiVersion: autoscaling/{one}\n" in plan.stdout)
    return {"version": version, "told": "OtherVersion" in plan.output}


def test_the_version_that_the_config_map_wants_is_restored(vault: Machine) -> None:
    assert planned(vault) == {"version": "v2", "told": False}
    wish = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "enableapigroupversions", "namespace": "csdr"},
        "data": {"restoreResourcesVersionPriority": f"{KIND}=v3,v1"},
    }
    vault.create("restore", wish)
    assert planned(vault) == {"version": "v1", "told": True}
