import asyncio
import gzip
import io
import json
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeferry.errors import BackupExists, InvalidInput
from kubeferry.kube.names import Identity
from kubeferry.vault.claim import Owner
from kubeferry.vault.reader import EntryPath
from kubeferry.vault.store import Store
from kubeferry.vault.writer import Entry, open_archive
from tests.unit.vault.archives import (
    NOW,
    OWNER,
    pod,
    read_back,
    stored,
    write_archive,
    write_backup,
)

ROLE = Entry(
    "clusterroles.rbac.authorization.k8s.io",
    "v1",
    "rbac.authorization.k8s.io/v1/ClusterRole",
    "",
    "system:aggregate:view",
    b'{"kind":"ClusterRole"}',
)


def members(folder: Path, name: str = "b") -> list[tuple[tarfile.TarInfo, bytes]]:
    """The archive as Python's own gzip and tarfile read it."""
    data = gzip.decompress((folder / f"backups/{name}/{name}.tar.gz").read_bytes())
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = []
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            found.append((member, file.read()))
        return found


async def test_entries_are_veleros_in_veleros_order(store: Store, folder: Path) -> None:
    await write_archive(store, "b", [pod("web-0"), ROLE])
    found = members(folder)
    group = "resources/clusterroles.rbac.authorization.k8s.io"
    assert [member.name for member, _ in found] == [
        "metadata/version",
        "resources/pods/namespaces/default/web-0.json",
        "resources/pods/v1-preferredversion/namespaces/default/web-0.json",
        f"{group}/cluster/system:aggregate:view.json",
        f"{group}/v1-preferredversion/cluster/system:aggregate:view.json",
        "metadata/resources.json",
    ]
    assert found[0][1] == b"1.1.0\n"
    assert found[1][1] == found[2][1] == pod("web-0").body
    for member, _ in found:
        assert member.isreg()
        assert (member.mode, member.mtime) == (0o755, int(NOW.timestamp()))
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")


async def test_a_version_that_is_not_preferred_is_written_once(store: Store, folder: Path) -> None:
    entry = pod("web")._replace(version="v1beta1", preferred=False)
    facts = await write_archive(store, "b", [pod("web"), entry])
    names = [member.name for member, _ in members(folder)]
    assert names[3:-1] == ["resources/pods/v1beta1/namespaces/default/web.json"]
    assert facts.objects == len(json.loads(members(folder)[-1][1])) == 1


async def test_the_catalogue_lists_every_object_in_order(store: Store, folder: Path) -> None:
    await write_archive(store, "b", [pod("b"), pod("a"), ROLE])
    listed = json.loads(members(folder)[-1][1])
    assert [one["name"] for one in listed] == ["b", "a", "system:aggregate:view"]
    assert listed[0] == {
        "name": "b",
        "namespace": "default",
        "type": "pods",
        "apiVersion": "v1",
        "kind": "Pod",
        "size": len(pod("b").body),
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    assert listed[2]["apiVersion"] == "rbac.authorization.k8s.io/v1"


async def test_the_resource_list_is_sorted_by_type_and_name(store: Store, folder: Path) -> None:
    entries = [pod("b"), ROLE, pod("a"), pod("a", namespace="a")]
    await write_archive(store, "b", entries)
    text = gzip.decompress((folder / "backups/b/b-resource-list.json.gz").read_bytes())
    assert list(json.loads(text).items()) == [
        ("rbac.authorization.k8s.io/v1/ClusterRole", ["system:aggregate:view"]),
        ("v1/Pod", ["a/a", "default/a", "default/b"]),
    ]


async def test_an_archive_of_nothing_is_an_archive(store: Store, folder: Path) -> None:
    facts = await write_archive(store, "b", [])
    assert [m.name for m, _ in members(folder)] == ["metadata/version", "metadata/resources.json"]
    assert json.loads(members(folder)[1][1]) == []
    text = gzip.decompress((folder / "backups/b/b-resource-list.json.gz").read_bytes())
    assert json.loads(text) == {}
    assert facts.objects == 0


async def test_the_facts_are_the_files(store: Store, folder: Path) -> None:
    facts = await write_archive(store, "b", [pod(f"p{n}") for n in range(10)])
    path = folder / "backups/b/b.tar.gz"
    assert facts.objects == 10
    assert facts.size == path.stat().st_size
    assert facts.unpacked == len(gzip.decompress(path.read_bytes()))
    assert set(facts.files) == {"backups/b/b.tar.gz", "backups/b/b-resource-list.json.gz"}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(pod("../../etc/passwd"), id="a name with slashes"),
        pytest.param(pod(""), id="no name"),
        pytest.param(pod("a\0b"), id="a name with a null"),
        pytest.param(pod("a", namespace=".."), id="a namespace that climbs"),
        pytest.param(pod("a")._replace(group_resource="../x"), id="a resource that climbs"),
        pytest.param(pod("a")._replace(version="a/b"), id="a version with a slash"),
    ],
)
async def test_what_would_escape_a_path_is_refused(store: Store, entry: Entry) -> None:
    with pytest.raises(InvalidInput):
        await write_archive(store, "b", [entry])
    assert await store.folders("backups/") == []


@pytest.mark.parametrize("name", ["", "..", "A", "a/b", "a_b", "-a"])
async def test_a_name_that_names_no_folder_is_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidInput):
        await write_archive(store, name, [])


