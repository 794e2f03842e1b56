from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubeferry import codec
from kubeferry.errors import ArchiveDamaged, InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.archive import open_archive
from kubeferry.restore.spool import Spool
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.store import Store
from tests.builders import config_map, obj
from tests.foreign import writer
from tests.foreign.writer import Backup, Item

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WEB = Identity("configmaps", "shop", "web")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    location = Location(name="vault", provider="local", bucket="bucket")
    return open_store(location, credentials=None, settings=Settings(local_root=tmp_path))


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


def web(**data: str) -> Item:
    return Item("configmaps", config_map("shop/web", **data))


async def test_of_an_entry_that_finalising_wrote_again_the_last_counts(
    store: Store, bucket: Path
) -> None:
    backup = Backup("b", [web(text="first")], rewritten=[web(text="last")])
    writer.write(bucket, backup)
    with Spool() as spool:
        await open_archive(store, "b", spool=spool, now=NOW)
        assert spool.count() == 1
        assert spool.get(WEB) == writer.go_json(config_map("shop/web", text="last"))


async def test_files_that_nobody_expects_are_passed_over_with_a_note(
    store: Store, bucket: Path
) -> None:
    strays = {
        "resources/configmaps/namespaces/shop/deeper/web.json": b"{}",
        "resources/configmaps/namespaces/shop/web.yaml": b"x: 1",
        "resources/README": b"read me",
        "notes/today.txt": b"hello",
        "metadata/version": b"1.1.0\n",
        "metadata/more": b"{}",
    }
    writer.write(bucket, Backup("b", [web()], strays=strays))
    with Spool() as spool:
        opened = await open_archive(store, "b", spool=spool, now=NOW)
        assert spool.count() == 1
    [note, _] = opened.read.notes
    assert note == (
        "4 files that are no objects were passed over: "
        "resources/configmaps/namespaces/shop/deeper/web.json, "
        "resources/configmaps/namespaces/shop/web.yaml, resources/README, notes/today.txt"
    )


async def test_an_empty_backup_of_velero_s_is_empty_and_says_so(store: Store, bucket: Path) -> None:
    writer.write(bucket, Backup("b", []))
    with Spool() as spool:
        opened = await open_archive(store, "b", spool=spool, now=NOW)
        assert spool.kinds() == []
    assert opened.read.notes[0] == "the archive holds no objects"


async def test_an_archive_that_lacks_what_its_metadata_tells_of_is_damaged(
    store: Store, bucket: Path
) -> None:
    progress = {"totalItems": 12, "itemsBackedUp": 12}
    writer.write(bucket, Backup("b", [], status={"progress": progress}))
    with Spool() as spool, pytest.raises(ArchiveDamaged, match="holds no objects"):
        await open_archive(store, "b", spool=spool, now=NOW)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param({"phase": "Failed"}, "the backup is Failed", id="it failed"),
        pytest.param({"phase": "FinalizingPartiallyFailed"}, "Finalizing", id="not ended"),
        pytest.param({"phase": ""}, "the backup is unfinished", id="no phase"),
        pytest.param({"expiration": "2026-01-02T03:04:05Z"}, "expired", id="expired"),
    ],
)
async def test_what_cannot_be_restored_is_refused_before_it_is_read(
    store: Store, bucket: Path, status: dict[str, object], said: str
) -> None:
    writer.write(bucket, Backup("b", [web()], status=status))
    with Spool() as spool, pytest.raises(InvalidInput, match=said):
        await open_archive(store, "b", spool=spool, now=NOW)


GADGETS = "gadgets.x.io"


def gadget(*versions: str) -> Item:
    preferred, *others = [obj(f"x.io/{version}/Gadget", "shop/a") for version in versions]
    return Item(GADGETS, preferred, others=tuple(others))


def serving(*versions: str) -> Discovery:
    return Discovery(
        tuple(Resource("x.io", version, "gadgets", "Gadget", True) for version in versions)
    )


@pytest.mark.parametrize(
    ("archived", "served", "restored"),
    [
        pytest.param(["v2", "v1"], ["v2", "v1"], "v2", id="the source's, where it is served"),
        pytest.param(["v1", "v2"], ["v2", "v1"], "v1", id="though the target prefers another"),
        pytest.param(["v2", "v1"], ["v1"], "v1", id="the one that both have"),
        pytest.param(
            ["v3", "v1alpha1", "v1", "v1beta1"], ["v1beta1", "v1"], "v1", id="the highest of them"
        ),
        pytest.param(["v2", "v1"], ["v3"], "v2", id="the source's, where none is served"),
        pytest.param(["v2", "v1"], [], "v2", id="or nobody serves the kind yet"),
    ],
)
async def test_the_version_that_is_restored(
    store: Store, bucket: Path, archived: list[str], served: list[str], restored: str
) -> None:
    writer.write(bucket, Backup("b", [web(), gadget(*archived)]))
    with Spool() as spool:
        opened = await open_archive(store, "b", spool=spool, now=NOW, discovery=serving(*served))
        body = spool.get(Identity(GADGETS, "shop", "a"))
        assert spool.count() == 2
    assert body is not None
    assert codec.decode(body)["apiVersion"] == f"x.io/{restored}"
    assert [note.reason for note in opened.notes] == ["OtherVersion"] * (restored != archived[0])
