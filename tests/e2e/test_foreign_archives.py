"""Velero's backups in our hands: seen by sync, described, planned and restored, whatever their age.

They come from a generator that shares no line with kubeferry (``tests/foreign/writer.py``).
"""

import gzip
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.builders import config_map, obj
from tests.e2e.machine import Machine
from tests.foreign import shop, writer
from tests.foreign.writer import Backup, Item, Volume
from tests.unit.vault import hostile

SERVER_FIELDS = {"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"}
PLURALS = {
    "configmaps": ("settings.d", shop.settings()),
    "secrets": ("key", shop.secret()),
    "serviceaccounts": ("runner", shop.account()),
    "services": ("web", shop.service()),
    "deployments": ("web", shop.deployment()),
    "widgets": ("blue", shop.widget()),
}


def backup(name: str, era: writer.Era, **more: Any) -> Backup:
    disk = Volume("shop/data", f"disk-{name}", reclaim_policy="Retain")
    items = shop.items(disk, other_versions=more.pop("other_versions", False))
    return Backup(name, items, era=era, volumes=[disk], **more)


def stale() -> Item:
    """What an entry held before finalising wrote it again."""
    old = shop.as_served(shop.settings() | {"data": {"page": "stale"}}, number=5)
    return Item("configmaps", old)


def rewritten() -> Backup:
    made = backup("finalised", writer.NOW)
    items = [stale() if one.group_resource == "configmaps" else one for one in made.items]
    return replace(made, items=items, rewritten=made.items)


VARIANTS = {
    one.name: one
    for one in (
        backup("now", writer.NOW),
        backup("nulls", writer.NULLS),
        backup("older", writer.BEFORE_1_13),
        backup("oldest", writer.OLDEST),
        backup("versions", writer.NOW, other_versions=True),
        backup("bare", writer.BARE),
        backup("strays", writer.NOW, strays={"resources/README": b"?", "x/y.json": b"{}"}),
        rewritten(),
    )
}


@pytest.fixture(scope="module")
def synced(machine: Machine) -> Machine:
    """A vault with every variant in it, and all of them seen by the controller."""
    for one in VARIANTS.values():
        writer.write(machine.folder / "vaults" / "velero", one)
    made = machine.ferry(
        "restore", "vault", "create", "disk", "--provider", "local", "--bucket", "velero", "--wait"
    )
    assert made.exit_code == 0, made.output
    until = time.monotonic() + 20
    while listed(machine).keys() != VARIANTS.keys():
        assert time.monotonic() < until, listed(machine)
        time.sleep(0.2)
    return machine


def listed(machine: Machine) -> dict[str, Any]:
    found = json.loads(machine.ferry("restore", "backup", "get", "-o", "json").stdout)
    return {one["metadata"]["name"]: one for one in found["items"]}


def test_sync_shows_what_the_backup_says_of_itself(synced: Machine) -> None:
    for name, one in listed(synced).items():
        status = one["status"]
        assert (status["phase"], one["spec"]["storageLocation"]) == ("Completed", "disk"), name
        assert status["startTimestamp"] == writer.STARTED
        assert status["completionTimestamp"] == writer.COMPLETED
        assert status["expiration"] == writer.EXPIRES
        assert status["progress"] == {"itemsDone": 10, "totalItems": 10}


@pytest.mark.parametrize("name", VARIANTS.keys() - {"bare"})
def test_a_variant_is_described_with_what_is_in_it(synced: Machine, name: str) -> None:
    done = synced.ferry("restore", "backup", "describe", name, "--details")
    assert done.exit_code == 0, done.output
    for text in ("Completed", "Deployment (apps/v1): 1", f"disk-{name}"):
        assert text in done.stdout


def target(name: str) -> str:
    return f"shop-{name}"


def options(name: str) -> tuple[str, ...]:
    return ("--from-backup", name, "--namespace-mapping", f"shop={target(name)}")


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_planned_whole(synced: Machine, name: str) -> None:
    done = synced.ferry("restore", "restore", "plan", *options(name), "-o", "json")
    assert done.exit_code == 0, done.output
    planned = [json.loads(line) for line in done.stdout.splitlines()]
    actions = {one["kind"]: one["action"] for one in planned if "action" in one}
    assert actions == dict.fromkeys(
        [
            *("Namespace", "CustomResourceDefinition", "PersistentVolume", "ServiceAccount"),
            *("PersistentVolumeClaim", "ConfigMap", "Secret", "Service", "Deployment", "Widget"),
        ],
        "create",
    )


