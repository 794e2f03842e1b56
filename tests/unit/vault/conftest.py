from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubeferry.clock import Clock
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.store import Store
from tests.unit.vault.faulty import FaultyStore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    location = Location(name="vault", provider="local", bucket="bucket")
    return open_store(location, credentials=None, settings=Settings(local_root=tmp_path))


@pytest.fixture
def faulty(folder: Path) -> FaultyStore:
    """The same vault, with a storage that a test lets fail."""
    return FaultyStore(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the store's keys are files."""
    return tmp_path / "bucket"


@pytest.fixture
def clock() -> Clock:
    return lambda: NOW
