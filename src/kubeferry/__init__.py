"""Backs up the applications of a Kubernetes cluster; restores them anywhere, adapted on the way."""

__version__ = "0.1.0"