def bare(obj: dict[str, Any]) -> dict[str, Any]:
    """Without what a server writes and what a restore adds to every object."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in SERVER_FIELDS}
    meta.pop("namespace", None)
    meta["labels"] = {
        key: value for key, value in meta["labels"].items() if not key.startswith("velero.io/")
    }
    rest = {key: value for key, value in obj.items() if key not in ("status", "metadata")}
    return rest | {"metadata": meta}


def is_within(wanted: Any, found: Any) -> bool:
    """Whether everything wanted is found; defaults of the server may be there beside it."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and is_within(one, found[key]) for key, one in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(is_within, wanted, found))
    return type(wanted) is type(found) and bool(wanted == found)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_restored_field_by_field(synced: Machine, name: str) -> None:
    done = synced.ferry(
        "restore", "restore", "create", f"back-{name}", *options(name), "--wait", "--timeout", "60s"
    )
    assert done.exit_code == 0, done.output
    for plural, (of, wanted) in PLURALS.items():
        found = synced.objects("restore", plural, target(name))[of]
        assert is_within(bare(wanted), bare(found)), (wanted, found)
    widget = synced.objects("restore", "widgets", target(name))["blue"]
    assert widget["spec"] == shop.widget()["spec"]
    disk = synced.objects("restore", "persistentvolumes", "")[f"disk-{name}"]
    assert disk["spec"]["claimRef"]["namespace"] == target(name)
    claim = synced.objects("restore", "persistentvolumeclaims", target(name))["data"]
    assert claim["spec"]["volumeName"] == f"disk-{name}"


@pytest.mark.parametrize(
    ("era", "method"),
    [
        pytest.param(writer.NOW, "PodVolumeBackup", id="from a pod"),
        pytest.param(writer.NOW, "DataMover", id="by the data mover"),
        pytest.param(writer.BEFORE_1_13, "CSISnapshot", id="a snapshot, before volumeinfo"),
        pytest.param(writer.OLDEST, "NativeSnapshot", id="a disk's snapshot, oldest"),
    ],
)
def test_data_that_velero_took_is_missed_by_name(
    synced: Machine, era: writer.Era, method: writer.Method
) -> None:
    name = f"{method.lower()}-{era.server}"
    disk = Volume("shop/data", f"disk-{name}", method, pod="web-0", reclaim_policy="Retain")
    items = shop.items(disk, other_versions=False)
    bucket = synced.folder / "vaults" / "velero"
    writer.write(bucket, Backup(name, items, era=era, volumes=[disk]))
    until = time.monotonic() + 20
    while name not in listed(synced):
        assert time.monotonic() < until
        time.sleep(0.2)
    done = synced.ferry(
        "restore", "restore", "create", name, "--from-backup", name,
        "--namespace-mapping", f"shop=d-{method.lower()}", "--wait", "--timeout", "60s",
    )  # fmt: skip
    assert done.exit_code == 8, done.output
    file = bucket / "restores" / name / f"restore-{name}-results.gz"
    errors = json.loads(gzip.decompress(file.read_bytes()))["errors"]
    [told] = errors.pop("namespaces")["shop"]
    assert f"persistentvolumeclaims d-{method.lower()}/data: VolumeDataNotRestored" in told
    assert errors == {}
    assert disk.volume not in synced.objects("restore", "persistentvolumes", "")
    claim = synced.objects("restore", "persistentvolumeclaims", f"d-{method.lower()}")["data"]
    assert "volumeName" not in claim["spec"]


