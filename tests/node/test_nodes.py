"""The nodes are what they claim to be: pods run, volumes hold data, names and tokens work."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.nodes import Node
from tests.waiting import until

pytestmark = pytest.mark.node

READ = """
import json, ssl, urllib.request as u
d = "/var/run/secrets/kubernetes.io/serviceaccount/"
url = "https://kubernetes.default.svc/api/v1/namespaces/%s/pods?labelSelector=app%%3Dweb"
asked = u.Request(url, headers={"Authorization": "Bearer " + open(d + "token").read()})
with u.urlopen(asked, context=ssl.create_default_context(cafile=d + "ca.crt"), timeout=20) as a:
    print(*[pod["metadata"]["name"] for pod in json.load(a)["items"]])
print(u.urlopen("http://web/", timeout=20).read().decode(), end="")
"""


def job(name: str, container: dict[str, Any], *volumes: dict[str, Any]) -> dict[str, Any]:
    spec = {"restartPolicy": "Never", "containers": [container], "volumes": list(volumes)}
    template = {"backoffLimit": 0, "template": {"spec": spec}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": template,
    }


def claim(name: str, source: dict[str, str] | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    if source:
        spec["dataSource"] = source
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": spec,
    }


def apply(node: Node, namespace: str, *objects: dict[str, Any]) -> None:
    bundle = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    node.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(bundle))


def web() -> tuple[dict[str, Any], ...]:
    """A web server whose pages are on a volume, a Service before it, and who may read pods."""
    container = {
        "name": "nginx",
        "image": "docker.io/library/nginx:1.14.1",
        "volumeMounts": [{"name": "data", "mountPath": "/var/www/html"}],
        "readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 1},
    }
    pod = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    pod["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    labels = {"app": "web"}
    return (
        claim("data"),
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web-0", "labels": labels},
            "spec": pod,
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        },
    )


def test_pods_volumes_names_tokens_and_snapshots_work(
    backup_node: Node, node_namespace: str
) -> None:
    node, namespace = backup_node, node_namespace

    def k(*arguments: str, input: str | None = None) -> str:
        return node.kubectl("-n", namespace, *arguments, input=input)

    apply(node, namespace, *web())
    view = ["rolebinding", "view", "--clusterrole=view", f"--serviceaccount={namespace}:default"]
    k("create", *view)
    k("wait", "--for=condition=Ready", "pod/web-0", "--timeout=90s")

    # exec, with output and with input, onto the volume
    fill = "cd /var/www/html && head -c 4194304 /dev/urandom >blob && sha256sum <blob"
    digest = k("exec", "web-0", "--", "sh", "-c", fill)
    k("exec", "-i", "web-0", "--", "tee", "/var/www/html/index.html", input=digest)

    # from inside: the API by its name with the pod's own token, and the Service by its name
    python = {"name": "python", "image": "docker.io/library/python:3.11"}
    python |= {"command": ["python3", "-c", READ % namespace]}
    apply(node, namespace, job("reader", python))
    k("wait", "--for=condition=complete", "job/reader", "--timeout=90s")
    assert k("logs", "job/reader") == f"web-0\n{digest}"

    # a snapshot keeps what is changed afterwards
    snapshot = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "before"},
        "spec": {"source": {"persistentVolumeClaimName": "data"}},
    }
    apply(node, namespace, snapshot)
    k("wait", "--for=jsonpath={.status.readyToUse}=true", "volumesnapshot/before", "--timeout=60s")
    k("exec", "web-0", "--", "sh", "-c", "echo changed >/var/www/html/blob")
    source = {
        "apiGroup": "snapshot.storage.k8s.io",
        "kind": "VolumeSnapshot",
        "name": "before",
    }
    busybox = {
        "name": "busybox",
        "image": "docker.io/library/busybox:1.36",
        "command": ["sh", "-c", "sha256sum </data/blob"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "restored"}}
    apply(node, namespace, claim("restored", source), job("checksum", busybox, volume))
    k("wait", "--for=condition=complete", "job/checksum", "--timeout=90s")
    assert k("logs", "job/checksum") == digest


def test_the_kubelet_answers_nobody_without_a_name(backup_node: Node) -> None:
    context = ssl.create_default_context(cafile=str(backup_node.folder / "pki" / "ca.crt"))
    url = f"https://{backup_node.address}:10250/pods"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, context=context, timeout=10)
    with refused.value as answer:  # closed: else its socket is complained of in a later test
        assert answer.code == 401


def test_a_part_that_ends_is_started_again(backup_node: Node) -> None:
    backup_node.kill("coredns")
    listens = ("bash", "-c", f"exec 3<>/dev/tcp/{backup_node.address}/53")
    until(lambda: not backup_node.inside(*listens).returncode, what="names are answered again")
