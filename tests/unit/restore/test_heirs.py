"""Which pod a hook is for: the restored one, or the one that its controller made in its place."""

from typing import Any

import pytest

from kubeferry import codec
from kubeferry.kube.names import Resource
from kubeferry.restore.heirs import Owner, inherited_standing, is_heir, named_by
from kubeferry.restore.hooks import ExecHook, InitWait
from kubeferry.restore.podstates import Standing, read_pod
from tests.builders import Built, obj, pod

MANAGER = "kubeferry-1"
STATEFUL = Owner(Resource("apps", "v1", "statefulsets", "StatefulSet", True), "web")
OPERATOR = Owner(Resource("db.io", "v1", "clusters", "Cluster", True), "web")
COMMAND = ExecHook("h", "main", ("true",))
INIT = InitWait("h", ("prepare",), 60.0)
OURS: dict[str, Any] = {"managedFields": [{"manager": MANAGER}]}
THEIRS: dict[str, Any] = {"managedFields": [{"manager": "kube-controller-manager"}]}
RUNS = {"phase": "Running", "containerStatuses": [{"name": "main", "state": {"running": {}}}]}
DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def owned(made: Built, uid: str = "set-1") -> Built:
    return made.meta(ownerReferences=[{"uid": uid, "controller": True}])


def seen(made: dict[str, Any], revision: str = "web-new", **status: Any) -> Built:
    """A pod that runs, of the template of a revision."""
    labels = {"app": "web", "controller-revision-hash": revision}
    return pod("shop1/web-1").meta(labels=labels, **made).with_(status={**RUNS, **status})


def stateful_set(
    made: dict[str, Any] = OURS, *, observed: int = 1, deleted: bool = False, **spec: Any
) -> Built:
    """As its controller left it after its first look."""
    base = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}}
    status = {"observedGeneration": observed, "updateRevision": "web-new"}
    live = obj("apps/v1/StatefulSet", "shop1/web").meta(uid="set-1", generation=1, **made)
    return live.meta(**DELETED if deleted else {}).with_(spec=base | spec, status=status)


def judged(
    made: Built | None, live: Built | None, owner: Owner = STATEFUL, *, init: bool = False
) -> Standing:
    body = read_pod(codec.encode(made)) if made else None
    hook = INIT if init else COMMAND
    return inherited_standing("web-1", body, hook, owner=owner, live=live, manager=MANAGER)


OLD, NEW = owned(seen(OURS, "web-old")), owned(seen(OURS))
HEIR = owned(seen(THEIRS))


@pytest.mark.parametrize(
    ("made", "live", "state", "why"),
    [
        pytest.param(NEW, stateful_set(), "up", "", id="adopted, and its template made it"),
        pytest.param(OLD, stateful_set(), "waiting", "another template", id="to be replaced"),
        pytest.param(
            OLD, stateful_set(updateStrategy={"type": "OnDelete"}), "up", "", id="OnDelete"
        ),
        pytest.param(
            OLD,
            stateful_set(updateStrategy={"rollingUpdate": {"partition": 2}}),
            "up",
            "",
            id="below the partition",
        ),
        pytest.param(
            OLD,
            stateful_set(updateStrategy={"rollingUpdate": {"partition": 1}}),
            "waiting",
            "another template",
            id="at the partition",
        ),
        pytest.param(
            OLD,
            stateful_set(ordinals={"start": 1}, updateStrategy={"rollingUpdate": {"partition": 1}}),
            "up",
            "",
            id="below the partition, counted from the first ordinal",
        ),
        pytest.param(
            NEW, stateful_set(observed=0), "waiting", "has not looked at it", id="not looked at"
        ),
        pytest.param(
            seen(OURS, "web-old"), stateful_set(), "waiting", "not adopted", id="not adopted yet"
        ),
        pytest.param(
            seen(OURS, "web-old"),
            stateful_set(selector={"matchLabels": {"app": "other"}}),
            "up",
            "",
            id="never to be adopted: its labels do not match",
        ),
        pytest.param(owned(seen(OURS), "x"), stateful_set(), "up", "", id="somebody else's"),
        pytest.param(
            NEW, stateful_set(replicas=1), "lost", "has 1 replicas and deletes", id="one too many"
        ),
        pytest.param(
            NEW, stateful_set(ordinals={"start": 2}), "lost", "deletes the pod", id="one too low"
        ),
        pytest.param(
            NEW,
            stateful_set(replicas=1, reserveOrdinals=[0]),
            "up",
            "",
            id="ordinals are left out before it",
        ),
        pytest.param(HEIR, stateful_set(), "up", "", id="made anew"),
        pytest.param(
            owned(seen(THEIRS, phase="Pending", containerStatuses=[])),
            stateful_set(),
            "waiting",
            "container main does not run",
            id="made anew, and does not run yet",
        ),
        pytest.param(
            owned(seen(THEIRS, "web-old")),
            stateful_set(),
            "waiting",
            "another template",
            id="again",
        ),
        pytest.param(None, stateful_set(), "waiting", "has not made it anew", id="in between"),
        pytest.param(
            owned(seen(OURS | DELETED, "web-old")),
            stateful_set(),
            "waiting",
            "the pod is being deleted, and StatefulSet web has not made it anew",
            id="on its way out",
        ),
        pytest.param(
            owned(seen(OURS, phase="Failed", reason="Evicted")),
            stateful_set(),
            "waiting",
            "ended (Failed: Evicted), and",
            id="evicted, so it will be made anew",
        ),
        pytest.param(None, stateful_set(replicas=1), "lost", "is gone", id="gone, and not wanted"),
        pytest.param(
            seen(THEIRS), stateful_set(), "lost", "another one has its name", id="nobody's pod"
        ),
        pytest.param(
            owned(seen(THEIRS), "x"), stateful_set(), "lost", "another one", id="a stranger's pod"
        ),
    ],
)
def test_a_pod_of_a_stateful_set_that_was_restored(
    made: Built | None, live: Built, state: str, why: str
) -> None:
    found = judged(made, live)
    assert found.state == state
    assert why in found.why


