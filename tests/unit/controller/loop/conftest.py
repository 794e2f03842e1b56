from collections.abc import AsyncIterator

import pytest

from kubeferry.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(name="unit") as opened:
        yield opened
