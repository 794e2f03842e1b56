"""A Kubernetes API server in memory, for the demo, browsing a backup and rehearsing a restore.

``async with Sandbox(name=...) as sandbox`` serves it on 127.0.0.1; ``sandbox.kubeconfig()`` is for
kubectl. Its truth is a real kube-apiserver: tests/conformance/ runs one script against both.
"""

from kubeferry.sandbox.server import Sandbox

__all__ = ["Sandbox"]
