"""Restore hooks in pods that run: commands, init containers, adoption, a controller that dies."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.node.sites import NodeSite
from tests.real import archives
from tests.waiting import until

pytestmark = pytest.mark.node

VAULT = "hooks"
IMAGE = "docker.io/library/nginx:1.14.1"
MISSING = "docker.io/library/nothing:1"
REGISTRY = "anolis-registry.cn-zhangjiakou.cr.aliyuncs.com/openanolis"
OTHER_REGISTRY = "registry.cn-beijing.aliyuncs.com/acr-team"
DATABASE = "nginx:1.14.1-8.6"
POST = "post.hook.restore.velero.io"
LONG = 120.0


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def annotated(command: list[str], **more: str) -> dict[str, str]:
    given = {"command": json.dumps(command), **more}
    return {f"{POST}/{key.replace('_', '-')}": value for key, value in given.items()}


def pod_spec(image: str = IMAGE) -> dict[str, Any]:
    return {
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "shared", "emptyDir": {}}],
        "containers": [
            {
                "name": "main",
                "image": image,
                "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
                "readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 1},
            }
        ],
    }


def pod(name: str, *, image: str = IMAGE, **annotations: str) -> dict[str, Any]:
    meta = {"name": name, "labels": {"app": name}, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod_spec(image)}


def deployment(name: str, image: str = IMAGE, **annotations: str) -> dict[str, Any]:
    labels = {"app": name}
    meta = {"labels": labels, "annotations": annotations}
    template = {"metadata": meta, "spec": pod_spec(image)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }


def stateful_set(name: str, image: str, **annotations: str) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels, "annotations": annotations}}
    spec = {
        "replicas": 2,
        "serviceName": name,
        "selector": {"matchLabels": labels},
        "template": {**template, "spec": pod_spec(image)},
    }
    meta = {"name": name}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta, "spec": spec}


def hooks(app: str, *post_hooks: dict[str, Any]) -> dict[str, Any]:
    """A group of the restore's hooks, for the pods of one application."""
    selector = {"matchLabels": {"app": app}}
    return {"name": f"of-{app}", "labelSelector": selector, "postHooks": list(post_hooks)}


def execute(command: list[str], **more: Any) -> dict[str, Any]:
    return {"exec": {"command": command, **more}}


def prepare(script: str) -> dict[str, Any]:
    container = {
        "name": "prepare",
        "image": IMAGE,
        "command": shell(script),
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
    }
    return {"init": {"initContainers": [container], "timeout": "1m"}}


def inside(site: NodeSite, namespace: str, pod_name: str, script: str) -> str:
    """What a script prints in a pod's container."""
    return site.cluster.kubectl("exec", "-n", namespace, pod_name, "--", *shell(script))


@pytest.fixture(scope="module")
def backed_up(source: NodeSite, target: NodeSite) -> str:
    """A backup of a namespace with pods of every sort."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    source.cluster.kubectl("create", "namespace", "hooked")
    account = ("serviceaccount/default", "-n", "hooked")
    source.cluster.kubectl("wait", *account, "--for=create", "--timeout=30s")
    objects = [
        pod(
            "annotated",
            **annotated(shell("echo ran >> /shared/ran; echo told"), wait_for_ready="true"),
        ),
        pod("prepared"),
        pod("fails", **annotated(shell("echo no such table >&2; exit 3"))),
        pod("never", image=MISSING, **annotated(["true"], wait_timeout="5s")),
        pod("wrong", **annotated(["true"], on_error="ignore")),
        pod("interrupted"),
        deployment("owned"),
    ]
    bundle = {"apiVersion": "v1", "kind": "List", "items": objects}
    source.cluster.kubectl("apply", "-n", "hooked", "-f", "-", input=json.dumps(bundle))
    source.cluster.kubectl("-n", "hooked", "rollout", "status", "deploy/owned", "--timeout=90s")
    source.back_up("hooked", VAULT, "hooked")
    assert source.ended("applicationbackup", "hooked")["status"]["phase"] == "Completed"
    until(
        lambda: target.phase("applicationbackup", "hooked") == "Completed",
        what="the backup appears in the other cluster",
    )
    return "hooked"


@dataclass
class Restored:
    """A restore with hooks: its status, and the hooks' lines of its journal by pod."""

    status: dict[str, Any]
    lines: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def restored(backed_up: str, target: NodeSite, node_bucket: Path) -> Restored:
    groups = [
        hooks(
            "prepared",
            prepare("echo prepared > /shared/file"),
            execute(shell("cat /shared/file > /shared/ran")),
        ),
        hooks("annotated", execute(shell("echo never > /shared/spec"))),
        hooks(
            "owned", prepare("echo prepared > /shared/file"), execute(shell("touch /shared/ran"))
        ),
    ]
    target.restore(
        "with-hooks",
        backed_up,
        namespaceMapping={"hooked": "hooked1"},
        hooks={"resources": groups},
    )
    status = target.ended("applicationrestore", "with-hooks", seconds=LONG)["status"]
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in archives.restore_items(node_bucket, "with-hooks", VAULT):
        if line.get("type") == "hook":
            lines.setdefault(line["target"][2].partition("-")[0], []).append(line)
    return Restored(status, lines)


