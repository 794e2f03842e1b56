from collections.abc import Iterator
from typing import Any

import pytest

from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object
from kubeferry.restore.rollouts import ROLLOUT, Archive, rollout
from kubeferry.transform.change import Cause, Change

CAUSE = Cause("parameter", "imageRegistryMapping a=b")


def template(image: str, **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "web", **labels}},
        "spec": {"containers": [{"name": "web", "image": image}]},
    }


def workload(kind: str, image: str = "a/web", **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 2, "template": template(image), **spec},
    }


def owned(kind: str, name: str, owner: str, **rest: Any) -> Object:
    reference = {"apiVersion": "apps/v1", "kind": owner, "name": "web", "controller": True}
    about = {"name": name, "namespace": "shop", "ownerReferences": [reference]}
    return {"kind": kind, "metadata": about, **rest}


def replica_set(name: str, image: str, replicas: int = 2, owner: str = "Deployment") -> Object:
    spec = {"replicas": replicas, "template": template(image, **{"pod-template-hash": name[4:]})}
    return owned("ReplicaSet", name, owner, spec=spec)


def pod(name: str, owner: str) -> Object:
    return owned("Pod", name, owner)


def foretold(
    archived: Object,
    planned: Object,
    *others: Object,
    made: dict[str, Object | None] | None = None,
    differs: tuple[Change, ...] | None = None,
) -> str:
    """What is foretold, empty for nothing; ``made`` is what the restore makes of the others."""
    kinds = {"ReplicaSet": "replicasets.apps", "Pod": "pods"}

    def namesakes(kind: str, namespace: str, prefix: str) -> Iterator[tuple[Identity, Object]]:
        for one in others:
            name = one["metadata"]["name"]
            if kinds[one["kind"]] == kind and namespace == "shop" and name.startswith(prefix):
                yield Identity(kind, namespace, name), one

    def plan(identity: Identity, obj: Object) -> Object | None:
        return (made or {}).get(identity.name, obj)

    kind = f"{archived['kind'].lower()}s.apps"
    note = rollout(
        kind,
        Identity(kind, "shop", "web"),
        archived=archived,
        planned=planned,
        differs=differs,
        archive=Archive(namesakes, plan),
    )
    assert note is None or note.reason == ROLLOUT
    return "" if note is None else note.message


OLD, NEW = workload("Deployment"), workload("Deployment", "b/web")
CURRENT, FORMER = replica_set("web-1", "a/web"), replica_set("web-0", "x/web", 0)


def test_a_deployment_whose_replica_set_changes_likewise_keeps_its_pods() -> None:
    made: dict[str, Object | None] = {"web-1": replica_set("web-1", "b/web")}
    assert foretold(OLD, NEW, FORMER, CURRENT, made=made) == ""
    assert foretold(OLD, OLD, FORMER, CURRENT) == ""


@pytest.mark.parametrize(
    ("planned", "made"),
    [
        pytest.param(NEW, CURRENT, id="the Deployment alone is changed"),
        pytest.param(OLD, replica_set("web-1", "b/web"), id="the ReplicaSet alone is changed"),
    ],
)
def test_a_deployment_that_is_restored_with_another_template_than_its_pods_rolls_out(
    planned: Object, made: Object
) -> None:
    assert foretold(OLD, planned, FORMER, CURRENT, made={"web-1": made}) == (
        "ReplicaSet web-1 is restored with another template than the Deployment "
        "(/spec/template/spec/containers/0/image): its 2 pods are replaced"
    )


@pytest.mark.parametrize(
    ("planned", "others", "made"),
    [
        pytest.param(NEW, (), None, id="no pods are restored: they are made anew"),
        pytest.param(NEW, (CURRENT,), None, id="its ReplicaSet is left out"),
        pytest.param(NEW, (replica_set("web-1", "a/web", 0),), ..., id="it has no pods"),
        pytest.param(
            NEW, (replica_set("web-1", "a/web", owner="Rollout"),), ..., id="it is another's"
        ),
        pytest.param(
            workload("Deployment", "b/web", paused=True), (CURRENT,), ..., id="it is paused"
        ),
        pytest.param(
            workload("Deployment", "b/web", replicas=0), (CURRENT,), ..., id="it wants none"
        ),
    ],
)
def test_without_pods_to_replace_no_rollout_follows(
    planned: Object, others: tuple[Object, ...], made: Any
) -> None:
    assert foretold(OLD, planned, *others, made={} if made is ... else {"web-1": None}) == ""


