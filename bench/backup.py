"""How long a backup takes, against a bare paged list of the same kinds; order A-B-A-B-...

A reads every collection that B lists, 500 objects a page, one request after the other, and keeps
nothing. B is the whole task, to an S3 server. Beside it stands a stricter A without a goal: as many
collections at once as B reads, ``LISTERS``.
"""

from typing import Any

from bench.figures import Figure, Record, between, median
from bench.measure import run_child
from kubeferry.backup.lists import LISTERS
from tests.clusters import Cluster

GOALS = {10_000: 2.0, 100_000: 1.5}


def ferry_pass(
    cluster: Cluster,
    count: int,
    *,
    vault: dict[str, Any],
    name: str,
    record: Record,
    profile: str = "",
    all_versions: bool = True,
) -> dict[str, Any]:
    """One pass of B."""
    result = run_child(
        "bench.ferry",
        "backup",
        cluster,
        vault=vault,
        name=name,
        all_versions=all_versions,
        profile=profile and f"{profile}-{name}",
    )
    what = "kubeferry backup" if all_versions else "  one version"
    record.add(what, count, result)
    if result["phase"] != "Completed" or result["items"] < count:
        raise RuntimeError(f"the backup is {result['phase']} with {result['items']} objects")
    return result


def measure(
    cluster: Cluster,
    count: int,
    *,
    rounds: int,
    vault: dict[str, Any],
    name: str,
    record: Record,
    profile: str = "",
) -> tuple[list[Figure], float]:
    """The figures, and the median peak in MiB. Leaves the backups ``<name>-<n>`` in the vault."""
    paths = run_child("bench.ferry", "kinds", cluster)["paths"]
    ferry = []

    def list_pass(ways: int) -> dict[str, Any]:
        result = run_child("bench.bare", "list", cluster, paths=paths, ways=ways)
        return record.add(f"bare list {ways}-way", count, result)

    list_pass(LISTERS)  # the API server's caches are warm for all that follow
    bare, together = [list_pass(1)], [list_pass(LISTERS)]
    for number in range(rounds):
        ferry.append(
            ferry_pass(
                cluster,
                count,
                vault=vault,
                name=f"{name}-{number}",
                record=record,
                profile=profile,
            )
        )
        together.append(list_pass(LISTERS))
        bare.append(list_pass(1))
    figures = []
    for title, passes, goal in (
        ("whole task", bare, GOALS.get(count, GOALS[10_000])),
        (f"against {LISTERS} lists at once", together, None),
    ):
        seconds = [one["seconds"] for one in passes]
        ratios = [one["seconds"] / between(seconds, n) for n, one in enumerate(ferry)]
        note = f"bare {count / median(seconds):,.0f}/s"
        figures.append(Figure(f"backup {count}: {title}", median(ratios), goal, "at most", note))
    return figures, median([one["peak_mib"] for one in ferry])
