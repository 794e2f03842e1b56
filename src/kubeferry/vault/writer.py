"""Writes a backup's archive: objects in, a gzipped tar streamed into the vault out, in flat memory.

``metadata/version`` is the first entry; each object of a preferred version is there twice, as
Velero has it (velero.md §1.1), once bare and once below ``<version>-preferredversion``;
``metadata/resources.json`` is the last. ``add`` only makes headers and keeps references; packing,
hashing and the upload run behind it, and ``flush`` waits for them: a caller that flushes after each
page holds two pages at most.

Nothing is visible before ``finish``; leaving the context by an exception or a cancellation aborts
the upload and deletes what was written.
"""

import asyncio
import errno
import hashlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

from kubeferry.clock import Clock
from kubeferry.errors import InvalidInput, VaultUnavailable
from kubeferry.scratch import no_room
from kubeferry.vault import gzips, layout
from kubeferry.vault.catalogue import Catalogue, Line
from kubeferry.vault.claim import (
    RENEWAL,
    Claim,
    Owner,
    check_claim,
    new_claim,
    renew_claim,
    take_claim,
)
from kubeferry.vault.cleanup import discard_after
from kubeferry.vault.store import Store, Upload
from kubeferry.vault.tarheaders import END, HeaderMaker, padding

FORMAT_VERSION = "1.1.0"
"""Velero's archive format (velero.md §1.1)."""
_SLICE = 1 << 20


class Entry(NamedTuple):
    """One object to archive.

    Attributes:
        group_resource: ``statefulsets.apps``.
        version: the version it was read in, ``v1``.
        type_key: ``apps/v1/StatefulSet``, for the core group ``v1/Pod``.
        namespace: empty for a cluster-scoped object.
        name: as it is; any character but ``/``.
        body: the JSON of the server, ``apiVersion`` and ``kind`` in it.
        created: its creationTimestamp, empty if it has none.
        preferred: whether the version is the server's preferred one; others are written once.
    """

    group_resource: str
    version: str
    type_key: str
    namespace: str
    name: str
    body: bytes
    created: str = ""
    preferred: bool = True


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """What was written.

    Attributes:
        name: of the backup.
        claim: the writer's hold on the name.
        objects: how many.
        size: bytes of the gzipped archive.
        unpacked: bytes of the tar.
        files: key to hexadecimal SHA-256 of each file written: archive and resource list.
    """

    name: str
    claim: Claim
    objects: int
    size: int
    unpacked: int
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def sha256(self) -> str:
        """Of the archive, hexadecimal."""
        return self.files[layout.archive(self.name)]


@asynccontextmanager
async def open_archive(
    store: Store, name: str, *, clock: Clock, owner: Owner | None = None
) -> AsyncIterator["ArchiveWriter"]:
    """Claims the name and opens the archive for writing.

    Raises ``BackupExists`` when the name is taken, ``InvalidInput`` when it cannot be one.
    ``owner`` is the task; with it a restarted task takes up its own name again (``claim``).
    """
    claim = new_claim(name, owner or Owner(uid=f"anonymous-{secrets.token_hex(8)}"))
    try:
        await take_claim(store, claim, clock=clock)
        async with AsyncExitStack() as uploading:
            catalogue = Catalogue()
            # It waits for a thread that sorts; the lease must not wait with it.
            uploading.push_async_callback(asyncio.to_thread, catalogue.close)
            completing = await uploading.enter_async_context(AsyncExitStack())
            upload = await completing.enter_async_context(store.writer(layout.archive(name)))
            writer = ArchiveWriter(
                store,
                claim,
                upload=upload,
                complete=completing.aclose,
                catalogue=catalogue,
                clock=clock,
            )
            uploading.push_async_callback(writer.stop)
            yield writer
            if not writer.is_finished:
                raise RuntimeError(f"the archive of {name} was left without finish()")
    except BaseException as error:
        await discard_after(error, store, claim)
        raise


