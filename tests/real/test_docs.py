"""The commands of the pages that need a real cluster, kubectl or storage, run as they stand there.

The clusters are the page's own: it installs, runs its controllers and removes what it likes.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests import s3server
from tests.clusters import Cluster
from tests.controlplane import running
from tests.docs import pages
from tests.docs.shell import Shell, run_and_compare
from tests.docs.world import SHOP, merge

pytestmark = pytest.mark.real

INSTALL = (
    "kubeferry crds | kubectl apply -f -",
    "kubectl create namespace csdr",
)
SECRET = (
    'kubectl -n csdr create secret generic alibaba-addon-secret --from-literal=access-key-id="$'
    'ACCESS_KEY_ID" --from-literal=access-key-secret="$ACCESS_KEY_SECRET"'
)
PREPARED = {
    "README.md": (
        *INSTALL,
        SECRET,
        "kubeferry controller",
        f"kubectl apply -f {SHOP}",
        "kubectl apply -f examples/01-statefulset.yaml -f examples/03-resource-modifier.yaml",
    ),
    "browse.md": (
        *INSTALL,
        SECRET,
        "kubeferry controller",
        f"kubectl apply -f {SHOP}",
        "kubeferry vault create vault --provider alibabacloud --bucket cnfs-oss-test "
        "--region cn-beijing --wait",
        "kubeferry backup create shop-1 --vault vault --include-namespaces shop --wait",
    ),
    "settings.md": INSTALL,
    "vaults.md": INSTALL,
}
"""What a page takes for granted."""
REGIONS = {"README.md": "eu-central-1"}
"""The region of the storage, where it is not the seed's."""

REAL = [
    pytest.param(page, id=page.name)
    for page in pages.PAGES
    if any(getattr(one, "mark", "").startswith("real: ") for one in pages.commands(page))
]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Cluster]]:
    with running(["backup", "restore"], folder=tmp_path_factory.mktemp("docs")) as started:
        yield started


@asynccontextmanager
async def shell(contexts: list[Cluster], folder: Path, *, region: str) -> AsyncIterator[Shell]:
    """A shell with a kubeconfig for both clusters, which are empty, and a storage of its own."""
    for cluster in contexts:
        made = ("csdr", "default1", "shop", "shop-test")
        cluster.kubectl("delete", "namespace", *made, "--ignore-not-found", "--wait")
        cluster.kubectl("-n", "default", "delete", "sts,pod,pvc", "--all", "--wait")
        policies = "validatingadmissionpolicy,validatingadmissionpolicybinding"
        kinds = f"crd,clusterrole,clusterrolebinding,{policies}"
        ours = (kinds, "-l", "app.kubernetes.io/name=kubeferry")
        cluster.kubectl("delete", *ours, "--wait")
    kubeconfig = folder / "kubeconfig"
    merge([(one.name, one.kubeconfig) for one in contexts], kubeconfig)
    here = folder / "here"
    here.mkdir()
    with s3server.running(folder / "storage", region=region) as storage:
        for bucket in ("cnfs-oss-test", "my-backups"):
            storage.make_bucket(bucket)
        environ = {
            "KUBECONFIG": str(kubeconfig),
            "KUBEFERRY_ENDPOINT_ALIBABACLOUD": storage.endpoint,
            "KUBEFERRY_ENDPOINT_AWS": storage.endpoint,
            "KUBEFERRY_SYNC_PERIOD": "1s",
            "ACCESS_KEY_ID": storage.credentials.access_key_id,
            "ACCESS_KEY_SECRET": storage.credentials.secret_access_key,
        }
        started = Shell(here, environ, programs=[contexts[0].programs])
        try:
            yield started
        finally:
            await started.stop()


@pytest.mark.parametrize("page", REAL)
async def test_the_real_commands_of_a_page_do_what_it_shows(
    page: Path, contexts: list[Cluster], tmp_path: Path
) -> None:
    region = REGIONS.get(page.name, "cn-beijing")
    async with shell(contexts, tmp_path, region=region) as started:
        for text in PREPARED.get(page.name, ()):
            await started.run(pages.Command(text, 0, ""))
        for one in pages.commands(page):
            if isinstance(one, pages.Block):
                (started.folder / pages.file_name(one)).write_text(one.text)
            elif one.mark.startswith("real: "):
                await run_and_compare(started, one)
