import asyncio
from dataclasses import replace
from typing import Any

import pytest

from kubeferry.api.definition import SYNCED_FROM
from kubeferry.controller.location import LocationReconciler
from kubeferry.controller.resources import BACKUPS, LOCATIONS, NAMESPACES, RESTORES
from kubeferry.controller.restore import MAX_RULES, RestoreReconciler, told_rules
from kubeferry.controller.vaultkeys import load_keys, save_ring
from kubeferry.errors import NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object
from kubeferry.transform.modifiers.counts import RuleCount
from kubeferry.vault import layout
from kubeferry.vault.writer import Entry
from tests.builders import Built, config_map, obj, pod
from tests.conformance.trust_suite import RING, WITH_KEY
from tests.unit.controller.conftest import Ground
from tests.unit.vault.archives import write_backup

MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
PODS = Resource("", "v1", "pods", "Pod", True)
WEB = Entry("pods", "v1", "v1/Pod", "default", "web", pod("default/web").json)
RULES = """version: v1
resourceModifierRules:
- conditions: {groupResource: pods}
  patches:
  - {operation: add, path: /metadata/annotations, value: '{"by":"rule"}'}
"""


async def vaults(ground: Ground, *names: str) -> None:
    """Registered vaults that were looked at and whose backups were not synced since."""
    for name in names:
        await ground.vault(name, backupSyncPeriod="24h0m0s")
        await LocationReconciler(ground.context)(name)
        await ground.see(LOCATIONS, name)


async def ended(ground: Ground, name: str) -> dict[str, Any]:
    """Reconciles a restore until its work is over; its status."""
    reconcile = RestoreReconciler(ground.context)
    await ground.see(RESTORES, name)
    async with asyncio.timeout(10):
        await reconcile(name)
        while ground.context.runner.is_running(f"applicationrestores/{name}"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return await ground.status(RESTORES, name)


async def restored(ground: Ground, **spec: Any) -> dict[str, Any]:
    await ground.create(RESTORES, "back", **{"backupName": "nightly", **spec})
    return await ended(ground, "back")


async def known_backup(ground: Ground, *, phase: str = "", **annotations: str) -> None:
    """A backup object in the cluster, with or without a status."""
    made = obj("csdr.alibabacloud.com/v1beta1/ApplicationBackup", "csdr/nightly")
    made.with_(spec={"storageLocation": "vault"}).meta(annotations=annotations)
    await ground.client.create(BACKUPS, made, namespace="csdr")
    if phase:
        status = {"status": {"phase": phase}}
        await ground.client.patch(
            BACKUPS, "nightly", status, kind="merge", namespace="csdr", subresource="status"
        )


async def test_a_backup_that_was_not_synced_yet_is_looked_for_in_every_vault(
    ground: Ground,
) -> None:
    await vaults(ground, "empty", "vault")
    await write_backup(ground.store(), "nightly", [WEB])
    status = await restored(ground, namespaceMapping={"default": "shop"})
    assert status["phase"] == "Completed", status
    assert (await ground.client.get(PODS, "web", namespace="shop"))["metadata"]["name"] == "web"
    synced = await ground.see(BACKUPS, "nightly")
    assert synced["metadata"]["annotations"] == {SYNCED_FROM: "vault"}
    assert synced["status"]["phase"] == "Completed"


async def test_a_backup_that_is_just_appearing_is_as_good_as_there(ground: Ground) -> None:
    await vaults(ground, "vault")
    await write_backup(ground.store(), "nightly", [WEB])
    await known_backup(ground, **{SYNCED_FROM: "vault"})
    assert (await restored(ground))["phase"] == "Completed"


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        pytest.param("", "backup 'nightly' is not started", id="it has not begun"),
        pytest.param("InProgress", "backup 'nightly' is InProgress", id="it is being taken"),
        pytest.param("Failed", "backup 'nightly' is Failed", id="it failed"),
    ],
)
async def test_a_backup_of_the_cluster_that_did_not_end_well_is_refused(
    ground: Ground, phase: str, said: str
) -> None:
    await vaults(ground, "vault")
    await known_backup(ground, phase=phase)
    status = await restored(ground)
    assert status["phase"] == "Failed"
    assert f"spec.backupName: {said}" in status["message"]


