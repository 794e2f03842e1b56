import asyncio
import json
from typing import Any

import pytest

from kubeferry.api.location import ANNOTATION
from kubeferry.controller.backup import BackupReconciler
from kubeferry.controller.location import LocationReconciler
from kubeferry.controller.resources import BACKUPS, LOCATIONS, NAMESPACES
from kubeferry.controller.vaultkeys import load_keys, save_ring
from kubeferry.vault.keys import NO_KEY, Trust
from kubeferry.vault.metadata import load_backup
from tests.builders import namespace, obj
from tests.conformance.trust_suite import WITH_KEY
from tests.foreign import writer
from tests.unit.controller.conftest import Ground


async def ended(ground: Ground, name: str) -> dict[str, Any]:
    """Reconciles a backup until its work is over; its status."""
    reconcile = BackupReconciler(ground.context)
    async with asyncio.timeout(10):
        await reconcile(name)
        while ground.context.runner.is_running(f"applicationbackups/{name}"):
            for vault in await ground.client.list(LOCATIONS, namespace="csdr"):
                own = vault["metadata"]["name"]
                await ground.see(LOCATIONS, own)
                await LocationReconciler(ground.context)(own)
                await ground.see(LOCATIONS, own)
            await asyncio.sleep(0.02)
    return await ground.status(BACKUPS, name)


async def test_a_backup_is_taken_and_its_status_tells_what_was_done(ground: Ground) -> None:
    await ground.client.create(NAMESPACES, namespace("shop"))
    await ground.vault()
    await ground.create(
        BACKUPS, "nightly", storageLocation="vault", includedNamespaces=["shop"], ttl="1h0m0s"
    )
    status = await ended(ground, "nightly")
    facts = await load_backup(ground.store(), "nightly")
    assert status == {
        "phase": "Completed",
        "attempts": 1,
        "startTimestamp": "2026-01-02T03:04:05Z",
        "completionTimestamp": "2026-01-02T03:04:05Z",
        "expiration": "2026-01-02T04:04:05Z",
        "progress": {"itemsDone": facts.total_items, "totalItems": facts.total_items},
        "warnings": 0,
        "errors": 0,
        "bytes": facts.bytes,
        "sourceCluster": "unit",
    }
    assert facts.cluster.uid == "cluster-1"
    assert facts.storage_location == "vault"


async def test_a_dry_run_tells_what_would_be_taken_and_writes_nothing(ground: Ground) -> None:
    await ground.client.create(NAMESPACES, namespace("shop"))
    await ground.vault()
    await ground.create(
        BACKUPS, "nightly", storageLocation="vault", includedNamespaces=["shop"], dryRun=True
    )
    status = await ended(ground, "nightly")
    assert status["phase"] == "Completed"
    assert status["message"] == "a dry run: the backup would end Completed"
    assert {"kind": "namespaces", "objects": 1} in [
        {key: one[key] for key in ("kind", "objects")} for one in status["preview"]["kinds"]
    ]
    assert status["preview"]["objects"] == status["progress"]["itemsDone"] > 0
    assert "expiration" not in status
    assert [one async for one in ground.store().list("backups/")] == []


async def test_a_dry_run_tells_how_the_backup_would_end(ground: Ground) -> None:
    await ground.client.create(NAMESPACES, namespace("shop"))
    await ground.vault()
    await ground.create(
        BACKUPS, "n", storageLocation="vault", includedNamespaces=["shop", "gone"], dryRun=True
    )
    status = await ended(ground, "n")
    assert (status["phase"], status["errors"]) == ("Completed", 1)
    assert status["message"] == (
        "a dry run: the backup would end PartiallyFailed: PROCESS velero partially completed: "
        "1 error; the first: gone: "
        "NamespaceMissing: was asked for and does not exist"
    )


async def test_a_dry_run_tells_that_the_name_is_taken(ground: Ground) -> None:
    writer.write(ground.root / "bucket/vault", writer.Backup("nightly", []))
    await ground.vault()
    await ground.create(BACKUPS, "nightly", storageLocation="vault", dryRun=True)
    status = await ended(ground, "nightly")
    assert status["phase"] == "Completed"
    assert status["message"].startswith(
        "a dry run: the backup would end Failed: backup already exists in OSS bucket: BackupExists"
    )
    assert status["preview"]["objects"] > 0


