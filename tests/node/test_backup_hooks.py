"""Backup hooks in pods that run, and controllers that die while an application is still."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.node.sites import NodeSite
from tests.real import archives
from tests.waiting import until

pytestmark = pytest.mark.node

VAULT = "still"
IMAGE = "docker.io/library/nginx:1.14.1"
HOOK = "hook.backup.velero.io"
FINALIZER = "csdr.alibabacloud.com/post-hooks"
SAID = "/tmp/said"
LONG = 120.0


def say(word: str, *, then: str = "true") -> list[str]:
    return ["sh", "-c", f"echo {word} >> {SAID}; {then}"]


def pod(name: str, *, image: str = IMAGE, **annotations: str) -> dict[str, Any]:
    """A pod of two containers; ``pre_on_error`` is the annotation ``pre.hook.../on-error``."""
    told = {}
    for key, value in annotations.items():
        phase, _, part = key.partition("_")
        told[f"{phase}.{HOOK}/{part.replace('_', '-')}"] = value
    side = {"name": "side", "image": image, "command": ["sleep", "3600"]}
    spec = {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": image}, side],
    }
    meta = {"name": name, "labels": {"app": name}, "annotations": told}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def make(site: NodeSite, namespace: str, *pods: dict[str, Any], ready: bool = True) -> None:
    """A namespace with pods."""
    site.cluster.kubectl("create", "namespace", namespace)
    account = ("serviceaccount/default", "-n", namespace)
    site.cluster.kubectl("wait", *account, "--for=create", "--timeout=30s")
    bundle = {"apiVersion": "v1", "kind": "List", "items": list(pods)}
    site.cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(bundle))
    for one in pods if ready else ():
        name = f"pod/{one['metadata']['name']}"
        wait = ("--for=condition=Ready", "--timeout=90s")
        site.cluster.kubectl("wait", "-n", namespace, name, *wait)


def said(site: NodeSite, namespace: str, pod_name: str, *, container: str = "main") -> list[str]:
    """What the hooks of a pod said, in order."""
    told = site.cluster.run("exec", "-n", namespace, pod_name, "-c", container, "--", "cat", SAID)
    return told.stdout.split()


@pytest.fixture(scope="module")
def vault(source: NodeSite) -> str:
    source.register(VAULT, prefix=VAULT)
    return VAULT


def test_hooks_are_run_around_the_backup_of_their_pod(
    vault: str, source: NodeSite, node_bucket: Path
) -> None:
    pods = [
        pod(
            "annotated",
            pre_command=json.dumps(say("freeze", then="echo it is still")),
            pre_container="side",
            post_command=json.dumps(say("thaw")),
            post_container="side",
            post_timeout="1m",
        ),
        pod("selected"),
        pod(
            "fails",
            pre_command=json.dumps(say("freeze", then="echo disk is busy >&2; exit 3")),
            pre_on_error="Fail",
            post_command=json.dumps(say("thaw")),
        ),
        pod("slow", pre_command='["sleep", "60"]', pre_timeout="1s"),
        pod("wrong", pre_command=json.dumps(say("freeze")), post_timeout="1m"),
        pod("plain"),
    ]
    make(source, "still", *pods)
    waiting = pod("waiting", image="docker.io/library/nothing:1", pre_command="true")
    source.cluster.kubectl("apply", "-n", "still", "-f", "-", input=json.dumps(waiting))
    group = {
        "name": "mine",
        "labelSelector": {"matchLabels": {"app": "selected"}},
        "pre": [{"exec": {"command": say("one")}}, {"exec": {"command": say("two")}}],
        "post": [{"exec": {"command": say("three")}}],
    }
    source.back_up("still", vault, "still", hooks={"resources": [group]})
    status = source.ended("applicationbackup", "still", seconds=LONG)["status"]

    assert said(source, "still", "annotated", container="side") == ["freeze", "thaw"]
    assert said(source, "still", "selected") == ["one", "two", "three"]
    assert said(source, "still", "fails") == ["freeze", "thaw"]
    assert said(source, "still", "wrong") == []
    assert status["phase"] == "PartiallyFailed"
    assert status["hooks"] == {"attempted": 8, "failed": 2}
    folder = archives.backup_folder(node_bucket, "still", VAULT)
    kept = {path.rpartition("/")[2] for path in archives.entries(folder) if "/pods/" in path}
    archived = ("annotated", "selected", "slow", "wrong", "plain", "waiting")
    assert kept == {f"{name}.json" for name in archived}
    told = archives.unpacked(folder / "still-results.gz")["errors"]["namespaces"]["still"]
    for problem in (
        "fails: HookFailed: pre hook in container main ended with exit code 3: disk is busy",
        "slow: HookTimeout: pre hook in container main: did not end within 1 s",
        "wrong: HookInvalid: none of its hooks is run: post.hook.backup.velero.io/command",
        "waiting: HookNotRun: none of its hooks is run: the pod is Pending",
    ):
        assert any(one.startswith(f"pods still/{problem}") for one in told), problem
    log = gzip.decompress((folder / "still-logs.gz").read_bytes()).decode()
    said_so = r'object="pods still/annotated" stdout="it is still\n"'
    assert f'msg="pre hook in container side: ended well" {said_so}' in log
    facts = json.loads((folder / "velero-backup.json").read_text())
    assert facts["status"]["hookStatus"] == {"hooksAttempted": 8, "hooksFailed": 2}


def hanging(name: str) -> dict[str, Any]:
    """A pod whose pre hook hangs until the file ``/tmp/again`` is there."""
    return pod(
        name,
        pre_command=json.dumps(say("freeze", then="test -e /tmp/again || sleep 300")),
        pre_timeout="10m",
        post_command=json.dumps(say("thaw")),
    )


def begin(site: NodeSite, vault: str, namespace: str) -> None:
    """Starts a backup and returns when its application is still."""
    site.pod()
    make(site, namespace, hanging("db"))
    site.back_up(namespace, vault, namespace)
    until(lambda: said(site, namespace, "db") == ["freeze"], what="the pre hook has begun")
    found = site.task("applicationbackup", namespace)
    assert found["metadata"]["finalizers"] == [FINALIZER]
    assert [one["pod"] for one in found["status"]["pendingHooks"]] == ["db"]


def kill_process(site: NodeSite) -> None:
    """Kills the controller's process; its kubelet starts another one."""
    site.cluster.run_inside("pkill", "-KILL", "-f", "kubeferry controller")


