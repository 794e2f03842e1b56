"""Of which providers a cluster is, by what it has. Pure.

Nodes tell it best; an archive has none, or Velero's: then storage does, then annotations. Where
two providers of a layer are seen equally often nothing is known.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from kubeferry.kube.objects import Object, annotations, at, labels
from kubeferry.transform.automatic.clouds.table import Cloud, Matcher, clouds

KINDS = (
    "nodes",
    "storageclasses.storage.k8s.io",
    "persistentvolumes",
    "services",
    "ingresses.networking.k8s.io",
    "serviceaccounts",
    "namespaces",
)
"""Group resources whose objects tell something."""
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


class Seen(NamedTuple):
    """One sign of a provider, the better the lower its ``rank``; ``what`` is it in words."""

    rank: int
    provider: str
    what: str


def signs(group_resource: str, obj: Object) -> Iterator[Seen]:
    """What an object tells."""
    for cloud in clouds().values():
        tells = _tells(cloud.name)
        if group_resource == "nodes":
            given = at(obj, ("spec", "providerID")) or ""
            if tells.node(given):
                yield Seen(0, cloud.name, f"providerID {given}" if given else "no providerID")
            yield from (Seen(0, cloud.name, key) for key in labels(obj) if tells.label(key))
        elif group_resource in ("storageclasses.storage.k8s.io", "persistentvolumes"):
            yield from (Seen(1, cloud.name, one) for one in drivers(obj) if tells.driver(one))
            sources = cloud.evidence.volume_sources
            yield from (Seen(1, cloud.name, one) for one in sources if at(obj, ("spec", one)))
        else:
            keys = annotations(obj)
            yield from (Seen(2, cloud.name, key) for key in keys if tells.annotation(key))


def drivers(obj: Object) -> list[str]:
    """What makes volumes of a class, or made a volume."""
    found = (
        obj.get("provisioner"),
        at(obj, ("spec", "csi", "driver")),
        at(obj, ("spec", "flexVolume", "driver")),
        annotations(obj).get(_PROVISIONED_BY),
    )
    return list(dict.fromkeys(one for one in found if isinstance(one, str)))


def providers(seen: Iterable[Seen]) -> dict[str, str]:
    """The providers, one a layer at most, each with a sign of it."""
    seen = list(seen)
    found: dict[str, str] = {}
    for layer in ("cloud", "distribution"):
        known = [one for one in seen if clouds()[one.provider].layer == layer]
        best = min((one.rank for one in known), default=0)
        known = [one for one in known if one.rank == best]
        counted = Counter(one.provider for one in known).most_common(2)
        if counted and (len(counted) == 1 or counted[0][1] > counted[1][1]):
            name = counted[0][0]
            found[name] = next(one.what for one in known if one.provider == name)
    return found


class _Tells:
    def __init__(self, cloud: Cloud) -> None:
        self.node = Matcher(cloud.evidence.provider_ids)
        self.label = Matcher(cloud.node_labels)
        self.driver = Matcher(cloud.evidence.drivers)
        self.annotation = Matcher(cloud.evidence.annotations)


@cache
def _tells(name: str) -> _Tells:
    return _Tells(clouds()[name])
