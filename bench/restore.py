"""How fast a restore is, against the bare create loop; order A-B-A-B-..., each on an empty cluster.

Each B stands between two A; its ratio is to their mean. The rate from the first to the last create
is over the waves alone, the whole task has the reading of the archive and the report too.

A second restore over the first finds everything identical: it lists, compares and writes nothing.
"""

from typing import Any

from bench.cluster import fresh_cluster
from bench.figures import Figure, Record, all_cpu, between, median
from bench.measure import run_child
from tests.clusters import Cluster

WHOLE_GOALS = {10_000: 0.75, 100_000: 0.85}
RATE_GOAL = 0.85
AGAIN_GOAL = 1.45
"""Five times Velero's second restore, which takes 3.5 times the bare creates (velero.md §10)."""


def bare_pass(cluster: Cluster, count: int, record: Record) -> dict[str, Any]:
    """One pass of A on a cluster that is empty."""
    return record.add("bare create", count, run_child("bench.bare", "create", cluster, count=count))


def measure(
    count: int,
    *,
    rounds: int,
    first: dict[str, Any],
    vault: dict[str, Any],
    backup: str,
    record: Record,
    profile: str = "",
) -> tuple[list[Figure], float]:
    """The figures, and the median peak in MiB; ``first`` is a pass of A that was run already."""
    bare, ferry, again = [first], [], []
    for number in range(rounds):
        with fresh_cluster() as cluster:
            result = run_child(
                "bench.ferry",
                "restore",
                cluster,
                vault=vault,
                name=backup,
                restore_name=f"restore-{count}-{number}",
                profile=profile and f"{profile}-restore-{count}-{number}",
            )
            second = run_child(
                "bench.ferry",
                "restore",
                cluster,
                vault=vault,
                name=backup,
                restore_name=f"restore-{count}-{number}-again",
                profile=profile and f"{profile}-restore-{count}-{number}-again",
            )
        record.add("kubeferry restore", count, result)
        record.add("kubeferry restore again", count, second)
        if result["phase"] != "Completed" or result["counts"]["created"] < count:
            raise RuntimeError(f"the restore is {result['phase']}: {result['counts']}")
        if second["phase"] != "Completed" or second["counts"].keys() != {"skipped"}:
            raise RuntimeError(f"the second restore is {second['phase']}: {second['counts']}")
        ferry.append(result)
        again.append(second)
        with fresh_cluster() as cluster:
            bare.append(bare_pass(cluster, count, record))
    seconds = [one["seconds"] for one in bare]
    rates = [between(seconds, n) / one["create_seconds"] for n, one in enumerate(ferry)]
    wholes = [between(seconds, n) / one["seconds"] for n, one in enumerate(ferry)]
    work = [all_cpu(one) for one in bare]
    works = [between(work, n) / all_cpu(one) for n, one in enumerate(ferry)]
    each = f"client and servers, bare {1000 * median(work) / count:.1f} ms an object"
    rate = f"bare {count / median(seconds):,.0f}/s"
    seconds_again = [between(seconds, n) / one["seconds"] for n, one in enumerate(again)]
    peak = median([one["peak_mib"] for one in (*ferry, *again)])
    return [
        Figure(f"restore {count}: creates", median(rates), RATE_GOAL, "at least", rate),
        Figure(
            f"restore {count}: whole task",
            median(wholes),
            WHOLE_GOALS.get(count, WHOLE_GOALS[10_000]),
            "at least",
            rate,
        ),
        Figure(
            f"restore {count}: again, over the first",
            median(seconds_again),
            AGAIN_GOAL,
            "at least",
            rate,
        ),
        Figure(f"restore {count}: CPU time", median(works), None, "at least", each),
    ], peak
