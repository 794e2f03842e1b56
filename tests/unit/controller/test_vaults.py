import base64
import json
from typing import Any

import pytest

from kubeferry.api.location import ANNOTATION, BackupLocation
from kubeferry.api.metadata import Metadata, read
from kubeferry.controller.resources import LOCATIONS, SECRETS
from kubeferry.controller.vaults import (
    find_credentials,
    open_registered,
    register_annotated,
)
from kubeferry.errors import InvalidInput, VaultMismatch, VaultUnavailable
from kubeferry.vault.locations import Credentials
from tests.builders import obj
from tests.unit.controller.conftest import Ground

SAID = {"name": "vault", "provider": "aws", "bucket": "b-1", "prefix": "sub", "region": "r-1"}
PROFILE = "[default]\naws_access_key_id = id\naws_secret_access_key = key\n"


def annotated(**fields: Any) -> Metadata:
    text = json.dumps({**SAID, **fields})
    return Metadata(name="task", annotations={ANNOTATION: text})


async def register(ground: Ground, metadata: Metadata, *, used: str = "") -> str | None:
    return await register_annotated(ground.client, metadata, namespace="csdr", used=used)


async def secret(ground: Ground, name: str, **data: str) -> None:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    made = obj("v1/Secret", f"csdr/{name}").with_(data=encoded)
    await ground.client.create(SECRETS, made, namespace="csdr")


async def test_an_annotation_registers_its_vault_once(ground: Ground) -> None:
    assert await register(ground, annotated(), used="vault") == "vault"
    assert await register(ground, annotated()) == "vault"
    found = await ground.client.get(LOCATIONS, "vault", namespace="csdr")
    spec = read(found, BackupLocation).spec
    assert (spec.provider, spec.object_storage.bucket) == ("aws", "b-1")
    assert (spec.object_storage.prefix, spec.config.region) == ("sub", "r-1")
    assert spec.config.network == "internal"
    assert await register(ground, Metadata(name="task")) is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"bucket": "b-2"}, "bucket is 'b-1' there and 'b-2' in", id="bucket"),
        pytest.param({"prefix": "x"}, "prefix is 'sub' there and 'x' in", id="prefix"),
        pytest.param({"region": "r-2"}, "region is 'r-1' there and 'r-2' in", id="region"),
        pytest.param({"network": "public"}, "network is 'internal' there", id="network"),
        pytest.param({"provider": "alibabacloud"}, "provider is 'aws' there", id="provider"),
        pytest.param({"endpoint": "https://x"}, "endpoint is '' there", id="endpoint"),
    ],
)
async def test_an_annotation_that_differs_is_refused(
    ground: Ground, fields: dict[str, str], said: str
) -> None:
    await register(ground, annotated())
    with pytest.raises(VaultMismatch) as error:
        await register(ground, annotated(**fields))
    assert error.value.place == "vault vault"
    assert said in error.value.problem
    assert error.value.problem.count(" there and ") == 1


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"prefix": "sub/"}, id="a slash at a prefix's end"),
        pytest.param({"prefix": "/sub"}, id="a slash at its begin"),
        pytest.param({"network": "internal"}, id="the network it would have anyway"),
    ],
)
async def test_what_means_the_same_does_not_differ(ground: Ground, fields: dict[str, str]) -> None:
    await register(ground, annotated())
    assert await register(ground, annotated(**fields)) == "vault"


async def test_an_annotation_that_registers_another_vault_than_is_used_is_refused(
    ground: Ground,
) -> None:
    with pytest.raises(InvalidInput, match=r"spec\.storageLocation: is 'other'"):
        await register(ground, annotated(), used="other")
    assert await ground.client.list(LOCATIONS, namespace="csdr") == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param('{"name":"vault"}', id="fields are missing"),
        pytest.param(json.dumps({**SAID, "netwrok": "public"}), id="a field there is not"),
    ],
)
async def test_an_annotation_that_is_none_is_refused(ground: Ground, text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        await register(ground, Metadata(name="task", annotations={ANNOTATION: text}))
    assert error.value.place.startswith("metadata.annotations")


@pytest.mark.parametrize(
    ("secrets", "found"),
    [
        pytest.param({}, None, id="no Secret, no keys"),
        pytest.param(
            {"alibaba-addon-secret": {"access-key-id": "id", "access-key-secret": "key"}},
            Credentials("id", "key"),
            id="ACK's Secret",
        ),
        pytest.param(
            {"cloud-credentials": {"cloud": PROFILE}}, Credentials("id", "key"), id="Velero's"
        ),
        pytest.param(
            {
                "alibaba-addon-secret": {"access-key-id": "ack", "access-key-secret": "key"},
                "cloud-credentials": {"cloud": PROFILE},
            },
            Credentials("ack", "key"),
            id="of both ACK's goes first",
        ),
    ],
)
async def test_keys_come_from_the_secrets(
    ground: Ground, secrets: dict[str, dict[str, str]], found: Credentials | None
) -> None:
    for name, data in secrets.items():
        await secret(ground, name, **data)
    assert await find_credentials(ground.client, namespace="csdr") == found


async def test_a_secret_without_keys_is_told_by_its_name_alone(ground: Ground) -> None:
    await secret(ground, "alibaba-addon-secret", password="s3cr3t")
    with pytest.raises(InvalidInput, match="secret csdr/alibaba-addon-secret") as error:
        await find_credentials(ground.client, namespace="csdr")
    assert "s3cr3t" not in str(error.value)


async def test_a_vault_without_keys_says_where_they_belong(ground: Ground) -> None:
    await register(ground, annotated())
    with pytest.raises(VaultUnavailable, match="csdr/alibaba-addon-secret"):
        await open_registered(
            ground.client, "vault", settings=ground.context.settings, credentials=None
        )


async def test_a_vault_that_is_not_registered_is_refused_with_what_to_do(ground: Ground) -> None:
    with pytest.raises(InvalidInput, match=r"no vault is registered as 'nowhere'.*annotation"):
        await open_registered(
            ground.client, "nowhere", settings=ground.context.settings, credentials=None
        )
