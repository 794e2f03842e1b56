"""What goes into a backup: each object once, and what it refers to is written down.

A ``Kind`` knows all of one kind in one version that does not depend on the object, so that an
object costs little. What is written down is held back until a page is through (``settle``).
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

import msgspec

from kubeferry.backup import related
from kubeferry.backup.ledger import Ledger, Wanted
from kubeferry.backup.related import Reference
from kubeferry.backup.sink import CameIn, Sink
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity, Resource
from kubeferry.report import Problem, Reporter
from kubeferry.vault.writer import Entry

_REMEMBERED = 20_000
"""References that are known to be written down, so that a popular one is not again and again."""

Reader = Callable[[bytes], None]
"""Reads an object that was added; raises ``msgspec.DecodeError`` for what is none of its kind."""


def nobody(one: Identity, because: Identity) -> None:
    """A ``CameIn`` that tells nobody."""


class Contents:
    """The contents of one backup while it is collected. What cannot be understood is reported.

    ``tracked`` are kinds of which every object is written down, beside those that others may refer
    to; ``readers`` read the objects of some kinds, too. Not for two threads.
    """

    def __init__(
        self,
        sink: Sink,
        ledger: Ledger,
        reporter: Reporter,
        *,
        tracked: Collection[str] = (),
        readers: Mapping[str, Reader] = MappingProxyType({}),
        came_in: CameIn = nobody,
    ) -> None:
        self.sink = sink
        self.ledger = ledger
        self.reporter = reporter
        self.came_in = came_in
        self.readers = readers
        self.firsts: dict[str, Identity] = {}
        """Of each kind the object that was first."""
        self._tracked = frozenset(tracked) | related.TARGETS
        self._flushing = asyncio.Lock()
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._archived: list[Identity] = []
        self._wanted: list[Wanted] = []
        self._traces: list[tuple[Identity, Identity]] = []
        self._known: set[Identity] = set()
        self._namespaces: set[str] = set()

    def kind(self, resource: Resource) -> "Kind":
        """How objects of a kind and version are added."""
        key = (resource.plural, resource.api_version)
        kind = self._kinds.get(key)
        if kind is None:
            is_tracked = resource.group_resource in self._tracked
            kind = self._kinds[key] = Kind(self, resource, is_tracked=is_tracked)
        return kind

    async def flush(self) -> None:
        """Sends what was added; several may call it at once."""
        async with self._flushing:
            self.settle()
            await self.sink.flush()
        self.reporter.progress(self.sink.objects, None)

    def settle(self) -> None:
        """Writes down what was held back: then the ledger knows of everything that was added."""
        self.ledger.add(self._archived)
        self.ledger.want(self._wanted)
        self.ledger.trace(self._traces)
        self._archived.clear()
        self._wanted.clear()
        self._traces.clear()
        if len(self._known) > _REMEMBERED:
            self._known.clear()

    def want(self, reference: Reference, because: Identity) -> None:
        """Writes down that an object refers to another."""
        if reference.needed:
            if reference.target in self._known:
                return
            self._known.add(reference.target)
        self._wanted.append(Wanted(reference.target, because, reference.needed))

    def want_namespace(self, namespace: str, because: Identity) -> None:
        """Writes down in which namespace an object lives, once for each."""
        if namespace not in self._namespaces:
            self._namespaces.add(namespace)
            self.want(Reference(Identity(related.NAMESPACES, "", namespace)), because)

    def hold(self, one: Identity) -> None:
        """Writes down that an object is in the backup."""
        self._archived.append(one)

    def leave(self, trace: Identity, by: Identity) -> None:
        """Writes down a trace."""
        self._traces.append((trace, by))


class Kind:
    """The objects of one kind in one version; made by ``Contents.kind``.

    ``count`` is how many were added.
    """

    def __init__(self, contents: Contents, resource: Resource, *, is_tracked: bool) -> None:
        self.resource = resource
        self.name = resource.group_resource
        self.version_name = f"{self.name} {resource.version}"
        self.count = 0
        self._contents = contents
        self._version = resource.version
        self._type_key = f"{resource.api_version}/{resource.kind}"
        self._is_tracked = is_tracked
        self._reads = contents.readers.get(self.name)
        self._refers = self.name in related.RULES or self.name in related.LEAVES_TRACES
        self._is_plain = not (is_tracked or self._refers or self._reads)

    def add(
        self,
        namespace: str,
        name: str,
        body: bytes,
        created: str,
        *,
        because: Identity | None = None,
    ) -> None:
        """Adds an object, whole, as it came; ``because`` of another one where nobody selected it.

        What it refers to is written down.
        """
        contents = self._contents
        entry = Entry(self.name, self._version, self._type_key, namespace, name, body, created)
        if not self._put(entry):
            return
        if self._is_plain and self.count > 1 and namespace in contents._namespaces:
            return
        one = Identity(self.name, namespace, name)
        contents.firsts.setdefault(self.name, one)
        if namespace:
            contents.want_namespace(namespace, one)
        if because is not None:
            contents.ledger.add([one], by_relation=True)
            contents.came_in(one, because)
        elif self._is_tracked:
            contents.hold(one)
        if self._refers or self._reads is not None:
            self._follow(one, body)

    def add_version(self, namespace: str, name: str, body: bytes, created: str) -> None:
        """Adds an object in a version that is not the preferred one; it is there in that too."""
        entry = Entry(
            self.name, self._version, self._type_key, namespace, name, body, created, False
        )
        if self._put(entry):
            self._contents.hold(self.version_of(namespace, name))

    def version_of(self, namespace: str, name: str) -> Identity:
        """How the ledger knows an object in this version."""
        return Identity(self.version_name, namespace, name)

    def _put(self, entry: Entry) -> bool:
        try:
            self._contents.sink.add(entry)
        except InvalidInput as error:
            subject = str(Identity(self.name, entry.namespace, entry.name))
            problem = Problem("error", "Malformed", error.problem, entry.namespace, subject)
            self._contents.reporter.problem(problem)
            return False
        self.count += 1
        return True

    def _follow(self, one: Identity, body: bytes) -> None:
        contents = self._contents
        try:
            for reference in related.references(self.name, body):
                contents.want(reference, one)
            for trace in related.traces(one, body):
                contents.leave(trace, one)
            if self._reads is not None:
                self._reads(body)
        except msgspec.DecodeError as error:
            told = f"what it needs is not known: {error}"
            contents.reporter.problem(Problem("error", "Malformed", told, one.namespace, str(one)))