class ArchiveWriter:
    """An archive being written; made by ``open_archive``. Not for two tasks at once."""

    def __init__(
        self,
        store: Store,
        claim: Claim,
        *,
        upload: Upload,
        complete: Callable[[], Awaitable[None]],
        catalogue: Catalogue,
        clock: Clock,
    ) -> None:
        self.name = claim.name
        self.is_finished = False
        self._store = store
        self._claim = claim
        self._clock = clock
        self._renewed = clock()
        self._upload = upload
        self._complete = complete
        self._catalogue = catalogue
        self._headers = HeaderMaker(mtime=int(self._renewed.timestamp()))
        self._packer = gzips.packer()
        self._digest = hashlib.sha256()
        self._size = self._unpacked = self._objects = 0
        self._parts: list[bytes] = []
        self._lines: list[Line] = []
        self._sending: asyncio.Task[None] | None = None
        self._put("metadata/version", f"{FORMAT_VERSION}\n".encode())

    @property
    def objects(self) -> int:
        """How many objects were added; one in several versions counts once."""
        return self._objects

    def add(self, entry: Entry) -> None:
        """Adds one object in one version; returns at once.

        Raises ``InvalidInput`` for a name that is no file name.
        """
        group_resource, version, type_key, namespace, name, body, created, preferred = entry
        folders = _folders(group_resource, version, namespace, preferred)
        if "/" in name or not name:
            raise InvalidInput(f"{name!r} is no file name", place=f"{type_key} {namespace}/{name}")
        size = len(body)
        fill = padding(size)
        first, second = self._headers.pair(folders[0], folders[1], name, size)
        if second:
            self._parts += (first, body, fill, second, body, fill)
        else:
            self._parts += (first, body, fill)
        if preferred:  # the same object in another version is no other object
            self._lines.append(Line(type_key, group_resource, namespace, name, size, created))
            self._objects += 1

    async def flush(self) -> None:
        """Sends what was added, when the last flush is through; renews the claim when it is time.

        Raises ``VaultUnavailable``, ``BackupExists`` when the name was lost.
        """
        await self._wait()
        if self._clock() - self._renewed >= RENEWAL:
            await self._renew()
        if self._parts:
            parts, lines = self._parts, self._lines
            self._parts, self._lines = [], []
            self._sending = asyncio.create_task(self._send(parts, lines))

    async def finish(self) -> ArchiveFacts:
        """Writes the catalogue, ends the archive and completes its upload.

        The resource list, which comes from the same catalogue, is stored too. Raises
        ``VaultUnavailable``, ``BackupExists`` when the name was lost: then the archive there is
        another writer's and is not replaced.
        """
        await self.flush()
        await self._wait()
        with await asyncio.to_thread(_spooled, self._catalogue.resources()) as resources:
            size = resources.tell()
            await self._send([self._headers.header("metadata/resources.json", size)], [])
            resources.seek(0)
            while chunk := await asyncio.to_thread(resources.read, _SLICE):
                await self._send([chunk], [])
        await self._send([padding(size), END], [])
        await self._write(self._packer.flush())
        await check_claim(self._store, self._claim)
        await self._complete()
        files = {layout.archive(self.name): self._digest.hexdigest()}
        key = layout.backup_file(self.name, "resource-list.json.gz")
        files[key] = await self._put_resource_list(key)
        self.is_finished = True
        return ArchiveFacts(
            name=self.name,
            claim=self._claim,
            objects=self._objects,
            size=self._size,
            unpacked=self._unpacked,
            files=MappingProxyType(files),
        )

    async def stop(self) -> None:
        """Ends what runs behind the writer; called when its context ends."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
            self._sending = None

    async def _renew(self) -> None:
        try:
            await renew_claim(self._store, self._claim, clock=self._clock)
        except VaultUnavailable:
            return  # tried again at the next flush: the claim is good for long yet
        self._renewed = self._clock()

    def _put(self, path: str, body: bytes) -> None:
        self._parts += (self._headers.header(path, len(body)), body, padding(len(body)))

    async def _wait(self) -> None:
        if self._sending is not None:
            sending, self._sending = self._sending, None
            try:
                await sending
            finally:
                sending.cancel()

    async def _send(self, parts: list[bytes], lines: list[Line]) -> None:
        for slice_ in _slices(parts):
            await self._write(await asyncio.to_thread(self._pack, slice_))
        if lines:
            await asyncio.to_thread(self._catalogue.add, lines)

    def _pack(self, parts: list[bytes]) -> bytes:
        data = b"".join(parts)
        self._unpacked += len(data)
        return self._packer.compress(data)

    async def _write(self, packed: bytes) -> None:
        if packed:
            self._digest.update(packed)
            self._size += len(packed)
            await self._upload.write(packed)

    async def _put_resource_list(self, key: str) -> str:
        packer, digest = gzips.packer(), hashlib.sha256()
        async with self._store.writer(key) as upload:
            with await asyncio.to_thread(_spooled, self._catalogue.resource_list()) as listed:
                listed.seek(0)
                while chunk := await asyncio.to_thread(listed.read, _SLICE):
                    packed = packer.compress(chunk)
                    digest.update(packed)
                    await upload.write(packed)
            packed = packer.flush()
            digest.update(packed)
            await upload.write(packed)
        return digest.hexdigest()


@lru_cache(maxsize=1024)
def _folders(group_resource: str, version: str, namespace: str, preferred: bool) -> tuple[str, str]:
    """The folder of the bare copy and that of the version's; a version that is not preferred has
    one.
    """
    for part in (group_resource, version, namespace or "x"):
        if "/" in part or part in ("", ".", ".."):
            raise InvalidInput(f"{part!r} is no folder name", place=f"{group_resource} {namespace}")
    scope = f"namespaces/{namespace}/" if namespace else "cluster/"
    root = f"resources/{group_resource}/"
    if preferred:
        return f"{root}{scope}", f"{root}{version}-preferredversion/{scope}"
    return f"{root}{version}/{scope}", ""


def _slices(parts: list[bytes]) -> Iterator[list[bytes]]:
    """The parts in order, in lists of about ``_SLICE`` bytes."""
    slice_: list[bytes] = []
    size = 0
    for part in parts:
        slice_.append(part)
        size += len(part)
        if size >= _SLICE:
            yield slice_
            slice_, size = [], 0
    if slice_:
        yield slice_


def _spooled(chunks: Iterator[bytes]) -> BinaryIO:
    """Everything in a temporary file, positioned at its end; a file deletes itself when closed."""
    spool = tempfile.TemporaryFile(buffering=_SLICE)  # noqa: SIM115 - the caller closes it
    try:
        for chunk in chunks:
            spool.write(chunk)
        spool.flush()
    except OSError as error:
        spool.close()
        if error.errno == errno.ENOSPC:
            raise no_room() from error
        raise
    return spool  # type: ignore[return-value]
