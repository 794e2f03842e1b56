"""What cannot be done is refused, or ends the task, with what is wrong, where, and what to do.

Nothing half-done is left behind, and a good task afterwards works.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.real import archives
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.sites import DEAD_ENDPOINT
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

VAULT = "bad-input"
SELDOM = "24h0m0s"
"""So seldom that no backup appears by sync while these tests run."""


@pytest.fixture(scope="module")
def bucket(s3: S3Server) -> Path:
    return s3.folder / "cnfs-oss-test"


@pytest.fixture(scope="module")
def shops(source: Site, target: Site) -> None:
    """Two namespaces of the source cluster with an object each of the same name; a backup."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT, backupSyncPeriod=SELDOM)
    for namespace in ("shop-a", "shop-b"):
        source.cluster.kubectl("create", "namespace", namespace)
        source.cluster.kubectl("create", "configmap", "same", "-n", namespace)
    assert taken(source, "good")["phase"] == "Completed"


def taken(source: Site, name: str) -> dict[str, Any]:
    """A backup of both shops: its status at the end."""
    source.back_up(name, VAULT, "shop-a", "shop-b")
    status: dict[str, Any] = source.ended("applicationbackup", name)["status"]
    return status


def failed(site: Site, kind: str, name: str) -> str:
    """The message of a task that must fail."""
    status = site.ended(kind, name)["status"]
    assert status["phase"] == "Failed", status
    assert status["completionTimestamp"]
    return str(status["message"])


def test_a_backup_into_an_unknown_vault(source: Site) -> None:
    source.back_up("nowhere", "nowhere", "default")
    message = failed(source, "applicationbackup", "nowhere")
    assert "spec.storageLocation: no vault is registered as 'nowhere'" in message
    assert "create the BackupLocation csdr/nowhere" in message


def test_a_backup_into_a_vault_out_of_reach(source: Site) -> None:
    source.register(
        "out-of-reach",
        prefix="x",
        phase="Unavailable",
        provider="aws",
        config={"region": "us-east-1", "endpoint": DEAD_ENDPOINT},
    )
    vault = source.cluster.get("backuplocation", "out-of-reach", "-n", "csdr")
    assert "127.0.0.1:1" in vault["status"]["message"] or "refused" in vault["status"]["message"]
    source.back_up("out-of-reach", "out-of-reach", "default")
    message = failed(source, "applicationbackup", "out-of-reach")
    assert "backup vault is unavailable" in message
    assert vault["status"]["message"] in message
    source.cluster.kubectl("delete", "backuplocation", "out-of-reach", "-n", "csdr")


def test_a_backup_of_namespaces_that_do_not_exist(shops: None, source: Site, bucket: Path) -> None:
    source.back_up("nothing", VAULT, "no-such-namespace")
    message = failed(source, "applicationbackup", "nothing")
    assert "get target namespace failed" in message
    assert "no-such-namespace" in message
    assert not archives.backup_folder(bucket, "nothing", VAULT).exists()


@pytest.mark.parametrize(
    ("name", "spec", "said"),
    [
        pytest.param(
            "no-pattern",
            {"includedNamespaces": ["shop-[b-a]"]},
            "spec.includedNamespaces[0]: 'shop-[b-a]' is not a pattern",
            id="a pattern that is none",
        ),
        pytest.param(
            "nothing-there",
            {"includedNamespaces": ["tmp-*"]},
            "none of tmp-* is left to back up",
            id="a pattern that selects nothing is not everything",
        ),
        pytest.param(
            "no-kinds",
            {"includedResources": ["po"], "excludedResources": ["*"]},
            "spec.excludedResources: '*' leaves out all kinds",
            id="all kinds left out",
        ),
        pytest.param(
            "no-label",
            {"labelSelector": {"matchLabels": {"app": "a b"}}},
            "spec.labelSelector.matchLabels.app: 'a b' cannot be a label's value",
            id="what is no label",
        ),
        pytest.param(
            "no-policy",
            {"resourcePolicy": {"kind": "ConfigMap", "name": "no-policy"}},
            "there is no ConfigMap csdr/no-policy",
            id="a policy that is not there",
        ),
        pytest.param(
            "bad-policy",
            {"resourcePolicy": {"kind": "ConfigMap", "name": "bad-policy"}},
            "volumePolicies[0].action.type: 'drop' is no action",
            id="a policy that cannot be",
        ),
    ],
)
def test_a_backup_that_selects_what_cannot_be(
    shops: None, source: Site, bucket: Path, name: str, spec: dict[str, Any], said: str
) -> None:
    text = "{version: v1, volumePolicies: [{action: {type: drop}}]}"
    source.cluster.kubectl("delete", "configmap", "bad-policy", "-n", "csdr", "--ignore-not-found")
    where = ["configmap", "bad-policy", "-n", "csdr"]
    source.cluster.kubectl("create", *where, f"--from-literal=policy={text}")
    source.back_up(name, VAULT, **{"includedNamespaces": ["shop-a"], **spec})
    assert said in failed(source, "applicationbackup", name)
    assert not archives.backup_folder(bucket, name, VAULT).exists()


