from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.api.backup import ApplicationBackup, BackupSpec
from kubeferry.api.definition import NOT_TOLD, SYNCED_FROM
from kubeferry.api.metadata import read
from kubeferry.controller.backup import BackupReconciler
from kubeferry.controller.resources import BACKUPS
from kubeferry.controller.sync import sync_backups, write_synced_status
from kubeferry.errors import VaultUnavailable
from kubeferry.kube.objects import Object
from kubeferry.vault import layout
from kubeferry.vault.commit import commit_backup
from kubeferry.vault.metadata import BackupFacts, SourceCluster, backup_document
from kubeferry.vault.store import MOST_BYTES, Store
from tests.builders import obj
from tests.conformance.trust_suite import LENIENT, WITH_KEY
from tests.unit.controller.conftest import Ground
from tests.unit.vault.archives import NO_PROBLEMS, pod, write_archive

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FACTS = BackupFacts(
    name="nightly",
    phase="PartiallyFailed",
    included_namespaces=("shop",),
    ttl="48h0m0s",
    started=NOW,
    completed=NOW + timedelta(seconds=9),
    expiration=NOW + timedelta(hours=48),
    total_items=3,
    items_backed_up=3,
    warnings=1,
    errors=2,
    hooks_attempted=2,
    hooks_failed=1,
    cluster=SourceCluster(name="elsewhere"),
)


async def stored(store: Store, facts: BackupFacts = FACTS) -> BackupFacts:
    archive = await write_archive(store, facts.name, [pod("web")])
    return await commit_backup(store, archive, facts, side=NO_PROBLEMS)


async def backups(ground: Ground) -> dict[str, Object]:
    listed = await ground.client.list(BACKUPS, namespace="csdr")
    return {one["metadata"]["name"]: one for one in listed}


async def test_a_backup_of_the_vault_is_born_as_it_ended(ground: Ground) -> None:
    written = await stored(ground.store())
    assert (await sync_backups(ground.context, "vault", ground.store())).created == 1
    found = (await backups(ground))["nightly"]
    assert found["metadata"]["annotations"] == {SYNCED_FROM: "vault"}
    assert found["metadata"]["labels"] == {"velero.io/storage-location": "vault"}
    assert found["spec"]["storageLocation"] == "vault"
    assert found["spec"]["includedNamespaces"] == ["shop"]
    assert found["spec"]["ttl"] == "48h0m0s"
    assert found["status"] == {
        "phase": "PartiallyFailed",
        "startTimestamp": "2026-01-02T03:04:05Z",
        "completionTimestamp": "2026-01-02T03:04:14Z",
        "expiration": "2026-01-04T03:04:05Z",
        "progress": {"itemsDone": 3, "totalItems": 3},
        "warnings": 1,
        "errors": 2,
        "bytes": written.bytes,
        "sourceCluster": "elsewhere",
        "hooks": {"attempted": 2, "failed": 1},
    }


async def test_a_synced_backup_is_never_run(ground: Ground) -> None:
    await stored(ground.store())
    await sync_backups(ground.context, "vault", ground.store())
    before = await ground.see(BACKUPS, "nightly")
    assert await BackupReconciler(ground.context)("nightly") is None
    assert not ground.context.runner.is_running("applicationbackups/nightly")
    assert await ground.see(BACKUPS, "nightly") == before


async def half_synced(ground: Ground, name: str) -> None:
    """What is there when a controller died between the two writes of a sync."""
    made = obj("csdr.alibabacloud.com/v1beta1/ApplicationBackup", f"csdr/{name}")
    made.with_(spec={"storageLocation": "vault"}).meta(annotations={SYNCED_FROM: "vault"})
    await ground.client.create(BACKUPS, made, namespace="csdr")
    await ground.see(BACKUPS, name)


async def test_a_synced_backup_without_its_status_gets_it(ground: Ground) -> None:
    await ground.vault()
    await stored(ground.store())
    await half_synced(ground, "nightly")
    await BackupReconciler(ground.context)("nightly")
    assert not ground.context.runner.is_running("applicationbackups/nightly")
    assert (await ground.status(BACKUPS, "nightly"))["phase"] == "PartiallyFailed"


async def test_a_synced_status_is_written_to_that_very_object(ground: Ground) -> None:
    await half_synced(ground, "nightly")
    await write_synced_status(ground.context, FACTS, uid="of-one-that-is-gone")
    assert await ground.status(BACKUPS, "nightly") == {}


