"""What kubeferry writes, held against velero.md §1, rule by rule, by a reader of its own.

The backup is taken by the command on a sandbox; ``tests/foreign/reader.py`` reads it as Velero's
extractor and parser do and shares no line with kubeferry.
"""

import asyncio
import gzip
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kubeferry.kube.names import Resource
from tests.e2e.machine import Machine
from tests.foreign import reader, shop
from tests.foreign.reader import Member, ResourceItems

NAME = "judged"
CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True)
VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", False)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
DURATION = re.compile(r"(\d+h)?(\d+m)?(\d+s)")
LOG_LINE = re.compile(
    r'time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ" level=(info|warning|error) msg=("(\\.|[^"\\])*"|\S+)'
    r'( [a-zA-Z]+=("(\\.|[^"\\])*"|\S+))*'
)
SPEC = {
    "metadata",
    "includedNamespaces",
    "excludedNamespaces",
    "includedResources",
    "excludedResources",
    "includedClusterScopedResources",
    "excludedClusterScopedResources",
    "includedNamespaceScopedResources",
    "excludedNamespaceScopedResources",
    "labelSelector",
    "orLabelSelectors",
    "snapshotVolumes",
    "ttl",
    "includeClusterResources",
    "hooks",
    "storageLocation",
    "csiSnapshotTimeout",
    "itemOperationTimeout",
    "resourcePolicy",
}
STATUS = {
    "version",
    "formatVersion",
    "expiration",
    "phase",
    "startTimestamp",
    "completionTimestamp",
    "failureReason",
    "warnings",
    "errors",
    "progress",
    "hookStatus",
}
VOLUME_INFO = {
    "pvcName",
    "pvcNamespace",
    "pvName",
    "snapshotDataMoved",
    "preserveLocalSnapshot",
    "skipped",
    "skippedReason",
    "pvInfo",
}


@dataclass(frozen=True)
class Judged:
    """A backup of ours: where it lies, its entries, and what Velero's parser makes of them."""

    bucket: Path
    folder: Path
    members: list[Member]
    unpacked: Path
    items: dict[str, ResourceItems]
    unexpected: list[str]
    machine: Machine

    def objects(self) -> Iterator[tuple[str, str, str, bytes]]:
        """Group resource, namespace, name and content of each object that is restored."""
        for resource, found in self.items.items():
            for namespace, names in found.names.items():
                for name in names:
                    yield resource, namespace, name, self.file(resource, namespace, name)

    def file(self, resource: str, namespace: str, name: str, version: str = "") -> bytes:
        scope = f"namespaces/{namespace}" if namespace else "cluster"
        path = Path("resources", resource, version, scope, f"{name}.json")
        return (self.unpacked / path).read_bytes()

    def object(self, resource: str, namespace: str, name: str) -> dict[str, Any]:
        return dict(json.loads(self.file(resource, namespace, name)))

    def document(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "velero-backup.json").read_bytes()))

    def side(self, kind: str) -> Any:
        return reader.side_file(self.folder, f"{NAME}-{kind}")


def bind(machine: Machine) -> None:
    """What a volume controller does with the claim and its volume."""

    async def patch() -> None:
        client = machine.clusters["backup"].client
        for resource, name, where in ((CLAIMS, "data", "shop"), (VOLUMES, "disk", "")):
            status = {"status": {"phase": "Bound"}}
            await client.patch(
                resource, name, status, kind="merge", namespace=where, subresource="status"
            )

    asyncio.run_coroutine_threadsafe(patch(), machine.loop).result(30)