def test_a_backup_whose_name_is_taken_in_the_vault(shops: None, source: Site, bucket: Path) -> None:
    assert taken(source, "first")["phase"] == "Completed"
    folder = archives.backup_folder(bucket, "first", VAULT)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    source.cluster.kubectl("delete", "applicationbackup", "first", "-n", "csdr")
    source.back_up("first", VAULT, "shop-a")
    message = failed(source, "applicationbackup", "first")
    assert "a backup named 'first' is in the vault already" in message
    assert "choose another name" in message
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param("missing", "no finished backup is called", id="it is not there"),
        pytest.param("half", "no finished backup is called", id="it was never finished"),
        pytest.param("changed", "SHA-256", id="its checksum differs"),
        pytest.param("truncated", "ArchiveDamaged", id="it is truncated"),
        pytest.param("lost", "the archive is gone", id="only its metadata is there"),
        pytest.param("unsigned", "checksums and they are gone", id="its checksums are gone"),
    ],
)
def test_a_restore_of_an_archive_that_cannot_be_trusted(
    shops: None, source: Site, target: Site, bucket: Path, kind: str, said: str
) -> None:
    name = f"archive-{kind}"
    if kind != "missing":
        assert taken(source, name)["phase"] == "Completed"
        damage(archives.backup_folder(bucket, name, VAULT), kind)
    message = refused(target, bucket, name, name)
    assert said in message
    assert name in message


def damage(folder: Path, kind: str) -> None:
    """What can happen to a stored backup."""
    archive = folder / f"{folder.name}.tar.gz"
    data = bytearray(archive.read_bytes())
    if kind == "half":
        (folder / "velero-backup.json").unlink()
    elif kind == "changed":
        data[4] ^= 1  # the time in gzip's header: it unpacks as before
        archive.write_bytes(data)
    elif kind == "truncated":
        archive.write_bytes(data[: len(data) // 2])
    elif kind == "lost":
        archive.unlink()
    elif kind == "unsigned":
        (folder / f"{folder.name}-checksums.json").unlink()


def refused(target: Site, bucket: Path, name: str, backup: str, **spec: Any) -> str:
    """The message of a restore that must fail before it has made anything."""
    namespaces = target.cluster.kubectl("get", "namespaces", "-o", "name")
    target.restore(name, backup, **spec)
    message = failed(target, "applicationrestore", name)
    assert target.cluster.kubectl("get", "namespaces", "-o", "name") == namespaces
    assert not (bucket / VAULT / "restores" / name).exists()
    return message


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        pytest.param(
            {"shop-a": "kube-system"},
            "spec.namespaceMapping.shop-a: the target 'kube-system' is a reserved namespace",
            id="to a reserved namespace",
        ),
        pytest.param(
            {"shop-a": "csdr"},
            "spec.namespaceMapping.shop-a: the target 'csdr' is a reserved namespace",
            id="to ours",
        ),
        pytest.param(
            {"shop-a": "shop", "shop-b": "shop"},
            "configmaps same of shop-a and shop-b would be one in shop",
            id="of two namespaces to one with clashing names",
        ),
        pytest.param(
            {"shop-a": "shop-b"},
            "configmaps same of shop-a and shop-b would be one in shop-b",
            id="to another one of the backup with clashing names",
        ),
        pytest.param(
            {"shop-c": "shop"},
            "the backup has no namespace 'shop-c'; it has shop-a, shop-b",
            id="of a namespace that the backup does not hold",
        ),
    ],
)
def test_a_mapping_that_cannot_be(
    shops: None, target: Site, bucket: Path, mapping: Mapping[str, str], said: str
) -> None:
    name = f"mapping-{'-'.join(mapping.values())}"
    assert said in refused(target, bucket, name, "good", namespaceMapping=mapping)


def test_a_mapping_to_what_cannot_be_a_namespace_is_refused_at_once(target: Site) -> None:
    with pytest.raises(AssertionError, match="namespaceMapping"):
        target.restore("invalid", "good", namespaceMapping={"shop-a": "Shop_A"})
    assert target.phase("applicationrestore", "invalid") == ""


@pytest.mark.parametrize(
    ("name", "rules", "said"),
    [
        pytest.param("absent", None, "there is no ConfigMap csdr/", id="it is not there"),
        pytest.param("yaml", "version: [", "does not parse", id="it is no YAML"),
        pytest.param("version", "version: v2", "version", id="its version is unknown"),
        pytest.param(
            "operation",
            "version: v1\nresourceModifierRules:\n- conditions: {groupResource: pods}\n"
            "  patches:\n  - {operation: rename, path: /spec/x}\n",
            "rename",
            id="it asks for an unknown operation",
        ),
    ],
)
def test_a_modifier_that_does_not_parse(
    shops: None, target: Site, bucket: Path, name: str, rules: str | None, said: str
) -> None:
    modifier = f"{name}-resource-modifier"
    if rules is not None:
        target.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": modifier, "namespace": "csdr"},
                "data": {"modifier": rules},
            }
        )
    reference = {"kind": "ConfigMap", "name": modifier}
    message = refused(target, bucket, f"modifier-{name}", "good", resourceModifier=reference)
    assert said in message
    assert modifier in message


def test_after_all_that_a_good_restore_works(shops: None, target: Site) -> None:
    target.restore("good", "good", namespaceMapping={"shop-a": "shop-c"})
    status = target.ended("applicationrestore", "good")["status"]
    assert status["phase"] == "Completed", status
    for namespace in ("shop-c", "shop-b"):
        target.cluster.kubectl("get", "configmap", "same", "-n", namespace)


def test_a_restore_looks_into_the_vault_for_a_backup_that_was_not_synced_yet(
    shops: None, source: Site, target: Site
) -> None:
    assert taken(source, "unsynced")["phase"] == "Completed"
    assert target.phase("applicationbackup", "unsynced") == ""
    mapping = {"shop-a": "early-a", "shop-b": "early-b"}
    target.restore("unsynced", "unsynced", namespaceMapping=mapping)
    status = target.ended("applicationrestore", "unsynced")["status"]
    assert status["phase"] == "Completed", status
    until(
        lambda: target.phase("applicationbackup", "unsynced") == "Completed",
        what="the backup that was found appears",
    )
