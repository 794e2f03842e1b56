"""What a plan without a cluster comes to, a real API server takes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kubeferry import codec
from tests.ancient import old_objects
from tests.clusters import Cluster
from tests.foreign import writer
from tests.foreign.writer import Backup, Item
from tests.golden.test_golden import SERVED, group_resource

pytestmark = pytest.mark.real

FERRY = Path(sys.executable).with_name("kubeferry")


def test_manifests_of_years_ago_pass_the_strict_dry_run_of_today(
    restore_cluster: Cluster, tmp_path: Path
) -> None:
    items = [Item(group_resource(one), one) for one in old_objects()]
    folder = writer.write(tmp_path, Backup("old", items, era=writer.OLDEST))
    done = subprocess.run(
        [FERRY, "restore", "plan", "--offline", folder / "old.tar.gz", "-o", "yaml"],
        capture_output=True,
        text=True,
        check=False,
        env={"KUBECONFIG": "/nowhere"},
    )
    assert done.returncode == 0, done.stderr
    found = [
        one
        for one in codec.load_yaml_documents(done.stdout)
        if (one["apiVersion"], one["kind"]) in SERVED
    ]
    assert len(found) > 20
    namespaces = {one["metadata"].get("namespace") for one in found} - {None, "default"}
    for name in sorted(namespaces):
        restore_cluster.run("create", "namespace", str(name))
    for one in found:
        if one["kind"] == "Namespace":
            continue
        words = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
        taken = restore_cluster.run(*words, input=json.dumps(one))
        is_the_servers_own = "already exists" in taken.stderr
        assert not taken.returncode or is_the_servers_own, (
            f"{one['kind']} {one['metadata']['name']}: {taken.stderr}"
        )
