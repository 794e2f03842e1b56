"""Reads a backup's archive once, as a stream, and checks it against its checksums on the way.

What is read is not to be trusted before ``read_archive`` has returned: the SHA-256 is known only at
the end. So the caller spools, and acts on nothing before (design.md, The flow). An archive of ours
without checksums is refused; one of Velero's, which never has any, is accepted with a note, unless
the vault has a key (``signature``).

Of two entries of one object both are handed on; the last one wins (velero.md §1.1), which is the
caller's to do. What an entry says it is by its path must agree with the object in it:
``disagreement`` tells.
"""

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from kubeferry.errors import ArchiveDamaged, ObjectMissing
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object, metadata
from kubeferry.vault import gzips, layout
from kubeferry.vault.checksums import verify
from kubeferry.vault.documents import quoted
from kubeferry.vault.metadata import BackupFacts, Verified, load_verified
from kubeferry.vault.store import Store
from kubeferry.vault.tarstream import Limits, TarReader

_PREFERRED = "-preferredversion"
MAX_KINDS = 10_000
MAX_NAMESPACES = 100_000
"""What an archive may hold: of each of these something is kept in memory, unlike of an object."""
_NAMESPACE_LENGTH = 63
_KIND_LENGTH = 63 + 1 + 253
_NO_NAMES = frozenset({".", ".."})
"""What a part of a URL's path cannot be."""
Sink = Callable[[Identity, bytes], None]
"""Takes one object's JSON; called in another thread, never twice at once."""


@dataclass(frozen=True, slots=True)
class EntryPath:
    """What the path of an entry says: the object, and its version where the path has one.

    ``version`` is empty for the bare copy, which is that of the source's preferred version.
    """

    identity: Identity
    version: str = ""
    is_preferred: bool = True


@dataclass(frozen=True, slots=True)
class ArchiveRead:
    """What was read.

    Attributes:
        facts: of ``velero-backup.json``.
        objects: how many were handed on.
        size: bytes of the gzipped archive.
        is_verified: whether it was compared with checksums.
        digest: SHA-256 of the gzipped archive, hexadecimal.
        notes: what a person should know: no checksums, entries passed over.
    """

    facts: BackupFacts
    objects: int
    size: int
    is_verified: bool
    notes: tuple[str, ...] = ()
    digest: str = ""


def parse_path(path: str) -> EntryPath | None:
    """What an entry's path says; None when it is no object's (velero.md §1.1)."""
    parts = path.split("/")
    if parts[0] != "resources" or not parts[-1].endswith(".json") or len(parts) < 4:
        return None
    name = parts[-1].removesuffix(".json")
    group_resource, *scope = parts[1:-1]
    version = ""
    if scope[0] not in ("cluster", "namespaces"):
        version, *scope = scope
    match scope:
        case ["cluster"]:
            namespace = ""
        case ["namespaces", namespace] if namespace:
            pass
        case _:
            return None
    if not name or not group_resource or len(group_resource) > _KIND_LENGTH:
        return None
    if len(namespace) > _NAMESPACE_LENGTH:
        return None
    identity = Identity(group_resource, namespace, name)
    if version.endswith(_PREFERRED):
        return EntryPath(identity, version.removesuffix(_PREFERRED))
    return EntryPath(identity, version, is_preferred=not version)


def disagreement(identity: Identity, obj: Object) -> str:
    """How an object differs from what its path says it is; empty when they agree."""
    for field, said in (("name", identity.name), ("namespace", identity.namespace)):
        found = metadata(obj).get(field) or ""
        if found != said:
            return f"its path says {field} {quoted(said)!r}, the object in it {quoted(found)!r}"
    return ""


