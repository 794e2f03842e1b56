"""A mixed application goes from one cluster into another with every parameter, and again, quietly.

There is no kubelet: its webhooks are a server of this machine. ``tests/node/test_mixed.py`` has the
same application with running pods.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests import mixed, mixed_checks
from tests.builders import obj
from tests.clusters import Cluster, as_base64
from tests.mixed import DB_2, SHOP_2, WIDGETS, Judge
from tests.pki import Authority
from tests.processes import Server, free_ports
from tests.real import archives
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.s3]

VAULT = "mixed"
NO_PROVISIONER = "kubernetes.io/no-provisioner"


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    """The webhooks' server, on this machine."""
    folder, [port] = tmp_path_factory.mktemp("judge"), free_ports(1)
    authority = Authority(folder / "pki")
    pair = authority.server("judge", ["127.0.0.1"], ["localhost"])
    command = [sys.executable, str(mixed.PROGRAM), str(port), str(pair.certificate), str(pair.key)]
    server = Server(command, log=folder / "judge.log")
    bundle = as_base64(authority.certificate)
    yield Judge(lambda path: {"url": f"https://127.0.0.1:{port}{path}", "caBundle": bundle})
    server.stop()


@pytest.fixture(scope="module")
def restored(judge: Judge, source: Site, target: Site) -> Iterator[dict[str, Any]]:
    """The task of the first restore."""
    for site in (source, target):
        site.register(VAULT, prefix=VAULT)
    mixed.install(source.cluster, judge, provisioner=NO_PROVISIONER, binding="Immediate")
    settled(source.cluster, mixed.SHOP, mixed.DB)
    spaces = (mixed.SHOP, mixed.DB, mixed.OTHER)
    data = {"defaultPvBackup": False}
    source.back_up("mx", VAULT, *spaces, includeClusterResources=True, pvBackup=data)
    backup = source.ended("applicationbackup", "mx")["status"]
    assert backup["phase"] == "Completed", backup
    mixed.apply(
        target.cluster,
        [
            mixed.storage_class(mixed.FAST, NO_PROVISIONER, binding="Immediate"),
            obj("v1/ConfigMap", f"csdr/{mixed.MODIFIER}").with_(data={"rules": mixed.RULES}),
        ],
    )
    until(lambda: target.phase("applicationbackup", "mx") == "Completed", what="mx appears")
    target.restore("mx-first", "mx", **mixed.PARAMETERS)
    yield target.ended("applicationrestore", "mx-first")
    for site in (source, target):
        site.cluster.kubectl("delete", "validatingwebhookconfiguration", "mx-judge")
        site.cluster.kubectl("delete", WIDGETS, "--all", "-A")
        site.cluster.kubectl("delete", "crd", WIDGETS, "--wait=false")
    source.cluster.kubectl("delete", "namespace", *spaces, "--wait=false")
    target.cluster.kubectl("delete", "namespace", SHOP_2, DB_2, "--wait=false")


def settled(cluster: Cluster, shop: str, db: str) -> None:
    """The controllers have made what they make; somebody says that the pods run."""

    def has_pods(namespace: str, *beginnings: str) -> bool:
        names = cluster.kubectl("get", "pods", "-n", namespace, "-o", "name")
        return all(f"pod/{one}" in names for one in beginnings)

    until(lambda: has_pods(shop, "web-", "once-", "alone"), what=f"pods of {shop}")
    cluster.mark_pods_ready(shop)
    until(lambda: has_pods(db, "store-0"), what=f"a pod of {db}")
    cluster.mark_pods_ready(db)
    until(lambda: has_pods(db, "store-1"), what=f"pods of {db}")
    cluster.mark_pods_ready(db)


def told(s3: S3Server, name: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = archives.restore_items(s3.folder / "cnfs-oss-test", name, VAULT)
    return lines


def test_all_of_it_is_restored(restored: Mapping[str, Any], s3: S3Server) -> None:
    status = restored["status"]
    lines = told(s3, "mx-first")
    assert (status["phase"], status.get("warnings", 0)) == ("Completed", 0), status["message"]
    assert status["counts"].keys() <= {"created", "skipped", "updated"}, status
    assert len({one["target"][0] for one in lines if one["action"] == "created"}) > 25
    assert not [one for one in lines if "left" in one["source"]]


def test_it_is_adapted_in_every_way(restored: Mapping[str, Any], target: Site) -> None:
    mixed_checks.adapted(target.cluster)


def test_its_custom_kind_is_converted_judged_and_owns_what_it_owned(
    restored: Mapping[str, Any], target: Site
) -> None:
    mixed_checks.custom_kind(target.cluster)
    red = target.cluster.get(WIDGETS, "red", "-n", SHOP_2)
    assert mixed_checks.owner_of_owned(target.cluster) == red["metadata"]["uid"]


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_again_it_is_quiet(
    restored: Mapping[str, Any], target: Site, s3: S3Server, policy: str
) -> None:
    settled(target.cluster, SHOP_2, DB_2)
    name = f"mx-again-{policy}"
    target.restore(name, "mx", existingResourcePolicy=policy, **mixed.PARAMETERS)
    status = target.ended("applicationrestore", name)["status"]
    lines = told(s3, name)
    assert mixed_checks.loud(lines) == []
    assert status["counts"] == {"skipped": len(lines)}
    assert (status["phase"], status.get("warnings", 0)) == ("Completed", 0), status["message"]
