"""Which of an archive's versions of a kind is restored (ack-backup-center.md A15).

The bare copy is that of the source's preferred version. It is taken where the target serves that
version; else the highest of the archived versions that the target serves; else the bare copy after
all, which the transform may be able to bring to a version that is served. Velero prefers the
target's preferred version to the source's; an API server makes the same object of both.

Before all that come the versions that the ConfigMap ``enableapigroupversions`` lists for a kind, as
in Velero (velero.md §3.10): the first of them that the backup has and the target serves.
"""

from collections.abc import Mapping

from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import version_rank
from kubeferry.restore.spool import Spool
from kubeferry.transform.change import Note
from kubeferry.vault.reader import EntryPath

PRIORITIES = "enableapigroupversions"
"""The name of the ConfigMap; it applies to every restore until it is removed."""
_KEY = "restoreResourcesVersionPriority"

Priorities = Mapping[str, tuple[str, ...]]
"""Kinds (group resources), each with the versions to be restored, the most wanted first."""


def compile_priorities(data: Mapping[str, str], *, place: str) -> Priorities:
    """The priorities in a ConfigMap's data: a line ``RESOURCE.GROUP=VERSION,VERSION`` each. Raises
    ``InvalidInput`` for a line that is none.
    """
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(data.get(_KEY, "").splitlines(), start=1):
        if not line.strip():
            continue
        name, _, listed = (part.strip() for part in line.partition("="))
        versions = tuple(one.strip() for one in listed.split(","))
        if not name or not all(versions) or name in found:
            twice = f"names {name} a second time" if name in found else "is no priority"
            raise InvalidInput(
                f"line {number}, {line.strip()!r}, {twice}",
                place=f"{place} data.{_KEY}",
                remedy="write RESOURCE.GROUP=VERSION,VERSION, one line a kind",
            )
        found[name] = versions
    return found


class Versions:
    """Takes copies of named versions while an archive is read (``read_archive``): those of kinds
    that the target serves, yet not in the source's preferred version; and those that ``priorities``
    name.
    """

    def __init__(
        self, spool: Spool, discovery: Discovery, priorities: Priorities | None = None
    ) -> None:
        self._spool = spool
        self._priorities = priorities or {}
        self._served = {(one.group_resource, one.version) for one in discovery.all_versions}
        self._preferred: dict[str, str] = {}
        self._kept: dict[str, set[str]] = {}

    def wants(self, entry: EntryPath) -> bool:
        """Whether a copy could be needed, as far as is known when it comes."""
        name = entry.identity.group_resource
        if entry.is_preferred:
            self._preferred.setdefault(name, entry.version)
            return False
        if (name, entry.version) not in self._served:
            return False
        return entry.version in self._priorities.get(name, ()) or not self._is_served(name)

    def add(self, entry: EntryPath, body: bytes) -> None:
        """Keeps a copy. Raises ``InvalidInput`` when there is no room for it."""
        self._spool.add_version(entry.identity, entry.version, body)
        self._kept.setdefault(entry.identity.group_resource, set()).add(entry.version)

    def settle(self) -> tuple[Note, ...]:
        """Once all is read: puts the chosen copies in the place of the bare ones, and tells so."""
        notes = []
        for name, versions in sorted(self._kept.items()):
            wanted = self._wanted(name, versions)
            what = self._preferred.get(name, "the source's version")
            if wanted == what or (not wanted and self._is_served(name)):
                continue
            best_last = (
                [] if self._is_served(name) else sorted(versions, key=version_rank, reverse=True)
            )
            best_last += [wanted] if wanted else []
            for version in best_last:
                self._spool.use_version(name, version)
            why = (
                f"the ConfigMap {PRIORITIES} prefers another version of {name} to {what}"
                if wanted
                else f"the target does not serve {name} in {what}"
            )
            notes.append(
                Note(
                    "OtherVersion",
                    f"{why}: they are restored from the backup's copies of version {best_last[-1]}",
                )
            )
        return tuple(notes)

    def _wanted(self, name: str, kept: set[str]) -> str:
        """The version that the priorities choose, empty where they choose none."""
        preferred = self._preferred.get(name) if self._is_served(name) else None
        listed = self._priorities.get(name, ())
        return next((one for one in listed if one in kept or one == preferred), "")

    def _is_served(self, name: str) -> bool:
        return (name, self._preferred.get(name)) in self._served
