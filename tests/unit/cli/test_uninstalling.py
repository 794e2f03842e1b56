import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeferry.api.install import PART_OF, Installation, manifests
from kubeferry.cli.connection import Session
from kubeferry.cli.installed import Contents, keepable
from kubeferry.cli.removal import Removal, staying, summary, warnings
from kubeferry.cli.uninstalling import prepare, remove
from kubeferry.controller.frozen import FINALIZER
from kubeferry.controller.loop.election import LEASES
from kubeferry.controller.resources import BACKUPS, LOCATIONS, RESTORES, SECRETS
from kubeferry.controller.run import LEASE
from kubeferry.errors import FerryError, InvalidInput, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.config import load_config
from kubeferry.kube.names import PODS, Resource
from kubeferry.sandbox import Sandbox
from kubeferry.settings import Settings
from tests.builders import Built, obj

INSTALLED = manifests(Installation(image="i"))
SPECS: dict[Resource, dict[str, Any]] = {
    LOCATIONS: {
        "provider": "aws",
        "objectStorage": {"bucket": "bucket", "prefix": "sub"},
        "config": {"region": "r"},
    },
    BACKUPS: {"storageLocation": "v"},
    RESTORES: {"backupName": "b"},
}


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    """A cluster with all that ``install`` prints; no controller runs in it."""
    async with Sandbox() as sandbox:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(sandbox.kubeconfig())
        config = load_config(kubeconfig=str(kubeconfig), context=None, environ={}, home=tmp_path)
        async with Client(config) as client:
            started = Session(client, Settings(), None)
            await apply(started, *INSTALLED)
            yield started


async def apply(session: Session, *objects: dict[str, Any]) -> None:
    discovery = await session.client.discover()
    for one in objects:
        resource = discovery.for_kind(one["apiVersion"], one["kind"])
        assert resource is not None
        where = one["metadata"].get("namespace", "")
        await session.client.create(resource, one, namespace=where)


async def make(session: Session, resource: Resource, name: str, **meta: Any) -> None:
    """A vault or task; ``status`` is not metadata."""
    status = meta.pop("status", None)
    made = obj(f"{resource.api_version}/{resource.kind}", f"csdr/{name}")
    await session.client.create(
        resource, made.with_(spec=SPECS[resource]).meta(**meta), namespace="csdr"
    )
    if status:
        await session.client.patch(
            resource,
            name,
            {"status": status},
            kind="merge",
            namespace="csdr",
            subresource="status",
        )


async def left(session: Session) -> list[str]:
    """What of ``install``'s objects is there, as kind and name."""
    discovery = await session.client.discover()
    found = []
    for one in INSTALLED:
        resource = discovery.for_kind(one["apiVersion"], one["kind"])
        assert resource is not None
        about = one["metadata"]
        try:
            await session.client.get(resource, about["name"], namespace=about.get("namespace", ""))
        except NotFound:
            continue
        found.append(f"{one['kind']} {about['name']}")
    return found


async def uninstall(
    session: Session, *, keeps_home: bool | None = None, patience: float = 20.0
) -> list[str]:
    """Removes it; what is told of it."""
    told: list[str] = []
    removal = await prepare(session, keeps_home=keeps_home)
    await remove(session, removal, told.append, patience=patience)
    return told


async def shown(session: Session, *, keeps_home: bool | None = None) -> str:
    removal = await prepare(session, keeps_home=keeps_home)
    return "\n".join([*summary(removal, cluster="c"), *warnings(removal)])


async def test_all_that_install_prints_goes(session: Session):
    told = await uninstall(session)
    assert await left(session) == []
    assert told[0] == "deployment.apps/kubeferry-controller removed, its pods have ended"
    assert told[-1] == "namespace/csdr removed"
    assert (await prepare(session, keeps_home=None)).is_nothing


