import asyncio
from datetime import timedelta

import pytest

from kubeferry.errors import VaultMismatch
from kubeferry.vault.identity import identify, load_identity
from kubeferry.vault.metadata import SourceCluster
from kubeferry.vault.store import Store
from tests.unit.vault.archives import NOW

ONE = SourceCluster("backup", "uid-1")
TWO = SourceCluster("restore", "uid-2")


async def test_the_first_user_decides_the_region(store: Store) -> None:
    first = await identify(store, region="cn-beijing", cluster=ONE, clock=lambda: NOW)
    assert (first.region, first.created) == ("cn-beijing", "2026-01-02T03:04:05Z")
    assert await load_identity(store) == first
    with pytest.raises(VaultMismatch, match="region 'cn-beijing', not 'cn-hangzhou'"):
        await identify(store, region="cn-hangzhou", cluster=TWO, clock=lambda: NOW)
    assert await load_identity(store) == first


async def test_each_cluster_is_noted(store: Store) -> None:
    await identify(store, region="r", cluster=ONE, clock=lambda: NOW)
    later = NOW + timedelta(days=1)
    await identify(store, region="r", cluster=TWO, clock=lambda: later)
    found = await identify(store, region="r", cluster=ONE, clock=lambda: later)
    assert {uid: (c.name, c.first_seen, c.last_seen) for uid, c in found.clusters.items()} == {
        "uid-1": ("backup", "2026-01-02T03:04:05Z", "2026-01-03T03:04:05Z"),
        "uid-2": ("restore", "2026-01-03T03:04:05Z", "2026-01-03T03:04:05Z"),
    }
    assert await load_identity(store) == found


async def test_of_two_first_users_one_decides(store: Store) -> None:
    results = await asyncio.gather(
        *(identify(store, region=f"r{n}", cluster=ONE, clock=lambda: NOW) for n in range(5)),
        return_exceptions=True,
    )
    assert len([one for one in results if not isinstance(one, BaseException)]) == 1
    assert len([one for one in results if isinstance(one, VaultMismatch)]) == 4


async def test_a_damaged_identity_is_told(store: Store) -> None:
    await store.put("metadata/kubeferry-vault.json", b"{}")
    with pytest.raises(VaultMismatch, match=r"kubeferry-vault\.json: does not decode"):
        await identify(store, region="r", cluster=ONE, clock=lambda: NOW)
