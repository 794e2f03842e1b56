"""kubeferry comes, is replaced by a newer one, and goes again, on a real API server."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry.api import crd
from kubeferry.api.install import Installation, manifests
from kubeferry.cli.connection import Session
from kubeferry.cli.uninstalling import prepare, remove
from kubeferry.codec import dump_yaml
from kubeferry.controller.frozen import FINALIZER
from kubeferry.kube.client import Client
from kubeferry.kube.config import load_config
from kubeferry.settings import Settings
from tests.clusters import Cluster
from tests.controlplane import running
from tests.sites import PROGRAM
from tests.unit.api.seed import EXAMPLES
from tests.waiting import until

pytestmark = pytest.mark.real

OLD = Path(__file__).parent / "data" / "install-0.1.0.yaml"
"""What ``kubeferry install`` printed at 0.1.0, before it had roles for people."""
ACCOUNT = "system:serviceaccount:csdr:kubeferry-controller"
TASK = "applicationbackup/nginx-backup"
MINE = "app.kubernetes.io/name=kubeferry"
GUARD = "validatingadmissionpolicies,validatingadmissionpolicybindings"
NO_ANSWER: dict[str, Any] = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": "v1beta1.metrics.k8s.io"},
    "spec": {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "service": {"name": "nobody", "namespace": "kube-system"},
        "insecureSkipTLSVerify": True,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
    },
}
"""An API group whose server is not there."""


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(["install"], folder=tmp_path_factory.mktemp("install")) as [started]:
        yield started


@pytest.fixture
def cluster(plane: Cluster) -> Iterator[Cluster]:
    """A cluster without kubeferry."""
    yield plane
    plane.kubectl("delete", "namespace", "csdr", "--ignore-not-found")
    plane.kubectl("delete", f"crd,clusterrole,clusterrolebinding,{GUARD}", "-l", MINE)


def new() -> str:
    return dump_yaml(*manifests(Installation(image="registry.example.com/kubeferry:0.2.0")))


def apply(cluster: Cluster, text: str) -> dict[str, str]:
    """What kubectl says became of each object; a warning is a failure."""
    done = cluster.run("apply", "-f", "-", input=text)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(re.findall(r"^(\S+) (\S+)$", done.stdout, re.MULTILINE))


def uninstall(cluster: Cluster, *flags: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"KUBECONFIG": str(cluster.kubeconfig)}
    return subprocess.run(
        [PROGRAM, "uninstall", *flags], env=environ, capture_output=True, text=True, check=False
    )


def add_tasks(cluster: Cluster) -> None:
    """The seed's vault, and its backup as a controller has left it."""
    crds = [
        f"crd/{name}.csdr.alibabacloud.com" for name in ("backuplocations", "applicationbackups")
    ]
    cluster.kubectl("wait", *crds, "--for=condition=Established", "--timeout=30s")
    for file in ("04-backuplocation.yaml", "02-applicationbackup.yaml"):
        cluster.kubectl("apply", "-f", str(EXAMPLES / file))
    cluster.set_status(
        "applicationbackup", "nginx-backup", {"phase": "Completed"}, namespace="csdr"
    )


def stored(cluster: Cluster) -> dict[str, tuple[str, str]]:
    """Uid and phase of each vault and task."""
    listed = cluster.get("backuplocations,applicationbackups,applicationrestores", "-A")["items"]
    return {
        f"{one['kind']}/{one['metadata']['name']}": (
            one["metadata"]["uid"],
            one.get("status", {}).get("phase", ""),
        )
        for one in listed
    }


def of_ours(cluster: Cluster) -> list[str]:
    """What is left of kubeferry, cluster-scoped or in its namespace."""
    kinds = (
        "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,roles,rolebindings,"
        f"serviceaccounts,deployments,replicasets,pods,{GUARD}"
    )
    return cluster.kubectl("get", kinds, "-A", "-l", MINE, "-o", "name").split()


def test_a_newer_one_keeps_vaults_and_tasks_and_takes_back_rights(cluster: Cluster) -> None:
    apply(cluster, OLD.read_text())
    add_tasks(cluster)
    before = stored(cluster)
    assert len(before) == 2
    watch = ("auth", "can-i", "watch", "secrets", "-A", f"--as={ACCOUNT}")
    assert cluster.run(*watch).stdout == "yes\n"

    told = apply(cluster, new())
    assert stored(cluster) == before
    assert told["clusterrole.rbac.authorization.k8s.io/kubeferry-operator"] == "created"
    assert set(told.values()) == {"created", "configured", "unchanged"}
    assert cluster.run(*watch).stdout == "no\n"
    image = "jsonpath={.spec.template.spec.containers[*].image}"
    deployment = ("deployment", "kubeferry-controller", "-n", "csdr", "-o", image)
    assert cluster.kubectl("get", *deployment) == "registry.example.com/kubeferry:0.2.0"