def test_annotations_are_run_instead_of_the_restore_s_hooks(
    restored: Restored, target: NodeSite
) -> None:
    assert inside(target, "hooked1", "annotated", "cat /shared/ran; ls /shared") == "ran\nran\n"
    assert [line.get("outcome", "done") for line in restored.lines["annotated"]] == ["done"]


def test_an_init_container_prepares_what_a_command_finds(
    restored: Restored, target: NodeSite
) -> None:
    assert inside(target, "hooked1", "prepared", "cat /shared/ran") == "prepared\n"
    wait, command = restored.lines["prepared"]
    assert (wait["container"], command["container"]) == ("prepare", "main")


def test_what_failed_or_was_never_run_is_an_error(restored: Restored, target: NodeSite) -> None:
    assert restored.status["phase"] == "PartiallyFailed", restored.status
    assert [line["reason"] for line in restored.lines["fails"]] == ["HookFailed"]
    assert "exit code 3" in restored.lines["fails"][0]["message"]
    assert [line["reason"] for line in restored.lines["never"]] == ["HookNotRun"]
    assert "does not run" in restored.lines["never"][0]["message"]
    assert "wrong" not in restored.lines
    assert restored.status["hooks"] == {"attempted": 7, "failed": 2}
    assert restored.status["errors"] == 3  # the wrong annotation is an error of its pod


def test_output_is_in_the_task_s_log(restored: Restored, node_bucket: Path) -> None:
    log = archives.restore_log(node_bucket, "with-hooks", VAULT)
    assert "told" in log
    assert "no such table" in log


def test_a_pod_with_added_containers_is_adopted_by_its_workload(
    restored: Restored, target: NodeSite
) -> None:
    [line, _] = restored.lines["owned"]
    name = line["target"][2]
    until(
        lambda: target.cluster.get("pod", name, "-n", "hooked1")["metadata"].get("ownerReferences"),
        what="the pod has an owner",
    )
    target.cluster.kubectl("-n", "hooked1", "rollout", "status", "deploy/owned", "--timeout=60s")
    listed = target.cluster.get("pods", "-n", "hooked1", "-l", "app=owned")["items"]
    assert [one["metadata"]["name"] for one in listed] == [name]
    assert inside(target, "hooked1", name, "ls /shared") == "file\nran\n"


def test_a_controller_that_dies_in_a_hook_is_followed_by_one_that_runs_what_is_left(
    backed_up: str, target: NodeSite, node_bucket: Path
) -> None:
    where = "hooked2"
    steps = (
        execute(shell("echo x >> /shared/first")),
        execute(
            shell("echo x >> /shared/second; test -e /shared/go || sleep 90"), execTimeout="2m"
        ),
        execute(shell("echo x >> /shared/third")),
    )
    target.restore(
        "killed-in-a-hook",
        backed_up,
        namespaceMapping={"hooked": where},
        hooks={"resources": [hooks("interrupted", *steps)]},
    )

    def stored() -> bool:
        found = archives.restore_items(node_bucket, "killed-in-a-hook", VAULT)
        return any(one.get("type") == "hook" and one["number"] == 0 for one in found)

    until(stored, what="the first hook is in the journal", seconds=LONG)
    count = "cat /shared/second 2>/dev/null | wc -l"
    until(
        lambda: inside(target, where, "interrupted", count).strip() == "1",
        what="the second hook runs",
    )
    target.kill()
    inside(target, where, "interrupted", "touch /shared/go")
    target.ended("applicationrestore", "killed-in-a-hook", seconds=LONG)
    counts = inside(target, where, "interrupted", "wc -l < /shared/first; wc -l < /shared/third")
    assert counts.split() == ["1", "1"]
    assert inside(target, where, "interrupted", count).strip() == "2"
    lines = archives.restore_items(node_bucket, "killed-in-a-hook", VAULT)
    mine = [one for one in lines if one.get("type") == "hook" and one["hook"] == "of-interrupted"]
    assert [one["number"] for one in mine] == [0, 1, 2]