def test_after_a_kill_between_the_hooks_the_post_hook_runs_first(
    vault: str, source: NodeSite
) -> None:
    begin(source, vault, "killed-still")
    kill_process(source)
    source.cluster.kubectl("exec", "-n", "killed-still", "db", "--", "touch", "/tmp/again")
    found = source.ended("applicationbackup", "killed-still", seconds=LONG)
    assert said(source, "killed-still", "db") == ["freeze", "thaw", "freeze", "thaw"]
    status = found["status"]
    assert (status["phase"], status["attempts"]) == ("Completed", 2)
    assert status["hooks"] == {"attempted": 2, "failed": 0}
    assert "pendingHooks" not in status
    assert not found["metadata"].get("finalizers")


def test_a_pod_that_is_deleted_between_the_hooks_leaves_nothing_frozen(
    vault: str, source: NodeSite
) -> None:
    begin(source, vault, "moved-still")
    source.cluster.kubectl("exec", "-n", "moved-still", "db", "--", "touch", "/tmp/again")
    source.kill()
    status = source.ended("applicationbackup", "moved-still", seconds=LONG)["status"]
    words = said(source, "moved-still", "db")
    assert status["phase"] == "Completed", status.get("message")
    assert words[:2] == ["freeze", "thaw"]
    assert words[-2:] == ["freeze", "thaw"]


@pytest.mark.parametrize("is_killed", [False, True], ids=["it runs", "nobody is there"])
def test_a_task_that_is_deleted_between_the_hooks_leaves_nothing_frozen(
    vault: str, source: NodeSite, is_killed: bool
) -> None:
    name = "dead-still" if is_killed else "gone-still"
    begin(source, vault, name)
    if is_killed:
        kill_process(source)
    source.cluster.kubectl("delete", "applicationbackup", name, "-n", "csdr", "--wait=false")
    until(
        lambda: not source.cluster.run("get", "applicationbackup", name, "-n", "csdr").stdout,
        what="the task is gone",
        seconds=LONG,
    )
    assert said(source, name, "db") == ["freeze", "thaw"]
