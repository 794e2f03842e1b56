from pathlib import Path

import pytest

from kubeferry.vault.store import Store
from tests.conformance.trust_suite import TrustSuite
from tests.unit.vault.test_local import open_local


class TestLocalVault(TrustSuite):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> Store:
        return open_local(tmp_path / "vaults")
