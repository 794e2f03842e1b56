"""Who owns what, found in a spool: owners first, what workloads adopt left to them."""

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
