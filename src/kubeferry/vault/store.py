"""Six verbs over object storage: put, get (and stream), exists, list, delete, and a streaming
writer.

The one door to obstore, with ``locations``: its types and errors never leave here. What differs
between storages (ecosystem.md §5) is settled here too: whether a key can be created atomically is
tried once (``_Creation``), a missing key on delete is done, local directories get no attributes.

Memory is bounded: a writer holds its parts under way and one more, a stream one chunk. An
endpoint that never answered is given up after some ten seconds; one that did is waited for longer.
"""

import asyncio
import builtins
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError, PreconditionError
from obstore.store import LocalStore, MemoryStore, S3Store

from kubeferry.errors import (
    AlreadyStored,
    ArchiveDamaged,
    EncryptionRefused,
    ObjectMissing,
    VaultError,
    VaultUnavailable,
)
from kubeferry.vault import layout
from kubeferry.vault.keys import NO_KEY, Trust
from kubeferry.vault.parts import PartsUpload, Target
from kubeferry.vault.reasons import explain, strike

PART_BYTES = 8 << 20
"""Bytes of a part where nothing else is said: 10,000 of them, S3's limit, are 80 GiB."""
PARTS = 2
"""Parts of one upload in flight, likewise."""
MOST_BYTES = 256 << 20
"""Bytes of an object that is read as a whole."""
DOCUMENT_BYTES = 4 << 20
"""Bytes of one of the small documents, which are read before anything vouches for them."""
HELD_BYTES = 64 << 20
"""Bytes of a backup's lists that are held where nothing else is said."""
CHUNK_BYTES = 1 << 20
"""About how many bytes a stream yields at a time."""

ABORT_SECONDS = 2.0
"""How long an upload that is broken off may take to take back its parts."""
_SETTLING = 0.05
"""Seconds that obstore's threads need, generously, to let go of a call that has ended."""

_MAY_ENCRYPT = (
    "the access key needs kms:GenerateDataKey and kms:Decrypt for the key (Alibaba Cloud: "
    "kms:List* and kms:DescribeKey too), and the key has to be enabled and in the bucket's region; "
    "see config.serverSideEncryption and config.kmsKeyId of the vault"
)