async def test_a_taken_name_is_refused_and_nothing_changed(store: Store, folder: Path) -> None:
    await write_backup(store, "b", [pod("old")])
    before = stored(folder)
    with pytest.raises(BackupExists, match="backup named 'b' is in the vault already"):
        await write_archive(store, "b", [pod("new")])
    assert stored(folder) == before


class Stop(Exception):
    """What a test breaks off with."""


@pytest.mark.parametrize("is_flushed", [True, False])
async def test_an_exception_leaves_nothing(store: Store, *, is_flushed: bool) -> None:
    async def write() -> None:
        async with open_archive(store, "b", clock=lambda: NOW, owner=OWNER) as archive:
            archive.add(pod("web", body=bytes(9 << 20)))
            if is_flushed:
                await archive.flush()
            raise Stop

    with pytest.raises(Stop):
        await write()
    assert await store.folders("") == []


async def test_an_exception_after_the_end_leaves_nothing(store: Store) -> None:
    async def write() -> None:
        async with open_archive(store, "b", clock=lambda: NOW, owner=OWNER) as archive:
            await archive.finish()
            raise Stop

    with pytest.raises(Stop):
        await write()
    assert await store.folders("") == []


async def test_a_cancellation_leaves_nothing(store: Store) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with open_archive(store, "b", clock=lambda: NOW, owner=OWNER) as archive:
            while True:
                archive.add(pod("web", body=b"x" * (1 << 20)))
                await archive.flush()
                begun.set()

    task = asyncio.create_task(write())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.folders("") == []


async def test_leaving_without_finish_is_no_backup(store: Store) -> None:
    with pytest.raises(RuntimeError, match="without finish"):
        async with open_archive(store, "b", clock=lambda: NOW, owner=OWNER) as archive:
            archive.add(pod("web"))
    assert await store.folders("") == []


async def test_an_interrupted_task_takes_up_its_own_name(store: Store) -> None:
    await write_archive(store, "b", [pod("old")])  # never committed: the process died here
    await write_backup(store, "b", [pod("new")])
    bare, _, _ = await read_back(store, "b")
    assert [one.name for one in bare] == ["new"]


async def test_another_clusters_unfinished_backup_is_not_touched(store: Store) -> None:
    await write_archive(store, "b", [pod("theirs")])
    with pytest.raises(BackupExists, match="task-1"):
        await write_archive(store, "b", [pod("ours")], owner=Owner("task-2", "cluster-2"))
    assert await store.exists("backups/b/b.tar.gz")


async def test_the_same_clusters_older_task_gives_way(store: Store) -> None:
    await write_archive(store, "b", [pod("old")])
    await write_archive(store, "b", [pod("new")], owner=Owner("task-2", "cluster-1"))


async def test_what_a_writer_remembers_does_not_grow_with_namespaces(store: Store) -> None:
    async with open_archive(store, "b", clock=lambda: NOW, owner=OWNER) as archive:

        async def add(first: int, count: int) -> int:
            for number in range(first, first + count):
                archive.add(pod("web", namespace=f"team-{number}", body=b"{}"))
                if number % 500 == 0:
                    await archive.flush()
            await archive.flush()
            await archive.flush()
            return tracemalloc.get_traced_memory()[0]

        tracemalloc.start()
        try:
            before = await add(0, 2_000)
            after = await add(2_000, 10_000)
        finally:
            tracemalloc.stop()
        await archive.finish()
    assert after - before < 500_000


_NAMESPACE = 63
"""Characters of the longest namespace that there can be."""
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
ENTRIES = st.builds(
    lambda resource, version, namespace, name, body, is_long: Entry(
        resource, version, f"g/{version}/Kind", namespace, name + "n" * (200 * is_long), body
    ),
    st.sampled_from(
        ["pods", "statefulsets.apps", "things.a-group.with.a.rather.long.name.example"]
    ),
    st.sampled_from(["v1", "v1beta1"]),
    st.one_of(
        st.just(""),
        NAMES.filter(lambda name: name not in (".", "..") and len(name) <= _NAMESPACE),
    ),
    NAMES,
    st.one_of(st.binary(max_size=2000), st.sampled_from([0, 511, 512, 513, 1024]).map(bytes)),
    st.booleans(),
)


# Whatever is written is read back, byte for byte, and Python's own tarfile agrees.
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(ENTRIES, max_size=8))
async def test_what_is_written_is_read_back(
    store: Store, folder: Path, entries: list[Entry]
) -> None:
    if await store.exists("backups/b/velero-backup.json"):
        await store.delete("backups/b/velero-backup.json")
    await write_backup(store, "b", entries)
    bare, versions, read = await read_back(store, "b")
    expected = {Identity(one.group_resource, one.namespace, one.name): one.body for one in entries}
    assert bare == expected
    assert versions == {
        EntryPath(Identity(one.group_resource, one.namespace, one.name), one.version): body
        for one in entries
        for body in [[x.body for x in entries if x[:2] + x[3:5] == one[:2] + one[3:5]][-1]]
    }
    assert read.is_verified
    assert read.objects == len(entries)
    last = {member.name: body for member, body in members(folder)}
    assert sorted(last.values()) == sorted(
        [b"1.1.0\n", last["metadata/resources.json"], *expected.values(), *versions.values()]
    )
