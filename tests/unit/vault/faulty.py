"""A vault whose storage is slow, fails or loses answers, as a test says."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from obstore.store import LocalStore

from kubeferry.vault.store import MOST_BYTES, Store

Request = Callable[[], Awaitable[Any]]


async def _carry_out(verb: str, key: str, request: Request) -> Any:
    return await request()


async def _nothing() -> None:
    pass


class FaultyStore(Store):
    """A local vault; ``around`` gets each put, get and delete and carries it out, or not;
    it hears of each stream.
    """

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

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        """``around`` is called as it begins, with nothing to carry out."""
        await self.around("stream", key, _nothing)
        async with aclosing(super().stream(key)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def delete(self, key: str) -> None:
        delete = super().delete
        await self.around("delete", key, lambda: delete(key))
