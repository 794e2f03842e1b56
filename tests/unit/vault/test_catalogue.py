"""The catalogue of an archive, and threads that outlive it."""

import sqlite3
import threading
from collections.abc import Iterator

import pytest

from kubeferry.vault.catalogue import Catalogue, Line

ONE = Line("v1/Pod", "pods", "default", "web", 10, "")


def test_closing_waits_for_a_thread_that_fills_it() -> None:
    catalogue = Catalogue()
    begun, go = threading.Event(), threading.Event()

    def lines() -> Iterator[Line]:
        yield ONE
        begun.set()
        assert go.wait(10)
        yield ONE

    filling = threading.Thread(target=lambda: catalogue.add(lines()))  # type: ignore[arg-type]
    closing = threading.Thread(target=catalogue.close)
    filling.start()
    assert begun.wait(10)
    closing.start()
    closing.join(0.2)
    is_open = closing.is_alive()
    go.set()
    filling.join(10)
    closing.join(10)
    assert is_open, "SQLite brings the process down where a connection is closed that is in use"


def test_a_thread_that_comes_later_meets_an_error() -> None:
    catalogue = Catalogue()
    catalogue.add([ONE] * 2_000)
    reading = catalogue.resources()
    assert [next(reading), next(reading)][0] == b"["
    catalogue.close()
    with pytest.raises(sqlite3.ProgrammingError):
        list(reading)
    with pytest.raises(sqlite3.ProgrammingError):
        catalogue.add([ONE])
