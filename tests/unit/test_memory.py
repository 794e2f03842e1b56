from itertools import pairwise
from pathlib import Path

import pytest

from kubeferry.controller.run import client_limits
from kubeferry.kube.limiter import Limits
from kubeferry.memory import MIB, Allowance, allowance, memory_limit
from kubeferry.settings import Settings
from kubeferry.vault import store

SMALLEST_PART = 5 * MIB
"""S3 refuses a part that is smaller, the last one aside."""
LIMITS = [64, 96, 128, 160, 192, 256, 384, 512, 1024, 65536]
NO_LIMIT = "9223372036854771712"


def system(root: Path, groups: str, files: dict[str, str]) -> Path:
    """A root with ``/proc/self/cgroup`` and some files of ``/sys/fs/cgroup``."""
    found = {f"sys/fs/cgroup/{name}": content for name, content in files.items()}
    for name, content in (found | {"proc/self/cgroup": groups}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return root


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        pytest.param(
            "0::/kubepods/pod1/c1",
            {"kubepods/pod1/c1/memory.max": "134217728", "kubepods/memory.max": "max"},
            128 * MIB,
            id="version 2: its own",
        ),
        pytest.param(
            "0::/kubepods/pod1/c1",
            {"kubepods/pod1/c1/memory.max": "max", "kubepods/pod1/memory.max": "1048576"},
            MIB,
            id="version 2: one above it",
        ),
        pytest.param("0::/", {"memory.max": "2097152"}, 2 * MIB, id="version 2: in a container"),
        pytest.param("0::/user.slice", {}, None, id="version 2: none, as at the top"),
        pytest.param(
            "5:devices:/x\n4:cpu,memory:/kubepods/c1\n0::/",
            {"memory/kubepods/c1/memory.limit_in_bytes": "134217728"},
            128 * MIB,
            id="version 1: its own",
        ),
        pytest.param(
            "4:memory:/kubepods/c1",
            {"memory/memory.limit_in_bytes": "134217728"},
            128 * MIB,
            id="version 1: in a container that does not see the host's path",
        ),
        pytest.param(
            "4:memory:/kubepods/c1",
            {"memory/kubepods/c1/memory.limit_in_bytes": NO_LIMIT},
            None,
            id="version 1: none",
        ),
    ],
)
def test_the_limit_is_the_control_groups(
    tmp_path: Path, groups: str, files: dict[str, str], limit: int | None
) -> None:
    assert memory_limit(system(tmp_path, groups, files)) == limit


def test_a_system_without_control_groups_has_no_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) is None


def test_without_a_limit_everything_is_as_it_is_by_default() -> None:
    assert allowance(None) == Allowance() == Settings().allowance
    assert client_limits(Allowance()) == Limits()
    assert (Allowance().part, Allowance().parts) == (store.PART_BYTES, store.PARTS)
    assert not Allowance().is_tight


@pytest.mark.parametrize("mib", LIMITS)
def test_what_tasks_hold_together_stays_below_the_limit(mib: int) -> None:
    found = allowance(mib * MIB)
    uploads = min(found.tasks, Settings().max_tasks) * found.part * (found.parts + 1)
    # An idle process takes 32 MiB; of decoded JSON four times its bytes are taken.
    held = 32 * MIB + found.pages + uploads + 4 * found.objects
    assert held <= max(mib, 80) * MIB
    assert found.page * 4 <= found.pages  # all lists that run at once read a page each
    assert found.part >= SMALLEST_PART
    assert min(found.parts, found.writes, found.tasks) >= 1


def test_more_memory_never_allows_less() -> None:
    allowances = [allowance(mib * MIB) for mib in LIMITS]
    for less, more in pairwise(allowances):
        for name in ("page", "pages", "objects", "part", "parts", "writes", "tasks"):
            assert getattr(less, name) <= getattr(more, name), name


@pytest.mark.parametrize(
    ("mib", "is_tight"),
    [pytest.param(128, True, id="128 Mi"), pytest.param(1024, False, id="what install asks for")],
)
def test_time_is_worth_more_than_memory_where_there_is_enough(mib: int, is_tight: bool) -> None:
    assert allowance(mib * MIB).is_tight == is_tight


def test_what_install_asks_for_is_as_fast_as_no_limit() -> None:
    found = allowance(1024 * MIB)
    assert found.tasks >= Settings().max_tasks
    assert client_limits(found) == client_limits(Allowance())
