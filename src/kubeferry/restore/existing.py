"""What is done with an object whose name the target has already. Pure.

| policy | identical | differs | differs in what no update can change |
|---|---|---|---|
| none | left alone | left alone, a warning | left alone, a warning |
| update | left alone | updated | an error |
| recreate | left alone | updated | made anew where that is safe, else an error |

Whatever the policy, ServiceAccounts get what they lack (velero.md §3.6), what ``untouched`` names
stays as it is, and what a controller made in the target is that controller's.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec

from kubeferry.errors import PatchFailed
from kubeferry.kube.objects import Object, at, metadata
from kubeferry.restore.heirs import controller_of, is_made_by
from kubeferry.restore.untouched import OURS, Homes, why_untouched
from kubeferry.restore.waves import NAMESPACES
from kubeferry.transform.change import Change, Note
from kubeferry.transform.existing import (
    Comparison,
    compare_existing,
    entered,
    merge_account,
)
from kubeferry.transform.immutable import immutable_fields, why_never_anew

Policy = Literal["none", "update", "recreate"]

EXISTS = "Exists"
IDENTICAL = "Identical"
DIFFERS = "Differs"
CONTROLLED = "Controlled"
OWNER_THERE = "OwnerThere"
TERMINATING = "Terminating"
IMMUTABLE = "ImmutableField"
CLAIMS_AT_RISK = "ClaimsAtRisk"
PRESENT = frozenset({EXISTS, IDENTICAL, DIFFERS, CONTROLLED, OWNER_THERE, TERMINATING, IMMUTABLE})
"""Reasons of what was not written because it is there."""

_ODD = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    RecursionError,
    PatchFailed,
    msgspec.DecodeError,
)
"""What a comparison raises when an object is none that an API server can have sent."""
_TOLD = 3
"""Fields that a sentence names."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with one object that is there.

    ``create`` is for what an earlier run of the task created: the create will find that out. An
    ``update`` without a patch was made by an earlier run. ``changes`` are what differs, as edits of
    the live object; ``live`` is for what is made anew: deleted, its dependents orphaned, or only
    waited for where it is being deleted already.
    """

    action: Literal["create", "update", "recreate", "skip", "fail"]
    why: Note | None = None
    changes: tuple[Change, ...] = ()
    patch: Object | None = None
    live: Object | None = None


def update_manager(manager: str) -> str:
    """The field manager of the updates of a task: what it updated is not what it created."""
    return f"{manager}-update"


def judge(
    ours: Object,
    live: Object,
    *,
    archived: Object,
    changes: tuple[Change, ...],
    group_resource: str,
    policy: Policy,
    manager: str,
    homes: Homes = OURS,
) -> Verdict:
    """What to do with an object that is there.

    ``ours`` is what the restore would write, made of ``archived`` by ``changes``; ``manager`` is
    the task's field manager; ``homes`` are kubeferry's and the cluster's own.
    """
    about = metadata(live)
    if is_made_by(live, manager):
        return Verdict("create")
    if group_resource != NAMESPACES and about.get("deletionTimestamp"):
        return _judge_going(ours, live, group_resource, policy, homes)
    if live.get("apiVersion") != ours.get("apiVersion"):
        text = f"is there already, as {live.get('apiVersion')}; it was not compared"
        return Verdict("skip", Note(EXISTS, text))
    try:
        found = _compare(ours, live, archived, changes, group_resource)
    except _ODD:
        return Verdict("skip", Note(EXISTS, "is there already; it cannot be compared"))
    if is_made_by(live, update_manager(manager)):
        return Verdict("update", changes=found.changes)
    if not found.changes:
        return Verdict("skip", Note(IDENTICAL, "is there already, as the restore would make it"))
    if group_resource == "serviceaccounts":
        return Verdict("update", None, found.changes, found.patch)
    owner = controller_of(live)
    if owner is not None:
        whose = f"{owner.kind} {owner.name}"
        text = f"is there already and belongs to {whose}, which keeps it as it wants it"
        return Verdict("skip", Note(CONTROLLED, text), found.changes)
    kept = why_untouched(group_resource, live, homes)
    if kept or policy == "none":
        text = f"is there already, differs in {_fields(found)} and is left as it is"
        return Verdict("skip", Note(DIFFERS, f"{text}; {kept}" if kept else text), found.changes)
    return _judge_differing(ours, live, found, group_resource, policy)


def _judge_going(
    ours: Object, live: Object, group_resource: str, policy: Policy, homes: Homes
) -> Verdict:
    owner = controller_of(live)
    if owner is not None:
        text = f"is being deleted and belongs to {owner.kind} {owner.name}, which makes it again"
        return Verdict("skip", Note(CONTROLLED, text))
    kept = why_untouched(group_resource, live, homes) or why_never_anew(group_resource, ours, live)
    if policy == "recreate" and not kept:
        return Verdict("recreate", live=live)
    text = "is there already and being deleted; restore again when it is gone"
    return Verdict("skip", Note(TERMINATING, text))


def _judge_differing(
    ours: Object, live: Object, found: Comparison, group_resource: str, policy: Policy
) -> Verdict:
    if group_resource == "statefulsets.apps" and _drops_claims(live, found.merged):
        text = (
            "is there already and would get fewer replicas: the claims of those that go would be "
            "deleted with them (persistentVolumeClaimRetentionPolicy.whenScaled); scale it yourself"
        )
        return Verdict("fail", Note(CLAIMS_AT_RISK, text), found.changes)
    stuck = immutable_fields(group_resource, found.changes, live)
    if not stuck:
        return Verdict("update", None, found.changes, found.patch)
    text = f"is there already and differs in {_listed(stuck)}, which no update can change"
    never = why_never_anew(group_resource, ours, live)
    if never or policy != "recreate":
        advice = f"; {never}" if never else "; existingResourcePolicy: recreate makes it anew"
        return Verdict("fail", Note(IMMUTABLE, text + advice), found.changes)
    return Verdict("recreate", None, found.changes, live=live)


def _drops_claims(live: Object, merged: Object) -> bool:
    """Whether a StatefulSet would get fewer replicas, and their claims be deleted for that."""
    before, after = (_replicas(one) for one in (live, merged))
    policies = [
        at(one, ("spec", "persistentVolumeClaimRetentionPolicy", "whenScaled"))
        for one in (live, merged)
    ]
    return after < before and "Delete" in policies


def _replicas(workload: Object) -> int:
    count = at(workload, ("spec", "replicas"))
    return count if isinstance(count, int) else 1


def _compare(
    ours: Object,
    live: Object,
    archived: Object,
    changes: tuple[Change, ...],
    group_resource: str,
) -> Comparison:
    if group_resource == "serviceaccounts":
        return merge_account(ours, live)
    before = entered(archived, changes)
    return compare_existing(ours, live, archived=before, group_resource=group_resource)


def _fields(found: Comparison) -> str:
    return _listed([change.pointer for change in found.changes])


def _listed(pointers: list[str]) -> str:
    told = ", ".join(pointers[:_TOLD])
    more = len(pointers) - _TOLD
    return f"{told} and {more} more" if more > 0 else told
