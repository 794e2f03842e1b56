from typing import Any

import msgspec
import pytest

from kubeferry.backup.related import BoundClaim, bound_claim, volume_facts, volume_info
from tests.builders import Built, obj


def claim(phase: str, **spec: Any) -> Built:
    return obj("v1/PersistentVolumeClaim", "shop/data").with_(spec=spec, status={"phase": phase})


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        pytest.param(
            claim("Bound", volumeName="disk"), BoundClaim("shop", "data", "disk"), id="bound"
        ),
        pytest.param(claim("Pending"), None, id="pending"),
        pytest.param(claim("Pending", volumeName="disk"), None, id="waiting for its volume"),
        pytest.param(claim("Lost", volumeName="disk"), None, id="its volume is lost"),
        pytest.param(claim("Bound"), None, id="bound to nothing"),
        pytest.param(obj("v1/PersistentVolumeClaim", "shop/data"), None, id="no spec, no status"),
    ],
)
def test_data_is_behind_a_bound_claim_alone(given: Built, bound: BoundClaim | None) -> None:
    assert bound_claim(given.json) == bound


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        pytest.param(True, "kubeferry takes no volume data yet", id="asked for"),
        pytest.param(False, "volume data was not asked for", id="not asked for"),
    ],
)
def test_a_claim_without_data_is_recorded_with_the_reason(asked: bool, reason: str) -> None:
    spec = {"persistentVolumeReclaimPolicy": "Retain"}
    volume = obj("v1/PersistentVolume", "disk").label(tier="fast").with_(spec=spec)
    facts = volume_facts(volume)
    assert volume_info(BoundClaim("shop", "data", "disk"), asked=asked, volume=facts) == {
        "pvcName": "data",
        "pvcNamespace": "shop",
        "pvName": "disk",
        "snapshotDataMoved": False,
        "preserveLocalSnapshot": False,
        "skipped": True,
        "skippedReason": reason,
        "pvInfo": {"reclaimPolicy": "Retain", "labels": {"tier": "fast"}},
    }


def test_a_volume_that_is_gone_leaves_out_what_is_known_of_it() -> None:
    info = volume_info(BoundClaim("shop", "data", "disk"), asked=True, volume=None)
    assert "pvInfo" not in info


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(claim("Bound", volumeName={}).json, id="a volume's name that is a map"),
        pytest.param(
            b'{"metadata":{"name":"a","namespace":"b"},"x":' + b"[" * 3000 + b"]" * 3000 + b"}",
            id="nested too deeply",
        ),
    ],
)
def test_what_is_no_claim_is_a_decode_error(given: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        bound_claim(given)
