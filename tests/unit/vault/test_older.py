import gzip
import json
from pathlib import Path

import pytest

from kubeferry.errors import ArchiveDamaged
from kubeferry.vault.older import TakenData, load_taken_data
from kubeferry.vault.store import Store
from tests.foreign import writer
from tests.foreign.writer import Backup, Volume

VOLUMES = [
    Volume("shop/by-disk", "disk-1", "NativeSnapshot"),
    Volume("shop/by-pod", "disk-2", "PodVolumeBackup", pod="web-0"),
    Volume("shop/by-csi", "disk-3", "CSISnapshot"),
    Volume("shop/nobody", "disk-4"),
]


def file(folder: Path, kind: str, content: bytes) -> None:
    if not (folder / "backups" / "b").exists():
        writer.write(folder, Backup("b", [], era=writer.BARE))
    (folder / "backups" / "b" / f"b-{kind}").write_bytes(gzip.compress(content))


async def test_each_method_s_file_says_what_it_took(store: Store, folder: Path) -> None:
    writer.write(folder, Backup("b", [], era=writer.BEFORE_1_13, volumes=VOLUMES))
    assert await load_taken_data(store, "b") == TakenData(
        volumes=frozenset({"disk-1"}),
        claims=frozenset({("shop", "by-pod"), ("shop", "by-csi")}),
    )


@pytest.mark.parametrize("era", [writer.NULLS, writer.BARE], ids=["null", "no files"])
async def test_nothing_said_is_nothing_taken(store: Store, folder: Path, era: writer.Era) -> None:
    writer.write(folder, Backup("b", [], era=era))
    assert await load_taken_data(store, "b") == TakenData()


async def test_what_has_no_claim_is_nobody_s_data(store: Store, folder: Path) -> None:
    pod = {"metadata": {"annotations": None}, "spec": {"pod": {"namespace": "shop"}}}
    static = {
        "metadata": {"namespace": "shop"},
        "spec": {"source": {"persistentVolumeClaimName": None}},
    }
    file(folder, "podvolumebackups.json.gz", json.dumps([pod, {}]).encode())
    file(folder, "csi-volumesnapshots.json.gz", json.dumps([static]).encode())
    file(folder, "volumesnapshots.json.gz", b'[{"status": {"phase": "Failed"}}]')
    assert await load_taken_data(store, "b") == TakenData()


@pytest.mark.parametrize("content", [b"{}", b"[1]", b'[{"spec": 3}]', b"no json"])
async def test_a_file_of_another_form_is_damage_and_is_named(
    store: Store, folder: Path, content: bytes
) -> None:
    file(folder, "volumesnapshots.json.gz", content)
    with pytest.raises(ArchiveDamaged, match=r"b-volumesnapshots\.json\.gz: does not decode"):
        await load_taken_data(store, "b")
