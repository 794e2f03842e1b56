"""What a plan without a cluster comes to, a real API server takes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from tests.ancient import old_objects
from tests.clusters import Cluster
from tests.foreign import writer
from tests.foreign.writer import Backup, Item
from tests.golden.test_golden import SERVED, group_resource

pytestmark = pytest.mark.real

FERRY = Path(sys.executable).with_name("kubeferry")
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_manifests_of_years_ago_pass_the_strict_dry_run_of_today(
    restore_cluster: Cluster, tmp_path: Path
) -> None:
    items = [Item(group_resource(one), one) for one in old_objects()]
    folder = writer.write(tmp_path, Backup("old", items, era=writer.OLDEST))
    found = planned(folder / "old.tar.gz")
    assert len(found) > 20
    assert refused(found, restore_cluster) == []


def test_manifests_of_the_example_pass_it_with_its_parameters_and_rules(
    restore_cluster: Cluster,
) -> None:
    words = ("-f", "05-applicationrestore.yaml", "--modifiers", "03-resource-modifier.yaml")
    found = planned(EXAMPLES / "nginx-backup.tar.gz", *words)
    assert {one["kind"] for one in found} >= {"StatefulSet", "Pod", "PersistentVolumeClaim"}
    assert refused(found, restore_cluster) == []


def planned(archive: Path, *words: str) -> list[dict[str, Any]]:
    """The manifests of a plan without a cluster, of kinds that the control plane serves."""
    done = subprocess.run(
        [FERRY, "restore", "plan", "--offline", archive, *words, "-o", "yaml"],
        capture_output=True,
        text=True,
        check=False,
        cwd=EXAMPLES,
        env={"KUBECONFIG": "/nowhere"},
    )
    assert done.returncode == 0, done.stderr
    return [
        one
        for one in codec.load_yaml_documents(done.stdout)
        if (one["apiVersion"], one["kind"]) in SERVED
    ]


def refused(manifests: list[dict[str, Any]], cluster: Cluster) -> list[str]:
    """What the server's strict dry run does not take, what is its own aside."""
    for name in sorted({one["metadata"].get("namespace", "default") for one in manifests}):
        cluster.run("create", "namespace", name)
    found = []
    for one in manifests:
        words = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
        taken = cluster.run(*words, input=json.dumps(one))
        if taken.returncode and "already exists" not in taken.stderr:
            found.append(f"{one['kind']} {one['metadata']['name']}: {taken.stderr}")
    return found
