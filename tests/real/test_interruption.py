"""A controller may be killed at any instant: the next one finishes what it was doing."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.real import archives, loads
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

COUNT = 2_000
NAMES = {f"many-{number:04}" for number in range(COUNT)}
VAULT = "interrupted"


@pytest.fixture(scope="module")
def many(source: Site, target: Site) -> str:
    """A namespace of the source cluster with a few thousand objects, and a vault for it."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    asyncio.run(loads.make_config_maps(source.cluster, "many", COUNT, size=2_000))
    return "many"


def test_a_killed_backup_is_finished_by_the_next_controller(
    many: str, source: Site, target: Site, s3: S3Server
) -> None:
    bucket = s3.folder / "cnfs-oss-test"
    folder = archives.backup_folder(bucket, "killed", VAULT)
    claim = folder / "killed-claim.json"
    source.back_up("killed", VAULT, many)
    until(claim.exists, what="the backup has begun to write")
    source.stop()
    assert not (folder / "velero-backup.json").exists()
    assert source.phase("applicationbackup", "killed") == "InProgress"
    assert target.phase("applicationbackup", "killed") == ""

    source.start()
    backup = source.ended("applicationbackup", "killed")
    assert backup["status"]["phase"] == "Completed", backup["status"]
    kept = "resources/configmaps/namespaces/"
    archived = [path for path in archives.entries(folder) if path.startswith(kept)]
    assert Counter(archived) == Counter(
        f"resources/configmaps/namespaces/many/{name}.json" for name in NAMES
    )
    assert backup["status"]["progress"]["itemsDone"] > COUNT
    assert not claim.exists()
    assert unfinished(bucket) == []
    until(
        lambda: target.phase("applicationbackup", "killed") == "Completed",
        what="the backup appears in the other cluster",
    )


def unfinished(bucket: Path) -> list[str]:
    """Uploads that were begun and not completed, where the S3 server keeps them."""
    return [str(path) for path in bucket.glob(".sgwtmp/multipart/*/*") if path.is_dir()]


def test_a_killed_restore_is_finished_by_the_next_controller(
    many: str, source: Site, target: Site, s3: S3Server
) -> None:
    source.back_up("whole", VAULT, many)
    assert source.ended("applicationbackup", "whole")["status"]["phase"] == "Completed"
    target.restore("killed", "whole", namespaceMapping={many: "many1"})
    asyncio.run(loads.wait_for_config_maps(target.cluster, "many1", COUNT // 4))
    target.stop()
    before = asyncio.run(loads.config_maps(target.cluster, "many1"))
    assert COUNT // 4 <= len(before) < COUNT, "the restore was in its middle"
    assert target.phase("applicationrestore", "killed") == "InProgress"

    target.start()
    status = target.ended("applicationrestore", "killed")["status"]
    assert status["phase"] == "Completed", status
    after = asyncio.run(loads.config_maps(target.cluster, "many1"))
    assert set(after) == NAMES
    for name, obj in before.items():
        assert after[name]["metadata"]["uid"] == obj["metadata"]["uid"], "nothing is made twice"
    lines = archives.restore_items(s3.folder / "cnfs-oss-test", "killed", VAULT)
    told = Counter(tuple(line["source"]) for line in lines)
    assert set(told.values()) == {1}
    assert {name for kind, _, name in told if kind == "configmaps"} == NAMES
    assert {line["action"] for line in lines if line["source"][0] == "configmaps"} == {"created"}
    assert sum(status["counts"].values()) == len(lines) == status["progress"]["itemsDone"]
    assert status["counts"]["created"] == sum(line["action"] == "created" for line in lines)


def test_of_two_controllers_one_leads_and_the_other_takes_over(many: str, target: Site) -> None:
    for name in ("led", "taken-over"):
        target.cluster.kubectl("create", "namespace", name)
        target.cluster.kubectl("create", "configmap", "one", "-n", name)
    first = until(target.leader, what="a controller leads")
    second = target.start()
    until(lambda: "INFO cluster restore" in second.last_lines(), what="the second one runs")

    target.back_up("led", VAULT, "led")
    assert target.ended("applicationbackup", "led")["status"]["phase"] == "Completed"
    assert target.leader() == first
    assert "leading" not in second.last_lines()

    target.controllers.pop(0).stop()
    until(lambda: target.leader() not in ("", first), what="the other controller leads")
    target.back_up("taken-over", VAULT, "taken-over")
    assert target.ended("applicationbackup", "taken-over")["status"]["phase"] == "Completed"
    assert "leading" in second.last_lines()