async def test_a_synced_backup_that_is_not_in_the_vault_says_so(ground: Ground) -> None:
    await ground.vault()
    await half_synced(ground, "nightly")
    await BackupReconciler(ground.context)("nightly")
    status = await ground.status(BACKUPS, "nightly")
    assert status["phase"] == "Failed"
    assert "no finished backup is called 'nightly'" in status["message"]


@pytest.mark.parametrize(
    "phase",
    [
        pytest.param("InProgress", id="it is not finished"),
        pytest.param("WaitingForPluginOperations", id="Velero still works on it"),
        pytest.param("Failed", id="it holds nothing"),
    ],
)
async def test_a_backup_that_cannot_be_restored_does_not_appear(ground: Ground, phase: str) -> None:
    store = ground.store()
    document = backup_document(replace(FACTS, phase=phase))
    await store.put(layout.backup_metadata("nightly"), document)
    assert (await sync_backups(ground.context, "vault", store)).created == 0
    assert await backups(ground) == {}


async def test_what_is_no_backup_keeps_no_other_from_appearing(ground: Ground) -> None:
    store = ground.store()
    await store.put("backups/half/half.tar.gz", b"never finished")
    await store.put("backups/odd/velero-backup.json", b"{")
    await stored(store)
    assert (await sync_backups(ground.context, "vault", store)).created == 1
    assert list(await backups(ground)) == ["nightly"]


async def test_a_name_that_the_cluster_has_is_left_alone(ground: Ground) -> None:
    mine = await ground.create(BACKUPS, "nightly", storageLocation="other")
    await stored(ground.store())
    assert (await sync_backups(ground.context, "vault", ground.store())).created == 0
    ground.context.backups.objects.clear()  # as while the cache lags behind
    assert (await sync_backups(ground.context, "vault", ground.store())).created == 0
    assert (await backups(ground))["nightly"] == mine


ASKED = {
    "includedResources": ["deploy", "*.apps"],
    "excludedResources": ["events"],
    "orLabelSelectors": [{"matchLabels": {"app": "web"}}, {"matchLabels": {"app": "db"}}],
    "resourcePolicy": {"kind": "ConfigMap", "name": "policies"},
    "backupType": "AppAndPvBackup",
    "pvBackup": {"defaultPvBackup": False},
    "generatedObjects": "Include",
    "allVersions": False,
}


async def synced(ground: Ground, **facts: Any) -> Object:
    await stored(ground.store(), replace(FACTS, **facts))
    assert (await sync_backups(ground.context, "vault", ground.store())).created == 1
    return (await backups(ground))["nightly"]


async def test_a_synced_backup_tells_what_was_asked_for(ground: Ground) -> None:
    found = await synced(
        ground, included_namespaces=("shop-*", "web"), excluded_namespaces=("shop-x",), asked=ASKED
    )
    assert NOT_TOLD not in found["metadata"]["annotations"]
    namespaces = {"includedNamespaces": ["shop-*", "web"], "excludedNamespaces": ["shop-x"]}
    expected = {"storageLocation": "vault", "ttl": "48h0m0s", **namespaces, **ASKED}
    told = read(found, ApplicationBackup).spec
    assert told == codec.convert(expected, BackupSpec, place="spec")


async def test_a_velero_backup_s_odd_fields_do_not_keep_it_out(ground: Ground) -> None:
    policy = {"kind": "configmap", "name": "policies", "apiGroup": None}
    found = await synced(
        ground,
        ttl="forever",
        included_namespaces=("shop", "Shop{a,b}"),
        asked={"includedResources": ["deploy", "no kind"], "resourcePolicy": policy},
        written_by="",
    )
    spec = found["spec"]
    assert spec["ttl"] == "720h0m0s"
    assert spec["resourcePolicy"] == {"kind": "configmap", "name": "policies"}
    assert not {"includedNamespaces", "includedResources"} & spec.keys()
    told = found["metadata"]["annotations"][NOT_TOLD]
    assert told == "includedResources, includedNamespaces", "half a list is of another backup"


async def test_fields_that_do_not_go_together_here_do_not_keep_it_out(ground: Ground) -> None:
    asked = {"includedResources": ["po"], "excludedClusterScopedResources": ["pv"]}
    found = await synced(ground, asked=asked)
    assert "includedNamespaces" not in found["spec"]
    assert "includedNamespaces, " in found["metadata"]["annotations"][NOT_TOLD]