@pytest.fixture(scope="module")
def judged(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    for obj in (
        *(shop.namespace(), shop.definition(), shop.volume("disk", policy="Retain")),
        *(shop.claim("disk"), shop.settings(), shop.secret(), shop.account(), shop.service()),
        *(shop.deployment(), shop.widget()),
    ):
        machine.create("backup", obj)
    bind(machine)
    made = machine.ferry(
        "backup", "vault", "create", "disk", "--provider", "local", "--bucket", "ours", "--wait"
    )
    assert made.exit_code == 0, made.output
    done = machine.ferry(
        "backup", "backup", "create", NAME, "--vault", "disk", "--include-namespaces", "shop",
        "--no-volume-data", "--wait", "--timeout", "60s",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    bucket = machine.folder / "vaults" / "ours"
    folder = bucket / "backups" / NAME
    members = reader.members(folder / f"{NAME}.tar.gz")
    unpacked = reader.extract(members, tmp_path_factory.mktemp("unpacked"))
    items, unexpected = reader.parse(unpacked)
    return Judged(bucket, folder, members, unpacked, items, unexpected, machine)


def test_the_archive_begins_with_its_version(judged: Judged) -> None:
    first = judged.members[0]
    assert (first.header.name, first.body) == ("metadata/version", b"1.1.0\n")


def test_every_entry_is_a_plain_file_of_mode_0755_and_of_nobody(judged: Judged) -> None:
    now = datetime.now(UTC).timestamp()
    for one in judged.members:
        header = one.header
        assert header.type == tarfile.REGTYPE, header.name
        assert header.mode == 0o755, header.name
        assert (header.uid, header.gid, header.uname, header.gname) == (0, 0, "", "")
        assert now - 600 < header.mtime <= now + 1


def test_no_entry_is_there_twice(judged: Judged) -> None:
    paths = Counter(one.header.name for one in judged.members)
    assert {path: count for path, count in paths.items() if count > 1} == {}


def test_velero_s_parser_meets_nothing_unexpected(judged: Judged) -> None:
    assert judged.unexpected == []
    roots = {one.header.name.partition("/")[0] for one in judged.members}
    assert roots == {"metadata", "resources"}


def test_what_was_asked_for_and_what_it_needs_is_in_it(judged: Judged) -> None:
    found = {(resource, namespace, name) for resource, namespace, name, _ in judged.objects()}
    assert found >= {
        ("namespaces", "", "shop"),
        ("customresourcedefinitions.apiextensions.k8s.io", "", "widgets.example.com"),
        ("persistentvolumes", "", "disk"),
        ("persistentvolumeclaims", "shop", "data"),
        ("configmaps", "shop", "settings.d"),
        ("secrets", "shop", "key"),
        ("serviceaccounts", "shop", "runner"),
        ("services", "shop", "web"),
        ("deployments.apps", "shop", "web"),
        ("widgets.example.com", "shop", "blue"),
    }
    assert {namespace for _, namespace, _ in found} == {"", "shop"}


def test_each_object_is_there_once_more_under_its_preferred_version(judged: Judged) -> None:
    for resource, namespace, name, content in judged.objects():
        preferred = [one for one, is_it in judged.items[resource].versions.items() if is_it]
        assert len(preferred) == 1, resource
        version = json.loads(content)["apiVersion"].rpartition("/")[2]
        assert version == preferred[0], resource
        copy = judged.file(resource, namespace, name, f"{version}{reader.PREFERRED}")
        assert copy == content


def test_the_copy_by_version_comes_right_after_the_bare_one(judged: Judged) -> None:
    paths = [one.header.name for one in judged.members if "resources/" in one.header.name]
    for number, path in enumerate(paths):
        if reader.PREFERRED in path:
            bare = re.sub(rf"/[^/]+{reader.PREFERRED}/", "/", path)
            assert paths[number - 1] == bare


def test_another_version_s_copy_is_of_that_version(judged: Judged) -> None:
    for resource, found in judged.items.items():
        for version, is_preferred in found.versions.items():
            folder = f"{version}{reader.PREFERRED}" if is_preferred else version
            root = judged.unpacked / "resources" / resource / folder
            for file in root.rglob("*.json"):
                obj = json.loads(file.read_bytes())
                assert obj["apiVersion"].rpartition("/")[2] == version, file
                bare = judged.unpacked / "resources" / resource / file.relative_to(root)
                assert bare.exists(), file


def test_every_served_version_of_an_object_is_there(judged: Judged) -> None:
    assert judged.items["widgets.example.com"].versions == {"v1": True, "v1beta1": False}
    file = judged.file("widgets.example.com", "shop", "blue", "v1beta1")
    assert json.loads(file)["spec"] == shop.widget()["spec"]


def test_an_object_says_what_its_path_says(judged: Judged) -> None:
    for resource, namespace, name, content in judged.objects():
        obj = json.loads(content)
        group, _, _ = obj["apiVersion"].rpartition("/")
        assert resource.partition(".")[2] == group
        assert obj["kind"].lower() in resource.partition(".")[0]
        assert obj["metadata"]["name"] == name
        assert obj["metadata"].get("namespace", "") == namespace


def test_objects_are_archived_raw(judged: Judged) -> None:
    for _, _, _, content in judged.objects():
        meta = json.loads(content)["metadata"]
        assert meta["uid"], content
        assert meta["resourceVersion"], content
        assert TIME.fullmatch(meta["creationTimestamp"]), content
    claim = judged.object("persistentvolumeclaims", "shop", "data")
    assert claim["status"]["phase"] == "Bound"


@pytest.mark.parametrize(
    ("resource", "plural", "name"),
    [
        ("configmaps", "configmaps", "settings.d"),
        ("secrets", "secrets", "key"),
        ("widgets.example.com", "widgets", "blue"),
        ("deployments.apps", "deployments", "web"),
        ("persistentvolumeclaims", "persistentvolumeclaims", "data"),
    ],
)
def test_an_object_is_what_the_cluster_has(
    judged: Judged, resource: str, plural: str, name: str
) -> None:
    live = judged.machine.objects("backup", plural, "shop")[name]
    assert judged.object(resource, "shop", name) == {"apiVersion": "v1", "kind": ""} | live | {
        key: judged.object(resource, "shop", name)[key] for key in ("apiVersion", "kind")
    }


def test_contents_survive_to_the_bit(judged: Judged) -> None:
    widget = judged.object("widgets.example.com", "shop", "blue")
    assert widget["spec"] == shop.widget()["spec"]
    assert f'"big":{shop.BIG}'.encode() in judged.file("widgets.example.com", "shop", "blue")
    settings = judged.object("configmaps", "shop", "settings.d")
    assert settings["data"] == shop.settings()["data"]


def test_a_bound_claim_s_volume_is_beside_it(judged: Judged) -> None:
    claim = judged.object("persistentvolumeclaims", "shop", "data")
    volume = judged.object("persistentvolumes", "", claim["spec"]["volumeName"])
    assert volume["spec"]["claimRef"]["name"] == "data"


def test_the_folder_holds_velero_s_files_and_our_checksums(judged: Judged) -> None:
    kinds = {file.name.removeprefix(f"{NAME}-") for file in judged.folder.iterdir()}
    assert kinds == {
        "velero-backup.json",
        f"{NAME}.tar.gz",
        "logs.gz",
        "results.gz",
        "resource-list.json.gz",
        "podvolumebackups.json.gz",
        "volumesnapshots.json.gz",
        "itemoperations.json.gz",
        "volumeinfo.json.gz",
        "checksums.json",
    }


def test_the_metadata_is_indented_json_of_the_name_of_its_folder(judged: Judged) -> None:
    text = (judged.folder / "velero-backup.json").read_text()
    document = judged.document()
    assert text.startswith('{\n  "')
    assert (document["apiVersion"], document["kind"]) == ("velero.io/v1", "Backup")
    assert document["metadata"]["name"] == NAME
    assert document.keys() == {"apiVersion", "kind", "metadata", "spec", "status"}


def test_the_metadata_has_what_velero_s_server_adds(judged: Judged) -> None:
    meta = judged.document()["metadata"]
    assert meta["labels"]["velero.io/storage-location"] == "disk"
    prefix = "velero.io/source-cluster-k8s-"
    assert meta["annotations"][f"{prefix}gitversion"].startswith("v1.")
    assert meta["annotations"][f"{prefix}major-version"] == "1"
    assert re.fullmatch(r"\d+\+?", meta["annotations"][f"{prefix}minor-version"])
    assert all(isinstance(value, str) for value in meta["annotations"].values())
    assert TIME.fullmatch(meta["creationTimestamp"])


def test_the_spec_has_velero_s_fields_alone(judged: Judged) -> None:
    spec = judged.document()["spec"]
    assert spec.keys() <= SPEC
    assert spec["includedNamespaces"] == ["shop"]
    assert spec["storageLocation"] == "disk"
    assert (spec["metadata"], spec["hooks"], spec["snapshotVolumes"]) == ({}, {}, False)
    for name in ("ttl", "csiSnapshotTimeout", "itemOperationTimeout"):
        assert DURATION.fullmatch(spec[name]), name


def test_the_status_is_that_of_a_backup_that_has_ended(judged: Judged) -> None:
    status = judged.document()["status"]
    assert status.keys() <= STATUS
    assert (status["version"], status["formatVersion"]) == (1, "1.1.0")
    assert status["phase"] in ("Completed", "PartiallyFailed")
    times = [status[name] for name in ("startTimestamp", "completionTimestamp", "expiration")]
    assert all(TIME.fullmatch(one) for one in times)
    assert times == sorted(times)
    count = len(list(judged.objects()))
    assert status["progress"] == {"totalItems": count, "itemsBackedUp": count}


def test_every_side_file_is_gzipped_json_with_a_final_newline(judged: Judged) -> None:
    for file in judged.folder.glob("*.json.gz"):
        content = gzip.decompress(file.read_bytes())
        assert content.endswith(b"\n"), file
        json.loads(content)


@pytest.mark.parametrize(
    "kind", ["podvolumebackups.json.gz", "volumesnapshots.json.gz", "itemoperations.json.gz"]
)
def test_what_was_not_done_is_an_empty_list(judged: Judged, kind: str) -> None:
    assert judged.side(kind) == []


def test_results_have_velero_s_shape(judged: Judged) -> None:
    results = judged.side("results.gz")
    assert results.keys() == {"warnings", "errors"}
    for side in results.values():
        assert side.keys() <= {"velero", "cluster", "namespaces"}
        for texts in (side.get("velero", []), side.get("cluster", [])):
            assert all(isinstance(one, str) for one in texts)
        for texts in side.get("namespaces", {}).values():
            assert all(isinstance(one, str) for one in texts)


def test_the_resource_list_is_sorted_and_names_what_is_in_the_archive(judged: Judged) -> None:
    listed = judged.side("resource-list.json.gz")
    found: dict[str, list[str]] = {}
    for _, namespace, name, content in judged.objects():
        obj = json.loads(content)
        entry = f"{namespace}/{name}" if namespace else name
        found.setdefault(f"{obj['apiVersion']}/{obj['kind']}", []).append(entry)
    assert listed == {kind: sorted(entries) for kind, entries in found.items()}


def test_each_volume_has_its_entry_in_volumeinfo(judged: Judged) -> None:
    [entry] = judged.side("volumeinfo.json.gz")
    assert entry.keys() <= VOLUME_INFO
    assert (entry["pvcNamespace"], entry["pvcName"], entry["pvName"]) == ("shop", "data", "disk")
    booleans = ("snapshotDataMoved", "preserveLocalSnapshot", "skipped")
    assert [entry[name] for name in booleans] == [False, False, True]
    assert entry["skippedReason"]
    assert entry["pvInfo"]["reclaimPolicy"] == "Retain"
    assert all(isinstance(one, str) for one in entry["pvInfo"]["labels"].values())


def test_the_log_has_logrus_s_lines(judged: Judged) -> None:
    lines = gzip.decompress((judged.folder / f"{NAME}-logs.gz").read_bytes()).decode().splitlines()
    assert lines
    assert [line for line in lines if not LOG_LINE.fullmatch(line)] == []


def test_the_location_is_valid_to_velero(judged: Judged) -> None:
    assert reader.is_valid_location(judged.bucket)


def test_a_restore_s_folder_has_velero_s_files_too(judged: Judged) -> None:
    done = judged.machine.ferry(
        "backup", "restore", "create", "again", "--from-backup", NAME,
        "--namespace-mapping", "shop=again", "--wait", "--timeout", "60s",
        "--exclude-resources", "pvc",  # its volume is the original's
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    folder = judged.bucket / "restores" / "again"
    listed = reader.side_file(folder, "restore-again-resource-list.json.gz")
    assert "again/web(created)" in listed["apps/v1/Deployment"]
    assert (
        "widgets.example.com(skipped)" in listed["apiextensions.k8s.io/v1/CustomResourceDefinition"]
    )
    assert listed == {kind: sorted(entries) for kind, entries in listed.items()}
    results = reader.side_file(folder, "restore-again-results.gz")
    assert results["errors"] == {}
    lines = gzip.decompress((folder / "restore-again-logs.gz").read_bytes()).decode().splitlines()
    assert [line for line in lines if not LOG_LINE.fullmatch(line)] == []
    assert reader.is_valid_location(judged.bucket)
