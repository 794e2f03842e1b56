"""``backup diff``: what differs between two backups, or between a backup and the cluster now."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeferry.cli.cluster_now import read_cluster
from kubeferry.cli.command import DIFFERS, Flags, program
from kubeferry.cli.comparing import compared, head_of, none_hidden
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.description import decoded
from kubeferry.cli.diff_view import Tally, Unread, diff_json, diff_lines
from kubeferry.cli.gaps import NO_GAPS, Gap, Gaps, gaps_of_problems, gaps_of_results
from kubeferry.cli.kindwords import KindWord, check_namespaces, is_inside, resolved
from kubeferry.cli.live import ViewReporter, view
from kubeferry.cli.output import counted, emit, printable, say
from kubeferry.cli.planning import look
from kubeferry.cli.stores import vault_of_backup
from kubeferry.clock import timestamp
from kubeferry.errors import ApiError, InvalidInput
from kubeferry.kube.near_names import did_you_mean
from kubeferry.report import Problem, Reporter
from kubeferry.restore.archive import limits_for
from kubeferry.restore.spool import Spool
from kubeferry.vault.metadata import BackupFacts
from kubeferry.vault.reader import read_archive
from kubeferry.vault.sidefiles import load_side_file


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
    gaps: Gaps = NO_GAPS

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return f"backup {self.backup}" if self.backup else f"cluster {self.cluster}"

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


@dataclass(slots=True)
class Filter:
    """What is compared of all; it knows which of its words have met something."""

    words: Sequence[KindWord] = ()
    namespaces: Sequence[str] = ()

    def wants(self, resource: str, kind: str, namespace: str) -> bool:
        """Whether an object is compared."""
        return (not self.namespaces or is_inside(namespace, self.namespaces)) and (
            not self.words or any(word.matches(resource, kind) for word in self.words)
        )


async def diff(flags: Flags, old: str, new: str | None, *, vault: str | None, how: How) -> int:
    """Prints what differs between two backups, or (None) between one and the cluster now.

    The exit code says whether anything does. Raises ``BackupMissing``, ``ArchiveError``,
    ``VaultError``; ``ApiError`` where something could not be read, now or when a backup was taken;
    ``InvalidInput`` for a word that meets nothing on either side.
    """
    check_namespaces(how.namespaces)
    tally = Tally()
    async with connect(flags) as session:
        wanted = Filter(await resolved(session.client, how.kinds), how.namespaces)
        with ExitStack() as stack:
            before, after = (stack.enter_context(_spool(session)) for _ in range(2))
            with view(f"diff of {old}") as shown:
                reporter = ViewReporter(shown)
                one, facts = await _read(session, old, vault, before, reporter)
                if new is None:
                    told = ViewReporter(shown)
                    await read_cluster(session, facts, old=before, new=after, reporter=told)
                    found = gaps_of_problems(told.problems)
                    other = Side(cluster=session.cluster_name, gaps=found)
                else:
                    other, _ = await _read(session, new, vault, after, reporter)
            idle = list(idle_words(before, after, wanted))
            for text in idle:
                say(f"warning: {text}")
            tally.unread = tuple(_unread(one, other, wanted))
            _print(one, other, before, after, wanted, how, tally)
    if tally.unread or tally.verdicts["unread"]:
        raise ApiError(
            "what differs is not all known: of one of the two something could not be read",
            place=f"{one.name}, {other.name}",
            remedy=_remedy(one, other, wanted),
        )
    if idle:
        raise InvalidInput(idle[0], remedy=f"{program()} backup contents {old} lists what it holds")
    return DIFFERS if tally.differs else 0


def idle_words(before: Spool, after: Spool, wanted: Filter) -> Iterator[str]:
    """What to say of each word that meets nothing on either side: it is likely a typing error."""
    kinds = {**_kinds(before), **_kinds(after)}
    for word in wanted.words:
        if not any(word.matches(resource, kind) for resource, kind in kinds.items()):
            near = did_you_mean(word.text, [*kinds, *kinds.values()])
            yield f"--kind {word.text}: neither holds anything of this kind{near}"
    if not wanted.namespaces:
        return
    inside = {
        namespace
        for spool in (before, after)
        for kind in spool.kinds()
        for namespace, _ in spool.names(kind)
    } - {""}
    for text in wanted.namespaces:
        if not any(is_inside(namespace, [text]) for namespace in inside):
            near = did_you_mean(text, inside)
            yield f"--in-namespace {text}: neither holds anything in it{near}"


def _kinds(spool: Spool) -> dict[str, str]:
    """Each group resource of a spool and its Kind."""
    return {kind: head_of(next(spool.walk(kind))) for kind in spool.kinds()}


def _unread(one: Side, other: Side, wanted: Filter) -> Iterator[Unread]:
    for side in (one, other):
        for gap in _wanted_gaps(side, wanted):
            yield Unread(side.name, gap.label, gap.text)


def _wanted_gaps(side: Side, wanted: Filter) -> tuple[Gap, ...]:
    return side.gaps.of(wanted.words, wanted.namespaces)


def _remedy(one: Side, other: Side, wanted: Filter) -> str:
    for side in (one, other):
        if side.backup and _wanted_gaps(side, wanted):
            return f"{program()} backup describe {side.backup} --details tells why"
    return "each is told above"


def _spool(session: Session) -> Spool:
    return Spool(parent=session.settings.spool_dir, limit=session.settings.spool_limit)


async def _read(
    session: Session, name: str, vault: str | None, spool: Spool, reporter: Reporter
) -> tuple[Side, BackupFacts]:
    """Reads a backup's archive into a spool, verified; warns of what is to be known of it."""
    reporter.phase(f"reading {name}")
    place = f"backup {name}"
    async with vault_of_backup(session, name, vault=vault) as opened:
        limits = limits_for(spool)
        read = await read_archive(opened.store, name, spool=spool.add, limits=limits)
        facts = read.facts
        results = await load_side_file(opened.store, name, "results.gz")
    for note in read.notes:
        reporter.problem(Problem("warning", "Archive", note, "", place))
    gaps = gaps_of_results(decoded(results, place), ours=facts.is_ours)
    for gap in gaps.known:
        reporter.problem(Problem("warning", "Unread", f"when it was taken: {gap.text}", "", place))
    if gaps.unknown:
        told = f"ended {facts.phase} with {counted(gaps.unknown, 'error')}: what those left out "
        reporter.problem(Problem("warning", "Unread", f"{told}counts as not there", "", place))
    return Side(backup=name, vault=opened.name, taken=facts.started, gaps=gaps), facts


def _print(
    one: Side, other: Side, before: Spool, after: Spool, wanted: Filter, how: How, tally: Tally
) -> None:
    found = (
        each
        for each in compared(
            before,
            after,
            status=how.status,
            old_hides=one.gaps.hide,
            # Of a cluster each object that was not met was asked for by its name.
            new_hides=other.gaps.hide if other.backup else none_hidden,
        )
        if wanted.wants(each.identity.group_resource, each.kind, each.identity.namespace)
    )
    if how.json:
        emit(diff_json(one.described, other.described, found, tally))
        return
    emit([printable(f"--- {one}"), printable(f"+++ {other}")])
    emit(diff_lines(found, look(full=how.full), tally, show=how.show))
    if not how.show and tally.verdicts["changed"]:
        say("--show tells what changed in them")