async def test_a_backup_that_is_nowhere_is_told_with_where_it_was_looked_for(
    ground: Ground,
) -> None:
    await vaults(ground, "one", "two")
    status = await restored(ground)
    assert status["phase"] == "Failed"
    assert (
        "spec.backupName: no finished backup is called 'nightly' in vault one, two"
        in (status["message"])
    )


async def test_without_a_vault_that_is_told(ground: Ground) -> None:
    assert "no vault: none is registered" in (await restored(ground))["message"]


def modifier(rules: str = RULES) -> Built:
    made = config_map("csdr/my-resource-modifier")
    return made.with_(data={"modifier": rules})


REFERENCE = {"kind": "ConfigMap", "name": "my-resource-modifier"}


async def test_rules_are_applied_and_their_digest_is_told(ground: Ground) -> None:
    await vaults(ground, "vault")
    await write_backup(ground.store(), "nightly", [WEB])
    await ground.client.create(MAPS, modifier(), namespace="csdr")
    status = await restored(ground, resourceModifier=REFERENCE)
    assert status["phase"] == "Completed", status
    assert len(status["resourceModifierDigest"]) == 64
    assert status["rules"] == [
        {"title": "rule 1 (pods)", "objects": 1, "operations": 1, "failed": 0, "skipped": 0}
    ]
    made = await ground.client.get(PODS, "web", namespace="default")
    assert made["metadata"]["annotations"] == {"by": "rule"}


async def test_a_rule_that_aborts_ends_the_restore_before_anything_is_written(
    ground: Ground,
) -> None:
    rules = """version: v2
resourceModifierRules:
- name: strict
  conditions: {groupResource: pods}
  patches: [{operation: remove, path: /spec/missing}]
  onError: abort
"""
    await vaults(ground, "vault")
    await write_backup(ground.store(), "nightly", [WEB])
    await ground.client.create(MAPS, modifier(rules), namespace="csdr")
    status = await restored(ground, resourceModifier=REFERENCE)
    assert status["phase"] == "Failed"
    assert status["message"].startswith(
        "ModifierAborts: Pod default/web: rule 1 strict (pods): patch 1 (remove /spec/missing)"
    )
    assert await ground.client.list(PODS, namespace="default") == []


def test_of_many_rules_those_of_interest_are_told() -> None:
    rules = [RuleCount(f"rule {n}", 1, 1) for n in range(1, 200)]
    rules[150] = RuleCount("rule 151")
    rules[160] = RuleCount("rule 161", 2, 1, failed=1)
    told = [one["title"] for one in told_rules(rules)]
    assert len(told) == MAX_RULES
    assert told[-2:] == ["rule 151", "rule 161"]


async def test_an_interrupted_restore_does_not_go_on_by_other_rules(ground: Ground) -> None:
    await vaults(ground, "vault")
    await write_backup(ground.store(), "nightly", [WEB])
    await ground.client.create(MAPS, modifier(), namespace="csdr")
    await ground.create(RESTORES, "back", backupName="nightly", resourceModifier=REFERENCE)
    begun = {"status": {"phase": "InProgress", "resourceModifierDigest": "0" * 64}}
    await ground.client.patch(
        RESTORES, "back", begun, kind="merge", namespace="csdr", subresource="status"
    )
    status = await ended(ground, "back")
    assert status["phase"] == "Failed"
    assert "the modifier was changed while the restore was interrupted" in status["message"]
    pods = await ground.client.list(PODS, namespace="default")
    assert pods == []


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param(
            {"namespaceMapping": {"default": "kube-system"}},
            "spec.namespaceMapping.default: the target 'kube-system' is a reserved namespace",
            id="into a reserved namespace",
        ),
        pytest.param(
            {"resourceModifier": REFERENCE},
            "there is no ConfigMap csdr/my-resource-modifier",
            id="by rules there are not",
        ),
        pytest.param(
            {"imageRegistryMapping": {"a b": "c"}},
            "spec.imageRegistryMapping",
            id="with images that are none",
        ),
    ],
)
async def test_a_restore_that_cannot_be_is_refused_before_anything_is_done(
    ground: Ground, spec: dict[str, Any], said: str
) -> None:
    await vaults(ground, "vault")
    await write_backup(ground.store(), "nightly", [WEB])
    status = await restored(ground, **spec)
    assert status["phase"] == "Failed"
    assert said in status["message"]
    assert not (ground.root / "bucket/vault/restores").exists()