async def test_a_backup_whose_name_a_dry_run_has_is_told(ground: Ground) -> None:
    await ground.create(BACKUPS, "nightly", storageLocation="vault", dryRun=True)
    await stored(ground.store())
    synced = await sync_backups(ground.context, "vault", ground.store())
    assert synced.created == 0
    assert synced.left_out["nightly"].problem == "a dry run in the cluster has its name"


class OneBadKey(Store):
    """A vault that cannot give some of its files, as when a policy denies them."""

    def __init__(self, store: Store, *bad: str) -> None:
        self.__dict__.update(store.__dict__)
        self._bad = bad

    async def get(self, key: str, *, limit: int = MOST_BYTES) -> bytes:
        if any(f"/{name}/" in key for name in self._bad):
            raise VaultUnavailable("access denied", place=key)
        return await super().get(key, limit=limit)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'{"a":' * 3000 + b"1" + b"}" * 3000, id="nested too deeply"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(
            backup_document(replace(FACTS, name="bad")).replace(
                b"2026-01-04T03:04:05Z", b"0001-01-01T00:00:00+14:00"
            ),
            id="a date before the first year",
        ),
        pytest.param(
            backup_document(replace(FACTS, name="bad")).replace(
                b"2026-01-04T03:04:05Z", b"9999-12-31T23:59:59-14:00"
            ),
            id="a date after the last year",
        ),
    ],
)
async def test_a_damaged_backup_keeps_no_other_from_appearing(
    ground: Ground, content: bytes
) -> None:
    store = ground.store()
    await store.put("backups/bad/velero-backup.json", content)
    await stored(store)
    assert (await sync_backups(ground.context, "vault", store)).created == 1
    assert list(await backups(ground)) == ["nightly"]


async def test_a_file_that_the_vault_does_not_give_keeps_no_other_backup_from_appearing(
    ground: Ground,
) -> None:
    await stored(ground.store(), replace(FACTS, name="another"))
    await stored(ground.store())
    store = OneBadKey(ground.store(), "another")
    assert (await sync_backups(ground.context, "vault", store)).created == 1
    assert list(await backups(ground)) == ["nightly"]


async def test_a_vault_that_gives_nothing_is_told(ground: Ground) -> None:
    names = [f"backup-{number}" for number in range(6)]
    for name in names:
        await ground.store().put(f"backups/{name}/velero-backup.json", b"{}")
    with pytest.raises(VaultUnavailable, match="access denied"):
        await sync_backups(ground.context, "vault", OneBadKey(ground.store(), *names))


async def test_what_is_not_signed_does_not_appear_where_the_vault_has_a_key(
    ground: Ground,
) -> None:
    store = ground.store()
    await stored(store, replace(FACTS, name="unsigned"))
    await put_velero(store, "veleros")
    store.trust = WITH_KEY
    await stored(store, replace(FACTS, name="signed"))
    await stored(store, replace(FACTS, name="forged"))
    await store.put(layout.checksums("forged"), await store.get(layout.checksums("unsigned")))
    synced = await sync_backups(ground.context, "vault", store)
    assert list(await backups(ground)) == ["signed"]
    assert {name: error.reason for name, error in synced.left_out.items()} == {
        "unsigned": "ArchiveUnsigned",
        "veleros": "ArchiveUnsigned",
        "forged": "ArchiveForged",
    }


async def test_where_unsigned_ones_are_allowed_forged_ones_still_do_not_appear(
    ground: Ground,
) -> None:
    store = ground.store()
    await put_velero(store, "veleros")
    store.trust = WITH_KEY
    await stored(store, replace(FACTS, name="forged"))
    await store.put(layout.checksums("forged"), b'{"algorithm":"sha256","files":{}}')
    store.trust = LENIENT
    synced = await sync_backups(ground.context, "vault", store)
    assert list(await backups(ground)) == ["veleros"]
    assert list(synced.left_out) == ["forged"]


async def test_the_facts_of_a_backup_whose_mark_was_changed_are_not_taken_over(
    ground: Ground,
) -> None:
    store = ground.store()
    written = await stored(store)
    later = replace(written, expiration=NOW + timedelta(days=999))
    await store.put(layout.backup_metadata("nightly"), backup_document(later))
    synced = await sync_backups(ground.context, "vault", store)
    assert (synced.created, await backups(ground)) == (0, {})
    assert synced.left_out["nightly"].reason == "ChecksumMismatch"


async def put_velero(store: Store, name: str) -> None:
    """A backup's mark as Velero leaves it: without checksums, and by no kubeferry."""
    facts = replace(FACTS, name=name, written_by="")
    await store.put(layout.backup_metadata(name), backup_document(facts))
