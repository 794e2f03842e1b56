"""The control planes themselves: what other tests rely on really works."""

import json
import time

import pytest

from tests.clusters import Cluster
from tests.unit.api.seed import EXAMPLES

pytestmark = pytest.mark.real


def until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.2)


def test_the_two_clusters_are_two(backup_cluster, restore_cluster):
    uids = {
        cluster.get("namespace", "kube-system")["metadata"]["uid"]
        for cluster in (backup_cluster, restore_cluster)
    }
    assert len(uids) == 2
    assert backup_cluster.server != restore_cluster.server


def test_a_stateful_set_gets_pods_and_claims(backup_cluster: Cluster, namespace):
    text = (EXAMPLES / "01-statefulset.yaml").read_text()
    text = text.replace("namespace: default", f"namespace: {namespace}")
    backup_cluster.kubectl("apply", "-f", "-", input=text)
    pods = ["pods", "-n", namespace]
    until(lambda: len(backup_cluster.get(*pods)["items"]) == 1)
    assert backup_cluster.mark_pods_ready(namespace, "app=nginx") == ["web-0"]
    until(lambda: len(backup_cluster.get(*pods)["items"]) == 2)
    claims = backup_cluster.get("persistentvolumeclaims", "-n", namespace)["items"]
    assert {one["status"]["phase"] for one in claims} == {"Pending"}


def test_garbage_is_collected(backup_cluster: Cluster, namespace):
    where = ["-n", namespace]
    backup_cluster.kubectl("create", "configmap", "owner", *where)
    uid = backup_cluster.get("configmap", "owner", *where)["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    metadata = {"name": "owned", "namespace": namespace, "ownerReferences": [owner]}
    owned = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    backup_cluster.kubectl("apply", "-f", "-", input=json.dumps(owned))
    backup_cluster.kubectl("delete", "configmap", "owner", *where)
    until(lambda: backup_cluster.run("get", "configmap", "owned", *where).returncode != 0)


def test_the_user_may_do_everything_by_rbac_alone(backup_cluster: Cluster):
    config = backup_cluster.user_kubeconfig
    who = backup_cluster.run("auth", "whoami", "-o", "json", kubeconfig=config).stdout
    info = json.loads(who)["status"]["userInfo"]
    assert info["username"] == "ferry"
    assert "system:masters" not in info["groups"]
    everything = ["auth", "can-i", "*", "*", "--all-namespaces"]
    assert backup_cluster.run(*everything, kubeconfig=config).stdout.strip() == "yes"


def test_the_token_of_a_service_account_is_accepted(backup_cluster: Cluster, namespace):
    config = backup_cluster.service_account_kubeconfig(namespace, "default")
    who = backup_cluster.run("auth", "whoami", "-o", "json", kubeconfig=config).stdout
    user = json.loads(who)["status"]["userInfo"]["username"]
    assert user == f"system:serviceaccount:{namespace}:default"


def test_kubernetes_own_endpoints_are_there_as_on_any_cluster(backup_cluster: Cluster):
    slices = backup_cluster.get("endpointslices", "kubernetes", "-n", "default")
    assert slices["endpoints"]
