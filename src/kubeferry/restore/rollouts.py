"""Which rollouts will follow a restore: whose pods a controller replaces at once, and why. Pure.

Pods are restored before their workload, which adopts them. A Deployment keeps the pods of the
ReplicaSet whose template is its own: where a rule changes one template and not the other, it makes
a new ReplicaSet. A StatefulSet or DaemonSet keeps the pods whose label ``controller-revision-hash``
is its template's: any change of the template makes it replace all of them. Where nothing of its
pods is restored there is nothing to replace: it makes them anew, which is no rollout.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.restore.heirs import controller_of
from kubeferry.transform.change import Change, Note
from kubeferry.transform.patch.differences import differences

ROLLOUT = "RolloutFollows"
"""The reason of a note that foretells one."""

Namesakes = Callable[[str, str, str], Iterator[tuple[Identity, Object]]]
"""The archive's objects of a kind in a source namespace whose names begin so."""
Planned = Callable[[Identity, Object], Object | None]
"""What the restore makes of one of them, None if it is not restored."""

_TEMPLATE = ("spec", "template")
_POINTER = "/spec/template"
_HASH = "pod-template-hash"
_NAMED = 3
"""Pods or fields that are named; of the others it is told that there are more."""


class Archive(NamedTuple):
    """How a workload's pods and ReplicaSets are found."""

    namesakes: Namesakes
    planned: Planned


def rollout(
    group_resource: str,
    source: Identity,
    *,
    archived: Object,
    planned: Object,
    differs: tuple[Change, ...] | None,
    archive: Archive,
) -> Note | None:
    """Foretells the rollout of a workload that is written, None where none follows.

    ``differs`` is what an update changes in the workload that is there, None for one that is
    created.
    """
    judge = _WORKLOADS.get(group_resource)
    if judge is None or not _rolls(group_resource, planned):
        return None
    if differs is not None:
        fields = [one.pointer for one in differs if _is_of_template(one.pointer)]
        if not fields:
            return None
        return Note(ROLLOUT, f"its pods are replaced: the template changes in {_listed(fields)}")
    return judge(source, archived, planned, archive)


def _is_of_template(pointer: str) -> bool:
    return pointer in ("/spec", _POINTER) or pointer.startswith(f"{_POINTER}/")


def _rolls(group_resource: str, planned: Object) -> bool:
    """Whether its controller replaces pods by itself, and there are to be some."""
    spec = planned.get("spec")
    if at(spec, ("paused",)) is True or at(spec, ("updateStrategy", "type")) == "OnDelete":
        return False
    return group_resource == "daemonsets.apps" or _replicas(planned) > 0


def _replicas(obj: Object) -> int:
    return _number(obj, "replicas", default=1)


def _number(obj: Object, *path: str, default: int = 0) -> int:
    found = at(obj, ("spec", *path))
    return found if isinstance(found, int) else default


def _deployment(
    source: Identity, archived: Object, planned: Object, archive: Archive
) -> Note | None:
    old, new = _bare(at(archived, _TEMPLATE)), _bare(at(planned, _TEMPLATE))
    for kind in ("replicasets.apps", "replicasets.extensions"):
        for identity, one in archive.namesakes(kind, source.namespace, f"{source.name}-"):
            if not _belongs(one, source, archived) or _bare(at(one, _TEMPLATE)) != old:
                continue
            made = archive.planned(identity, one)
            if made is None or _replicas(made) == 0:
                return None
            fields = _differing(_bare(at(made, _TEMPLATE)), new)
            if not fields:
                return None
            many = _replicas(made)
            pods = "its pod is" if many == 1 else f"its {many} pods are"
            text = (
                f"ReplicaSet {identity.name} is restored with another template than the "
                f"Deployment ({_listed(fields)}): {pods} replaced"
            )
            return Note(ROLLOUT, text)
    return None


def _stateful_set(
    source: Identity, archived: Object, planned: Object, archive: Archive
) -> Note | None:
    start = _number(planned, "ordinals", "start")
    partition = _number(planned, "updateStrategy", "rollingUpdate", "partition")

    def is_replaced(name: str) -> bool:
        ordinal = name.removeprefix(f"{source.name}-")
        if not ordinal.isdigit():
            return False
        return partition <= int(ordinal) - start < _replicas(planned)

    return _revised(source, archived, planned, archive, is_replaced)


def _daemon_set(
    source: Identity, archived: Object, planned: Object, archive: Archive
) -> Note | None:
    return _revised(source, archived, planned, archive, lambda name: True)


def _revised(
    source: Identity,
    archived: Object,
    planned: Object,
    archive: Archive,
    is_replaced: Callable[[str], bool],
) -> Note | None:
    """Of a workload whose controller tells its pods apart by the template's revision."""
    fields = _differing(_bare(at(archived, _TEMPLATE)), _bare(at(planned, _TEMPLATE)))
    if not fields:
        return None
    found = (name for name in _own_pods(source, archived, archive) if is_replaced(name))
    pods = list(islice(found, _NAMED + 1))
    if not pods:
        return None
    verb = "is" if len(pods) == 1 else "are"
    text = f"{_listed(pods)} {verb} replaced: the restore changes the template in {_listed(fields)}"
    return Note(ROLLOUT, text)


def _own_pods(source: Identity, archived: Object, archive: Archive) -> Iterator[str]:
    """The names of its pods that are restored."""
    for identity, one in archive.namesakes("pods", source.namespace, f"{source.name}-"):
        if _belongs(one, source, archived) and archive.planned(identity, one) is not None:
            yield identity.name


def _belongs(one: Object, source: Identity, archived: Object) -> bool:
    found = controller_of(one)
    return found is not None and (found.kind, found.name) == (archived.get("kind"), source.name)


def _bare(template: Any) -> Any:
    """A template without what Kubernetes itself writes into a ReplicaSet's."""
    if not isinstance(template, dict):
        return template
    about = dict(metadata(template))
    about.pop("creationTimestamp", None)
    own = about.get("labels")
    if isinstance(own, dict):
        about["labels"] = {key: value for key, value in own.items() if key != _HASH}
    return template | {"metadata": about}


def _differing(old: Any, new: Any) -> list[str]:
    """The fields in which two templates differ, as pointers of the workload."""
    return [f"{_POINTER}{one.pointer}" for one in differences(old, new)]


def _listed(parts: list[str]) -> str:
    return ", ".join(parts[:_NAMED]) + (" and more" if len(parts) > _NAMED else "")


_WORKLOADS: Mapping[str, Callable[[Identity, Object, Object, Archive], Note | None]] = {
    "deployments.apps": _deployment,
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _daemon_set,
}
