"""``python -m bench``: every benchmark, on a real control plane and a real S3 server.

Full size takes about three quarters of an hour on two idle cores. Ratios compare passes of one run;
seconds vary with the machine.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import backup, modifiers, restore, transform, velero, velero_restore
from bench.cluster import fresh_cluster
from bench.figures import Figure, Record, print_table
from tests import s3server

SIZES = (10_000, 100_000)
PEAK_GOAL, GROWTH_GOAL = 200, 30
"""MiB: the highest peak at 100,000 objects, and how far it may be above the peak at 10,000."""
_BUCKET = "bench"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--objects", type=int, action="append", help="how many (default: 10000 and 100000)"
    )
    parser.add_argument(
        "--only",
        choices=("restore", "backup", "transform", "modifiers", "velero", "velero-restore"),
    )
    parser.add_argument(
        "--rounds", type=int, help="passes of kubeferry (default: 3, from 100000 1)"
    )
    parser.add_argument("-o", "--output", type=Path, help="a file for every pass as a JSON line")
    parser.add_argument("--profile", default="", help="prefix of files for profiles of kubeferry")
    options = parser.parse_args()
    record = Record(options.output)
    figures: list[Figure] = []
    if options.only in (None, "transform"):
        figures += transform.figures()
    if options.only in (None, "modifiers"):
        figures += modifiers.figures()
    if options.only not in ("transform", "modifiers"):
        figures += _cluster_figures(options, record)
    print_table(figures)
    for figure in figures:
        record.write({"figure": figure.name, "value": figure.value, "goal": figure.goal})


def _cluster_figures(options: argparse.Namespace, record: Record) -> list[Figure]:
    figures: list[Figure] = []
    peaks: dict[str, dict[int, float]] = {"backup": {}, "restore": {}}
    with (
        TemporaryDirectory(prefix="kubeferry-bench-s3-") as folder,
        s3server.running(Path(folder)) as s3,
    ):
        s3.make_bucket(_BUCKET)
        key = (s3.credentials.access_key_id, s3.credentials.secret_access_key)
        vault = {"endpoint": s3.endpoint, "bucket": _BUCKET, "key": key}
        for count in options.objects or SIZES:
            rounds = options.rounds or (1 if count >= SIZES[-1] else 3)
            name = f"bench-{count}"
            with fresh_cluster() as cluster:
                first = restore.bare_pass(cluster, count, record)
                if options.only in ("restore", "velero-restore"):
                    backup.ferry_pass(cluster, count, vault=vault, name=f"{name}-0", record=record)
                elif options.only != "velero":
                    found, peaks["backup"][count] = backup.measure(
                        cluster,
                        count,
                        rounds=rounds,
                        vault=vault,
                        name=name,
                        record=record,
                        profile=options.profile,
                    )
                    figures += found
                if options.only == "velero" or (options.only is None and count == SIZES[0]):
                    figures += velero.measure(
                        cluster,
                        count,
                        rounds=rounds,
                        s3=s3,
                        vault=vault,
                        name=name,
                        record=record,
                    )
            if options.only == "velero-restore" or (options.only is None and count == SIZES[0]):
                figures += velero_restore.measure(
                    count, s3=s3, vault=vault, backup=f"{name}-0", record=record
                )
            if options.only in (None, "restore"):
                found, peaks["restore"][count] = restore.measure(
                    count,
                    rounds=rounds,
                    first=first,
                    vault=vault,
                    backup=f"{name}-0",
                    record=record,
                    profile=options.profile,
                )
                figures += found
    for task, found_peaks in peaks.items():
        figures += _memory_figures(task, found_peaks)
    return figures


def _memory_figures(task: str, peaks: dict[int, float]) -> list[Figure]:
    figures = [
        Figure(f"{task} {count}: peak memory", peak, PEAK_GOAL, "at most", unit="MiB")
        for count, peak in peaks.items()
    ]
    if len(peaks) > 1:
        growth = peaks[max(peaks)] - peaks[min(peaks)]
        figures.append(
            Figure(
                f"{task}: peak at {max(peaks)} over {min(peaks)}",
                growth,
                GROWTH_GOAL,
                "at most",
                unit="MiB",
            )
        )
    return figures


if __name__ == "__main__":
    main()
