"""The real kubectl on the sandbox: the commands a person types."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kubeferry.sandbox import Sandbox
from tests.clusters import Cluster

pytestmark = pytest.mark.real

Kubectl = Callable[..., Awaitable[str]]
SET = Path(__file__).parents[2] / "examples" / "01-statefulset.yaml"


def kubectl_on(sandbox: Sandbox, cluster: Cluster, folder: Path) -> Kubectl:
    """The cluster's kubectl, talking to the sandbox instead."""
    config = folder / "kubeconfig"
    config.write_text(sandbox.kubeconfig())
    environ = {**os.environ, "KUBECONFIG": str(config), "KUBECACHEDIR": str(folder / "cache")}

    def call(arguments: tuple[str, ...], text: str) -> str:
        command = [str(cluster.programs / "kubectl"), *arguments]
        done = subprocess.run(
            command, env=environ, input=text, text=True, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def kubectl(*arguments: str, text: str = "") -> str:
        return await asyncio.to_thread(call, arguments, text)

    return kubectl


async def test_the_commands_a_person_types(backup_cluster: Cluster, tmp_path: Path) -> None:
    async with Sandbox(workloads=True) as sandbox:
        kubectl = kubectl_on(sandbox, backup_cluster, tmp_path)
        assert "created" in await kubectl("apply", "-f", str(SET))
        # As on a real server: kubectl sees a difference in the claim templates' defaults.
        assert "configured" in await kubectl("apply", "-f", str(SET))
        await sandbox.settle()
        pods = await kubectl("get", "pods")
        assert pods.split()[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
        assert "web-1" in pods
        assert "Controlled By:    StatefulSet/web" in await kubectl("describe", "pod", "web-0")
        assert "labeled" in await kubectl("label", "pod", "web-0", "a=b")
        await kubectl("scale", "statefulset", "web", "--replicas=3")
        await sandbox.settle()
        assert "web-2" in await kubectl("get", "pods", "-o", "name")
        assert "serverside-applied" in await kubectl(
            "apply", "--server-side", "--force-conflicts", "-f", str(SET)
        )
        assert "FIELD: replicas <integer>" in await kubectl("explain", "sts.spec.replicas")
        assert "deleted" in await kubectl("delete", "statefulset", "web")
        assert await kubectl("get", "pods", "-o", "name") == ""


async def test_commands_that_send_protobuf(backup_cluster: Cluster, tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        kubectl = kubectl_on(sandbox, backup_cluster, tmp_path)
        await kubectl("create", "namespace", "team")
        here = ("-n", "team")
        await kubectl("create", "configmap", "settings", "--from-literal=a=b", *here)
        await kubectl("create", "deployment", "app", "--image=i:1", "--replicas=0", *here)
        await kubectl("expose", "deployment", "app", "--port=80", *here)
        shown = await kubectl("get", "deployment", "app", *here, "-o", "jsonpath={.spec.replicas}")
        assert shown == "0"
        assert (
            await kubectl("get", "cm", "settings", *here, "-o", "jsonpath={.data}") == '{"a":"b"}'
        )
        await kubectl("delete", "namespace", "team")
        assert "team" not in await kubectl("get", "namespaces")