Backend = S3Store | LocalStore | MemoryStore
Writing: TypeAlias = "obstore.AsyncWritableFile | PartsUpload"
"""What takes an upload's bytes."""
Creation = Literal["unknown", "conditional", "checked"]


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored object: its key, its size in bytes and when it was last written."""

    key: str
    size: int
    modified: datetime


class Upload:
    """A key being written; complete only when its context ends without an exception."""

    def __init__(self, store: "Store", key: str, target: Writing) -> None:
        self._store = store
        self._key = key
        self._target = target

    async def write(self, data: bytes) -> None:
        """Adds bytes; waits while enough parts are under way. Raises ``VaultUnavailable``."""
        with self._store.translating("write", self._key):
            await self._target.write(data)


class Store:
    """A vault's storage below bucket and prefix.

    Every method raises ``VaultUnavailable`` with the storage's own reason when it cannot do its
    work.

    Attributes:
        url: where it is, for messages: ``s3://bucket/prefix`` or a path. Never holds secrets.
        trust: what its backups are signed with and held against.
        held_bytes: how much of a backup's lists may be held at once.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        url: str,
        quick: Backend | None = None,
        creator: Backend | None = None,
        whole: Backend | None = None,
        in_parts: Target | None = None,
        creation: Creation = "unknown",
        remedy: str = "",
        hidden: tuple[str, ...] = (),
        guard: Callable[[str], None] | None = None,
        part_bytes: int = PART_BYTES,
        parts: int = PARTS,
        trust: Trust = NO_KEY,
        held_bytes: int = HELD_BYTES,
    ) -> None:
        """Made by ``locations.open_store``.

        Args:
            backend: the storage.
            url: where it is, for messages.
            quick: the same storage with short timeouts, asked once before anything else.
            creator: the same storage, whose every put fails when the key exists (OSS).
            whole: the same storage, for puts of whole objects (OSS with encryption).
            in_parts: where larger ones are sent as obstore cannot send them (the same).
            creation: what is known of creating atomically.
            remedy: what to do when the storage does not answer.
            hidden: what must not appear in a message.
            guard: called with each key; raises for one that may not be touched.
            part_bytes: bytes of a part of an upload.
            parts: parts of one upload under way.
            trust: the vault's keys.
            held_bytes: how much of a backup's lists may be held at once.
        """
        self.url = url
        self.trust = trust
        self.held_bytes = held_bytes
        self._backend = backend
        self._quick = quick
        self._creator = creator
        self._whole = whole or backend
        self._in_parts = in_parts
        self._creation = creation
        self._remedy = remedy
        self._hidden = hidden
        self._guard = guard
        self._part_bytes = part_bytes
        self._parts = parts
        self._first = asyncio.Lock()

    async def put(self, key: str, data: bytes, *, create: bool = False) -> None:
        """Writes a whole object; with ``create`` raises ``AlreadyStored`` when the key exists.

        A create is atomic where the storage can do it; where it cannot the key is looked for first,
        and two writers in the same instant may both succeed.
        """
        layout.check_key(key)
        await self._ready(key)
        if create:
            await self._create(key, data)
            return
        with self.translating("write", key):
            await obstore.put_async(self._whole, key, data, use_multipart=False)

    async def get(self, key: str, *, limit: int = MOST_BYTES) -> bytes:
        """A whole object. Raises ``ObjectMissing``, ``ArchiveDamaged`` when it has more than
        ``limit`` bytes: who can write to a vault must not fill our memory.
        """
        await self._ready(key)
        with self.translating("read", key):
            result = await obstore.get_async(self._backend, key)
            size = int(result.meta["size"])
            if size <= limit:
                return (await result.bytes_async()).to_bytes()
        raise ArchiveDamaged(
            f"has {size:,} bytes, more than any such file", place=f"{self.url}/{key}"
        )

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        """An object in chunks of about ``CHUNK_BYTES``. Raises ``ObjectMissing``."""
        await self._ready(key)
        with self.translating("read", key):
            result = await obstore.get_async(self._backend, key)
            chunks = result.stream(min_chunk_size=CHUNK_BYTES).__aiter__()
        while True:
            with self.translating("read", key):
                try:
                    chunk = await chunks.__anext__()
                except StopAsyncIteration:
                    return
            yield bytes(chunk)

    async def exists(self, key: str) -> bool:
        """Whether the key is there."""
        await self._ready(key)
        try:
            with self.translating("look for", key):
                await obstore.head_async(self._backend, key)
        except ObjectMissing:
            return False
        return True

    async def folders(self, prefix: str) -> "builtins.list[str]":
        """The names of the folders directly below a prefix (empty or ending in a slash), sorted."""
        await self._ready(prefix)
        with self.translating("list", prefix):
            found = await obstore.list_with_delimiter_async(self._backend, prefix or None)
        names = (one.rstrip("/") for one in found["common_prefixes"])
        return sorted(one.rpartition("/")[2] for one in names if self._is_inside(one))

    async def list(self, prefix: str) -> AsyncIterator[Stored]:
        """Every object below a folder, recursively, in no order. The prefix ends in a slash."""
        await self._ready(prefix)
        pages = obstore.list(self._backend, prefix, chunk_size=1000).__aiter__()
        while True:
            with self.translating("list", prefix):
                try:
                    page = await pages.__anext__()
                except StopAsyncIteration:
                    return
            for one in page:
                if self._is_inside(one["path"]):
                    yield Stored(one["path"], one["size"], one["last_modified"])

    async def delete(self, key: str) -> None:
        """Deletes a key; one that is missing is done."""
        layout.check_key(key)
        await self._ready(key)
        try:
            with self.translating("delete", key):
                await obstore.delete_async(self._backend, key)
        except ObjectMissing:
            return

    @asynccontextmanager
    async def writer(self, key: str) -> AsyncIterator[Upload]:
        """Streams an object of any size into a key, in parts.

        Nothing is visible before the context has ended; an exception or a cancellation in it aborts
        the upload and leaves what was there before.
        """
        layout.check_key(key)
        await self._ready(key)
        target = self._writing(key)
        async with _ending(self, key, target):
            yield Upload(self, key, target)

    def _writing(self, key: str) -> Writing:
        if self._in_parts is None:
            return obstore.open_writer_async(
                self._backend, key, buffer_size=self._part_bytes, max_concurrency=self._parts
            )
        return PartsUpload(
            self._in_parts,
            key,
            whole=lambda data: obstore.put_async(self._whole, key, data, use_multipart=False),
            part_bytes=self._part_bytes,
            parts=self._parts,
        )

    async def probe(self) -> None:
        """Writes, reads and deletes a small object; reading alone would hide a vault that refuses
        writes.

        Raises ``VaultUnavailable`` with the storage's own reason.
        """
        key = f"{layout.PROBES}{secrets.token_hex(8)}"
        data = secrets.token_bytes(16)
        await self.put(key, data)
        try:
            if await self.get(key) != data:
                raise VaultUnavailable("what was written is not what is read", place=self.url)
        finally:
            await self.delete(key)

    async def aclose(self) -> None:
        """Ends the use of the store; a process must not end before it has returned.

        obstore's threads still let go of Python objects when their answer is already here; a Python
        that is shutting down aborts the process then (pyo3-async-runtimes issue 40).
        """
        await asyncio.sleep(_SETTLING)

    @contextmanager
    def translating(self, verb: str, key: str) -> Iterator[None]:
        """Turns obstore's errors into ours."""
        try:
            yield
        except FileNotFoundError as error:
            if explain(str(error), hidden=self._hidden).is_bucket:
                raise self.unavailable(verb, key, error) from error
            raise ObjectMissing("is not in the vault", place=f"{self.url}/{key}") from error
        except (AlreadyExistsError, PreconditionError) as error:
            raise AlreadyStored("is in the vault already", place=f"{self.url}/{key}") from error
        except (BaseError, OSError, ValueError) as error:
            raise self.unavailable(verb, key, error) from self._without_secrets(error)

    def _without_secrets(self, error: Exception) -> Exception:
        """The error, or its text in another one: a storage's answer may quote the request that it
        refuses, with its session token, and a traceback tells causes too.
        """
        said = str(error)
        struck = strike(said, self._hidden)
        return error if struck == said else OSError(struck)

    def unavailable(self, verb: str, key: str, error: Exception) -> VaultUnavailable:
        """The error for what the storage said when it was asked to ``verb`` a key."""
        reason = explain(str(error), hidden=self._hidden)
        what = key or "the storage"
        if reason.is_encryption:
            return EncryptionRefused(
                f"cannot {verb} {what}, encryption is refused: {reason.text}",
                place=self.url,
                remedy=_MAY_ENCRYPT,
            )
        remedy = self._remedy if reason.is_unreachable else ""
        return VaultUnavailable(
            f"cannot {verb} {what}: {reason.text}", place=self.url, remedy=remedy
        )

    def _is_inside(self, key: str) -> bool:
        """Whether a listed key is one of the vault's: a link in a local one may lead elsewhere."""
        try:
            if self._guard is not None:
                self._guard(key)
        except VaultUnavailable:
            return False
        return True

    async def _ready(self, key: str) -> None:
        """Before the first use, sees that the storage answers at all, with short timeouts."""
        if self._guard is not None:
            self._guard(key)
        if self._quick is None:
            return
        async with self._first:
            if self._quick is None:
                return
            try:
                with self.translating("reach", ""):
                    await obstore.head_async(self._quick, layout.VAULT_METADATA)
            except ObjectMissing:
                pass
            except VaultUnavailable as error:
                if explain(str(error.__cause__), hidden=self._hidden).is_unreachable:
                    raise
            self._quick = None

    async def _create(self, key: str, data: bytes) -> None:
        if self._creator is not None:
            with self.translating("create", key):
                await obstore.put_async(self._creator, key, data, use_multipart=False)
            return
        async with self._first:
            if self._creation == "unknown":
                self._creation = await self._try_creating()
        if self._creation == "checked" and await self.exists(key):
            raise AlreadyStored("is in the vault already", place=f"{self.url}/{key}")
        mode: Literal["create", "overwrite"] = (
            "create" if self._creation == "conditional" else "overwrite"
        )
        with self.translating("create", key):
            await obstore.put_async(self._backend, key, data, mode=mode, use_multipart=False)

    async def _try_creating(self) -> Creation:
        """Whether a second conditional put of one key is refused: some servers let it overwrite."""
        key = f"{layout.PROBES}{secrets.token_hex(8)}"
        with self.translating("create", key):
            try:
                await obstore.put_async(self._backend, key, b"1", mode="create")
                await obstore.put_async(self._backend, key, b"2", mode="create")
            except (AlreadyExistsError, PreconditionError):
                found: Creation = "conditional"
            except NotSupportedError:
                found = "checked"
            except BaseError as error:
                if not explain(str(error), hidden=()).is_unsupported:
                    raise
                found = "checked"
            else:
                found = "checked"
        await self.delete(key)
        return found


@asynccontextmanager
async def _ending(store: Store, key: str, target: Writing) -> AsyncIterator[None]:
    """Completes the upload when the block ends, aborts it when an exception leaves it.

    An abort that fails is a note of that exception: a cancellation stays one.
    """
    await target.__aenter__()
    try:
        yield
    except BaseException as error:
        try:
            with store.translating("abort", key):
                async with asyncio.timeout(ABORT_SECONDS):
                    await target.__aexit__(type(error), error, error.__traceback__)
        except (VaultError, TimeoutError) as failure:
            error.add_note(f"the upload of {key} was not aborted: {failure or 'it took too long'}")
        raise
    with store.translating("write", key):
        await target.__aexit__(None, None, None)