@pytest.fixture(scope="module")
def databases(source: NodeSite, target: NodeSite, backed_up: str) -> str:
    """A backup of a StatefulSet of two and a Deployment of one, whose templates ask for a hook."""
    source.cluster.kubectl("create", "namespace", "stateful")
    account = ("serviceaccount/default", "-n", "stateful")
    source.cluster.kubectl("wait", *account, "--for=create", "--timeout=30s")
    asked = annotated(shell("hostname >> /shared/ran"))
    image = f"{REGISTRY}/{DATABASE}"
    items = [stateful_set("db", image, **asked), deployment("web", image, **asked)]
    bundle = {"apiVersion": "v1", "kind": "List", "items": items}
    source.cluster.kubectl("apply", "-n", "stateful", "-f", "-", input=json.dumps(bundle))
    rolled_out(source, "stateful")
    source.back_up("databases", VAULT, "stateful")
    assert source.ended("applicationbackup", "databases")["status"]["phase"] == "Completed"
    until(
        lambda: target.phase("applicationbackup", "databases") == "Completed",
        what="the backup appears in the other cluster",
    )
    return "databases"


def rolled_out(site: NodeSite, namespace: str) -> None:
    for workload in ("statefulset/db", "deployment/web"):
        site.cluster.kubectl("-n", namespace, "rollout", "status", workload, "--timeout=90s")


def names(site: NodeSite, namespace: str, app: str) -> list[str]:
    listed = site.cluster.get("pods", "-n", namespace, "-l", f"app={app}")["items"]
    return sorted(one["metadata"]["name"] for one in listed)


@pytest.mark.parametrize(
    ("namespace", "images", "image", "is_restored"),
    [
        pytest.param("changed", {REGISTRY: OTHER_REGISTRY}, OTHER_REGISTRY, False, id="changed"),
        pytest.param("same", {}, REGISTRY, True, id="unchanged"),
    ],
)
def test_the_hooks_of_a_stateful_set_are_run_once_in_the_pods_that_stay(
    databases: str,
    source: NodeSite,
    target: NodeSite,
    node_bucket: Path,
    namespace: str,
    images: dict[str, str],
    image: str,
    is_restored: bool,
) -> None:
    name = f"stateful-{namespace}"
    mapped = {"namespaceMapping": {"stateful": namespace}, "imageRegistryMapping": images}
    target.restore(name, databases, **mapped)
    task = target.ended("applicationrestore", name, seconds=LONG)
    rolled_out(target, namespace)
    assert task["status"]["phase"] == "Completed", task["status"]
    assert task["status"]["hooks"] == {"attempted": 3, "failed": 0}
    [web] = names(source, "stateful", "web")
    assert names(target, namespace, "web") == [web]  # its ReplicaSet was changed as it was
    for pod_name in ("db-0", "db-1", web):
        live = target.cluster.get("pod", pod_name, "-n", namespace, "--show-managed-fields")
        assert live["spec"]["containers"][0]["image"] == f"{image}/{DATABASE}"
        managers = {one["manager"] for one in live["metadata"]["managedFields"]}
        assert (f"kubeferry-{task['metadata']['uid']}" in managers) is (
            is_restored or pod_name == web
        )
        assert inside(target, namespace, pod_name, "cat /shared/ran") == f"{pod_name}\n"
    lines = archives.restore_items(node_bucket, name, VAULT)
    ran = [one["target"][2] for one in lines if one.get("type") == "hook"]
    assert sorted(ran) == ["db-0", "db-1", web]
