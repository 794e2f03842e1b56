"""What a cluster of the tests serves: the built-in kinds, as a real server has them, and a few
more.
"""

from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Resource
from kubeferry.sandbox.kinds import builtin_kinds

VERBS = frozenset({"list", "get", "create", "delete", "watch"})


def resource(
    name: str,
    kind: str = "",
    *,
    namespaced: bool = True,
    verbs: frozenset[str] = VERBS,
    short: str = "",
) -> Resource:
    """``foos.example.com``."""
    plural, _, group = name.partition(".")
    kind = kind or plural.title().removesuffix("s")
    names = (short,) if short else ()
    return Resource(group, "v1", plural, kind, namespaced, verbs, kind.lower(), names)


OTHERS = (
    resource("bindings", verbs=frozenset({"create"})),
    resource(
        "componentstatuses", "ComponentStatus", namespaced=False, verbs=frozenset({"list", "get"})
    ),
    resource("backups.velero.io"),
    resource("foos.example.com", short="fo"),
    resource("services.serving.knative.dev"),
    resource("volumesnapshots.snapshot.storage.k8s.io", short="vs"),
    resource("volumesnapshotclasses.snapshot.storage.k8s.io", namespaced=False, short="vsclass"),
    resource("volumesnapshotcontents.snapshot.storage.k8s.io", namespaced=False, short="vsc"),
    resource("zones.example.com", namespaced=False),
)
SERVED = Discovery((*(kind.resource for kind in builtin_kinds()), *OTHERS))
