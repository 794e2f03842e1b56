import json
from dataclasses import replace
from typing import Any

import pytest

from kubeferry.api.location import MESSAGE_LENGTH, MOST_LEFT_OUT
from kubeferry.api.metadata import Metadata
from kubeferry.controller.location import LocationReconciler
from kubeferry.controller.resources import BACKUPS, LOCATIONS
from kubeferry.controller.vaultkeys import load_keys, save_ring
from kubeferry.errors import Invalid, VaultUnavailable
from kubeferry.kube.names import Resource
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.store import Store
from tests.conformance.trust_suite import RING
from tests.unit.controller.conftest import Ground
from tests.unit.vault.archives import pod, write_backup

ROOT = "bucket/vault"


async def look(ground: Ground, reconcile: LocationReconciler) -> float | None:
    """One look at the vault, as after each of its changes."""
    again = await reconcile("vault")
    await ground.see(LOCATIONS, "vault")
    return again


async def test_a_vault_that_works_is_available_and_looked_at_again(ground: Ground) -> None:
    await ground.vault(validationFrequency="5m0s")
    assert await look(ground, LocationReconciler(ground.context)) == 60.0
    assert await ground.status(LOCATIONS, "vault") == {
        "phase": "Available",
        "observedGeneration": 1,
        "lastValidationTime": "2026-01-02T03:04:05Z",
        "lastSyncTime": "2026-01-02T03:04:05Z",
    }
    identity = json.loads((ground.root / ROOT / "metadata/kubeferry-vault.json").read_text())
    assert identity["clusters"]["cluster-1"]["name"] == "unit"
    assert [path.name for path in (ground.root / ROOT / "metadata").iterdir()] == [
        "kubeferry-vault.json"
    ]


@pytest.mark.parametrize(
    ("seconds", "validated", "synced"),
    [
        pytest.param(59, False, False, id="nothing is due"),
        pytest.param(61, False, True, id="new backups are due"),
        pytest.param(301, True, True, id="validation is due"),
    ],
)
async def test_a_vault_is_looked_at_when_that_is_due(
    ground: Ground, seconds: float, validated: bool, synced: bool
) -> None:
    await ground.vault(validationFrequency="5m0s")
    reconcile = LocationReconciler(ground.context)
    await look(ground, reconcile)
    before = await ground.status(LOCATIONS, "vault")
    ground.time.pass_(seconds)
    await look(ground, reconcile)
    after = await ground.status(LOCATIONS, "vault")
    assert (before["lastValidationTime"] != after["lastValidationTime"]) is validated
    assert (before["lastSyncTime"] != after["lastSyncTime"]) is synced


async def test_a_vault_says_how_often_its_backups_are_looked_for(ground: Ground) -> None:
    await ground.vault(backupSyncPeriod="2h0m0s", validationFrequency="1h0m0s")
    assert await look(ground, LocationReconciler(ground.context)) == 3600.0
    reconcile = LocationReconciler(ground.context)
    await look(ground, reconcile)
    ground.time.pass_(3601)
    assert await look(ground, reconcile) == pytest.approx(3599)


async def test_a_vault_that_fails_has_the_storage_s_reason_and_is_not_asked_all_the_time(
    ground: Ground,
) -> None:
    await ground.vault()
    (ground.root / "bucket").parent.mkdir(parents=True)
    (ground.root / "bucket").write_text("a file where a directory should be")
    reconcile = LocationReconciler(ground.context)
    assert await look(ground, reconcile) == 60.0
    status = await ground.status(LOCATIONS, "vault")
    assert status["phase"] == "Unavailable"
    assert str(ground.root / "bucket") in status["message"]
    # Its own change of the status brings it back at once: that must not be another probe.
    ground.time.pass_(5)
    assert await look(ground, reconcile) == 55.0
    assert await ground.status(LOCATIONS, "vault") == status

    (ground.root / "bucket").unlink()
    ground.time.pass_(56)
    await look(ground, reconcile)
    status = await ground.status(LOCATIONS, "vault")
    assert status["phase"] == "Available"
    assert "message" not in status


async def test_a_vault_of_another_region_is_unavailable_until_its_region_is_right(
    ground: Ground,
) -> None:
    metadata = ground.root / ROOT / "metadata"
    metadata.mkdir(parents=True)
    identity = {"region": "here", "created": "2026-01-01T00:00:00Z"}
    (metadata / "kubeferry-vault.json").write_text(json.dumps(identity))
    await ground.vault(config={"region": "there"})
    reconcile = LocationReconciler(ground.context)
    await look(ground, reconcile)
    status = await ground.status(LOCATIONS, "vault")
    assert status["phase"] == "Unavailable"
    assert "created with region 'here', not 'there'" in status["message"]

    right = {"spec": {"config": {"region": "here"}}}
    await ground.client.patch(LOCATIONS, "vault", right, kind="merge", namespace="csdr")
    await ground.see(LOCATIONS, "vault")
    await look(ground, reconcile)
    assert (await ground.status(LOCATIONS, "vault"))["phase"] == "Available"


async def test_a_vault_made_anew_under_its_name_is_looked_at_anew(ground: Ground) -> None:
    await ground.vault()
    reconcile = LocationReconciler(ground.context)
    await look(ground, reconcile)
    await ground.client.delete(LOCATIONS, "vault", namespace="csdr")
    await ground.vault()
    await look(ground, reconcile)
    assert (await ground.status(LOCATIONS, "vault"))["phase"] == "Available"


