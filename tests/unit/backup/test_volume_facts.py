import msgspec
import pytest

from kubeferry.backup.volume_facts import Claim, Mount, Volume, mounts_of, read_claim, read_volume
from tests.builders import Built, obj


def claim(**spec: object) -> Built:
    return obj("v1/PersistentVolumeClaim", "shop/data").with_(spec=spec)


def volume(**spec: object) -> Built:
    return obj("v1/PersistentVolume", "pv-1").with_(spec=spec)


def pod(*volumes: dict[str, object], asked: str = "", refused: str = "") -> Built:
    made = obj("v1/Pod", "shop/web-0").with_(spec={"volumes": list(volumes)})
    if asked:
        made["metadata"].setdefault("annotations", {})["backup.velero.io/backup-volumes"] = asked
    if refused:
        key = "backup.velero.io/backup-volumes-excludes"
        made["metadata"].setdefault("annotations", {})[key] = refused
    return made


DATA = {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}
LOGS = {"name": "l", "persistentVolumeClaim": {"claimName": "logs"}}
SCRATCH = {"name": "s", "ephemeral": {"volumeClaimTemplate": {}}}
CACHE = {"name": "c", "emptyDir": {}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(claim(), Claim("shop", "data"), id="a claim that waits"),
        pytest.param(
            claim(volumeName="pv-1", storageClassName="fast")
            .label(app="web")
            .with_(status={"phase": "Bound"}),
            Claim("shop", "data", {"app": "web"}, "fast", "Bound", "pv-1"),
            id="a bound one",
        ),
        pytest.param(
            claim()
            .annotate(volume_beta_kubernetes_io__storage_class="x")
            .meta(annotations={"volume.beta.kubernetes.io/storage-class": "old"}),
            Claim("shop", "data", storage_class="old"),
            id="its class in the old annotation",
        ),
    ],
)
def test_a_claim_is_read_from_its_bytes(given: Built, expected: Claim) -> None:
    assert read_claim(given.json) == expected


@pytest.mark.parametrize(
    ("phase", "name", "bound"),
    [
        ("Bound", "pv-1", True),
        ("Bound", "", False),
        ("Pending", "pv-1", False),
        ("Lost", "pv-1", False),
    ],
)
def test_a_claim_is_bound_when_there_is_data_behind_it(phase: str, name: str, bound: bool) -> None:
    assert Claim("shop", "data", phase=phase, volume=name).is_bound is bound


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            volume(
                capacity={"storage": "10Gi"},
                persistentVolumeReclaimPolicy="Delete",
                storageClassName="fast",
                csi={"driver": "disk", "volumeHandle": "d-1"},
            ),
            Volume(
                "pv-1",
                reclaim_policy="Delete",
                capacity="10Gi",
                storage_class="fast",
                source="csi",
                details={"driver": "disk", "volumeHandle": "d-1"},
            ),
            id="csi",
        ),
        pytest.param(
            volume(nfs={"server": "s", "path": "/p"}).label(tier="gold"),
            Volume("pv-1", {"tier": "gold"}, source="nfs", details={"server": "s", "path": "/p"}),
            id="nfs, with labels",
        ),
        pytest.param(volume(), Volume("pv-1"), id="of no known source"),
    ],
)
def test_a_volume_is_read_from_its_bytes(given: Built, expected: Volume) -> None:
    assert read_volume(given.json) == expected


@pytest.mark.parametrize("raw", [b"[]", b'{"metadata": {}}', b'{"metadata": {"name": 1}}'])
def test_what_is_no_claim_and_no_volume_is_an_error(raw: bytes) -> None:
    for read in (read_claim, read_volume):
        with pytest.raises(msgspec.DecodeError):
            read(raw)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(pod(), {}, id="no volumes"),
        pytest.param(pod(CACHE), {}, id="no claims"),
        pytest.param(pod(DATA, LOGS), {"data": Mount.MOUNTED, "logs": Mount.MOUNTED}, id="claims"),
        pytest.param(pod(SCRATCH), {"web-0-s": Mount.MOUNTED}, id="one made for the pod alone"),
        pytest.param(
            pod(DATA, LOGS, asked="d"),
            {"data": Mount.ASKED, "logs": Mount.MOUNTED},
            id="annotations name volumes, not claims",
        ),
        pytest.param(
            pod(DATA, LOGS, SCRATCH, refused="l, s,c,unknown"),
            {"data": Mount.MOUNTED, "logs": Mount.REFUSED, "web-0-s": Mount.REFUSED},
            id="several are left out",
        ),
        pytest.param(
            pod(DATA, asked="d", refused="d"), {"data": Mount.ASKED}, id="asked for beats left out"
        ),
    ],
)
def test_what_a_pod_says_of_claims(given: Built, expected: dict[str, Mount]) -> None:
    assert mounts_of(given) == expected


def test_of_several_pods_the_one_that_wants_the_data_counts() -> None:
    said = [Mount.REFUSED, Mount.MOUNTED]
    assert max(said) is Mount.MOUNTED
    assert max([*said, Mount.ASKED]) is Mount.ASKED
    assert max([Mount.NONE, Mount.REFUSED]) is Mount.REFUSED