def test_the_same_one_again_changes_nothing(cluster: Cluster) -> None:
    assert set(apply(cluster, new()).values()) == {"created"}
    assert set(apply(cluster, new()).values()) == {"unchanged"}
    differs = cluster.run("diff", "-f", "-", input=new())
    assert (differs.returncode, differs.stdout, differs.stderr) == (0, "", "")


def test_who_applies_on_the_servers_side_may_do_that_from_now_on(cluster: Cluster) -> None:
    apply(cluster, new())
    done = cluster.run("apply", "--server-side", "-f", "-", input=new())
    assert done.returncode == 0, done.stderr


def test_the_controllers_pod_is_let_in_and_another_ones_is_not(cluster: Cluster) -> None:
    """Under the restricted standard; the pod stays pending, for there is no node."""
    apply(cluster, new())
    controller = ("-n", "csdr", "-l", "app.kubernetes.io/component=controller")
    until(lambda: cluster.get("pods", *controller)["items"], what="its pod is there")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "csdr"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }
    refused = cluster.refusal("create", "-f", "-", input=json.dumps(pod))
    assert 'violates PodSecurity "restricted:v1.36"' in refused


def test_uninstall_leaves_nothing_finalizers_included(cluster: Cluster) -> None:
    apply(cluster, new())
    add_tasks(cluster)
    held = json.dumps({"metadata": {"finalizers": [FINALIZER]}})
    cluster.kubectl("patch", TASK, "-n", "csdr", "--type=merge", "-p", held)
    controller = ("-n", "csdr", "-l", "app.kubernetes.io/component=controller")
    until(lambda: cluster.get("pods", *controller)["items"], what="its pod is there")

    shown = uninstall(cluster, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "  1 BackupLocation, 1 ApplicationBackup, with their definitions\n" in shown.stdout
    assert "  all backups in vault vault (alibabacloud cnfs-oss-test/subpath)\n" in shown.stdout
    assert len(stored(cluster)) == 2

    done = uninstall(cluster, "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("namespace/csdr removed\n")
    assert of_ours(cluster) == []
    assert cluster.run("get", "namespace", "csdr").returncode

    again = uninstall(cluster, "--yes")
    assert again.returncode == 0, again.stderr
    assert again.stdout == "Nothing of kubeferry is left in cluster install.\n"

    apply(cluster, new())
    add_tasks(cluster)


def test_what_it_was_applied_over_is_its_own_from_then_on(cluster: Cluster) -> None:
    """Of the ACK backup center, for example: docs/install.md warns of it."""
    theirs = crd.manifests()
    for one in theirs:
        del one["metadata"]["labels"]
    cluster.kubectl("create", "namespace", "csdr", "--save-config")
    apply(cluster, dump_yaml(*theirs))
    add_tasks(cluster)
    assert f"/{theirs[0]['metadata']['name']}, which is not" in uninstall(cluster, "--yes").stdout
    assert len(stored(cluster)) == 2

    apply(cluster, new())
    done = uninstall(cluster, "--yes")
    assert done.returncode == 0, done.stderr
    assert "with 1 ApplicationBackup\n" in done.stdout
    assert cluster.run("get", "crd", theirs[0]["metadata"]["name"]).returncode


async def test_the_namespace_stays_when_an_api_group_stops_answering_meanwhile(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Nobody could tell what would go with it, and Kubernetes could not empty it."""
    apply(cluster, new())
    config = load_config(
        kubeconfig=str(cluster.kubeconfig), context=None, environ={}, home=tmp_path
    )
    told: list[str] = []
    async with Client(config) as client:
        session = Session(client, Settings(), None)
        removal = await prepare(session, keeps_home=None)
        assert removal.takes_home
        cluster.kubectl("apply", "-f", "-", input=json.dumps(NO_ANSWER))
        try:
            async with asyncio.timeout(30):
                while not (await client.discover()).broken:
                    pass
            await remove(session, removal, told.append)
        finally:
            cluster.kubectl("delete", "apiservice", NO_ANSWER["metadata"]["name"])
    assert told[-1].startswith("  namespace/csdr, for what is in it cannot be told: metrics.k8s.io")
    assert cluster.get("namespace", "csdr")["status"]["phase"] == "Active"


def test_uninstall_leaves_what_people_keep_in_the_namespace(cluster: Cluster) -> None:
    apply(cluster, new())
    keys = ("secret", "generic", "cloud-credentials", "-n", "csdr", "--from-literal=cloud=x")
    cluster.kubectl("create", *keys)
    cluster.kubectl("label", "secret", "cloud-credentials", "-n", "csdr", MINE)
    done = uninstall(cluster, "--yes")
    assert done.returncode == 0, done.stderr
    assert (
        "What stays:\n"
        "  namespace/csdr, for people keep in it:\n"
        "    secret/cloud-credentials\n" in done.stdout
    )
    assert of_ours(cluster) == ["namespace/csdr"]
    assert cluster.kubectl("get", "secret", "cloud-credentials", "-n", "csdr")
