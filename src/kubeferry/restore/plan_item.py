"""One object of a plan: what would be done with it, and why. Pure.

``plan`` makes items, ``apply`` executes them, reports and views show them.
"""

from dataclasses import dataclass
from typing import Any, Literal

from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.objects import Object
from kubeferry.restore.existing import Policy, Verdict, judge
from kubeferry.restore.heirs import Owner
from kubeferry.restore.hooks import PodHook
from kubeferry.restore.owners import Pending
from kubeferry.restore.untouched import OURS, Homes
from kubeferry.transform.change import Change, Note, RuleRun

Action = Literal["create", "update", "recreate", "skip", "refuse", "fail"]
WRITING = frozenset({"create", "update", "recreate"})
"""The actions that write something."""
MADE = frozenset({"created", "recreated"})
"""What became of objects that are this task's."""


@dataclass(frozen=True, slots=True)
class PlanItem:
    """What would be done with one object.

    ``target`` is the object to write, by what its kind is called there; ``object`` its content,
    None unless ``action`` writes it; ``why`` says why it is not written. ``errors`` are
    recorded although it is written. ``images`` are those that the image mapping gave it: they must
    exist. ``size`` is what its JSON has in the archive, in bytes. ``hooks`` are run in it, a pod,
    once it was created; ``owner`` is who gave it its name and may make it anew. ``status`` is
    written once it was created, None where it gets none. ``archived`` is the object as it was, and
    ``present`` what is to be done with the one that is there, if there is one. ``notes`` are to be
    known and no warnings. ``pending`` are references to owners that are not there yet. ``rules``
    are the modifier rules that met it, each with what came of it.
    """

    source: Identity
    target: Identity
    resource: Resource | None
    action: Action
    object: Object | None = None
    why: Note | None = None
    changes: tuple[Change, ...] = ()
    warnings: tuple[Note, ...] = ()
    errors: tuple[Note, ...] = ()
    images: tuple[str, ...] = ()
    size: int = 0
    hooks: tuple[PodHook, ...] = ()
    owner: Owner | None = None
    status: Any = None
    archived: Object | None = None
    present: Verdict | None = None
    notes: tuple[Note, ...] = ()
    pending: tuple[Pending, ...] = ()
    rules: tuple[RuleRun, ...] = ()


def judge_item(
    item: PlanItem,
    live: Object,
    *,
    policy: Policy,
    manager: str,
    homes: Homes = OURS,
) -> Verdict:
    """``existing.judge`` of an item's object: what to do where it is there already."""
    return judge(
        item.object or {},
        live,
        archived=item.archived or {},
        changes=item.changes,
        group_resource=item.target.group_resource,
        policy=policy,
        manager=manager,
        homes=homes,
    )
