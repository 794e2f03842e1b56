"""What would be in a backup, without one: counts and bytes by kind, and why related objects came.

The counts are in memory, a kind each; what came in by relation, and because of what, is on disk.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Self

from kubeferry.api import backup as api
from kubeferry.backup.choice import Choice, choose
from kubeferry.backup.collect import collect
from kubeferry.backup.request import BackupRequest
from kubeferry.kube.client import Client
from kubeferry.kube.names import Identity
from kubeferry.report import Reporter
from kubeferry.scratch import Scratch
from kubeferry.vault.writer import Entry


@dataclass(slots=True)
class Counted:
    """How much of a kind: objects, and the bytes of their JSON.

    ``preferred`` are those of the versions that the server prefers, ``others`` of other versions.
    """

    objects: int = 0
    preferred: int = 0
    others: int = 0


class Preview:
    """A sink that only counts; a context manager."""

    def __init__(self) -> None:
        self.kinds: dict[str, Counted] = {}
        self.names: Mapping[str, str] = {}
        """The Kind of each group resource that is served."""
        self.left_out: Mapping[str, int] = {}
        """Objects that would be left out, by the reason: ``Collected.left_out``."""
        self._related: list[tuple[str, ...]] = []
        self._rows = Scratch(
            "related (kind, namespace, name, by_kind, by_namespace, by_name)", cache=1024
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()

    @property
    def objects(self) -> int:
        """How many objects there would be."""
        return sum(one.objects for one in self.kinds.values())

    @property
    def preferred_bytes(self) -> int:
        """The bytes of their JSON, each in the version that the server prefers."""
        return sum(one.preferred for one in self.kinds.values())

    @property
    def other_bytes(self) -> int:
        """The bytes of what comes beside that, in other versions."""
        return sum(one.others for one in self.kinds.values())

    def add(self, entry: Entry) -> None:
        """Counts an object, or one more version of it."""
        counted = self.kinds.get(entry.group_resource)
        if counted is None:
            counted = self.kinds[entry.group_resource] = Counted()
        if entry.preferred:
            counted.objects += 1
            counted.preferred += len(entry.body)
        else:
            counted.others += len(entry.body)

    def came_in(self, one: Identity, because: Identity) -> None:
        """Writes down why an object came in."""
        self._related.append((*one, *because))

    async def flush(self) -> None:
        """Puts on disk what was written down."""
        self._rows.add("insert into related values (?, ?, ?, ?, ?, ?)", self._related)
        self._related.clear()

    def related(self) -> Iterator[tuple[Identity, Identity]]:
        """What came in and because of what, in the order it came."""
        for rows in self._rows.parts("select * from related order by rowid"):
            for row in rows:
                yield Identity(*row[:3]), Identity(*row[3:])

    def told(self) -> api.Preview:
        """As a task's status shows it: the kinds with the most objects, some of what came in by
        relation.
        """
        kinds = [
            api.PreviewKind(kind=kind, objects=one.objects, bytes=one.preferred)
            for kind, one in self.kinds.items()
        ]
        return api.Preview(
            objects=self.objects,
            bytes=self.preferred_bytes,
            other_versions_bytes=self.other_bytes,
            kinds=sorted(kinds, key=lambda one: (-one.objects, one.kind))[: api.MOST_KINDS],
            related=[
                api.PreviewRelated(object=str(one), because=str(because))
                for one, because in islice(self.related(), api.MOST_RELATED)
            ],
        )


async def preview_backup(
    request: BackupRequest, preview: Preview, *, client: Client, reporter: Reporter
) -> Choice:
    """Fills a preview: lists and relates everything as the backup would. Runs no hook.

    Returns what was chosen. Raises ``InvalidInput`` and ``ApiError`` as ``run_backup`` does.
    """
    reporter.phase("choosing what to back up")
    choice = await choose(request, client=client, reporter=reporter)
    collected = await collect(
        request,
        choice,
        client=client,
        sink=preview,
        reporter=reporter,
        came_in=preview.came_in,
    )
    await preview.flush()
    preview.names = {one.group_resource: one.kind for one in choice.discovery.resources}
    preview.left_out = collected.left_out
    return choice