async def test_a_vault_that_is_gone_is_no_longer_looked_at(ground: Ground) -> None:
    assert await LocationReconciler(ground.context)("unknown") is None


async def test_a_vault_s_backups_appear_when_it_is_initialised(ground: Ground) -> None:
    await write_backup(ground.store(), "nightly", [pod("web")])
    await ground.vault()
    await look(ground, LocationReconciler(ground.context))
    assert (await ground.status(BACKUPS, "nightly"))["phase"] == "Completed"


async def test_a_synced_vault_is_not_synced_again_before_its_time(ground: Ground) -> None:
    await ground.vault()
    reconcile = LocationReconciler(ground.context)
    await look(ground, reconcile)
    await write_backup(ground.store(), "later", [pod("web")])
    await look(ground, reconcile)
    assert await names(ground, BACKUPS) == []
    ground.time.pass_(61)
    await look(ground, reconcile)
    assert await names(ground, BACKUPS) == ["later"]
    assert BackupFacts(name="later").phase == "Completed"


async def names(ground: Ground, resource: Resource) -> list[str]:
    listed = await ground.client.list(resource, namespace="csdr")
    return [one["metadata"]["name"] for one in listed]


async def test_a_phase_says_which_generation_it_is_of(ground: Ground) -> None:
    await ground.vault()
    reconcile = LocationReconciler(ground.context)
    await look(ground, reconcile)
    assert (await ground.status(LOCATIONS, "vault"))["observedGeneration"] == 1
    edit = {"spec": {"config": {"region": "elsewhere"}}}
    await ground.client.patch(LOCATIONS, "vault", edit, kind="merge", namespace="csdr")
    assert (await ground.status(LOCATIONS, "vault"))["observedGeneration"] == 1
    await look(ground, reconcile)
    status = await ground.status(LOCATIONS, "vault")
    assert (status["phase"], status["observedGeneration"]) == ("Unavailable", 2)


async def test_what_is_seen_of_a_vault_is_not_told_of_another_one(ground: Ground) -> None:
    old = await ground.vault()
    await ground.client.delete(LOCATIONS, "vault", namespace="csdr")
    await ground.vault()
    ground.context.locations.objects["vault"] = old  # the cache lags behind
    await LocationReconciler(ground.context)("vault")
    assert await ground.status(LOCATIONS, "vault") == {}


async def test_backups_that_cannot_be_trusted_are_told_in_the_status(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    store = ground.store()
    for number in range(MOST_LEFT_OUT + 2):
        await write_backup(store, f"b-{number:02}", [pod("web")])
    await save_ring(ground.client, await load_keys(ground.client, namespace="csdr"), "vault", RING)
    await ground.vault()
    reconcile = LocationReconciler(ground.context)
    await look(ground, reconcile)
    status = await ground.status(LOCATIONS, "vault")
    assert status["phase"] == "Available"
    assert status["leftOutCount"] == MOST_LEFT_OUT + 2
    assert [one["backup"] for one in status["leftOut"]] == [
        f"b-{number:02}" for number in range(MOST_LEFT_OUT)
    ]
    assert status["leftOut"][0]["message"].startswith("ArchiveUnsigned: ")
    assert len(caplog.records) == MOST_LEFT_OUT + 2
    assert await ground.client.list(BACKUPS, namespace="csdr") == []

    ground.time.pass_(61)
    await look(ground, reconcile)
    assert len(caplog.records) == MOST_LEFT_OUT + 2, "told once, not with each look"

    await save_ring(
        ground.client,
        await load_keys(ground.client, namespace="csdr"),
        "vault",
        replace(RING, allow_unsigned=True),
    )
    ground.time.pass_(61)
    await look(ground, reconcile)
    status = await ground.status(LOCATIONS, "vault")
    assert "leftOut" not in status
    assert "leftOutCount" not in status
    assert len(await ground.client.list(BACKUPS, namespace="csdr")) == MOST_LEFT_OUT + 2


async def test_what_a_storage_says_at_length_does_not_keep_the_status_from_being_written(
    ground: Ground, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(store: Store, **more: object) -> None:
        raise VaultUnavailable("no " * 1000)

    monkeypatch.setattr("kubeferry.controller.location.identify", fails)
    await ground.vault()
    await look(ground, LocationReconciler(ground.context))
    status = await ground.status(LOCATIONS, "vault")
    assert status["phase"] == "Unavailable"
    assert len(status["message"]) == MESSAGE_LENGTH


async def test_what_was_left_out_is_logged_once_though_its_status_cannot_be_written(
    ground: Ground, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ground.root / ROOT / "backups/evil").mkdir(parents=True)
    (ground.root / ROOT / "backups/evil/velero-backup.json").write_text("{")
    await ground.vault()
    reconcile = LocationReconciler(ground.context)
    write = reconcile._patch

    async def refused(about: Metadata, status: dict[str, Any]) -> None:
        if "leftOut" in status:
            raise Invalid("is too long")
        await write(about, status)

    monkeypatch.setattr(reconcile, "_patch", refused)
    for _ in range(2):
        with pytest.raises(Invalid):
            await look(ground, reconcile)
        await ground.see(LOCATIONS, "vault")
    assert len(caplog.records) == 1
