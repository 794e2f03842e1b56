"""The mixed application with running pods: its webhooks are its own, in a Deployment of its own.

What converts and judges its custom resources is restored with them, so they come last, once it
answers.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import mixed, mixed_checks
from tests.builders import obj
from tests.clusters import as_base64
from tests.mixed import DB_2, SHOP, SHOP_2, WIDGETS, Judge
from tests.node.sites import NodeSite
from tests.node.test_walkthrough import CLASS
from tests.pki import Authority
from tests.real import archives
from tests.waiting import until

pytestmark = pytest.mark.node

VAULT = "mixed"


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """The application's own, by one certificate for both namespaces."""
    authority = Authority(tmp_path_factory.mktemp("judge"))
    pair = authority.server("judge", [], [f"judge.{space}.svc" for space in (SHOP, SHOP_2)])
    bundle = as_base64(authority.certificate)

    def client(path: str) -> dict[str, Any]:
        service = {"namespace": SHOP, "name": "judge", "path": path}
        return {"service": service, "caBundle": bundle}

    return Judge(client, pair.certificate.read_text(), pair.key.read_text())


@pytest.fixture(scope="module")
def restored(judge: Judge, source: NodeSite, target: NodeSite) -> Iterator[dict[str, Any]]:
    """The task of the first restore."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    found = source.cluster.get("storageclass", CLASS)
    disk = {"provisioner": found["provisioner"], "binding": found["volumeBindingMode"]}
    mixed.install(source.cluster, judge, **disk)
    for what, space in (("deploy/web", SHOP), ("sts/store", mixed.DB), ("ds/agent", SHOP)):
        source.cluster.kubectl("rollout", "status", what, "-n", space, "--timeout=180s")
    source.cluster.kubectl("wait", "job/once", "-n", SHOP, "--for=condition=Complete")
    spaces = (SHOP, mixed.DB, mixed.OTHER)
    data = {"defaultPvBackup": False}
    source.back_up("mx", VAULT, *spaces, includeClusterResources=True, pvBackup=data)
    backup = source.ended("applicationbackup", "mx")["status"]
    assert backup["phase"] == "Completed", backup
    mixed.apply(
        target.cluster,
        [
            mixed.storage_class(mixed.FAST, **disk),
            obj("v1/ConfigMap", f"csdr/{mixed.MODIFIER}").with_(data={"rules": mixed.RULES}),
        ],
    )
    until(lambda: target.phase("applicationbackup", "mx") == "Completed", what="mx appears")
    target.restore("mx-first", "mx", waitForReady="4m", **mixed.PARAMETERS)
    yield target.ended("applicationrestore", "mx-first", seconds=420)
    for site in (source, target):
        site.cluster.kubectl("delete", "validatingwebhookconfiguration", "mx-judge")
        site.cluster.kubectl("delete", WIDGETS, "--all", "-A")
        site.cluster.kubectl("delete", "crd", WIDGETS, "--wait=false")
    source.cluster.kubectl("delete", "namespace", *spaces, "--wait=false")
    target.cluster.kubectl("delete", "namespace", SHOP_2, DB_2, "--wait=false")


def told(bucket: Path, name: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = archives.restore_items(bucket, name, VAULT)
    return lines


def test_all_of_it_is_restored(restored: Mapping[str, Any], node_bucket: Path) -> None:
    status = restored["status"]
    lines = told(node_bucket, "mx-first")
    assert status["phase"] == "Completed", status
    told_of = {one["reason"] for one in status["reasons"] if one["outcome"] == "warning"}
    assert told_of == {"OwnerNotRestored", "VolumeDataNotRestored"}, status["message"]
    assert {"failed", "refused"}.isdisjoint(status["counts"]), status
    assert len({one["target"][0] for one in lines if one["action"] == "created"}) > 25


def test_its_pods_are_ready_on_the_node(restored: Mapping[str, Any], target: NodeSite) -> None:
    for what, space in (("deploy/web", SHOP_2), ("deploy/judge", SHOP_2), ("ds/agent", SHOP_2)):
        target.cluster.kubectl("rollout", "status", what, "-n", space, "--timeout=120s")
    target.cluster.kubectl("rollout", "status", "sts/store", "-n", DB_2, "--timeout=120s")
    target.cluster.kubectl("wait", "pod/alone", "-n", SHOP_2, "--for=condition=Ready")
    for space in (SHOP_2, DB_2):
        pods = target.cluster.get("pods", "-n", space, "-l", "app!=once")["items"]
        images = {one["image"] for pod in pods for one in pod["spec"]["containers"]}
        assert images == {f"{mixed.OTHER_REGISTRY}/{mixed.IMAGE}"}
    claims = target.cluster.get("pvc", "-n", DB_2)["items"]
    assert [one["status"]["phase"] for one in claims] == ["Bound", "Bound"]


def test_it_is_adapted_in_every_way(restored: Mapping[str, Any], target: NodeSite) -> None:
    mixed_checks.adapted(target.cluster)


def test_its_custom_kind_is_converted_and_judged_by_its_own_pods(
    restored: Mapping[str, Any], target: NodeSite
) -> None:
    definition = target.cluster.get("crd", WIDGETS)["spec"]["conversion"]["webhook"]
    assert definition["clientConfig"]["service"]["namespace"] == SHOP_2
    mixed_checks.custom_kind(target.cluster)
    assert mixed_checks.owner_of_owned(target.cluster) == "", "what comes last owns nothing"


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_again_it_is_quiet(
    restored: Mapping[str, Any], target: NodeSite, node_bucket: Path, policy: str
) -> None:
    name = f"mx-again-{policy}"
    target.restore(name, "mx", existingResourcePolicy=policy, waitForReady="1m", **mixed.PARAMETERS)
    status = target.ended("applicationrestore", name, seconds=180)["status"]
    lines = told(node_bucket, name)
    assert mixed_checks.loud(lines) == []
    assert status["counts"] == {"skipped": len(lines)}
    assert status["phase"] == "Completed", status
