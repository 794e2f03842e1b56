"""``backup diff``: what differs between two backups, or between a backup and the cluster now."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeferry.cli.cluster_now import read_cluster
from kubeferry.cli.command import DIFFERS, Flags
from kubeferry.cli.comparing import Compared, compared
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.diff_view import Tally, diff_json, diff_lines
from kubeferry.cli.kindwords import KindWord, resolved
from kubeferry.cli.live import ViewReporter, view
from kubeferry.cli.output import counted, emit, printable, say
from kubeferry.cli.planning import look
from kubeferry.cli.stores import vault_of_backup
from kubeferry.clock import timestamp
from kubeferry.errors import ApiError
from kubeferry.report import Problem, Reporter
from kubeferry.restore.spool import Spool
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.reader import read_archive


@dataclass(frozen=True, slots=True)
class How:
    """What the options say: ``-o json``, ``--show``, ``--full``, ``--status``.

    ``kinds`` and ``namespaces`` narrow what is compared, where some are given.
    """

    json: bool = False
    show: bool = False
    full: bool = False
    status: bool = False
    kinds: Sequence[str] = ()
    namespaces: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared."""

    backup: str = ""
    vault: str = ""
    cluster: str = ""
    taken: datetime | None = None

    def __str__(self) -> str:
        when = f", {timestamp(self.taken)}" if self.taken else ""
        if self.backup:
            return f"backup {self.backup} of vault {self.vault}{when}"
        return f"cluster {self.cluster} now"

    @property
    def described(self) -> dict[str, Any]:
        """For programs; what does not apply is left out."""
        facts = {"backup": self.backup, "vault": self.vault, "cluster": self.cluster}
        taken = timestamp(self.taken) if self.taken else ""
        return {key: value for key, value in (facts | {"taken": taken}).items() if value}


_NO_DOUBT = frozenset({"NamespaceMissing"})
"""Errors of a selection that leave no doubt of what is there: nothing."""


async def diff(flags: Flags, old: str, new: str | None, *, vault: str | None, how: How) -> int:
    """Prints what differs between two backups, or (None) between one and the cluster now.

    The exit code says whether anything does. Raises ``BackupMissing``, ``ArchiveError``,
    ``VaultError``, ``ApiError`` for a cluster of which something could not be read.
    """
    tally = Tally()
    async with connect(flags) as session:
        words = await resolved(session.client, how.kinds)
        with ExitStack() as stack:
            before, after = (stack.enter_context(_spool(session)) for _ in range(2))
            with view(f"diff of {old}") as shown:
                reporter = ViewReporter(shown)
                one, facts = await _read(session, old, vault, before, reporter)
                if new is None:
                    other = Side(cluster=session.cluster_name)
                    await read_cluster(session, facts, old=before, new=after, reporter=reporter)
                else:
                    other, _ = await _read(session, new, vault, after, reporter)
            _print(one, other, before, after, words, how, tally)
    unread = sum(
        problem.level == "error" and problem.reason not in _NO_DOUBT
        for problem in reporter.problems
    )
    if unread:
        raise ApiError(
            f"{counted(unread, 'error')}: what differs there is not known",
            place=str(other),
            remedy="each is told above; see whether you may read what the backup holds",
        )
    return DIFFERS if tally.differs else 0


def _spool(session: Session) -> Spool:
    return Spool(parent=session.settings.spool_dir, limit=session.settings.spool_limit)


async def _read(
    session: Session, name: str, vault: str | None, spool: Spool, reporter: Reporter
) -> tuple[Side, BackupFacts]:
    """Reads a backup's archive into a spool, verified; warns of what is to be known of it."""
    reporter.phase(f"reading {name}")
    async with vault_of_backup(session, name, vault=vault) as opened:
        read = await read_archive(opened.store, name, spool=spool.add)
    for note in read.notes:
        reporter.problem(Problem("warning", "Archive", note, "", f"backup {name}"))
    facts = read.facts
    return Side(backup=name, vault=opened.name, taken=facts.started), facts


def _print(
    one: Side,
    other: Side,
    before: Spool,
    after: Spool,
    words: Sequence[KindWord],
    how: How,
    tally: Tally,
) -> None:
    found = (
        each
        for each in compared(before, after, status=how.status)
        if _is_wanted(each, words, how.namespaces)
    )
    if how.json:
        emit(diff_json(one.described, other.described, found, tally))
        return
    emit([printable(f"--- {one}"), printable(f"+++ {other}")])
    emit(diff_lines(found, look(full=how.full), tally, show=how.show))
    if not how.show and tally.verdicts["changed"]:
        say("--show tells what changed in them")


def _is_wanted(one: Compared, words: Sequence[KindWord], namespaces: Sequence[str]) -> bool:
    resource, namespace, _ = one.identity
    return (not namespaces or namespace in namespaces) and (
        not words or any(word.matches(resource, one.kind) for word in words)
    )
