"""Pods that share a claim are one group: its data is whole only while all of them are still
(velero.md §2.8). Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod by its name, and the claims that it mounts."""

    namespace: str
    name: str
    claims: tuple[str, ...] = ()


def grouped(pods: Iterable[Pod]) -> list[Sequence[Pod]]:
    """The pods in groups, each in the order in which they came, as the groups are."""
    groups: dict[int, list[Pod]] = {}
    leads: dict[tuple[str, str], int] = {}
    """Which group a claim belongs to."""
    for number, pod in enumerate(pods):
        keys = [(pod.namespace, claim) for claim in pod.claims]
        met = sorted({leads[key] for key in keys if key in leads})
        lead = met[0] if met else number
        members = groups.setdefault(lead, [])
        for other in met[1:]:
            joined = groups.pop(other)
            members += joined
            keys += [(one.namespace, claim) for one in joined for claim in one.claims]
        members.append(pod)
        leads.update(dict.fromkeys(keys, lead))
    return list(groups.values())
