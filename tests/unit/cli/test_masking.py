import base64
import binascii
import json
from typing import Any

import pytest

from kubeferry.cli.masking import LAST_APPLIED, masked, masked_difference
from kubeferry.kube.names import Identity
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
