from dataclasses import replace

import pytest

from kubeferry.api.labels import Labels
from kubeferry.backup.labels import compile_labels
from kubeferry.backup.policies import parse_policies
from kubeferry.backup.volume_facts import Claim, Mount, Volume
from kubeferry.backup.volume_selection import VolumeChoice, VolumeSelection

CLAIM = Claim("shop", "data", {"app": "web"}, "fast", "Bound", "pv-1")
VOLUME = Volume("pv-1", storage_class="fast", source="nfs")
WEB = compile_labels([Labels(match_labels={"app": "web"})], place="x")
DB = compile_labels([Labels(match_labels={"app": "db"})], place="x")
EVERYONE = VolumeSelection()


def with_policy(action: str, source: str = "nfs") -> VolumeSelection:
    text = (
        "version: v1\n"
        "volumePolicies:\n"
        f"- conditions: {{volumeTypes: [{source}]}}\n"
        f"  action: {{type: {action}}}\n"
    )
    return VolumeSelection(policies=parse_policies({"policy": text}, place="x"))


@pytest.mark.parametrize(
    ("selection", "claim", "mount", "reason"),
    [
        pytest.param(EVERYONE, CLAIM, Mount.MOUNTED, "", id="a mounted one"),
        pytest.param(
            EVERYONE, CLAIM, Mount.NONE, "no pod mounts the claim", id="one that no pod mounts"
        ),
        pytest.param(
            VolumeSelection(mounted_only=False), CLAIM, Mount.NONE, "", id="mounted or not"
        ),
        pytest.param(
            EVERYONE, replace(CLAIM, phase="Pending"), Mount.MOUNTED,
            "the claim is not bound to a volume", id="one that waits",
        ),
        pytest.param(
            EVERYONE, replace(CLAIM, phase="Lost"), Mount.MOUNTED,
            "the claim is not bound to a volume", id="one whose volume is lost",
        ),
        pytest.param(
            EVERYONE, replace(CLAIM, labels={"velero.io/exclude-from-backup": "true"}),
            Mount.MOUNTED, "the claim has the label velero.io/exclude-from-backup=true",
            id="one that is labelled out",
        ),
        pytest.param(
            VolumeSelection(classes=frozenset({"fast", "b"})), CLAIM, Mount.MOUNTED, "",
            id="of a class that is asked for",
        ),
        pytest.param(
            VolumeSelection(classes=frozenset({"b"})), CLAIM, Mount.MOUNTED,
            "storage class fast is not among pvBackup.includedStorageClasses", id="of another",
        ),
        pytest.param(
            VolumeSelection(classes=frozenset({"fast"})), replace(CLAIM, storage_class=""),
            Mount.MOUNTED, "", id="of no class, but its volume is",
        ),
        pytest.param(VolumeSelection(labels=WEB), CLAIM, Mount.MOUNTED, "", id="with its label"),
        pytest.param(
            VolumeSelection(labels=DB), CLAIM, Mount.MOUNTED,
            "none of pvBackup.labelSelectors selects the claim", id="without the label",
        ),
    ],
)  # fmt: skip
def test_which_claims_a_backup_selects(
    selection: VolumeSelection, claim: Claim, mount: Mount, reason: str
) -> None:
    assert selection.refuses(claim, VOLUME, mount) == reason
    assert selection.choose(claim, VOLUME, mount) == VolumeChoice(not reason, reason=reason)


def test_a_claim_without_a_class_whose_volume_is_gone() -> None:
    selection = VolumeSelection(classes=frozenset({"fast"}))
    claim = replace(CLAIM, storage_class="")
    assert selection.refuses(claim, None, Mount.MOUNTED).startswith("claim without a class")


def test_a_backup_without_data_selects_claims_all_the_same() -> None:
    selection = VolumeSelection(refusal="spec.backupType is AppBackup")
    assert selection.refuses(CLAIM, VOLUME, Mount.MOUNTED) == ""
    for mount in Mount:
        chosen = selection.choose(CLAIM, VOLUME, mount)
        assert chosen == VolumeChoice(False, reason="spec.backupType is AppBackup")


@pytest.mark.parametrize(
    ("selection", "mount", "expected"),
    [
        pytest.param(EVERYONE, Mount.MOUNTED, VolumeChoice(True), id="nobody says anything"),
        pytest.param(
            EVERYONE,
            Mount.ASKED,
            VolumeChoice(
                True, "fs-backup", "the annotation backup.velero.io/backup-volumes of a pod"
            ),
            id="a pod asks for it",
        ),
        pytest.param(
            EVERYONE,
            Mount.REFUSED,
            VolumeChoice(
                False, reason="the annotation backup.velero.io/backup-volumes-excludes of its pods"
            ),
            id="its pods leave it out",
        ),
        pytest.param(
            with_policy("skip"),
            Mount.ASKED,
            VolumeChoice(False, reason="volume policy 1: skip"),
            id="a policy that skips beats a pod that asks",
        ),
        pytest.param(
            with_policy("snapshot"),
            Mount.REFUSED,
            VolumeChoice(True, "snapshot", "volume policy 1: snapshot"),
            id="a policy that takes beats a pod that leaves out",
        ),
        pytest.param(
            with_policy("fs-backup"),
            Mount.MOUNTED,
            VolumeChoice(True, "fs-backup", "volume policy 1: fs-backup"),
            id="a policy says how",
        ),
        pytest.param(
            with_policy("custom"),
            Mount.MOUNTED,
            VolumeChoice(False, reason="volume policy 1: custom, which others take"),
            id="a policy leaves it to others",
        ),
        pytest.param(
            with_policy("skip", "csi"), Mount.MOUNTED, VolumeChoice(True), id="no policy matches"
        ),
        pytest.param(
            replace(with_policy("snapshot"), mounted_only=True),
            Mount.NONE,
            VolumeChoice(False, reason="no pod mounts the claim"),
            id="a policy does not ask for what the backup does not select",
        ),
    ],
)
def test_what_becomes_of_the_data(
    selection: VolumeSelection, mount: Mount, expected: VolumeChoice
) -> None:
    assert selection.choose(CLAIM, VOLUME, mount) == expected
