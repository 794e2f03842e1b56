"""Jobs: the selector and labels that the server made from the old uid (velero.md §3.7 ``job``)."""

from kubeferry.kube.objects import Object, at
from kubeferry.transform.change import Cause, Change, removals
from kubeferry.transform.facts import Facts

_SELECTOR = Cause("automatic", "job-selector")
_UID_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid")


def selector(facts: Facts, obj: Object) -> list[Change]:
    """The uid's labels go from selector and template; the server makes new ones.

    With ``manualSelector: true`` selector and labels are their author's and fit each other: they
    stay.
    """
    if at(obj, ("spec", "manualSelector")) is True:
        return []
    return [
        *removals(
            at(obj, ("spec", "selector", "matchLabels")),
            "/spec/selector/matchLabels",
            _UID_LABELS,
            _SELECTOR,
        ),
        *removals(
            at(obj, ("spec", "template", "metadata", "labels")),
            "/spec/template/metadata/labels",
            _UID_LABELS,
            _SELECTOR,
        ),
    ]
