from typing import Any

import pytest

from kubeferry.transform.automatic.flexvolume import storage_class, volume
from kubeferry.transform.change import apply_changes
from kubeferry.transform.facts import Facts


def converted(flex: dict[str, Any], **about: Any) -> dict[str, Any]:
    obj = {"metadata": {"name": "v", **about}, "spec": {"flexVolume": flex}}
    after = apply_changes(obj, volume(Facts(), obj))
    assert "flexVolume" not in after["spec"]
    return after


@pytest.mark.parametrize(
    ("options", "mounted"),
    [
        pytest.param({}, ["nolock,tcp,noresvport", "vers=3"], id="nothing is written"),
        pytest.param({"vers": "3.0"}, ["nolock,tcp,noresvport", "vers=3"], id="3.0 is 3"),
        pytest.param({"vers": "4.0"}, ["noresvport", "vers=4.0"], id="4.0 needs less"),
        pytest.param({"vers": "4"}, ["noresvport", "vers=4.0"], id="4 is 4.0"),
        pytest.param({"vers": "4.1"}, ["noresvport", "vers=4.1"], id="4.1"),
        pytest.param({"options": "ro"}, ["ro", "vers=3"], id="options of its own"),
        pytest.param({"options": "None"}, ["vers=3"], id="none at all, on purpose"),
    ],
)
def test_a_file_system_is_mounted_as_before(options: dict[str, str], mounted: list[str]) -> None:
    flex = {"driver": "alicloud/nas", "options": {"server": "nas", **options}}
    assert converted(flex)["spec"]["mountOptions"] == mounted


def test_a_disk_is_found_by_its_id_or_else_by_the_volume_s_name() -> None:
    for options, handle in (({"volumeId": "d-1"}, "d-1"), ({"VolumeId": "d-2"}, "d-2"), ({}, "v")):
        flex = {"driver": "alicloud/disk", "options": options}
        assert converted(flex)["spec"]["csi"]["volumeHandle"] == handle


def test_a_disk_in_several_zones_may_be_attached_in_each() -> None:
    zones = {"failure-domain.beta.kubernetes.io/zone": "b__c"}
    after = converted({"driver": "alicloud/disk", "options": {"volumeId": "d"}}, labels=zones)
    [term] = after["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["b", "c"]
    assert after["metadata"]["labels"] == {}


@pytest.mark.parametrize(
    "obj",
    [
        pytest.param({"spec": {"flexVolume": {"driver": "x/y", "options": {}}}}, id="another's"),
        pytest.param({"spec": {"flexVolume": {"driver": ["alicloud/nas"]}}}, id="no driver's name"),
        pytest.param({"spec": {"csi": {"driver": "x"}}}, id="a CSI volume"),
        pytest.param({"spec": None}, id="nothing"),
    ],
)
def test_what_is_none_of_these_drivers_stays(obj: dict[str, Any]) -> None:
    assert volume(Facts(), {"metadata": {"name": "v"}, **obj}) == []


def test_a_class_of_another_provisioner_stays() -> None:
    obj = {"provisioner": "example.com/disk", "parameters": {"zoneid": "b"}}
    assert storage_class(Facts(), obj) == []
