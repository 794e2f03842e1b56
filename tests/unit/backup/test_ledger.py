from collections.abc import Iterator

import pytest

from kubeferry.backup.ledger import Ledger, Wanted
from kubeferry.kube.names import Identity

WEB, DB = Identity("pods", "shop", "web"), Identity("pods", "shop", "db")
DATA, LOGS = Identity("claims", "shop", "data"), Identity("claims", "shop", "logs")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger() as opened:
        yield opened


def test_what_is_referred_to_and_not_archived_is_missing(ledger: Ledger) -> None:
    ledger.add([WEB, LOGS])
    ledger.want([Wanted(DATA, WEB, True), Wanted(LOGS, WEB, True)])
    assert (ledger.count_missing("claims"), ledger.count_missing("pods")) == (1, 0)
    assert list(ledger.all_missing("claims")) == [Wanted(DATA, WEB, True)]
    assert ledger.missing(DATA) == Wanted(DATA, WEB, True)
    assert ledger.missing(LOGS) is None
    ledger.add([DATA], by_relation=True)
    assert list(ledger.all_missing("claims")) == []
    assert [ledger.holds(one) for one in (WEB, DATA, DB)] == [True, True, False]
    assert [ledger.came_in(one) for one in (WEB, DATA, DB)] == [False, True, False]


def test_of_several_references_the_first_counts_but_one_that_needs_goes_before(
    ledger: Ledger,
) -> None:
    ledger.want([Wanted(DATA, WEB, False), Wanted(DATA, DB, True), Wanted(DATA, WEB, True)])
    ledger.want([Wanted(DATA, WEB, False)])
    assert list(ledger.all_missing("claims")) == [Wanted(DATA, DB, True)]


def test_what_is_known_to_be_missing_is_told_once(ledger: Ledger) -> None:
    ledger.want([Wanted(DATA, WEB, True), Wanted(LOGS, WEB, True)])
    ledger.forget(DATA)
    assert [one.target for one in ledger.all_missing("claims")] == [LOGS]


def test_many_are_read_in_order_while_they_are_archived(ledger: Ledger) -> None:
    names = [f"c-{number:04}" for number in range(1_700)]
    ledger.want([Wanted(Identity("claims", "shop", name), WEB, True) for name in reversed(names)])
    read = []
    for one in ledger.all_missing("claims"):
        read.append(one.target.name)
        ledger.add([one.target])
    assert read == names


def test_who_left_a_trace_is_found_by_it(ledger: Ledger) -> None:
    left, other = Identity("drivers", "", "a"), Identity("drivers", "", "b")
    assert not ledger.has_traces(["drivers"])
    ledger.trace([(left, WEB), (left, DB)])
    assert ledger.has_traces(["groups", "drivers"])
    assert not ledger.has_traces(["groups"])
    assert ledger.sought([other, left]) == WEB
    assert ledger.sought([other]) is None


def test_what_was_archived_under_one_kind_and_not_under_another_is_counted(ledger: Ledger) -> None:
    ledger.add([WEB, DB, Identity("pods v1", "shop", "db"), Identity("pods v1", "shop", "other")])
    assert ledger.count_lacking("pods", "pods v1") == 1
