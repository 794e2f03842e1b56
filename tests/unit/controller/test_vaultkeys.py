import base64
from datetime import UTC, datetime

import pytest

from kubeferry.controller.resources import SECRETS
from kubeferry.controller.vaultkeys import load_keys, load_trust, save_ring
from kubeferry.controller.vaults import open_registered
from kubeferry.errors import AlreadyExists, Conflict, InvalidInput
from kubeferry.vault.keys import NO_KEY, SECRET, Key, KeyRing, Trust
from tests.builders import obj
from tests.unit.controller.conftest import Ground

KEY = Key("1111", bytes(range(32)), datetime(2026, 1, 1, tzinfo=UTC))
OTHER = Key("2222", bytes(range(1, 33)), datetime(2026, 2, 1, tzinfo=UTC))
RING = KeyRing((KEY,))


async def save(ground: Ground, vault: str, ring: KeyRing | None) -> None:
    before = await load_keys(ground.client, namespace="csdr")
    await save_ring(ground.client, before, vault, ring)


async def put_secret(ground: Ground, **data: bytes) -> None:
    encoded = {vault: base64.b64encode(value).decode() for vault, value in data.items()}
    made = obj("v1/Secret", f"csdr/{SECRET}").with_(data=encoded)
    await ground.client.create(SECRETS, made, namespace="csdr")


async def test_a_vault_has_the_keys_that_were_saved_for_it(ground: Ground) -> None:
    assert await load_trust(ground.client, "vault", namespace="csdr") == NO_KEY
    await save(ground, "vault", RING)
    await save(ground, "my.other-vault", KeyRing((OTHER,), allow_unsigned=True))
    assert await load_trust(ground.client, "vault", namespace="csdr") == Trust(RING)
    found = await load_keys(ground.client, namespace="csdr")
    assert found.vaults == ["my.other-vault", "vault"]
    await save(ground, "vault", None)
    found = await load_keys(ground.client, namespace="csdr")
    assert found.vaults == ["my.other-vault"]
    assert await load_trust(ground.client, "vault", namespace="csdr") == NO_KEY


async def test_of_two_who_save_at_once_the_second_is_told(ground: Ground) -> None:
    nothing = await load_keys(ground.client, namespace="csdr")
    await save_ring(ground.client, nothing, "vault", RING)
    with pytest.raises(AlreadyExists):
        await save_ring(ground.client, nothing, "vault", KeyRing((OTHER,)))
    before = await load_keys(ground.client, namespace="csdr")
    await save_ring(ground.client, before, "vault", KeyRing((KEY, OTHER)))
    with pytest.raises(Conflict):
        await save_ring(ground.client, before, "vault", None)
    found = await load_keys(ground.client, namespace="csdr")
    assert found.ring("vault") == KeyRing((KEY, OTHER))


async def test_a_vault_whose_keys_are_damaged_is_not_opened_as_one_without(ground: Ground) -> None:
    await ground.vault()
    await put_secret(ground, vault=b'{"keys": []}')
    with pytest.raises(InvalidInput, match=f"secret csdr/{SECRET}, vault vault: holds no key"):
        await open_registered(
            ground.client, "vault", settings=ground.context.settings, credentials=None
        )


async def test_a_store_is_opened_with_its_vaults_keys(ground: Ground) -> None:
    await ground.vault()
    await save(ground, "vault", RING)
    await save(ground, "another", KeyRing((OTHER,)))
    store = await open_registered(
        ground.client, "vault", settings=ground.context.settings, credentials=None
    )
    assert store.trust == Trust(RING)
