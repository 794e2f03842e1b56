"""A mixed application goes from one cluster into another with every parameter, and again, quietly.

There is no kubelet: its webhooks are a server of this machine. ``tests/node/test_mixed.py`` has the
same application with running pods.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests import mixed
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
    assert status["phase"] == "Completed", status
    assert status["counts"].keys() <= {"created", "skipped", "updated"}, status
    assert len({one["target"][0] for one in lines if one["action"] == "created"}) > 25
    assert not [one for one in lines if "left" in one["source"]]


def test_it_is_adapted_in_every_way(restored: Mapping[str, Any], target: Site) -> None:
    get = target.cluster.get
    web = get("deployment", "web", "-n", SHOP_2)["spec"]["template"]["spec"]
    [main] = web["containers"]
    assert main["image"] == f"{mixed.OTHER_REGISTRY}/{mixed.IMAGE}"
    assert main["env"] == [{"name": "STORE", "value": f"store.{DB_2}.svc:80"}]
    [anti] = web["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert anti["namespaces"] == [mixed.SHOP]
    settings = get("configmap", "settings", "-n", SHOP_2)["data"]
    assert settings == {"mode": "restored", "store": f"http://store.{DB_2}.svc.cluster.local/"}
    agent = get("daemonset", "agent", "-n", SHOP_2)["spec"]["template"]["metadata"]
    assert agent["annotations"] == {"example.com/moved": "yes"}
    for kind, where in (
        ("rolebinding/reader", ["-n", SHOP_2]),
        ("clusterrolebinding/mx-reader", []),
    ):
        [subject] = get(kind, *where)["subjects"]
        assert subject["namespace"] == SHOP_2
    policy = get("networkpolicy", "from-shop", "-n", DB_2)["spec"]
    [peer] = policy["ingress"][0]["from"]
    assert peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == SHOP_2
    claims = {one["metadata"]["name"]: one["spec"] for one in get("pvc", "-n", DB_2)["items"]}
    assert {one["storageClassName"] for one in claims.values()} == {mixed.FAST}
    sizes = {name: one["resources"]["requests"]["storage"] for name, one in claims.items()}
    assert sizes == {"data-store-0": "20Gi", "data-store-1": "1Gi"}
    opened = get("service", "open", "-n", SHOP_2)
    assert opened["metadata"]["annotations"]["example.com/id"] == "lb"
    assert opened["spec"]["ports"][0]["nodePort"] == mixed.NODE_PORT
    ingress = get("ingress", "web", "-n", SHOP_2)
    assert ingress["spec"]["ingressClassName"] == "mx-class"
    assert ingress["metadata"]["annotations"]["example.com/class"] == "new"
    assert "example.com/old" not in ingress["metadata"]["annotations"]
    [hook] = get("validatingwebhookconfiguration", "mx-judge")["webhooks"]
    [expression] = hook["namespaceSelector"]["matchExpressions"]
    assert expression["values"] == [SHOP_2]


def test_its_custom_kind_is_converted_judged_and_owns_what_it_owned(
    restored: Mapping[str, Any], target: Site
) -> None:
    get = target.cluster.get
    red = get(WIDGETS, "red", "-n", SHOP_2)
    assert (red["spec"], red["status"]) == ({"size": 3, "owner": "shop"}, {"seen": 7})
    blue = get(f"widgets.v1beta1.{mixed.GROUP}", "blue", "-n", SHOP_2)
    assert blue["spec"] == {"width": "5"}
    [owner] = get("configmap", "owned", "-n", SHOP_2)["metadata"]["ownerReferences"]
    assert owner["uid"] == red["metadata"]["uid"]
    for spec, said in (
        ({"size": 0}, "should be greater than or equal to 1"),
        ({"size": 13}, "no widget has that size"),
        ({"size": 1, "owner": "nobody"}, "nobody owns nothing"),
    ):
        widget = obj(f"{mixed.GROUP}/v1/Widget", f"{SHOP_2}/bad").with_(spec=spec)
        refusal = target.cluster.refusal("create", "-f", "-", input=widget.json.decode())
        assert said in refusal


@pytest.mark.parametrize("policy", ["none", "update", "recreate"])
def test_again_it_is_quiet(
    restored: Mapping[str, Any], target: Site, s3: S3Server, policy: str
) -> None:
    settled(target.cluster, SHOP_2, DB_2)
    name = f"mx-again-{policy}"
    target.restore(name, "mx", existingResourcePolicy=policy, **mixed.PARAMETERS)
    status = target.ended("applicationrestore", name)["status"]
    loud = [
        f"{one['action']} {one['target']} {one.get('reason')}: {one.get('message')}"
        for one in told(s3, name)
        if one["action"] != "skipped" or one["reason"] not in QUIET
    ]
    assert loud == []
    assert (status["phase"], status.get("errors", 0)) == ("Completed", 0), status


QUIET = {"Identical", "Controlled", "OwnerThere"}
