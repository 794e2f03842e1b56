"""The files that a node starts with: who its parts are, and how each is configured."""

import json
import secrets
from pathlib import Path
from typing import Any

from tests.clusters import certificate_user, write_kubeconfig, write_private
from tests.pki import Authority, signing_key

CONTROLLER = "system:serviceaccount:csdr:kubeferry-controller"
"""Whose requests the audit log keeps."""
_FIRST_SERVICE = "10.96.0.1"


def write_identities(pki: Path, name: str, address: str, *, by_name_only: bool) -> None:
    """Certificates, tokens and kubeconfigs: random, and readable by root only.

    With ``by_name_only`` the API server's certificate does not fit the address of its Service, so
    that a pod has to ask for it by its name.
    """
    authority = Authority(pki)
    hosts = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    hosts.append("kubernetes.default.svc.cluster.local")
    addresses = [address, "127.0.0.1", *([] if by_name_only else [_FIRST_SERVICE])]
    authority.server("apiserver", addresses, hosts)
    authority.server("kubelet", [address], [f"node-{name}"])
    authority.client("apiserver-kubelet", "kube-apiserver", "system:masters")
    signing_key(pki / "sa.key")

    def kubeconfig(file: str, user: dict[str, str]) -> None:
        write_kubeconfig(
            pki / f"{file}.conf",
            server=f"https://{address}:6443",
            authority=authority.certificate,
            user=user,
            context=name,
        )

    kubeconfig("admin", certificate_user(authority.client("admin", "admin", "system:masters")))
    users = {
        "kube-controller-manager": "system:kube-controller-manager",
        "kube-scheduler": "system:kube-scheduler",
        "kube-proxy": "system:kube-proxy",
        "kubelet": f"system:node:node-{name}",
        "ferry": "ferry",
    }
    tokens = ""
    for file, user in users.items():
        token = secrets.token_hex(24)
        kubeconfig(file, {"token": token})
        tokens += f"{token},{user},{user}{',system:nodes' if file == 'kubelet' else ''}\n"
    write_private(pki / "tokens.csv", tokens)


def write_configuration(folder: Path, name: str, address: str) -> None:
    """The configuration files of the node's parts, in ``<folder>/etc``.

    That folder appears last and whole: a node that has it is prepared.
    """
    etc = folder / "etc.new"
    etc.mkdir()
    pki = folder / "pki"
    resolver = folder / "etc" / "resolv.conf"
    files: dict[str, str] = {
        "resolv.conf": f"nameserver {address}\n",
        "containerd.toml": _CONTAINERD,
        "Corefile": _COREFILE.format(address=address, kubeconfig=pki / "admin.conf"),
    }
    documents: dict[str, dict[str, Any]] = {
        "kubelet.json": _kubelet(name, address, pki, resolver),
        "kube-proxy.json": _kube_proxy(name, pki),
        "audit.json": _AUDIT,
    }
    files |= {file: json.dumps(document, indent=2) for file, document in documents.items()}
    for file, text in files.items():
        (etc / file).write_text(text)
    etc.rename(folder / "etc")


_CONTAINERD = """\
version = 3
disabled_plugins = ['io.containerd.internal.v1.opt']  # it creates /opt/containerd
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = 'registry.k8s.io/pause:3.10.1'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true  # without CAP_SYS_RESOURCE no score can be lowered
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['/usr/lib/cni']
    conf_dir = '/etc/cni/net.d'
"""

_COREFILE = """\
.:53 {{
  bind {address}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {kubeconfig}
    ttl 2
  }}
}}
"""

_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": [CONTROLLER]}, {"level": "None"}],
}
"""What the controller asks for; ``tests/node/permissions.py`` judges its rights by it."""


def _kubelet(name: str, address: str, pki: Path, resolver: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/kf-{name}",  # nodes do not touch each other's, and the end knows them
        "failCgroupV1": False,  # refused otherwise since 1.35
        "failSwapOn": False,
        "oomScoreAdj": 0,  # without CAP_SYS_RESOURCE it cannot be lowered
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "clusterDNS": [address],
        "clusterDomain": "cluster.local",
        "resolvConf": str(resolver),
        "makeIPTablesUtilChains": False,  # there is no iptables
        "volumePluginDir": "/var/lib/kubelet/volumeplugins",
        # A full disk must not evict pods, and a collected image cannot be pulled again.
        "evictionHard": dict.fromkeys(
            ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available"), "0%"
        ),
        "imageGCHighThresholdPercent": 100,
    }


def _kube_proxy(name: str, pki: Path) -> dict[str, Any]:
    limits = {"maxPerCore": 0, "min": 0}  # conntrack's are the machine's, not the namespace's
    times = {"tcpCloseWaitTimeout": "0s", "tcpEstablishedTimeout": "0s"}
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": "10.244.0.0/24",
        "hostnameOverride": f"node-{name}",
        "oomScoreAdj": 0,
        "clientConnection": {"kubeconfig": str(pki / "kube-proxy.conf")},
        "conntrack": limits | times,
    }
