"""Who owns what, found in a spool: owners first, what workloads adopt left to them."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.owners import Owners, find_owners
from kubeferry.restore.spool import Spool
from tests.builders import Built, config_map, obj, pod

MAPS, WIDGETS = "configmaps", "widgets.example.com"
RESOURCES = (
    Resource("", "v1", "configmaps", "ConfigMap", True),
    Resource("", "v1", "namespaces", "Namespace", False),
    Resource("apps", "v1", "deployments", "Deployment", True),
    Resource("example.com", "v1", "widgets", "Widget", True),
    Resource("example.com", "v1", "worlds", "World", False),
)
DISCOVERY = Discovery(all_versions=RESOURCES)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as made:
        yield made


def known(built: Built) -> Built:
    """With a uid that says what it is."""
    return built.meta(uid=f"uid-{built['kind']}-{built['metadata']['name']}")


def of(built: Built, *owners: Built, **changed: Any) -> Built:
    return known(built).meta(
        ownerReferences=[
            {
                "apiVersion": one["apiVersion"],
                "kind": one["kind"],
                "name": one["metadata"]["name"],
                "uid": one["metadata"]["uid"],
            }
            | changed
            for one in owners
        ]
    )


def put(spool: Spool, *, last: frozenset[str] = frozenset(), **kinds: list[Built]) -> Owners:
    """The owners of what is put there, kinds named by their plurals, ``__`` for a dot."""
    for name, objects in kinds.items():
        for one in objects:
            meta = one["metadata"]
            kind = name.replace("__", ".")
            spool.add(Identity(kind, meta.get("namespace", ""), meta["name"]), one.json)
    return find_owners(spool, namespaces={"shop": "shop2"}, last=last, defined=DISCOVERY.for_kind)


def steps(owners: Owners) -> list[list[str]]:
    return [[one.identity.name for one in owners.early(depth)] for depth in owners.depths()]


WIDGET = known(obj("example.com/v1/Widget", "shop/blue"))
WEB = known(obj("apps/v1/Deployment", "shop/web"))


def test_owners_come_before_what_they_own_and_their_owners_before_them(spool: Spool) -> None:
    middle = of(config_map("shop/middle"), WIDGET)
    lowest = of(config_map("shop/lowest"), middle)
    owners = put(spool, configmaps=[middle, lowest], widgets__example__com=[WIDGET])
    assert steps(owners) == [["blue"], ["middle"]]


def test_an_owner_in_no_namespace_owns_in_all(spool: Spool) -> None:
    world = known(obj("example.com/v1/World", "all"))
    owners = put(spool, configmaps=[of(config_map("shop/a"), world)], worlds__example__com=[world])
    assert steps(owners) == [["all"]]


def test_a_circle_ends(spool: Spool) -> None:
    one, two = known(config_map("shop/one")), known(config_map("shop/two"))
    owners = put(spool, configmaps=[of(one, two), of(two, one)])
    assert sorted(name for step in steps(owners) for name in step) == ["one", "two"]


@pytest.mark.parametrize(
    "dependent",
    [
        pytest.param({"configmaps": of(config_map("shop/a"), WIDGET, uid="another")}, id="uid"),
        pytest.param({"configmaps": of(config_map("other/a"), WIDGET)}, id="namespace"),
        pytest.param({"pods": of(pod("shop/a"), WIDGET)}, id="pods are adopted"),
        pytest.param({"configmaps": of(config_map("shop/a"), WEB)}, id="pods may need it first"),
    ],
)
def test_what_is_no_owner_or_finds_its_own_is_none(
    spool: Spool, dependent: dict[str, Built]
) -> None:
    [(kind, built)] = dependent.items()
    owners = put(spool, widgets__example__com=[WIDGET], deployments__apps=[WEB], **{kind: [built]})
    assert steps(owners) == []
    assert not owners.has_late


def test_what_a_workload_owns_comes_after_it(spool: Spool) -> None:
    service = of(obj("v1/Service", "shop/web"), WEB)
    owners = put(spool, deployments__apps=[WEB], services=[service])
    assert steps(owners) == []
    assert [one.identity.name for one in owners.late()] == ["web"]
    assert owners.has_own_step(Identity("services", "shop", "web"))


def test_references_get_the_uids_that_are_known_and_wait_for_the_others(spool: Spool) -> None:
    second = known(obj("example.com/v1/Widget", "shop/green"))
    mine = of(config_map("shop/a"), WIDGET, second)
    owners = put(spool, configmaps=[mine], widgets__example__com=[WIDGET, second])
    green = Identity(WIDGETS, "shop2", "green")
    owners.learn(green, b'{"metadata": {"uid": "new-green"}}')
    source, bare = Identity(MAPS, "shop", "a"), config_map("shop2/a")
    linked = owners.link(source, mine, bare, DISCOVERY)
    assert linked is not None
    assert [one["uid"] for one in linked.object["metadata"]["ownerReferences"]] == ["new-green"]
    blue = Identity(WIDGETS, "shop2", "blue")
    assert [one.owner for one in linked.pending] == [blue]
    assert [one["uid"] for one in linked.change.new] == [f"(the new uid of {blue})", "new-green"]
    owners.learn(blue, b'{"metadata": {"uid": "new-blue"}}')
    obj_, left = owners.resolved(linked.object, linked.pending)
    uids = [one["uid"] for one in obj_["metadata"]["ownerReferences"]]
    assert (uids, left) == (["new-green", "new-blue"], ())


def test_what_was_there_owns_by_its_uid(spool: Spool) -> None:
    mine = of(config_map("shop/a"), WIDGET)
    owners = put(spool, configmaps=[mine], widgets__example__com=[WIDGET])
    blue = Identity(WIDGETS, "shop2", "blue")
    spool.add_live(blue, b'{"metadata": {"name": "blue", "uid": "there"}}')
    assert owners.uid(blue) == "there"


def test_an_owner_is_named_in_a_version_that_is_served(spool: Spool) -> None:
    old = known(obj("example.com/v1alpha1/Widget", "shop/old"))
    mine = of(config_map("shop/a"), old)
    owners = put(spool, configmaps=[mine], widgets__example__com=[old])
    linked = owners.link(Identity(MAPS, "shop", "a"), mine, config_map("shop2/a"), DISCOVERY)
    assert linked is not None
    assert linked.pending[0].reference["apiVersion"] == "example.com/v1"


def test_what_comes_before_its_owner_loses_it_with_a_warning(spool: Spool) -> None:
    mine = of(config_map("shop/a"), WIDGET)
    owners = put(
        spool, last=frozenset({WIDGETS}), configmaps=[mine], widgets__example__com=[WIDGET]
    )
    assert steps(owners) == []
    bare = config_map("shop2/a")
    linked = owners.link(Identity(MAPS, "shop", "a"), mine, bare, DISCOVERY)
    assert linked is not None
    assert (linked.object, linked.change, linked.pending) == (bare, None, ())
    [told] = linked.lost
    assert told.reason == "OwnerNotRestored"
    assert "shop2/blue, which it belonged to, comes after it" in told.message


def test_an_owner_that_comes_last_and_is_there_already_keeps_what_it_owns(spool: Spool) -> None:
    mine = of(config_map("shop/a"), WIDGET)
    owners = put(
        spool, last=frozenset({WIDGETS}), configmaps=[mine], widgets__example__com=[WIDGET]
    )
    owners.learn(Identity(WIDGETS, "shop2", "blue"), b'{"metadata":{"uid":"new"}}')
    linked = owners.link(Identity(MAPS, "shop", "a"), mine, config_map("shop2/a"), DISCOVERY)
    assert linked is not None
    [reference] = linked.object["metadata"]["ownerReferences"]
    assert (reference["uid"], linked.lost) == ("new", ())


def test_claims_come_before_their_owner_so_no_operator_makes_empty_ones(spool: Spool) -> None:
    claim = obj("v1/PersistentVolumeClaim", "shop/data")
    mine = of(claim, WIDGET)
    owners = put(spool, persistentvolumeclaims=[mine], widgets__example__com=[WIDGET])
    source = Identity("persistentvolumeclaims", "shop", "data")
    linked = owners.link(source, mine, claim, DISCOVERY)
    assert linked is not None
    assert (linked.change, linked.pending) == (None, ())
    assert [one.reason for one in linked.lost] == ["OwnerNotRestored"]


def test_in_a_circle_only_who_comes_later_is_promised_an_owner(spool: Spool) -> None:
    one, two = known(config_map("shop/one")), known(config_map("shop/two"))
    made = {"one": of(one, two), "two": of(two, one)}
    owners = put(spool, configmaps=list(made.values()))
    for name, mine in made.items():
        linked = owners.link(Identity(MAPS, "shop", name), mine, config_map("shop/x"), DISCOVERY)
        assert linked is not None
        assert bool(linked.pending) != bool(linked.lost)


def test_what_a_workload_owns_of_the_same_step_is_promised_nothing(spool: Spool) -> None:
    cron = known(obj("batch/v1/CronJob", "shop/nightly"))
    job = of(obj("batch/v1/Job", "shop/nightly-1"), cron)
    service = of(obj("v1/Service", "shop/nightly"), job)
    owners = put(spool, cronjobs__batch=[cron], jobs__batch=[job], services=[service])
    linked = owners.link(Identity("jobs.batch", "shop", "nightly-1"), job, job, DISCOVERY)
    assert linked is not None
    assert linked.pending
    linked = owners.link(Identity("services", "shop", "nightly"), service, service, DISCOVERY)
    assert linked is not None
    assert linked.lost


def test_what_is_being_deleted_owns_nothing(spool: Spool) -> None:
    mine = of(config_map("shop/a"), WIDGET)
    owners = put(spool, configmaps=[mine], widgets__example__com=[WIDGET])
    blue = Identity(WIDGETS, "shop2", "blue")
    going = obj("example.com/v1/Widget", "shop2/blue")
    spool.add_live(blue, going.meta(uid="there", deletionTimestamp="2026-01-01T00:00:00Z").json)
    assert owners.uid(blue) == ""


def test_an_owner_that_went_has_no_uid_until_there_is_another(spool: Spool) -> None:
    owners = put(
        spool, configmaps=[of(config_map("shop/a"), WIDGET)], widgets__example__com=[WIDGET]
    )
    blue = Identity(WIDGETS, "shop2", "blue")
    assert not owners.is_known(blue)
    spool.add_live(blue, b'{"metadata": {"uid": "old"}}')
    assert (owners.is_known(blue), owners.uid(blue)) == (True, "old")
    owners.forget(blue)
    assert (owners.is_known(blue), owners.uid(blue)) == (True, "")
    owners.learn(blue, b'{"metadata": {"uid": "new"}}')
    assert owners.uid(blue) == "new"


def test_an_owner_that_an_earlier_restore_is_through_with_is_asked_for(spool: Spool) -> None:
    mine, where = of(config_map("shop/a"), WIDGET), Identity(WIDGETS, "shop", "blue")
    spool.add(where, WIDGET.json)
    spool.add(Identity(MAPS, "shop", "a"), mine.json)
    spool.hint(where, "created")
    spool.hint(Identity(MAPS, "shop", "a"), "failed")
    spool.forget_hinted({"failed"})
    owners = find_owners(spool, namespaces={}, defined=DISCOVERY.for_kind)
    assert steps(owners) == []
    linked = owners.link(Identity(MAPS, "shop", "a"), mine, config_map("shop/a"), DISCOVERY)
    assert linked is not None
    [pending] = linked.pending
    assert (pending.owner, pending.resource) == (where, RESOURCES[3])


def test_memory_does_not_grow_with_what_is_owned(spool: Spool) -> None:
    owners = Owners(spool, {})
    for number in range(20_000):
        green = Identity(WIDGETS, "shop", f"green-{number:05d}")
        owners.add(Identity("services", "shop", f"mine-{number:05d}"), 0, green)
    tracemalloc.start()
    try:
        assert not owners.has_late
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