async def test_a_dry_run_tells_that_there_is_no_vault(ground: Ground) -> None:
    await ground.create(BACKUPS, "nightly", storageLocation="nowhere", dryRun=True)
    message = (await ended(ground, "nightly"))["message"]
    assert message.startswith("a dry run: the backup would end Failed: InvalidInput: ")
    assert "no vault is registered as 'nowhere'" in message


async def test_a_dry_run_registers_no_vault(ground: Ground) -> None:
    said = {"name": "vault", "provider": "local", "bucket": "bucket", "prefix": "vault"}
    made = obj("csdr.alibabacloud.com/v1beta1/ApplicationBackup", "csdr/nightly")
    made.meta(annotations={ANNOTATION: json.dumps(said)})
    made.with_(spec={"storageLocation": "vault", "dryRun": True})
    await ground.client.create(BACKUPS, made, namespace="csdr")
    await ground.see(BACKUPS, "nightly")
    assert (await ended(ground, "nightly"))["phase"] == "Completed"
    assert await ground.client.list(LOCATIONS, namespace="csdr") == []


async def test_an_annotation_registers_the_vault_and_the_backup_waits_for_it(
    ground: Ground,
) -> None:
    said = {"name": "vault", "provider": "local", "bucket": "bucket", "prefix": "vault"}
    made = obj("csdr.alibabacloud.com/v1beta1/ApplicationBackup", "csdr/nightly")
    made.meta(annotations={ANNOTATION: json.dumps(said)})
    made.with_(spec={"storageLocation": "vault", "includedNamespaces": ["default"]})
    await ground.client.create(BACKUPS, made, namespace="csdr")
    await ground.see(BACKUPS, "nightly")
    assert (await ended(ground, "nightly"))["phase"] == "Completed"
    assert (await ground.status(LOCATIONS, "vault"))["phase"] == "Available"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param(
            {"includedNamespaces": ["kube-system"]},
            "InvalidInput: spec.includedNamespaces[0]: the namespace 'kube-system' cannot be",
            id="a reserved namespace",
        ),
        pytest.param({"ttl": "3000000h"}, "spec.ttl: '3000000h' is longer", id="too long a time"),
        pytest.param(
            {"storageLocation": "nowhere"}, "no vault is registered as 'nowhere'", id="no vault"
        ),
        pytest.param(
            {"includedNamespaces": ["gone"]}, "get target namespace failed", id="nothing there"
        ),
    ],
)
async def test_a_backup_that_cannot_be_taken_fails_and_leaves_nothing(
    ground: Ground, spec: dict[str, Any], said: str
) -> None:
    await ground.vault()
    await ground.create(BACKUPS, "nightly", **{"storageLocation": "vault", **spec})
    status = await ended(ground, "nightly")
    assert status["phase"] == "Failed"
    assert said in status["message"]
    assert not (ground.root / "bucket/vault/backups").exists()


@pytest.mark.parametrize("trust", [NO_KEY, WITH_KEY], ids=["no key", "a key"])
async def test_a_name_that_a_backup_of_veleros_has_is_refused_before_anything_is_chosen(
    ground: Ground, trust: Trust
) -> None:
    if trust.ring is not None:
        before = await load_keys(ground.client, namespace="csdr")
        await save_ring(ground.client, before, "vault", trust.ring)
    writer.write(ground.root / "bucket/vault", writer.Backup("nightly", []))
    await ground.vault()
    # Choosing would say that this namespace is not there.
    await ground.create(BACKUPS, "nightly", storageLocation="vault", includedNamespaces=["gone"])
    status = await ended(ground, "nightly")
    assert status["phase"] == "Failed"
    assert status["message"].startswith("backup already exists in OSS bucket: BackupExists: ")
    assert "a backup named 'nightly' is in the vault already" in status["message"]
