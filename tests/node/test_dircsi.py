"""The nodes' CSI driver, ``hack/kubernetes/dircsi``: its own tests, and that no claim, copy or
restored PersistentVolume costs another volume its data."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.nodes import ROOT, Node
from tests.waiting import until

pytestmark = pytest.mark.node

_MODULE = ROOT / "hack" / "kubernetes"
_DRIVER = "dir.csi.test"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("gofmt", "-l", "."), id="it is formatted"),
        pytest.param(("go", "vet", "./..."), id="vet finds nothing"),
        pytest.param(("go", "test", "-count=1", "./..."), id="its tests pass"),
    ],
)
def test_the_go_programs_of_the_nodes_are_in_order(command: tuple[str, ...]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "GOFLAGS"}
    done = subprocess.run(
        command, cwd=_MODULE, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if command[0] == "gofmt":  # it names the files that are not
        assert done.stdout == ""


class _Claims:
    """Claims of a namespace, and pods that use them."""

    def __init__(self, node: Node, namespace: str) -> None:
        self._node, self._namespace = node, namespace

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        return self._node.kubectl("-n", self._namespace, *arguments, input=input)

    def apply(self, api_version: str, kind: str, name: str, spec: dict[str, Any]) -> None:
        document: dict[str, Any] = {"apiVersion": api_version, "kind": kind, "spec": spec}
        document["metadata"] = {"name": name}
        self.kubectl("apply", "-f", "-", input=json.dumps(document))

    def claim(self, name: str, source: dict[str, str] | None = None, **more: Any) -> None:
        spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"]}
        spec["resources"] = {"requests": {"storage": "1Gi"}}
        if source:
            spec["dataSource"] = source
        self.apply("v1", "PersistentVolumeClaim", name, spec | more)

    def pod(self, name: str, claim: str) -> None:
        """Starts a pod that has the claim's volume at /data, and waits for it."""
        container = {
            "name": "busybox",
            "image": "docker.io/library/busybox:1.36",
            "command": ["sleep", "3600"],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": claim}}
        spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
        self.apply("v1", "Pod", name, spec | {"volumes": [volume]})
        self.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=90s")

    def run(self, pod: str, script: str) -> str:
        return self.kubectl("exec", pod, "--", "sh", "-c", script)

    def handle(self, claim: str) -> str:
        """The id that the driver knows a bound claim's volume by."""
        name = self.kubectl("get", "pvc", claim, "-o", "jsonpath={.spec.volumeName}")
        return self.kubectl("get", "pv", name, "-o", "jsonpath={.spec.csi.volumeHandle}")


@pytest.fixture
def claims(backup_node: Node, node_namespace: str) -> _Claims:
    return _Claims(backup_node, node_namespace)


@pytest.fixture
def log(backup_node: Node) -> Path:
    """What the driver wrote of every call."""
    return backup_node.folder / "log" / "dircsi.log"


@pytest.fixture
def volumes(backup_node: Node) -> Path:
    """Where the volumes of the node are on disk."""
    return backup_node.folder / "csi" / "volumes"


def test_a_clone_keeps_what_its_source_loses(claims: _Claims, volumes: Path) -> None:
    claims.claim("data")
    claims.pod("first", "data")
    claims.run("first", "echo kept >/data/file; mkdir /data/folder; chmod 2770 /data/folder")
    claims.claim("clone", {"kind": "PersistentVolumeClaim", "name": "data"})
    claims.pod("second", "clone")
    claims.run("first", "echo changed >/data/file")
    assert claims.run("second", "cat /data/file; stat -c %a /data/folder") == "kept\n2770\n"

    gone = volumes / claims.handle("data")
    assert gone.is_dir()
    claims.kubectl("delete", "pod/first", "pvc/data", "--timeout=60s")
    until(lambda: not gone.exists(), what="the deleted claim's volume is removed")
    assert claims.run("second", "cat /data/file") == "kept\n"


def test_pods_of_the_node_share_a_volume(claims: _Claims) -> None:
    claims.claim("data")
    claims.pod("first", "data")
    claims.pod("second", "data")
    claims.run("first", "echo shared >/data/file")
    assert claims.run("second", "cat /data/file") == "shared\n"


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        pytest.param({"volumeMode": "Block"}, "no block mode", id="a block device"),
        pytest.param(
            {"accessModes": ["ReadWriteMany"]}, "MULTI_NODE_MULTI_WRITER", id="many nodes"
        ),
    ],
)
def test_a_claim_for_what_a_directory_is_not_says_why_it_waits(
    claims: _Claims, wish: dict[str, Any], reason: str
) -> None:
    claims.claim("data", **wish)
    events = ("get", "events", "--field-selector=reason=ProvisioningFailed", "-o", "json")
    until(lambda: reason in claims.kubectl(*events), what="the claim's event says why")
    assert claims.kubectl("get", "pvc", "data", "-o", "jsonpath={.status.phase}") == "Pending"


@pytest.mark.parametrize("handle", ["..", "../volumes"])
def test_a_volume_of_a_hostile_handle_is_deleted_and_nothing_else(
    claims: _Claims, node_namespace: str, volumes: Path, log: Path, handle: str
) -> None:
    claims.claim("data")
    claims.pod("first", "data")
    claims.run("first", "echo kept >/data/file")
    file = volumes / claims.handle("data") / "data" / "file"
    assert file.read_text() == "kept\n"

    name = f"hostile-{node_namespace}"
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Gi"},
        "persistentVolumeReclaimPolicy": "Delete",
        "storageClassName": "csi-dir",
        "claimRef": {"namespace": node_namespace, "name": "hostile"},
        "csi": {"driver": _DRIVER, "volumeHandle": handle},
    }
    claims.apply("v1", "PersistentVolume", name, spec)
    claims.kubectl("annotate", "pv", name, f"pv.kubernetes.io/provisioned-by={_DRIVER}")
    claims.claim("hostile", storageClassName="csi-dir", volumeName=name)
    claims.kubectl("wait", "--for=jsonpath={.status.phase}=Bound", "pvc/hostile", "--timeout=60s")
    claims.kubectl("delete", "pvc/hostile", "--timeout=60s")
    claims.kubectl("wait", "--for=delete", f"pv/{name}", "--timeout=60s")

    assert f'/csi.v1.Controller/DeleteVolume "{handle}": OK' in log.read_text()
    assert file.read_text() == "kept\n"
    assert claims.run("first", "cat /data/file") == "kept\n"
