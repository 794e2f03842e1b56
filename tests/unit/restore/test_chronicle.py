import gzip
from pathlib import Path

import msgspec
import pytest

from kubeferry import codec
from kubeferry.errors import ArchiveDamaged
from kubeferry.journal import HookRun, Item
from kubeferry.restore.chronicle import Chronicle
from kubeferry.settings import Settings
from kubeferry.vault import layout
from kubeferry.vault.locations import Location, open_store
from kubeferry.vault.store import Store


def line(name: str, action: str) -> bytes:
    return codec.encode(
        Item(source=("pods", "shop", name), target=("pods", "shop1", name), action=action)
    )


def hook(number: int, outcome: str = "done") -> bytes:
    return codec.encode(
        HookRun(
            source=("pods", "shop", "a"),
            target=("pods", "shop1", "a"),
            number=number,
            hook="h",
            outcome="failed" if outcome == "failed" else "done",
        )
    )


def told(chronicle: Chronicle) -> list[tuple[str, str]]:
    return [(one.source[2], one.action) for one in chronicle.items()]


def test_the_last_line_of_an_object_counts_in_the_order_told() -> None:
    with Chronicle() as chronicle:
        for name, action in (("a", "created"), ("b", "created"), ("a", "failed"), ("c", "skipped")):
            chronicle.add(line(name, action))
        assert told(chronicle) == [("b", "created"), ("a", "failed"), ("c", "skipped")]


def test_a_hook_s_line_is_its_own_and_not_its_pod_s() -> None:
    with Chronicle() as chronicle:
        for one in (line("a", "created"), hook(0), hook(1), hook(0, "failed")):
            chronicle.add(one)
        assert told(chronicle) == [("a", "created")]
        hooks = [one for one in chronicle.lines() if isinstance(one, HookRun)]
        assert [(one.number, one.outcome) for one in hooks] == [(1, "done"), (0, "failed")]


def test_what_is_no_line_is_refused() -> None:
    with Chronicle() as chronicle, pytest.raises(msgspec.DecodeError):
        chronicle.add(b"{}")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    location = Location(name="vault", provider="local", bucket="bucket")
    return open_store(location, credentials=None, settings=Settings(local_root=tmp_path))


async def test_it_is_read_file_by_file_from_the_vault(store: Store) -> None:
    for number, lines in ((1, [line("a", "created")]), (2, [line("a", "failed"), hook(0)])):
        packed = gzip.compress(b"".join(one + b"\n" for one in lines))
        await store.put(layout.restore_items("back", number), packed)
    with Chronicle() as chronicle:
        await chronicle.read(store, "back", uid="1")
        assert told(chronicle) == [("a", "failed")]
        assert chronicle.unproven == []


async def test_a_damaged_file_is_named(store: Store) -> None:
    await store.put(layout.restore_items("back", 1), gzip.compress(b"{}\n"))
    with Chronicle() as chronicle, pytest.raises(ArchiveDamaged, match="is none") as caught:
        await chronicle.read(store, "back", uid="1")
    assert "back-items-000001" in caught.value.place
