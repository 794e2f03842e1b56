"""What things are called in Kubernetes: kinds, resources, names, and how versions rank. Pure.

A *group resource* is the text that archives, modifiers and filters use: ``statefulsets.apps``, and
for the core group the plural alone, ``pods`` (velero.md §1.1).
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_VERSION = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")

RESERVED_NAMESPACES = frozenset(
    {"csdr", "ack-csi-fuse", "kube-system", "kube-public", "kube-node-lease"}
)
"""Never archived, never restored into (design.md, Contracts)."""


def reserved_namespaces(own: str) -> frozenset[str]:
    """The reserved namespaces of a cluster whose controller lives in ``own``."""
    return RESERVED_NAMESPACES | {own}


class Identity(NamedTuple):
    """Which object: its group resource, namespace (empty for a cluster-scoped one) and name."""

    group_resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.group_resource} {where}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of an API server in one version, as discovery tells it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()

    @property
    def api_version(self) -> str:
        """``apps/v1``, or ``v1`` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """``statefulsets.apps``, or ``pods`` for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection or of one object; every part is percent-encoded."""
        root, plural = _quoted(self.group, self.version, self.plural)
        scope = f"/namespaces/{quote(namespace, safe='')}" if namespace and self.namespaced else ""
        path = f"{root}{scope}/{plural}"
        if name:
            path += f"/{quote(name, safe='')}"
        return f"{path}/{quote(subresource, safe='')}" if subresource else path


PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
"""Those in which commands are run, and whose logs are read."""


@lru_cache(maxsize=1024)
def _quoted(group: str, version: str, plural: str) -> tuple[str, str]:
    """The root of a group's version and the plural, remembered: each object needs them."""
    parts = ("apis", group, version) if group else ("api", version)
    root = "".join(f"/{quote(part, safe='')}" for part in parts)
    return root, quote(plural, safe="")


def split_api_version(api_version: str) -> tuple[str, str]:
    """``apps/v1`` to ``("apps", "v1")``; ``v1`` to ``("", "v1")``."""
    group, _, version = api_version.rpartition("/")
    return group, version


def split_group_resource(group_resource: str) -> tuple[str, str]:
    """``statefulsets.apps`` to ``("statefulsets", "apps")``; ``pods`` to ``("pods", "")``."""
    plural, _, group = group_resource.partition(".")
    return plural, group


def is_dns_label(name: str) -> bool:
    """Whether it can name a namespace (RFC 1123 label)."""
    return _LABEL.fullmatch(name) is not None


def is_dns_subdomain(name: str) -> bool:
    """Whether it can name most objects (RFC 1123 subdomain, 253 characters)."""
    return len(name) <= 253 and all(_LABEL.fullmatch(part) for part in name.split("."))


def label_value(text: str) -> str:
    """A text as a label's value: beyond 63 characters 57 and 6 hex digits (velero.md §3.5)."""
    if len(text) <= 63:
        return text
    return text[:57] + hashlib.sha256(text.encode()).hexdigest()[:6]


def version_rank(version: str) -> tuple[int, int, int, str]:
    """Sorts versions as Kubernetes ranks them: v2, v1, v1beta2, v1beta1, v1alpha1, then others."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return (3, 0, 0, version)
    major, stage, minor = match.groups()
    return ({None: 0, "beta": 1, "alpha": 2}[stage], -int(major), -int(minor or 0), version)
