"""Objects in every version that is served: what one tool archives of them, the other restores.

Velero looks at versions only with its feature ``EnableAPIGroupVersions``.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import obj
from tests.real.ferries import Site
from tests.velero import application
from tests.velero.comparing import Archived, Key, archived, differences
from tests.velero.conftest import Vault, appears, contents
from tests.veleros import Velero

pytestmark = pytest.mark.velero

VERSIONS = "--features=EnableAPIGroupVersions"
EXISTING = ("configmaps", "serviceaccounts", "events")
"""Kinds of which the archive has only what each namespace gets, and what is never restored."""
SCALER = {
    "minReplicas": 2,
    "maxReplicas": 4,
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
}


@pytest.fixture(scope="module")
def widgets(source: Site) -> tuple[str, str]:
    """Two namespaces with custom resources of two versions, and something of many versions."""
    names = ("cask", "keg")
    for name in names:
        application.define(source.cluster, application.definition(name))
        scaler = obj("autoscaling/v2/HorizontalPodAutoscaler", f"{name}/web").with_(spec=SCALER)
        made = [obj("v1/Namespace", name), *application.custom(name), scaler]
        application.apply(source.cluster, made)
    return names


@pytest.fixture(scope="module")
def velero_with_versions(velero_at_source: Velero, widgets: tuple[str, str]) -> Iterator[Velero]:
    velero_at_source.sync(VERSIONS)
    yield velero_at_source
    velero_at_source.sync()


def versions(folder: Path, kind: str) -> dict[str, set[str]]:
    """The folders of versions that an archive has of a kind, and the objects in them."""
    found: dict[str, set[str]] = {}
    with tarfile.open(folder / f"{folder.name}.tar.gz", "r:gz") as archive:
        for member in archive:
            parts = member.name.split("/")
            if parts[:2] == ["resources", kind] and parts[2] not in ("namespaces", "cluster"):
                found.setdefault(parts[2], set()).add(parts[-1].removesuffix(".json"))
    return found


def test_velero_restores_the_version_that_its_cluster_serves(
    widgets: tuple[str, str],
    source: Site,
    target: Site,
    vaults: dict[str, Vault],
    velero_at_target: Velero,
) -> None:
    name, _ = widgets
    source.back_up(name, "rooted", name)
    assert source.ended("applicationbackup", name)["status"]["phase"] == "Completed"
    folder = vaults["rooted"].folder / "backups" / name
    kind = f"widgets.{application.group(name)}"
    names = {"numbers", "older.by-its.name"}
    assert versions(folder, kind) == {"v1-preferredversion": names, "v1beta1": names}

    application.define(target.cluster, application.definition(name, "v1beta1"))
    velero_at_target.sync(VERSIONS)
    restore = velero_at_target.restore(f"{name}-back", name)
    told = velero_at_target.run("restore", "describe", f"{name}-back")
    assert not restore["status"].get("errors"), told
    standing = target.cluster.get(kind, "-n", name)["items"]
    assert {one["apiVersion"] for one in standing} == {f"{application.group(name)}/v1beta1"}
    expected = {
        key.name: one.body["spec"] for key, one in archived(folder).items() if one.resource == kind
    }
    assert {one["metadata"]["name"]: one["spec"] for one in standing} == expected
    assert expected["numbers"]["odd"] == application.ODD


@pytest.fixture(scope="module")
def archive(
    widgets: tuple[str, str], velero_with_versions: Velero, target: Site, vaults: dict[str, Vault]
) -> Path:
    """A backup of Velero's with every version, which is known at the target; its folder."""
    _, name = widgets
    backup = velero_with_versions.back_up(name, "prefixed", includedNamespaces=[name])
    assert backup["status"]["phase"] == "Completed"
    appears(target, name)
    return vaults["prefixed"].folder / "backups" / name


def made(folder: Path) -> dict[Key, Archived]:
    """The objects that a restore creates."""
    objects = archived(folder)
    found = {key: one for key, one in objects.items() if one.resource not in EXISTING}
    assert len(found) == 5
    return found


def test_every_version_of_velero_s_is_one_object(archive: Path, target: Site) -> None:
    scalers = versions(archive, "horizontalpodautoscalers.autoscaling")
    assert scalers == {"v1": {"web"}, "v2-preferredversion": {"web"}}
    assert contents(target, archive.name) == {key.listed for key in archived(archive)}


def test_kubeferry_restores_the_version_that_its_cluster_serves(
    archive: Path, source: Site, target: Site
) -> None:
    name = archive.name
    application.define(target.cluster, application.definition(name, "v1beta1"))
    target.restore(f"{name}-back", name)
    status = target.ended("applicationrestore", f"{name}-back")["status"]
    assert status["phase"] == "Completed", status
    older = f"{application.group(name)}/v1beta1"
    expected = {}
    for key, one in made(archive).items():
        if one.resource == f"widgets.{application.group(name)}":
            one = one._replace(body=one.body | {"apiVersion": older})
            key = key._replace(kind=f"{older}/Widget")
        if one.resource != "customresourcedefinitions.apiextensions.k8s.io":
            expected[key] = one
    assert differences(expected, target.cluster, mapping={}) == []
