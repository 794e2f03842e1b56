"""What a plan is, in a few hashes: who was shown a plan gets that plan or nothing.

The digest covers the archive, the rules, what the target serves, and of each item its action and
changes; no resourceVersions, no uids of the task and no name of the restore, so that two machines
that make the same plan have the same digest. It has parts, so that a refusal says what differs.
Secrets' values are not in it: a hash of a short one would tell it; archive and rules stand for
them.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kubeferry import codec
from kubeferry.api.restore import PlanDigest
from kubeferry.errors import InvalidInput
from kubeferry.restore.plan import Planner
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.report import is_secret
from kubeferry.transform.change import MISSING, Change
from kubeferry.transform.patch.pointer import escape
from kubeferry.transform.pipeline import RESTORE_LABEL

if TYPE_CHECKING:
    from hashlib import _Hash

_PLACE = "spec.planDigest"
_AGAIN = "look at the plan as it is now, then create the restore from that: restore plan --out"
_TURN = 256
"""Items after which others have their turn."""
_TOLD = 5
"""Kinds that a refusal names."""
_LABELS = "/metadata/labels"
_NAME_LABEL = f"{_LABELS}/{escape(RESTORE_LABEL)}"


async def plan_digest(planner: Planner) -> PlanDigest:
    """The digest of a whole plan; walks through all of it once, an item at a time."""
    hashes: dict[str, _Hash] = {}
    counts: Counter[str] = Counter()
    number = 0
    for _, items in planner.steps():
        for item in items:
            number += 1
            if number % _TURN == 0:
                await asyncio.sleep(0)
            kind = item.source.group_resource
            counts[kind] += 1
            hashes.setdefault(kind, hashlib.sha256()).update(item_line(item))
    return PlanDigest(
        archive=planner.archive_digest,
        rules=planner.rules_digest,
        target=target_digest(planner),
        items={kind: f"{counts[kind]}:{one.hexdigest()}" for kind, one in sorted(hashes.items())},
    )


async def check_plan(reviewed: PlanDigest | None, planner: Planner, *, is_begun: bool) -> None:
    """Compares what a restore would do with what was reviewed.

    Of a restore that has begun, or does again what another left undone, (``is_begun``) only archive
    and rules are compared: the target has its own objects by now. A retry is compared so only
    where the earlier restore had got past its plan; one that was refused for it wrote nothing.

    Raises ``InvalidInput`` that says which part differs.
    """
    if reviewed is None:
        return
    if reviewed.archive != planner.archive_digest:
        raise _differs("the archive is another one than the plan's: the backup was taken anew")
    if reviewed.rules != planner.rules_digest:
        raise _differs(
            "the rules are not the plan's: a field of the spec, the modifier, the image-rename "
            "rows or the version priorities were changed"
        )
    if is_begun:
        return
    if reviewed.target != target_digest(planner):
        raise _differs(
            "the target's API is not the plan's: it serves other versions of a kind that the "
            "backup has"
        )
    now = await plan_digest(planner)
    if now.items != reviewed.items:
        raise _differs(f"what would be done is not what was planned: {_kinds(reviewed, now)}")


def item_line(item: PlanItem) -> bytes:
    """What a digest covers of one item: one line of JSON with sorted keys."""
    secret = is_secret(item)
    present = item.present
    return b"%b\n" % codec.encode_sorted(
        [
            item.source,
            item.target,
            item.resource.api_version if item.resource is not None else "",
            item.action,
            item.why.reason if item.why is not None else "",
            _lines(item.changes, secret=secret),
            _lines(present.changes if present is not None else (), secret=secret),
            [one.reason for one in item.errors],
        ]
    )


def _lines(changes: Iterable[Change], *, secret: bool) -> list[list[Any]]:
    """The changes but for the restore's name, which is a label of all it writes."""
    return [
        [one.pointer, one.cause, *([] if secret else [_value(one, one.old), _value(one, one.new)])]
        for one in changes
        if one.pointer != _NAME_LABEL
    ]


def _value(change: Change, value: Any) -> list[Any]:
    if value is MISSING:
        return []
    if change.pointer == _LABELS and isinstance(value, dict):
        return [{key: text for key, text in value.items() if key != RESTORE_LABEL}]
    return [value]


def target_digest(planner: Planner) -> str:
    """What the target serves of the groups that the archive has, in every version, the preferred
    ones marked: a kind that the restore has nothing to do with may come and go.
    """
    groups = {kind.partition(".")[2] for kind in planner.spool.kinds()}
    preferred = {(one.api_version, one.plural) for one in planner.discovery.resources}
    served = sorted(
        (
            one.api_version,
            one.plural,
            one.kind,
            one.namespaced,
            (one.api_version, one.plural) in preferred,
        )
        for one in planner.discovery.all_versions
        if one.group in groups
    )
    return hashlib.sha256(codec.encode_sorted(served)).hexdigest()


def _differs(problem: str) -> InvalidInput:
    return InvalidInput(problem, place=_PLACE, remedy=_AGAIN)


def _kinds(reviewed: PlanDigest, now: PlanDigest) -> str:
    """Which kinds differ, and in how many objects where their number does."""
    kinds = sorted({*reviewed.items, *now.items})
    differing = [kind for kind in kinds if reviewed.items.get(kind) != now.items.get(kind)]
    told = []
    for kind in differing[:_TOLD]:
        before, after = _count(reviewed, kind), _count(now, kind)
        if before == after:
            told.append(f"an action or change of {kind} ({after} of them)")
        else:
            told.append(f"{before} {kind} were planned, {after} are to be restored now")
    more = len(differing) - len(told)
    return "; ".join([*told, *([f"and {more} more kinds"] if more else [])])


def _count(digest: PlanDigest, kind: str) -> str:
    return digest.items.get(kind, "no").partition(":")[0]