async def read_archive(
    store: Store,
    name: str,
    *,
    spool: Sink,
    versions: Callable[[EntryPath, bytes], None] | None = None,
    wants: Callable[[EntryPath], bool] | None = None,
    limits: Limits | None = None,
    verified: Verified | None = None,
) -> ArchiveRead:
    """Streams the archive; ``spool`` gets each object's bare copy, in the archive's order.

    ``versions`` gets the copies of named versions, which else are passed over; with ``wants`` only
    those that it says yes to, whose bodies alone are read. ``verified`` spares looking at the mark
    once more.

    Raises what ``load_verified`` raises, ``ArchiveDamaged`` (names the file and the place in it),
    ``ChecksumMismatch``, ``VaultUnavailable``, and what ``spool`` raises.
    """
    found = verified or await load_verified(store, name)
    reading = _Reading(
        place=f"{store.url}/{layout.archive(name)}",
        spool=spool,
        versions=versions,
        wants=wants,
        limits=limits or Limits(),
    )
    await _stream(store, layout.archive(name), reading)
    if found.sums is not None:
        verify(reading.digest.hexdigest(), layout.archive(name), found.sums, place=store.url)
    return ArchiveRead(
        facts=found.facts,
        objects=reading.objects,
        size=reading.size,
        is_verified=found.sums is not None,
        notes=(*reading.notes(), *found.notes),
        digest=reading.digest.hexdigest(),
    )


async def _stream(store: Store, key: str, reading: "_Reading") -> None:
    try:
        async with aclosing(store.stream(key)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(reading.feed, chunk)
    except ObjectMissing as error:
        raise ArchiveDamaged(
            "the archive is gone, only its metadata is there",
            place=error.place,
            remedy="use another backup",
        ) from error
    reading.finish()


class _Reading:
    """One pass over an archive: gzip, tar, paths, digest."""

    def __init__(
        self,
        *,
        place: str,
        spool: Sink,
        versions: Callable[[EntryPath, bytes], None] | None,
        wants: Callable[[EntryPath], bool] | None,
        limits: Limits,
    ) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self.objects = 0
        self._place = place
        self._spool = spool
        self._versions = versions
        self._wants = wants
        self._unpacker = gzips.Unpacker()
        self._tar = TarReader(wanted=self._wanted, place=place, limits=limits)
        self._kinds: set[str] = set()
        self._namespaces: set[str] = set()
        self._odd: list[str] = []
        self._odd_count = 0

    def feed(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        try:
            for data in self._unpacker.feed(chunk):
                for entry, body in self._tar.feed(data):
                    self._hand_on(entry, body)
        except gzips.BadGzip as error:
            raise self._damaged(error) from error
        self.size += len(chunk)

    def finish(self) -> None:
        try:
            self._unpacker.finish()
        except gzips.BadGzip as error:
            raise self._damaged(error) from error
        self._tar.finish()

    def notes(self) -> tuple[str, ...]:
        notes = [*self._tar.notes]
        if self._odd_count:
            some = ", ".join(self._odd)
            notes.append(f"{self._odd_count} files that are no objects were passed over: {some}")
        if not self.objects:
            notes.append("the archive holds no objects")
        return tuple(notes)

    def _wanted(self, path: str) -> EntryPath | None:
        if path.startswith("/") or ".." in path.split("/"):
            raise ArchiveDamaged(f"{quoted(path)!r} leads out of the archive", place=self._place)
        if path.startswith("metadata/"):
            return None
        entry = parse_path(path)
        if entry is None:
            self._odd_count += 1
            if len(self._odd) < 5:
                self._odd.append(quoted(path))
        else:
            self._check(entry, path)
            if entry.version and not self._takes(entry):
                return None
        return entry

    def _check(self, entry: EntryPath, path: str) -> None:
        kind, namespace, name = entry.identity
        if not _NO_NAMES.isdisjoint((kind, namespace, name)):
            raise ArchiveDamaged(f"{quoted(path)!r} leads out of the archive", place=self._place)
        for found, one, most in (
            (self._kinds, kind, MAX_KINDS),
            (self._namespaces, namespace, MAX_NAMESPACES),
        ):
            found.add(one)
            if len(found) > most:
                what = "kinds" if found is self._kinds else "namespaces"
                raise ArchiveDamaged(f"holds more than {most:,} {what}", place=self._place)

    def _takes(self, entry: EntryPath) -> bool:
        return self._versions is not None and (self._wants is None or self._wants(entry))

    def _hand_on(self, entry: EntryPath, body: bytes) -> None:
        if not entry.version:
            self.objects += 1
            self._spool(entry.identity, body)
        elif self._versions is not None:
            self._versions(entry, body)

    def _damaged(self, error: gzips.BadGzip) -> ArchiveDamaged:
        return ArchiveDamaged(f"{error} (byte {self.size} of the file or after)", place=self._place)
