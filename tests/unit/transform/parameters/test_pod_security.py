from typing import Any

import pytest

from kubeferry.transform.parameters.pod_security import beyond_baseline


def pod(**container: Any) -> dict[str, Any]:
    return {"containers": [{"name": "a", **container}]}


def context(**fields: Any) -> dict[str, Any]:
    return pod(securityContext=fields)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"hostNetwork": True}, id="the node's network"),
        pytest.param({"hostPID": True}, id="its processes"),
        pytest.param({"hostIPC": True}, id="its memory"),
        pytest.param({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, id="its files"),
        pytest.param(pod(ports=[{"hostPort": 80}]), id="its ports"),
        pytest.param(context(privileged=True), id="privileged"),
        pytest.param(context(capabilities={"add": ["SYS_ADMIN"]}), id="a capability"),
        pytest.param(context(procMount="Unmasked"), id="procMount"),
        pytest.param(context(seLinuxOptions={"type": "spc_t"}), id="an SELinux type"),
        pytest.param(context(seLinuxOptions={"user": "u"}), id="an SELinux user"),
        pytest.param(context(seLinuxOptions={"role": "r"}), id="an SELinux role"),
        pytest.param(context(seccompProfile={"type": "Unconfined"}), id="no seccomp"),
        pytest.param(context(appArmorProfile={"type": "Unconfined"}), id="no AppArmor"),
        pytest.param(context(windowsOptions={"hostProcess": True}), id="a Windows host process"),
        pytest.param({"securityContext": {"sysctls": [{"name": "kernel.msgmax"}]}}, id="a sysctl"),
        pytest.param(
            {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, id="for the whole pod"
        ),
        pytest.param({"initContainers": context(privileged=True)["containers"]}, id="at the start"),
        pytest.param(
            {"ephemeralContainers": context(privileged=True)["containers"]}, id="for debugging"
        ),
        pytest.param(pod(livenessProbe={"httpGet": {"host": "10.0.0.1"}}), id="a probe elsewhere"),
        pytest.param(
            pod(lifecycle={"preStop": {"tcpSocket": {"host": "db"}}}), id="a handler elsewhere"
        ),
    ],
)
def test_beyond(spec: dict[str, Any]) -> None:
    assert len(list(beyond_baseline(spec))) == 1


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(None, id="no spec"),
        pytest.param(pod(), id="plain"),
        pytest.param({"hostNetwork": False, "hostPID": None}, id="said to be false"),
        pytest.param({"volumes": [{"name": "v", "emptyDir": {}}, 5]}, id="other volumes"),
        pytest.param(pod(ports=[{"containerPort": 80, "hostPort": 0}]), id="no port of the node"),
        pytest.param(context(privileged=False, runAsUser=0), id="root in its container"),
        pytest.param(context(capabilities={"add": ["CHOWN"], "drop": ["ALL"]}), id="plain rights"),
        pytest.param(context(procMount="Default"), id="the default procMount"),
        pytest.param(context(seLinuxOptions={"type": "container_t", "level": "s0"}), id="SELinux"),
        pytest.param(context(seccompProfile={"type": "RuntimeDefault"}), id="seccomp"),
        pytest.param(
            {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies"}]}}, id="a sysctl"
        ),
        pytest.param(pod(readinessProbe={"httpGet": {"port": 80}}), id="a probe of its own"),
        pytest.param(pod(securityContext=[], ports={}), id="what is no pod's"),
    ],
)
def test_within(spec: Any) -> None:
    assert list(beyond_baseline(spec)) == []


def test_a_profile_may_be_an_annotation() -> None:
    key = "container.apparmor.security.beta.kubernetes.io/a"
    assert list(beyond_baseline(pod(), {key: "unconfined"})) == ["AppArmor profile unconfined"]
    assert list(beyond_baseline(pod(), {key: "runtime/default", "other": "unconfined"})) == []
