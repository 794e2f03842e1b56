"""Two control planes, kubeferry in both, Velero in both, and two vaults that all of them share.

The backups that one tool takes for the other to have are taken here, once.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import veleros
from tests.clusters import Cluster
from tests.real.ferries import Site
from tests.s3server import S3Server
from tests.sites import PROGRAM
from tests.velero import application
from tests.velero.comparing import Archived, Key, archived
from tests.veleros import Velero
from tests.waiting import until


@dataclass(frozen=True)
class Vault:
    """A vault, registered with both tools under the same name.

    Attributes:
        folder: where the S3 server keeps what is below the prefix.
    """

    name: str
    bucket: str
    prefix: str
    folder: Path


@dataclass(frozen=True)
class Handed:
    """A backup that the other tool is to have.

    Attributes:
        name: of the backup and of the application that is in it.
        mapping: source to target namespaces of its restore.
        status: of its taker's own object.
    """

    name: str
    vault: Vault
    mapping: Mapping[str, str]
    status: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        return self.vault.folder / "backups" / self.name

    @property
    def objects(self) -> dict[Key, Archived]:
        """What is in its archive."""
        return archived(self.folder)


@pytest.fixture(scope="session")
def vaults(s3: S3Server) -> dict[str, Vault]:
    """One at the top of its bucket, one with a prefix."""
    found = {}
    for name, prefix in (("rooted", ""), ("prefixed", "teams/blue")):
        folder = s3.make_bucket(f"velero-{name}")
        found[name] = Vault(name, folder.name, prefix, folder / prefix)
    return found


@pytest.fixture(scope="session")
def sites(
    clusters: list[Cluster],
    s3: S3Server,
    vaults: dict[str, Vault],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Site, Site]]:
    """The source and the target with a controller of kubeferry each, and the applications."""
    logs = tmp_path_factory.mktemp("controllers")
    source, target = (Site(one, s3, logs=logs / one.name) for one in clusters)
    try:
        for site in (source, target):
            site.install()
            site.start()
            for vault in vaults.values():
                storage = {"bucket": vault.bucket, "prefix": vault.prefix}
                site.register(vault.name, prefix=vault.prefix, objectStorage=storage)
        for name in application.NODE_PORTS:
            application.install(source.cluster, name)
        yield source, target
    finally:
        for site in (source, target):
            site.stop()


@pytest.fixture(scope="session")
def source(sites: tuple[Site, Site]) -> Site:
    return sites[0]


@pytest.fixture(scope="session")
def target(sites: tuple[Site, Site]) -> Site:
    return sites[1]


@pytest.fixture(scope="session")
def ours(source: Site, vaults: dict[str, Vault]) -> dict[str, Handed]:
    """Backups of kubeferry's by the names of their vaults: one restored as it is, one mapped."""
    found = {}
    for name, vault, mapping in (
        ("shop", "rooted", {}),
        ("store", "prefixed", {"store": "store-2", "store-side": "side-of-store"}),
    ):
        namespaces = (name, application.side(name))
        source.back_up(name, vault, *namespaces, pvBackup={"defaultPvBackup": False})
        status = source.ended("applicationbackup", name)["status"]
        assert status["phase"] == "Completed", status
        found[vault] = Handed(name, vaults[vault], mapping, status)
    return found


def with_velero(
    site: Site, storage: S3Server, vaults: Mapping[str, Vault], folder: Path
) -> Iterator[Velero]:
    """Velero in a cluster, its server running and knowing the vaults."""
    with veleros.running(site.cluster, storage, folder=folder) as velero:
        for vault in vaults.values():
            velero.locate(vault.name, vault.bucket, vault.prefix)
        velero.sync()
        yield velero


@pytest.fixture(scope="session")
def velero_at_source(
    source: Site,
    s3: S3Server,
    vaults: dict[str, Vault],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Velero]:
    yield from with_velero(source, s3, vaults, tmp_path_factory.mktemp("velero-source"))


@pytest.fixture(scope="session")
def velero_at_target(
    target: Site,
    s3: S3Server,
    vaults: dict[str, Vault],
    ours: dict[str, Handed],
    theirs: Handed,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Velero]:
    """It starts when the backups are there, and knows them."""
    yield from with_velero(target, s3, vaults, tmp_path_factory.mktemp("velero-target"))


@pytest.fixture(scope="session")
def theirs(velero_at_source: Velero, vaults: dict[str, Vault]) -> Handed:
    """A backup of Velero's own."""
    namespaces = ["depot", application.side("depot")]
    backup = velero_at_source.back_up(
        "depot", "prefixed", includedNamespaces=namespaces, snapshotVolumes=False
    )
    assert backup["status"]["phase"] == "Completed", backup["status"]
    mapping = {"depot": "depot-2", "depot-side": "side-of-depot"}
    return Handed("depot", vaults["prefixed"], mapping, backup["status"])


def ferry(site: Site, *arguments: str) -> str:
    """What ``kubeferry ...`` prints to a person at this cluster. It is a failure if it fails."""
    environ = {
        "KUBECONFIG": str(site.cluster.user_kubeconfig),
        "KUBEFERRY_ENDPOINT_ALIBABACLOUD": site.storage.endpoint,
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [PROGRAM, *arguments],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, f"kubeferry {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


def contents(site: Site, backup: str) -> set[tuple[str, str]]:
    """The objects that ``kubeferry backup contents`` lists, as Velero's lists name them."""
    document = json.loads(ferry(site, "backup", "contents", backup, "-o", "json"))
    keys = [
        Key(f"{one['apiVersion']}/{one['kind']}", one["namespace"], one["name"])
        for one in document["items"]
    ]
    return {key.listed for key in keys}


def appears(site: Site, backup: str) -> dict[str, Any]:
    """Waits until a backup of a vault is known in a cluster, and returns its object."""
    until(
        lambda: bool(site.phase("applicationbackup", backup)),
        what=f"the backup {backup} appears in cluster {site.cluster.name}",
    )
    return site.task("applicationbackup", backup)
