"""Objects for tests, built by what matters in them: ``obj("apps/v1/Deployment", "shop/web")``."""

from __future__ import annotations

import json
from typing import Any


class Built(dict[str, Any]):
    """An object that can be added to, one call a part."""

    def label(self, **labels: str) -> Built:
        """Adds labels; ``__`` in a name stands for ``/`` and ``_`` for ``.``."""
        self["metadata"].setdefault("labels", {}).update(_keys(labels))
        return self

    def annotate(self, **annotations: str) -> Built:
        """Adds annotations, named as labels are."""
        self["metadata"].setdefault("annotations", {}).update(_keys(annotations))
        return self

    def meta(self, **fields: Any) -> Built:
        """Sets fields of the metadata."""
        self["metadata"].update(fields)
        return self

    def with_(self, **fields: Any) -> Built:
        """Sets top-level fields: ``spec``, ``data``, ``status``."""
        self.update(fields)
        return self

    @property
    def json(self) -> bytes:
        """As an archive has it."""
        return json.dumps(self).encode()


def obj(kind: str, name: str) -> Built:
    """``apps/v1/Deployment`` called ``shop/web``; without a slash it is cluster-scoped."""
    api_version, _, kind = kind.rpartition("/")
    namespace, _, own = name.rpartition("/")
    meta = {"name": own, "namespace": namespace} if namespace else {"name": own}
    return Built({"apiVersion": api_version, "kind": kind, "metadata": meta})


def pod(name: str, *, image: str = "nginx:1") -> Built:
    """A pod of one container."""
    containers = [{"name": "main", "image": image}]
    return obj("v1/Pod", name).with_(spec={"containers": containers})


def config_map(name: str, **data: str) -> Built:
    """A ConfigMap."""
    return obj("v1/ConfigMap", name).with_(data=data)


def namespace(name: str) -> Built:
    """A Namespace."""
    return obj("v1/Namespace", name)


def _keys(given: dict[str, str]) -> dict[str, str]:
    return {key.replace("__", "/").replace("_", "."): value for key, value in given.items()}