async def test_vaults_and_tasks_go_with_their_definitions_whatever_of_ours_holds_them(
    session: Session,
):
    await make(session, LOCATIONS, "v")
    await make(session, BACKUPS, "b", finalizers=[FINALIZER])
    await make(session, BACKUPS, "c")
    told = await uninstall(session)
    assert await left(session) == []
    crd = "customresourcedefinition.apiextensions.k8s.io"
    group = "csdr.alibabacloud.com"
    assert f"{crd}/applicationbackups.{group} removed, with 2 ApplicationBackups" in told
    assert f"{crd}/backuplocations.{group} removed, with 1 BackupLocation" in told
    assert f"{crd}/applicationrestores.{group} removed" in told


async def test_before_anything_goes_it_is_shown_with_what_stays(session: Session):
    await make(session, LOCATIONS, "v")
    await make(session, BACKUPS, "b")
    assert await shown(session) == (
        """\
To be removed from cluster c:
  deployment.apps/kubeferry-controller and its pods
  1 BackupLocation, 1 ApplicationBackup, with their definitions
  serviceaccount/kubeferry-controller
  clusterrole.rbac.authorization.k8s.io/kubeferry-controller
  clusterrolebinding.rbac.authorization.k8s.io/kubeferry-controller
  role.rbac.authorization.k8s.io/kubeferry-controller
  rolebinding.rbac.authorization.k8s.io/kubeferry-controller
  clusterrole.rbac.authorization.k8s.io/kubeferry-viewer
  clusterrole.rbac.authorization.k8s.io/kubeferry-operator
  validatingadmissionpolicy.admissionregistration.k8s.io/kubeferry-guard-vaults
  validatingadmissionpolicybinding.admissionregistration.k8s.io/kubeferry-guard-vaults
  validatingadmissionpolicy.admissionregistration.k8s.io/kubeferry-guard-backups
  validatingadmissionpolicybinding.admissionregistration.k8s.io/kubeferry-guard-backups
  validatingadmissionpolicy.admissionregistration.k8s.io/kubeferry-guard-restores
  validatingadmissionpolicybinding.admissionregistration.k8s.io/kubeferry-guard-restores
  validatingadmissionpolicy.admissionregistration.k8s.io/kubeferry-guard-configmaps
  validatingadmissionpolicybinding.admissionregistration.k8s.io/kubeferry-guard-configmaps
  namespace/csdr
What stays:
  all backups in vault v (aws bucket/sub)"""
    )
    assert len(await left(session)) == len(INSTALLED)


async def test_what_is_cut_short_is_told(session: Session):
    hook = {
        "namespace": "shop",
        "pod": "db-0",
        "uid": "u",
        "container": "db",
        "command": ["sh", "-c", "unfreeze all"],
    }
    await make(session, RESTORES, "r", status={"phase": "InProgress"})
    await make(session, RESTORES, "done", status={"phase": "Completed"})
    await make(
        session,
        BACKUPS,
        "b",
        finalizers=[FINALIZER],
        status={
            "phase": "Failed",
            "pendingHooks": [hook, {**hook, "command": ["lost"], "problem": "was run and failed"}],
        },
    )
    told = await shown(session)
    assert "applicationrestore.csdr.alibabacloud.com/r is InProgress: it will not be" in told
    assert "/done is" not in told
    assert "applicationbackup.csdr.alibabacloud.com/b leaves applications frozen" in told
    assert "kubectl -n shop exec db-0 -c db -- sh -c 'unfreeze all'" in told
    assert "lost" not in told, "it was run"


def secret() -> Built:
    """The vault's keys, as people put them there."""
    return obj("v1/Secret", "csdr/cloud-credentials").with_(stringData={"cloud": "x"})


@pytest.mark.parametrize(
    ("keeps_home", "keys", "stays"),
    [
        pytest.param(None, False, False, id="an empty one goes"),
        pytest.param(None, True, True, id="not with what people keep in it"),
        pytest.param(False, True, False, id="unless that is asked for"),
        pytest.param(True, False, True, id="an empty one stays where that is asked for"),
    ],
)
async def test_the_namespace(session: Session, keeps_home: bool | None, keys: bool, stays: bool):
    if keys:
        await apply(session, secret())
    told = await shown(session, keeps_home=keeps_home)
    assert ("secret/cloud-credentials" in told) is keys
    await uninstall(session, keeps_home=keeps_home)
    assert await left(session) == (["Namespace csdr"] if stays else [])
    if keys and stays:
        assert await session.client.get(SECRETS, "cloud-credentials", namespace="csdr")
        assert (await prepare(session, keeps_home=None)).is_nothing


