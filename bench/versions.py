"""``python -m bench.versions``: what ``allVersions`` costs a backup, in time and in bytes.

The benchmark's objects, the custom resources of which (15 of 100) are served in a second version; a
real control plane, a real S3 server. Backups with and without the other versions take turns, of
everything and of the custom resources alone. Ratios are on to off, the medians of both.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import objects
from bench.cluster import fresh_cluster
from bench.figures import Figure, Record, median, print_table
from bench.measure import run_child
from tests import s3server
from tests.clusters import Cluster

_BUCKET = "bench"
_EVERYTHING: tuple[str, ...] = ()
_CUSTOM = ("widgets",)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.versions", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--objects", type=int, default=20_000, help="how many (default: 20000)")
    parser.add_argument("--rounds", type=int, default=3, help="passes of each (default: 3)")
    parser.add_argument("-o", "--output", type=Path, help="a file for every pass as a JSON line")
    options = parser.parse_args()
    record = Record(options.output)
    with (
        TemporaryDirectory(prefix="kubeferry-bench-") as folder,
        s3server.running(Path(folder)) as s3,
        fresh_cluster() as cluster,
    ):
        s3.make_bucket(_BUCKET)
        key = (s3.credentials.access_key_id, s3.credentials.secret_access_key)
        vault = {"endpoint": s3.endpoint, "bucket": _BUCKET, "key": key}
        made = run_child("bench.bare", "create", cluster, count=options.objects)
        record.add("bare create", options.objects, made)
        serve_second_version(cluster)
        figures: list[Figure] = []
        for title, included in (("everything", _EVERYTHING), ("custom resources", _CUSTOM)):
            figures += measure(
                cluster, title, included, rounds=options.rounds, vault=vault, record=record
            )
    print_table(figures)


def serve_second_version(cluster: Cluster) -> None:
    """Serves the custom resources in ``v1beta1`` too."""
    definition = json.loads(objects.definition().body)
    second = {**definition["spec"]["versions"][0], "name": "v1beta1", "storage": False}
    patch = {"spec": {"versions": [definition["spec"]["versions"][0], second]}}
    crd = f"crd/{objects.DEFINITION_NAME}"
    cluster.kubectl("patch", crd, "--type=merge", "-p", json.dumps(patch))
    cluster.kubectl("wait", crd, "--for=condition=Established")
    listed = f"/apis/bench.example.com/v1beta1/namespaces/{objects.namespace(0)}/widgets?limit=1"
    cluster.kubectl("get", "--raw", listed)


def measure(
    cluster: Cluster,
    title: str,
    included: tuple[str, ...],
    *,
    rounds: int,
    vault: dict[str, Any],
    record: Record,
) -> list[Figure]:
    """The figures of one selection: passes with and without take turns after one that warms up."""
    passes: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for number in range(2 * rounds + 1):
        with_all = number % 2 == 1
        result = run_child(
            "bench.ferry",
            "backup",
            cluster,
            vault=vault,
            name=f"{title.replace(' ', '-')}-{number}",
            all_versions=with_all,
            included=list(included),
        )
        record.add(f"{title}, {'all versions' if with_all else 'one'}", result["items"], result)
        if result["phase"] != "Completed":
            raise RuntimeError(f"the backup is {result['phase']}: {result['problems']}")
        if number:
            passes[with_all].append(result)
    figures = []
    for what, unit in (("seconds", "time"), ("cpu", "CPU time"), ("archive_bytes", "archive")):
        on, off = (median([one[what] for one in passes[which]]) for which in (True, False))
        note = f"off {off / 1e6:.1f} MB" if what == "archive_bytes" else f"off {off:.2f} s"
        figures.append(Figure(f"all versions, {title}: {unit}", on / off, None, "at most", note))
    return figures


if __name__ == "__main__":
    main()
