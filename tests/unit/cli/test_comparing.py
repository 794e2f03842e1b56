from collections.abc import Iterator
from pathlib import Path

import pytest

from kubeferry.cli.comparing import Compared, compared
from kubeferry.errors import ArchiveDamaged
from kubeferry.kube.names import Identity
from kubeferry.restore.spool import Spool
from kubeferry.transform.patch.differences import Difference
from tests.builders import Built, config_map, namespace, obj


@pytest.fixture
def spools(tmp_path: Path) -> Iterator[tuple[Spool, Spool]]:
    with Spool(parent=tmp_path) as old, Spool(parent=tmp_path) as new:
        yield old, new


def put(spool: Spool, resource: str, *objects: Built) -> None:
    for one in objects:
        about = one["metadata"]
        spool.add(Identity(resource, about.get("namespace", ""), about["name"]), one.json)


def verdicts(found: Iterator[Compared]) -> list[tuple[str, str]]:
    return [(one.verdict, str(one.identity)) for one in found]


def test_objects_of_both_meet_in_one_order(spools: tuple[Spool, Spool]) -> None:
    old, new = spools
    names = ["a/x", "a/y", "b/a", "b/c"]
    put(old, "configmaps", *(config_map(name) for name in [*names, "c/gone"]))
    put(new, "configmaps", *(config_map(name) for name in ["a/first", *reversed(names), "b/b"]))
    put(old, "pods", obj("v1/Pod", "a/p"))
    put(new, "namespaces", namespace("c"))
    assert verdicts(compared(old, new)) == [
        ("added", "configmaps a/first"),
        ("same", "configmaps a/x"),
        ("same", "configmaps a/y"),
        ("same", "configmaps b/a"),
        ("added", "configmaps b/b"),
        ("same", "configmaps b/c"),
        ("removed", "configmaps c/gone"),
        ("added", "namespaces c"),
        ("removed", "pods a/p"),
    ]


def test_a_changed_object_has_its_fields(spools: tuple[Spool, Spool]) -> None:
    old, new = spools
    put(old, "configmaps", config_map("a/x", key="1"))
    put(new, "configmaps", config_map("a/x", key="2").meta(resourceVersion="7"))
    [found] = compared(old, new)
    identity = Identity("configmaps", "a", "x")
    fields = (Difference("/data/key", "1", "2"),)
    assert found == Compared(identity, "changed", "v1", "ConfigMap", fields)


def test_what_the_server_writes_makes_no_difference(spools: tuple[Spool, Spool]) -> None:
    old, new = spools
    put(old, "configmaps", config_map("a/x").meta(uid="1").with_(status={"a": 1}))
    put(new, "configmaps", config_map("a/x").meta(uid="2").with_(status={"a": 2}))
    assert [one.verdict for one in compared(old, new)] == ["same"]
    assert [one.verdict for one in compared(old, new, status=True)] == ["changed"]


def test_the_order_of_keys_makes_no_difference(spools: tuple[Spool, Spool]) -> None:
    old, new = spools
    identity = Identity("configmaps", "a", "x")
    old.add(identity, b'{"kind":"ConfigMap","data":{"a":"1","b":"2"}}')
    new.add(identity, b'{"data": {"b": "2", "a": "1"}, "kind": "ConfigMap"}')
    assert [(one.verdict, one.kind) for one in compared(old, new)] == [("same", "ConfigMap")]


def test_values_of_secrets_are_masked(spools: tuple[Spool, Spool]) -> None:
    for spool, value in zip(spools, ("b2xk", "bmV3"), strict=True):
        put(spool, "secrets", obj("v1/Secret", "a/x").with_(data={"key": value}))
    [found] = compared(*spools)
    assert found.fields == (Difference("/data/key", "(masked)", "(masked)"),)


def test_a_damaged_object_is_named(spools: tuple[Spool, Spool]) -> None:
    identity = Identity("configmaps", "a", "x")
    spools[0].add(identity, b"{")
    spools[1].add(identity, b"{}")
    with pytest.raises(ArchiveDamaged, match="configmaps a/x"):
        list(compared(*spools))


def test_what_a_side_could_not_read_is_neither_removed_nor_new(
    spools: tuple[Spool, Spool],
) -> None:
    old, new = spools
    put(old, "configmaps", config_map("a/gone"), config_map("b/lost"))
    put(new, "configmaps", config_map("a/new"), config_map("b/new"))
    found = compared(
        old,
        new,
        old_hides=lambda one: one.namespace == "a",
        new_hides=lambda one: one.namespace == "b",
    )
    assert verdicts(found) == [
        ("removed", "configmaps a/gone"),
        ("unread", "configmaps a/new"),
        ("unread", "configmaps b/lost"),
        ("added", "configmaps b/new"),
    ]


def test_two_empty_ones(spools: tuple[Spool, Spool]) -> None:
    assert list(compared(*spools)) == []
