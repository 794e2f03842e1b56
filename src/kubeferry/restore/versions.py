"""Which of an archive's versions of a kind is restored (ack-backup-center.md A15).

The bare copy is that of the source's preferred version. It is taken where the target serves that
version; else the highest of the archived versions that the target serves; else the bare copy after
all, which the transform may be able to bring to a version that is served. Velero prefers the
target's preferred version to the source's; an API server makes the same object of both.
"""

from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import version_rank
from kubeferry.restore.spool import Spool
from kubeferry.transform.change import Note
from kubeferry.vault.reader import EntryPath


class Versions:
    """Takes copies of named versions while an archive is read (``read_archive``): those of kinds
    that the target serves, yet not in the source's preferred version.
    """

    def __init__(self, spool: Spool, discovery: Discovery) -> None:
        self._spool = spool
        self._served = {(one.group_resource, one.version) for one in discovery.all_versions}
        self._preferred: dict[str, str] = {}
        self._kept: dict[str, set[str]] = {}

    def wants(self, entry: EntryPath) -> bool:
        """Whether a copy could be needed, as far as is known when it comes."""
        name = entry.identity.group_resource
        if entry.is_preferred:
            self._preferred.setdefault(name, entry.version)
            return False
        return (name, entry.version) in self._served and not self._is_served(name)

    def add(self, entry: EntryPath, body: bytes) -> None:
        """Keeps a copy. Raises ``InvalidInput`` when there is no room for it."""
        self._spool.add_version(entry.identity, entry.version, body)
        self._kept.setdefault(entry.identity.group_resource, set()).add(entry.version)

    def settle(self) -> tuple[Note, ...]:
        """Once all is read: puts the chosen copies in the place of the bare ones, and tells so."""
        notes = []
        for name, versions in sorted(self._kept.items()):
            if self._is_served(name):
                continue
            best_last = sorted(versions, key=version_rank, reverse=True)
            for version in best_last:
                self._spool.use_version(name, version)
            what = self._preferred.get(name, "the source's version")
            notes.append(
                Note(
                    "OtherVersion",
                    f"the target does not serve {name} in {what}: they are restored from the "
                    f"backup's copies of version {best_last[-1]}",
                )
            )
        return tuple(notes)

    def _is_served(self, name: str) -> bool:
        return (name, self._preferred.get(name)) in self._served
