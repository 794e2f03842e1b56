"""What of a pod goes beyond the ``baseline`` Pod Security Standard of Kubernetes.

The standard's controls, field by field; what a newer standard allows and an older one does not (the
user namespace's relaxations) is not allowed here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubeferry.kube.objects import CONTAINER_LISTS, at

_CAPABILITIES = frozenset(
    {
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
        *("NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    }
)
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
_SELINUX_TYPES = frozenset(
    {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
)
_APPARMOR = re.compile(r"|runtime/default|localhost/.*")
_APPARMOR_PREFIX = "container.apparmor.security.beta.kubernetes.io/"
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("postStart", "preStop")
_HANDLED = ("httpGet", "tcpSocket")


def beyond_baseline(spec: Any, annotations: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Each field of a pod spec that the standard forbids, as a short text for people.

    ``annotations`` are the pod's, or its template's.
    """
    if not isinstance(spec, dict):
        return
    yield from (name for name in _HOST if spec.get(name) is True)
    yield from _volumes(spec)
    yield from _context(spec.get("securityContext"), "securityContext")
    for key, value in (annotations or {}).items():
        if key.startswith(_APPARMOR_PREFIX) and not _APPARMOR.fullmatch(str(value)):
            yield f"AppArmor profile {value}"
    for field in CONTAINER_LISTS:
        containers = spec.get(field)
        for container in containers if isinstance(containers, list) else ():
            if isinstance(container, dict):
                yield from _container(container)


def _volumes(spec: Mapping[str, Any]) -> Iterator[str]:
    volumes = spec.get("volumes")
    for volume in volumes if isinstance(volumes, list) else ():
        if isinstance(volume, dict) and volume.get("hostPath") is not None:
            yield f"hostPath volume {volume.get('name')}"


def _container(container: Mapping[str, Any]) -> Iterator[str]:
    name = container.get("name")
    context = container.get("securityContext")
    yield from _context(context, f"container {name}")
    if isinstance(context, dict):
        if context.get("privileged") is True:
            yield f"container {name}: privileged"
        added = at(context, ("capabilities", "add"))
        for capability in added if isinstance(added, list) else ():
            if str(capability) not in _CAPABILITIES:
                yield f"container {name}: capability {capability}"
        if context.get("procMount") not in (None, "", "Default"):
            yield f"container {name}: procMount {context['procMount']}"
    ports = container.get("ports")
    for port in ports if isinstance(ports, list) else ():
        if isinstance(port, dict) and port.get("hostPort"):
            yield f"container {name}: hostPort {port['hostPort']}"
    for path in (*((probe,) for probe in _PROBES), *(("lifecycle", one) for one in _HANDLERS)):
        handler = at(container, path)
        for kind in _HANDLED:
            host = at(handler, (kind, "host"))
            if host not in (None, "", "127.0.0.1", "::1"):
                yield f"container {name}: {path[-1]} of another host"


def _context(context: Any, place: str) -> Iterator[str]:
    """What a pod's and a container's security context have in common."""
    if not isinstance(context, dict):
        return
    if at(context, ("windowsOptions", "hostProcess")) is True:
        yield f"{place}: hostProcess"
    options = context.get("seLinuxOptions")
    if isinstance(options, dict):
        is_known = str(options.get("type") or "") in _SELINUX_TYPES
        if not is_known or options.get("user") or options.get("role"):
            yield f"{place}: seLinuxOptions"
    if at(context, ("seccompProfile", "type")) == "Unconfined":
        yield f"{place}: seccomp Unconfined"
    if at(context, ("appArmorProfile", "type")) == "Unconfined":
        yield f"{place}: AppArmor Unconfined"
    sysctls = context.get("sysctls")
    for one in sysctls if isinstance(sysctls, list) else ():
        if isinstance(one, dict) and str(one.get("name")) not in _SYSCTLS:
            yield f"{place}: sysctl {one.get('name')}"
