"""kubeferry comes, is replaced by a newer one and goes again, with running pods: on a node of its
own, for it takes along what other tests need."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from kubeferry.api.install import Installation, manifests
from tests import s3server
from tests.node.permissions import judge, rights_of
from tests.node.sites import NodeSite, started
from tests.nodes import MACHINE
from tests.sites import PROGRAM
from tests.waiting import until

pytestmark = pytest.mark.node

_NUMBER = 21


@pytest.fixture(scope="module")
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NodeSite]:
    """One whose API server can be reached by its name alone."""
    with (
        started(request, ("tinstall",), _NUMBER, by_name_only=True) as [node],
        s3server.running(tmp_path_factory.mktemp("s3"), host=MACHINE) as storage,
    ):
        storage.make_bucket("cnfs-oss-test")
        installed = NodeSite(cluster=node, storage=storage)
        installed.install()
        installed.register("vault", prefix="install")
        node.kubectl("create", "namespace", "shop")
        node.kubectl("create", "configmap", "prices", "-n", "shop")
        installed.back_up("shop-1", "vault", "shop")
        assert installed.ended("applicationbackup", "shop-1")["status"]["phase"] == "Completed"
        yield installed


def uninstall(site: NodeSite, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "uninstall", *flags],
        env=os.environ | {"KUBECONFIG": str(site.cluster.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_controller_asks_the_api_server_by_its_name_with_its_own_token(site: NodeSite) -> None:
    [pod] = site.pods()
    [container] = pod["spec"]["containers"]
    environ = {one["name"]: one.get("value") for one in container["env"]}
    assert environ["KUBERNETES_SERVICE_HOST"] == "kubernetes.default.svc"
    agents = {
        event["userAgent"]
        for event in site.cluster.audit()
        if event["user"].get("extra", {}).get("authentication.kubernetes.io/pod-name")
        == [pod["metadata"]["name"]]
    }
    assert agents == {"kubeferry-controller"}


def test_a_newer_one_takes_over_before_the_older_one_has_gone(site: NodeSite) -> None:
    before, task = site.pod(), site.task("applicationbackup", "shop-1")
    site.install("--memory=512Mi")
    after = site.pod()
    assert after != before
    until(lambda: site.leader().startswith(after), what="the new pod works", seconds=30)
    assert site.task("applicationbackup", "shop-1")["metadata"]["uid"] == task["metadata"]["uid"]
    assert site.phase("backuplocation", "vault") == "Available"
    assert site.restarts() == 0


def test_what_is_stored_outlives_it(site: NodeSite) -> None:
    kept = uninstall(site, "--yes")
    assert kept.returncode == 0, kept.stderr
    assert (
        "namespace/csdr, for people keep in it:\n    secret/alibaba-addon-secret\n" in kept.stdout
    )
    assert site.cluster.get("pods", "-n", "csdr")["items"] == []

    gone = uninstall(site, "--yes", "--delete-namespace")
    assert gone.returncode == 0, gone.stderr
    assert site.cluster.run("get", "namespace", "csdr").returncode
    labelled = ("-A", "-l", "app.kubernetes.io/name=kubeferry", "-o", "name")
    kinds = (
        "namespaces,crd,clusterroles,clusterrolebindings,roles,rolebindings,deployments,pods,"
        "validatingadmissionpolicies,validatingadmissionpolicybindings"
    )
    assert site.cluster.kubectl("get", kinds, *labelled) == ""

    site.install()
    site.register("vault", prefix="install")
    until(
        lambda: site.phase("applicationbackup", "shop-1") == "Completed",
        what="the backup appears again",
    )


def test_nothing_was_refused_to_a_controller_that_came_or_went(site: NodeSite) -> None:
    """Rights come before the controller and go after it."""
    rights = rights_of(manifests(Installation(image="i")))
    refused = [one for one in site.cluster.audit() if one["responseStatus"]["code"] == 403]
    assert refused == []
    assert judge(rights, site.cluster.audit()).foreign == ()
