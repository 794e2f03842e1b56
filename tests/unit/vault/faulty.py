"""A vault whose storage is slow, fails or loses answers, as a test says."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from obstore.store import LocalStore

from kubeferry.vault.store import MOST_BYTES, Store

Request = Callable[[], Awaitable[Any]]


async def _carry_out(verb: str, key: str, request: Request) -> Any:
    return await request()


class FaultyStore(Store):
    """A local vault; ``around`` gets each put, get and delete and carries it out, or not."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(LocalStore(folder, automatic_cleanup=True), url=str(folder))
        self.around: Callable[[str, str, Request], Awaitable[Any]] = _carry_out

    async def put(self, key: str, data: bytes, *, create: bool = False) -> None:
        put = super().put
        await self.around("put", key, lambda: put(key, data, create=create))

    async def get(self, key: str, *, limit: int = MOST_BYTES) -> bytes:
        get = super().get
        found: bytes = await self.around("get", key, lambda: get(key, limit=limit))
        return found

    async def delete(self, key: str) -> None:
        delete = super().delete
        await self.around("delete", key, lambda: delete(key))
