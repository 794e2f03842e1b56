import base64
import binascii
import json
from typing import Any

import pytest

from kubeferry.cli.masking import (
    CHANGED,
    LAST_APPLIED,
    holds_keys,
    masked,
    masked_difference,
    masked_planned,
)
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.plan_item import PlanItem
from kubeferry.transform.change import Cause, Change
from kubeferry.transform.comparison import compare
from kubeferry.transform.patch.differences import Difference
from kubeferry.transform.patch.pointer import MISSING
from tests.builders import Built, config_map, obj

SECRET = Identity("secrets", "shop", "database")
VALUE = base64.b64encode(b"hunter2").decode()


def secret(**more: Any) -> Built:
    return obj("v1/Secret", "shop/database").with_(**{"data": {"password": VALUE}, **more})


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(secret(), id="its data"),
        pytest.param(secret(stringData={"a": VALUE}), id="data as text"),
        pytest.param(secret().annotate(**{LAST_APPLIED: VALUE}), id="what kubectl applied last"),
        pytest.param(secret(data=VALUE), id="data of another form"),
    ],
)
def test_no_value_of_a_secret_is_shown(one: Built) -> None:
    shown = masked(SECRET, one)
    assert VALUE not in json.dumps(shown)
    assert shown["metadata"]["name"] == "database"
    assert VALUE in json.dumps(one), "the object itself stays as it is"


def test_what_keys_it_has_is_shown() -> None:
    assert masked(SECRET, secret())["data"] == {"password": "(masked)"}


def test_a_masked_value_cannot_be_applied() -> None:
    with pytest.raises(binascii.Error):
        base64.b64decode(masked(SECRET, secret())["data"]["password"], validate=True)


def test_a_secret_that_lies_elsewhere_in_the_archive_is_one() -> None:
    elsewhere = Identity("configmaps", "shop", "database")
    assert VALUE not in json.dumps(masked(elsewhere, secret()))


def test_other_objects_are_shown_as_they_are() -> None:
    one = config_map("shop/database", password=VALUE)
    assert masked(Identity("configmaps", "shop", "database"), one) is one


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(secret(data={"password": "bmV3"}), id="a value"),
        pytest.param(secret(data=None), id="all of them"),
        pytest.param(secret().annotate(**{LAST_APPLIED: VALUE}), id="what was applied last"),
        pytest.param(
            secret().annotate(**{LAST_APPLIED: VALUE, "a": "b"}).label(x="y"), id="annotations"
        ),
        pytest.param(secret(metadata=None), id="the metadata"),
    ],
)
def test_differences_of_secrets_show_no_values(other: Built) -> None:
    for old, new in ((secret(), other), (other, secret())):
        found = [masked_difference(one) for one in compare(old, new)]
        assert found
        assert VALUE not in repr(found)


def test_what_is_no_value_is_told() -> None:
    for pointer in ("/type", "/metadata/labels/a", "/metadata/annotations/a"):
        one = Difference(pointer, MISSING, "b")
        assert masked_difference(one) == one


def planned(*changes: Change) -> PlanItem:
    resource = Resource("", "v1", "secrets", "Secret", True)
    return PlanItem(SECRET, SECRET, resource, "create", changes=changes)


def by_rule(pointer: str, value: Any) -> Change:
    return Change(pointer, MISSING, value, Cause("modifier", "rule 1"))


@pytest.mark.parametrize(
    ("pointer", "obj_"),
    [
        pytest.param(
            "/metadata/annotations/copy", secret().annotate(copy=VALUE), id="an annotation"
        ),
        pytest.param("/metadata/labels", secret().label(copy=VALUE), id="all labels"),
        pytest.param("/list/0", secret(list=[VALUE, "x"]), id="an element of a list"),
        pytest.param("", secret(other=VALUE), id="the whole object"),
        pytest.param("/gone", secret(), id="nowhere any more"),
    ],
)
def test_a_value_that_a_rule_put_somewhere_else_is_masked_there(pointer: str, obj_: Built) -> None:
    shown = masked_planned(planned(by_rule(pointer, VALUE)), obj_)
    assert VALUE not in json.dumps(shown)
    assert shown["metadata"]["name"] == "database"


def test_what_another_value_takes_the_place_of_says_that_it_changed() -> None:
    before = secret(data={"password": "b2xk", "same": "eA=="})
    after = secret(data={"password": VALUE, "same": "eA==", "new": "eQ=="})
    shown = masked_planned(planned(), after, before=before)
    assert shown["data"] == {"password": CHANGED, "same": "(masked)", "new": "(masked)"}


def test_keys_of_a_storage_are_masked_wherever_a_volume_holds_them() -> None:
    volume = obj("v1/PersistentVolume", "pv").with_(
        spec={"csi": {"volumeAttributes": {"akId": "id", "akSecret": VALUE, "path": "/"}}}
    )
    identity = Identity("persistentvolumes", "", "pv")
    item = PlanItem(identity, identity, None, "create")
    shown = masked_planned(item, volume)
    attributes = shown["spec"]["csi"]["volumeAttributes"]
    assert attributes == {"akId": "(masked)", "akSecret": "(masked)", "path": "/"}
    assert holds_keys(volume)
    assert not holds_keys(config_map("shop/menu", tea="3"))