def test_an_entry_of_velero_s_that_nobody_expects_is_told_and_nothing_else(
    synced: Machine,
) -> None:
    done = synced.ferry(
        "restore", "restore", "create", "told", "--from-backup", "strays",
        "--namespace-mapping", "shop=told", "--exclude-resources", "pv,pvc",
        "--wait", "--timeout", "60s",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    folder = synced.folder / "vaults/velero/restores/told"
    results = json.loads(gzip.decompress((folder / "restore-told-results.gz").read_bytes()))
    assert results["errors"] == {}
    [odd] = [one for one in results["warnings"]["velero"] if "passed over" in one]
    assert "2 files that are no objects were passed over: resources/README, x/y.json" in odd


def damaged(machine: Machine, name: str, content: bytes) -> dict[str, Any]:
    """The status of a restore of a backup of Velero's with this archive."""
    bucket = machine.folder / "vaults" / "velero"
    folder = writer.write(bucket, backup(name, writer.NOW))
    (folder / f"{name}.tar.gz").write_bytes(content)
    until = time.monotonic() + 20
    while name not in listed(machine):
        assert time.monotonic() < until
        time.sleep(0.2)
    machine.ferry(
        "restore", "restore", "create", name, "--from-backup", name,
        "--namespace-mapping", f"shop={target(name)}", "--wait", "--timeout", "60s",
    )  # fmt: skip
    done = machine.ferry("restore", "restore", "get", name, "-o", "json")
    status: dict[str, Any] = json.loads(done.stdout)["status"]
    return status


GOOD = writer.archive(VARIANTS["now"])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("half", GOOD[: len(GOOD) // 2], "is cut short", id="half of it"),
        pytest.param("flipped", GOOD[:-8] + b"0000" + GOOD[-4:], "damaged", id="another CRC"),
        pytest.param(
            "escaping",
            hostile.archive(hostile.file("../../etc/x.json"), hostile.file(hostile.GOOD)),
            "'../../etc/x.json' leads out of the archive",
            id="a path that leads out",
        ),
        pytest.param("empty", hostile.archive(), "holds no objects", id="nothing in it"),
    ],
)
def test_a_damaged_archive_is_failed_and_nothing_is_written(
    synced: Machine, name: str, content: bytes, said: str
) -> None:
    status = damaged(synced, name, content)
    assert status["phase"] == "Failed", status
    assert said in status["message"]
    assert target(name) not in synced.objects("restore", "namespaces", "")


def test_an_object_that_lies_fails_by_itself(synced: Machine) -> None:
    liar = config_map("elsewhere/liar")
    rights = obj("rbac.authorization.k8s.io/v1/ClusterRole", "rights")
    last = config_map("shop/honest", value="last").json
    twice = last.replace(b'{"value"', b'{"value": "earlier", "value"')
    first = config_map("shop/honest", value="first")
    folder = "resources/configmaps/namespaces/shop"
    content = hostile.archive(
        hostile.file(f"{folder}/liar.json", liar.json),
        hostile.file("resources/configmaps/cluster/rights.json", rights.json),
        hostile.file(f"{folder}/broken.json", b'{"apiVersion":'),
        hostile.file(f"{folder}/nested.json", b"[" * 100_000),
        hostile.file(f"{folder}/binary.json", b"\xff\xfe"),
        hostile.file(f"{folder}/honest.json", first.json),
        hostile.file(f"{folder}/honest.json", twice),
    )
    status = damaged(synced, "liars", content)
    assert status["phase"] == "PartiallyFailed", status
    assert status["counts"]["failed"] == 5
    found = synced.objects("restore", "configmaps", target("liars"))
    assert found.keys() - {"kube-root-ca.crt"} == {"honest"}
    assert found["honest"]["data"] == {"value": "last"}
    assert "rights" not in synced.objects("restore", "clusterroles", "")


def test_nothing_of_velero_s_is_touched(synced: Machine) -> None:
    bucket: Path = synced.folder / "vaults" / "velero"
    for one in VARIANTS.values():
        folder = bucket / "backups" / one.name
        assert (folder / f"{one.name}.tar.gz").read_bytes() == writer.archive(one)
        assert (folder / "velero-backup.json").read_bytes() == writer.metadata_file(one)
        wanted = {f"{one.name}-{kind}" for kind in one.era.files}
        assert {file.name for file in folder.iterdir()} == wanted | {
            "velero-backup.json",
            f"{one.name}.tar.gz",
        }
