"""CronJobs: the time zone has a field; in the schedule no API server takes it any more."""

import re

from kubeferry.kube.objects import Object, at
from kubeferry.transform.automatic.editor import Editor
from kubeferry.transform.automatic.upgrades.conversion import ServedKind
from kubeferry.transform.change import Cause, Change
from kubeferry.transform.facts import Facts

_TIME_ZONE = Cause("automatic", "cron-time-zone")
_WRITTEN = re.compile(r"\s*(?:CRON_)?TZ=(\S+)\s+(.+)", re.DOTALL)
_BEFORE_THE_FIELD = ServedKind("batch/v1beta1", "CronJob")
"""What servers served that do not know ``timeZone`` yet (before Kubernetes 1.25)."""


def time_zone(facts: Facts, obj: Object) -> list[Change]:
    """``TZ=`` and ``CRON_TZ=`` move from the schedule to ``timeZone``, where the target knows
    it.
    """
    spec = obj.get("spec")
    schedule = spec.get("schedule") if isinstance(spec, dict) else None
    if not isinstance(schedule, str) or "TZ=" not in schedule:
        return []
    found = _WRITTEN.fullmatch(schedule)
    is_known = facts.served and _BEFORE_THE_FIELD not in facts.served
    if found is None or not is_known or at(obj, ("spec", "timeZone")):
        return []
    editor = Editor(obj, _TIME_ZONE)
    editor.set(("spec", "schedule"), found[2])
    editor.set(("spec", "timeZone"), found[1])
    return editor.changes