PODS = tuple(pod(f"web-{number}", "StatefulSet") for number in range(5))


@pytest.mark.parametrize(
    ("spec", "others", "text"),
    [
        pytest.param(
            {}, PODS[:2], "web-0, web-1 are replaced: the restore changes the template in "
            "/spec/template/spec/containers/0/image", id="all of its pods",
        ),
        pytest.param(
            {"replicas": 5}, PODS, "web-0, web-1, web-2 and more are replaced: the restore "
            "changes the template in /spec/template/spec/containers/0/image", id="the first few",
        ),
        pytest.param(
            {"replicas": 5, "updateStrategy": {"rollingUpdate": {"partition": 4}}}, PODS,
            "web-4 is replaced: the restore changes the template in "
            "/spec/template/spec/containers/0/image", id="those behind a partition",
        ),
        pytest.param(
            {"ordinals": {"start": 3}}, PODS[2:], "web-3, web-4 are replaced: the restore changes "
            "the template in /spec/template/spec/containers/0/image", id="counted from a start",
        ),
        pytest.param({}, (), "", id="none is restored"),
        pytest.param({}, (pod("web-0", "DaemonSet"),), "", id="they are another's"),
        pytest.param({"updateStrategy": {"type": "OnDelete"}}, PODS, "", id="only once deleted"),
    ],
)  # fmt: skip
def test_a_stateful_set_replaces_its_pods_after_any_change_of_the_template(
    spec: dict[str, Any], others: tuple[Object, ...], text: str
) -> None:
    archived, planned = workload("StatefulSet", **spec), workload("StatefulSet", "b/web", **spec)
    assert foretold(archived, planned, *others) == text
    assert foretold(archived, archived, *others) == ""


def test_a_daemon_set_does_so_too() -> None:
    archived, planned = workload("DaemonSet"), workload("DaemonSet", "b/web")
    found = foretold(archived, planned, pod("web-x7k2p", "DaemonSet"))
    assert found.startswith("web-x7k2p is replaced: ")


def test_a_null_that_an_old_server_wrote_is_no_change() -> None:
    archived = workload("StatefulSet")
    archived["spec"]["template"]["metadata"]["creationTimestamp"] = None
    assert foretold(archived, workload("StatefulSet"), *PODS) == ""


@pytest.mark.parametrize(
    ("pointer", "text"),
    [
        pytest.param(
            "/spec/template/spec/containers/0/image",
            "its pods are replaced: the template changes in /spec/template/spec/containers/0/image",
            id="the template",
        ),
        pytest.param("/spec/replicas", "", id="something else"),
        pytest.param("/metadata/labels/team", "", id="a label of the workload"),
    ],
)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_an_update_of_the_template_of_what_is_there_rolls_out(
    kind: str, pointer: str, text: str
) -> None:
    differs = (Change(pointer, "a", "b", CAUSE),)
    assert foretold(workload(kind), workload(kind, "b/web"), differs=differs) == text


@pytest.mark.parametrize("value", ["3", None, {}, -1.5], ids=str)
def test_nonsense_in_a_workload_raises_nothing(value: Any) -> None:
    spec = {"replicas": value, "ordinals": {"start": value}, "updateStrategy": value}
    planned = workload("StatefulSet", "b/web", **spec, rollingUpdate={"partition": value})
    assert foretold(workload("StatefulSet"), planned, *PODS[:1])


def test_other_kinds_roll_nothing_out() -> None:
    job = workload("Job")
    assert foretold(job, workload("Job", "b/web")) == ""