async def test_a_modifier_that_does_not_parse_is_refused_by_its_place(ground: Ground) -> None:
    await vaults(ground, "vault")
    await write_backup(ground.store(), "nightly", [WEB])
    await ground.client.create(MAPS, modifier("version: v1\nrules: ["), namespace="csdr")
    status = await restored(ground, resourceModifier=REFERENCE)
    assert status["phase"] == "Failed"
    assert status["message"].startswith("InvalidModifier: configmap csdr/my-resource-modifier")


async def test_a_backup_that_several_vaults_have_is_not_guessed(ground: Ground) -> None:
    await vaults(ground, "a", "b", "c")
    for name in ("a", "c"):
        await write_backup(ground.store(name), "nightly", [WEB])
    status = await restored(ground)
    assert status["phase"] == "Failed"
    assert "spec.backupName: 'nightly' is in several vaults: a, c" in status["message"]
    assert await ground.client.list(PODS, namespace="default") == []


async def test_a_vault_that_cannot_be_asked_keeps_no_other_from_being_asked(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    await vaults(ground, "a", "b")
    damaged = ground.root / "bucket/a/backups/nightly"
    damaged.mkdir(parents=True)
    (damaged / "velero-backup.json").write_text("no JSON")
    await write_backup(ground.store("b"), "nightly", [WEB])
    assert (await restored(ground))["phase"] == "Completed"
    assert "vault a was not asked" in caplog.text


async def test_a_backup_may_be_in_a_vault_that_does_not_answer(ground: Ground) -> None:
    await vaults(ground, "a")
    (ground.root / "bucket/b").write_text("a file where a directory should be")
    await vaults(ground, "b")
    status = await restored(ground)
    assert status["phase"] == "Failed"
    assert status["message"].startswith(
        "VaultError: backup vault is unavailable: VaultUnavailable: spec.backupName: no finished"
    )
    assert "vault b was not asked" in status["message"]


class Racing(Client):
    """A client whose restore is deleted and made anew while its rules are read."""

    async def get(self, resource: Resource, name: str, **more: Any) -> Object:
        found = await super().get(resource, name, **more)
        if resource == MAPS:
            await self.delete(RESTORES, "back", namespace="csdr")
            made = obj("csdr.alibabacloud.com/v1beta1/ApplicationRestore", "csdr/back")
            made.with_(spec={"backupName": "another"})
            await self.create(RESTORES, made, namespace="csdr")
        return found


async def test_what_is_done_is_told_to_no_other_restore_of_its_name(ground: Ground) -> None:
    await vaults(ground, "vault")
    await write_backup(ground.store(), "nightly", [WEB])
    await ground.client.create(MAPS, modifier(), namespace="csdr")
    await ground.create(RESTORES, "back", backupName="nightly", resourceModifier=REFERENCE)
    key = "applicationrestores/back"
    async with Racing(ground.client.config) as client:
        context = replace(ground.context, client=client)
        await RestoreReconciler(context)("back")
        async with asyncio.timeout(10):
            while ground.context.runner.is_running(key):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert await ground.status(RESTORES, "back") == {}
    assert await ground.client.list(PODS, namespace="default") == []


@pytest.mark.parametrize("is_known", [True, False], ids=["synced before", "not synced"])
async def test_a_forged_backup_is_refused_before_anything_is_restored(
    ground: Ground, is_known: bool
) -> None:
    before = await load_keys(ground.client, namespace="csdr")
    await save_ring(ground.client, before, "vault", RING)
    await vaults(ground, "empty", "vault")
    store = ground.store()
    store.trust = WITH_KEY
    await write_backup(store, "nightly", [WEB])
    await write_backup(store, "other", [WEB])
    if is_known:
        await known_backup(ground, phase="Completed", **{SYNCED_FROM: "vault"})
    await store.put(layout.checksums("nightly"), await store.get(layout.checksums("other")))
    status = await restored(ground, namespaceMapping={"default": "shop"})
    assert status["phase"] == "Failed"
    assert status["message"].startswith("ArchiveForged: ")
    assert layout.signature("nightly") in status["message"]
    with pytest.raises(NotFound):
        await ground.client.get(NAMESPACES, "shop")