@pytest.mark.parametrize(
    ("made", "state", "why"),
    [
        pytest.param(NEW, "up", "", id="it keeps the restored pod"),
        pytest.param(OLD, "waiting", "another template", id="it will replace the restored pod"),
        pytest.param(HEIR, "lost", "was there before, no hooks are for its pods", id="replaced it"),
        pytest.param(None, "lost", "was there before", id="deleted it"),
        pytest.param(
            owned(seen(OURS | DELETED)), "lost", "is being deleted; StatefulSet", id="deletes it"
        ),
    ],
)
def test_a_stateful_set_that_was_there_before_has_no_heirs(
    made: Built | None, state: str, why: str
) -> None:
    found = judged(made, stateful_set(THEIRS))
    assert found.state == state
    assert why in found.why


@pytest.mark.parametrize("live", [None, stateful_set(deleted=True)], ids=["missing", "deleted"])
@pytest.mark.parametrize(
    ("made", "state"),
    [
        pytest.param(seen(OURS, "web-old"), "up", id="the restored pod"),
        pytest.param(seen(THEIRS), "lost", id="another pod"),
        pytest.param(HEIR, "lost", id="another one's pod"),
        pytest.param(None, "lost", id="no pod"),
    ],
)
def test_without_a_controller_only_the_restored_pod_counts(
    live: Built | None, made: Built | None, state: str
) -> None:
    found = judged(made, live)
    assert found.state == state
    assert "was there before" not in found.why


@pytest.mark.parametrize(
    ("made", "live", "state"),
    [
        pytest.param(seen(OURS, "web-old"), OURS, "up", id="there: whether it stays nobody knows"),
        pytest.param(HEIR, OURS, "up", id="made anew"),
        pytest.param(None, OURS, "waiting", id="in between"),
        pytest.param(HEIR, THEIRS, "lost", id="made anew by one that was there before"),
    ],
)
def test_the_pod_of_an_operator(made: Built | None, live: dict[str, Any], state: str) -> None:
    owner = obj("db.io/v1/Cluster", "shop1/web").meta(uid="set-1", generation=3, **live)
    assert judged(made, owner.with_(spec={"replicas": "many"}), OPERATOR).state == state


def prepared(code: int) -> dict[str, Any]:
    ended = {"terminated": {"exitCode": code, "reason": "Error"}}
    return {"initContainerStatuses": [{"name": "prepare", "state": ended}]}


@pytest.mark.parametrize(
    ("made", "state", "why"),
    [
        pytest.param(owned(seen(OURS, "web-old", **prepared(0))), "up", "", id="ended"),
        pytest.param(
            owned(seen(OURS | DELETED, "web-old", **prepared(0))), "up", "", id="ended, deleted"
        ),
        pytest.param(owned(seen(OURS, "web-old")), "waiting", "does not run", id="still to come"),
        pytest.param(
            owned(seen(OURS | DELETED, "web-old", **prepared(1))),
            "waiting",
            "being deleted",
            id="failed, deleted",
        ),
        pytest.param(HEIR, "absent", "made the pod anew, without prepare", id="made anew without"),
    ],
)
def test_init_containers_are_those_of_the_restored_pod(made: Built, state: str, why: str) -> None:
    found = judged(made, stateful_set(), init=True)
    assert found.state == state
    assert why in found.why


def test_init_containers_that_the_template_has_are_waited_for_in_an_heir() -> None:
    made = owned(seen(THEIRS, **prepared(0)))
    made["spec"]["initContainers"] = [{"name": "prepare"}]
    assert judged(made, stateful_set(), init=True).state == "up"


def reference(kind: str = "StatefulSet", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": kind, "name": "web", "controller": True, **more}


@pytest.mark.parametrize(
    ("meta", "name"),
    [
        pytest.param({"ownerReferences": [reference()]}, "web", id="a StatefulSet"),
        pytest.param(
            {"ownerReferences": [reference()], "generateName": "web-"}, "web", id="as it writes it"
        ),
        pytest.param({"ownerReferences": [reference("Cluster")]}, "web", id="an operator's kind"),
        pytest.param(
            {"ownerReferences": [reference("ReplicaSet")], "generateName": "web-"},
            None,
            id="a drawn name",
        ),
        pytest.param({}, None, id="nobody"),
        pytest.param({"ownerReferences": [reference(controller=None)]}, None, id="no controller"),
        pytest.param({"ownerReferences": [reference(name=1)]}, None, id="damaged"),
        pytest.param({"ownerReferences": "web"}, None, id="no list"),
    ],
)
def test_who_gave_an_archived_pod_its_name(meta: dict[str, Any], name: str | None) -> None:
    found = named_by(pod("shop/web-0").meta(**meta))
    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("made", "live", "expected"),
    [
        pytest.param(HEIR, stateful_set(), True, id="of the restore's controller"),
        pytest.param(HEIR, stateful_set(THEIRS), False, id="of one that was there before"),
        pytest.param(owned(seen(THEIRS), "x"), stateful_set(), False, id="of another one"),
        pytest.param(seen(THEIRS), stateful_set(), False, id="of nobody"),
        pytest.param(HEIR, None, False, id="of one that is gone"),
    ],
)
def test_an_heir_tells_that_a_killed_run_made_the_pod(
    made: Built, live: Built | None, expected: bool
) -> None:
    assert is_heir(made, live, manager=MANAGER) is expected