async def owner(session: Session, api_version: str, kind: str, name: str) -> dict[str, str]:
    """A reference to an object of the namespace, as one that belongs to it has."""
    resource = (await session.client.discover()).for_kind(api_version, kind)
    assert resource is not None
    live = await session.client.get(resource, name, namespace="csdr")
    uid = live["metadata"]["uid"]
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid}


async def test_what_people_keep_may_carry_our_label(session: Session):
    """kustomize and Helm label all that is applied together."""
    label = dict([PART_OF])
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    binding = obj("rbac.authorization.k8s.io/v1/RoleBinding", "csdr/ops").with_(roleRef=role)
    await apply(session, secret().meta(labels=label), binding.meta(labels=label))
    stay = """\
What stays:
  namespace/csdr, for people keep in it:
    rolebinding.rbac.authorization.k8s.io/ops
    secret/cloud-credentials"""
    assert (await shown(session)).endswith(stay)
    await uninstall(session)
    assert await left(session) == ["Namespace csdr"]
    assert await session.client.get(SECRETS, "cloud-credentials", namespace="csdr")


async def test_what_kubernetes_makes_of_the_deployment_is_none_of_peoples(session: Session):
    spec = next(one for one in INSTALLED if one["kind"] == "Deployment")["spec"]
    template = {"selector": spec["selector"], "template": spec["template"]}
    deployment = await owner(session, "apps/v1", "Deployment", "kubeferry-controller")
    replicas = obj("apps/v1/ReplicaSet", "csdr/of-it").with_(spec=template)
    await apply(session, replicas.meta(ownerReferences=[deployment]))
    made = await owner(session, "apps/v1", "ReplicaSet", "of-it")
    pod = obj("v1/Pod", "csdr/of-that").with_(spec={"containers": [{"name": "c", "image": "i"}]})
    await apply(session, pod.meta(ownerReferences=[made]))
    assert (await prepare(session, keeps_home=None)).takes_home
    await uninstall(session)
    assert await left(session) == []


async def test_what_belongs_to_something_else_too_stays(session: Session):
    await apply(session, obj("v1/ConfigMap", "csdr/mine"))
    owners = [
        await owner(session, "apps/v1", "Deployment", "kubeferry-controller"),
        await owner(session, "v1", "ConfigMap", "mine"),
    ]
    await apply(session, secret().meta(ownerReferences=owners))
    assert "    secret/cloud-credentials" in await shown(session)


def test_nobody_keeps_what_cannot_be_created():
    """The usage of the controller's pods carries their labels and belongs to nothing."""
    usage = Resource(
        "metrics.k8s.io", "v1beta1", "pods", "PodMetrics", True, frozenset({"get", "list"})
    )
    secrets = replace(SECRETS, verbs=frozenset({"get", "list", "create"}))
    assert keepable([usage, secrets]) == [secrets]


async def test_a_namespace_stays_where_not_all_of_it_can_be_seen(session: Session):
    installed = (await prepare(session, keeps_home=None)).installed
    unseen = Removal(installed, Contents((), ("metrics.k8s.io/v1beta1",)), None)
    assert not unseen.takes_home
    [_, told] = staying(unseen)
    assert told.startswith("  namespace/csdr, for what is in it cannot be told: metrics.k8s.io/v1b")
    assert replace(unseen, keeps_home=False).takes_home, "that is asked for"


async def test_what_comes_into_the_namespace_meanwhile_stays(session: Session):
    removal = await prepare(session, keeps_home=None)
    assert removal.takes_home
    await apply(session, secret())
    told: list[str] = []
    await remove(session, removal, told.append)
    assert told[-3:] == [
        "What stays:",
        "  namespace/csdr, for people keep in it:",
        "    secret/cloud-credentials",
    ]
    assert await left(session) == ["Namespace csdr"]


