from typing import Any

from kubeferry.transform.automatic.flexvolume_inline import added, claims
from kubeferry.transform.change import apply_changes
from kubeferry.transform.facts import Facts

POD = ("spec",)
FLEX = {"driver": "alicloud/oss", "options": {"bucket": "b"}, "secretRef": {"name": "key"}}


def pod(*volumes: dict[str, Any], name: str = "a") -> dict[str, Any]:
    listed = [{"name": f"v{number}", "flexVolume": one} for number, one in enumerate(volumes)]
    return {"kind": "Pod", "metadata": {"name": name}, "spec": {"volumes": listed}}


def names(obj: dict[str, Any]) -> list[str]:
    after = apply_changes(obj, claims(Facts(), obj, path=POD))
    return [one["persistentVolumeClaim"]["claimName"] for one in after["spec"]["volumes"]]


def test_what_is_the_same_storage_has_the_same_claim() -> None:
    other = FLEX | {"options": {"bucket": "c"}}
    assert names(pod(FLEX, other)) == [*names(pod(FLEX, name="b")), *names(pod(other))]
    assert len(set(names(pod(FLEX, other)))) == 2


def test_each_namespace_has_a_volume_of_its_own_with_its_own_secret() -> None:
    [(volume_a, claim_a, _)] = added(pod(FLEX), POD, "a")
    [(volume_b, claim_b, _)] = added(pod(FLEX), POD, "b")
    assert claim_a["metadata"]["name"] == claim_b["metadata"]["name"] == names(pod(FLEX))[0]
    assert volume_a["metadata"]["name"] != volume_b["metadata"]["name"]
    secret = volume_b["spec"]["csi"]["nodePublishSecretRef"]
    assert secret == {"name": "key", "namespace": "b"}
    assert volume_a["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
