import pytest

from kubeferry.sandbox.answers import Refused
from kubeferry.sandbox.storage import Storage
from kubeferry.sandbox.watchers import Watch, Watchers


def put(storage: Storage, name: str, namespace: str = "a") -> None:
    storage.put("things", (namespace, name), {"metadata": {"name": name}})


def names(storage: Storage, namespace: str = "") -> list[str]:
    return [entry.key[1] for entry in storage.entries("things", namespace)]


def test_objects_are_listed_by_namespace_and_name() -> None:
    storage = Storage()
    for name, namespace in (("b", "x"), ("a", "x"), ("c", "w")):
        put(storage, name, namespace)
    assert names(storage) == ["c", "a", "b"]
    assert names(storage, "x") == ["a", "b"]


def test_every_write_has_its_own_revision() -> None:
    storage = Storage()
    put(storage, "a")
    first = storage.revision
    put(storage, "a")
    removed = storage.remove("things", ("a", "a"))
    assert (storage.revision, removed.revision) == (first + 2, first + 2)
    assert removed.object["metadata"]["resourceVersion"] == str(storage.revision)


def test_a_copy_changes_nothing_that_is_stored() -> None:
    storage = Storage()
    put(storage, "a")
    entry = storage.get("things", "a", "a")
    assert entry is not None
    entry.copy()["metadata"]["name"] = "other"
    assert entry.object["metadata"]["name"] == "a"


def test_a_watch_from_too_long_ago_is_refused() -> None:
    storage = Storage(history=2)
    watchers = Watchers(storage)
    for name in "abcd":
        put(storage, name)
    with pytest.raises(Refused) as refused:
        watchers.open(Watch("things", "", None), revision=1)
    assert (refused.value.code, refused.value.reason) == (410, "Expired")


def test_a_watch_that_does_not_keep_up_is_cut_off() -> None:
    storage = Storage()
    watchers = Watchers(storage)
    watch = Watch("things", "", None)
    list(watchers.open(watch, revision=None))
    for number in range(watch.queue.maxsize + 1):
        put(storage, f"n{number}")
    last = None
    while not watch.queue.empty():
        last = watch.queue.get_nowait()
    assert last is None


def test_the_rest_of_a_list_is_forgotten_when_too_many_newer_ones_were_begun() -> None:
    storage = Storage(snapshots=2)
    for token in ("one", "two", "three"):
        storage.keep_snapshot(token, [], 1)
    assert storage.take_snapshot("one") is None
    assert storage.take_snapshot("three") == (1, [])


def test_what_was_there_at_a_revision_is_known_as_far_as_the_history_goes() -> None:
    storage = Storage(history=4)
    put(storage, "a")
    put(storage, "b")
    then = storage.revision
    put(storage, "a")
    put(storage, "c")
    storage.remove("things", ("a", "b"))
    found = storage.entries_at("things", "", then)
    assert found is not None
    assert [(entry.key[1], entry.revision) for entry in found] == [("a", 2), ("b", 3)]
    assert storage.entries_at("things", "", then - 2) is None