async def test_what_is_called_the_same_and_is_not_ours_stays(session: Session):
    """``install`` was not applied over it, or it had our label."""
    crds = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "", False)
    name = "backuplocations.csdr.alibabacloud.com"
    await session.client.patch(crds, name, {"metadata": {"labels": None}}, kind="merge")
    await make(session, LOCATIONS, "theirs")
    assert f"/{name}, which is not kubeferry's" in await shown(session)
    await uninstall(session)
    assert await left(session) == ["Namespace csdr", f"CustomResourceDefinition {name}"]
    assert await session.client.get(LOCATIONS, "theirs", namespace="csdr")


async def test_another_namespaces_installation_is_refused(session: Session):
    elsewhere = Session(session.client, Settings(namespace="other"), None)
    with pytest.raises(InvalidInput, match="is installed in the namespace 'csdr'; -n csdr"):
        await prepare(elsewhere, keeps_home=None)


async def test_the_controllers_pods_end_before_anything_else_goes(session: Session):
    labels = next(one for one in INSTALLED if one["kind"] == "Deployment")["spec"]["selector"]
    pod = obj("v1/Pod", "csdr/controller").with_(spec={"containers": [{"name": "c", "image": "i"}]})
    await apply(session, pod.meta(labels=labels["matchLabels"]))
    task = asyncio.create_task(uninstall(session, keeps_home=False))
    await asyncio.sleep(0.6)
    assert len(await left(session)) == len(INSTALLED) - 1, "all but the Deployment"
    await session.client.delete(PODS, "controller", namespace="csdr", grace_seconds=0)
    await task
    assert await left(session) == []


async def test_pods_that_do_not_end_are_told(session: Session):
    labels = next(one for one in INSTALLED if one["kind"] == "Deployment")["spec"]["selector"]
    pod = obj("v1/Pod", "csdr/controller").with_(spec={"containers": [{"name": "c", "image": "i"}]})
    await apply(session, pod.meta(labels=labels["matchLabels"]))
    with pytest.raises(FerryError, match="the controller's pods did not end in 1 s"):
        await uninstall(session, patience=0.6)


async def lease(session: Session, holder: str, *, seconds: int, renewed: str) -> None:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": renewed}
    body = obj("coordination.k8s.io/v1/Lease", f"csdr/{LEASE}").with_(spec=spec)
    try:
        await session.client.create(LEASES, body, namespace="csdr")
    except FerryError:
        await session.client.patch(LEASES, LEASE, {"spec": spec}, kind="merge", namespace="csdr")


async def test_a_controller_that_works_elsewhere_keeps_all_but_the_deployment(session: Session):
    await lease(session, "laptop", seconds=15, renewed="2026-01-01T00:00:00.000000Z")
    task = asyncio.create_task(uninstall(session))
    await asyncio.sleep(0.6)
    await lease(session, "laptop", seconds=15, renewed="2026-01-01T00:00:02.000000Z")
    with pytest.raises(FerryError, match="a controller still works: laptop"):
        await task
    assert len(await left(session)) == len(INSTALLED) - 1


@pytest.mark.parametrize(
    "holder", [pytest.param("", id="given up"), pytest.param("killed", id="run out")]
)
async def test_a_lease_that_nobody_renews_is_removed(session: Session, holder: str):
    await lease(session, holder, seconds=1, renewed="2026-01-01T00:00:00.000000Z")
    assert f"lease.coordination.k8s.io/{LEASE} removed" in await uninstall(session)
    assert await left(session) == []


async def test_what_others_hold_is_told_and_the_next_call_goes_on(session: Session):
    await make(session, BACKUPS, "b", finalizers=["example.com/mine", FINALIZER])
    with pytest.raises(FerryError, match=r"b of namespace csdr has example\.com/mine; then run"):
        await uninstall(session, patience=0.6)
    held = await session.client.get(BACKUPS, "b", namespace="csdr")
    assert held["metadata"]["finalizers"] == ["example.com/mine"]
    await session.client.patch(
        BACKUPS, "b", {"metadata": {"finalizers": None}}, kind="merge", namespace="csdr"
    )
    await uninstall(session)
    assert await left(session) == []
