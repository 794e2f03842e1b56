import threading
from collections.abc import Iterator

import pytest

from kubeferry.kube.names import Identity
from kubeferry.vault.inventory import Held, Inventory, Kind
from kubeferry.vault.reader import EntryPath, read_archive
from kubeferry.vault.store import Store
from tests.builders import Built, config_map, namespace, obj
from tests.builders import pod as built_pod
from tests.unit.vault.archives import pod, write_backup

WEB = obj("apps/v1/Deployment", "shop/web").meta(creationTimestamp="2026-01-02T03:04:05Z")


@pytest.fixture
def inventory() -> Iterator[Inventory]:
    with Inventory() as found:
        for resource, one in (
            ("namespaces", namespace("shop")),
            ("pods", built_pod("zoo/b")),
            ("deployments.apps", WEB),
            ("configmaps", config_map("shop/settings")),
            ("pods", built_pod("shop/b")),
            ("pods", built_pod("shop/a")),
        ):
            found.add(*entry(resource, one))
        yield found


def entry(resource: str, one: Built) -> tuple[Identity, bytes]:
    about = one["metadata"]
    return Identity(resource, about.get("namespace", ""), about["name"]), one.json


def where(found: Inventory) -> list[str]:
    return [str(held.identity) for held in found.objects()]


def test_objects_come_by_namespace_and_kind_cluster_scoped_ones_last(inventory: Inventory) -> None:
    assert where(inventory) == [
        "configmaps shop/settings",
        "deployments.apps shop/web",
        "pods shop/a",
        "pods shop/b",
        "pods zoo/b",
        "namespaces shop",
    ]


def test_an_object_has_its_kind_size_and_date(inventory: Inventory) -> None:
    [held] = inventory.objects(namespace="shop", resource="deployments.apps")
    size = len(WEB.json)
    identity = Identity("deployments.apps", "shop", "web")
    assert held == Held(identity, "apps/v1", "Deployment", size, "2026-01-02T03:04:05Z")


def test_a_namespace_is_counted_by_kind(inventory: Inventory) -> None:
    groups = [(inside, one.resource, one.objects) for inside, one in inventory.groups()]
    assert groups == [
        ("shop", "configmaps", 1),
        ("shop", "deployments.apps", 1),
        ("shop", "pods", 2),
        ("zoo", "pods", 1),
        ("", "namespaces", 1),
    ]


def test_kinds_are_counted_over_all_namespaces(inventory: Inventory) -> None:
    [pods] = [one for one in inventory.kinds() if one.resource == "pods"]
    bodies = [built_pod(name).json for name in ("zoo/b", "shop/a", "shop/b")]
    assert pods == Kind("pods", "v1", "Pod", 3, sum(map(len, bodies)))
    assert pods.label == "Pod (v1)"


def test_the_last_of_two_copies_counts(inventory: Inventory) -> None:
    before, _ = inventory.total()
    inventory.add(*entry("configmaps", config_map("shop/settings", a="b" * 100)))
    [held] = inventory.objects(namespace="shop", resource="configmaps")
    assert inventory.total()[0] == before
    assert held.size > 100


def test_only_what_is_asked_for_is_kept(inventory: Inventory) -> None:
    inventory.keep(namespaces=["shop"], resources=["pods", "namespaces", "nodes"])
    assert where(inventory) == ["pods shop/a", "pods shop/b"]
    inventory.keep(resources=[])
    assert where(inventory) == []
    assert inventory.total() == (0, 0)
    assert inventory.kinds() == []
    assert inventory.widths() == (0, 0)


def test_what_does_not_decode_is_there_without_a_kind(inventory: Inventory) -> None:
    inventory.add(Identity("foos.example.com", "shop", "x"), b"{")
    [kind] = [one for one in inventory.kinds() if one.resource == "foos.example.com"]
    assert kind == Kind("foos.example.com", "", "", 1, 1)
    assert kind.label == "foos.example.com"
    inventory.add(*entry("foos.example.com", obj("example.com/v1/Foo", "shop/y")))
    kinds = {one.resource: one.label for one in inventory.kinds()}
    assert kinds["foos.example.com"] == "Foo (example.com/v1)", "another one tells it"


def test_versions_are_known_by_kind(inventory: Inventory) -> None:
    identity = Identity("deployments.apps", "shop", "web")
    for version in ("v1", "v1beta2", "v1"):
        inventory.add_version(EntryPath(identity, version), b"{}")
    assert inventory.versions("deployments.apps") == ["v1", "v1beta2"]
    assert inventory.versions("pods") == []


async def test_an_archive_is_read_into_it(store: Store) -> None:
    await write_backup(store, "b", [pod("a"), pod("b", namespace="other")])
    with Inventory() as found:
        await read_archive(store, "b", spool=found.add, versions=found.add_version)
        assert where(found) == ["pods default/a", "pods other/b"]
        assert found.versions("pods") == ["v1"]


def test_a_thread_that_fills_it_may_be_overtaken_by_its_end() -> None:
    found = Inventory()
    errors: list[BaseException] = []

    def fill() -> None:
        try:
            for number in range(1_000_000):
                found.add(Identity("pods", "a", f"p{number}"), b"{}")
        except BaseException as error:
            errors.append(error)

    filling = threading.Thread(target=fill)
    filling.start()
    while not found.total()[0]:
        pass
    found.close()
    filling.join()
    assert [type(error).__name__ for error in errors] == ["ProgrammingError"]
