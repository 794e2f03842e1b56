"""What a backup takes and what that needs, on real control planes: there and back, and with faults.

The faults run in this process against the real API server: an extension that is down, a conversion
webhook that is, rights that are missing, a list that etcd forgets while it is read.
"""

import asyncio
import json
import threading
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from kubeferry.api.labels import Labels
from kubeferry.backup.choice import choose
from kubeferry.backup.collect import collect
from kubeferry.backup.labels import LabelSelection, compile_labels
from kubeferry.backup.request import BackupRequest
from kubeferry.backup.selection import Selection
from kubeferry.backup.volume_selection import VolumeSelection
from kubeferry.kube.client import Client
from kubeferry.kube.config import load_config
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.pages import Page
from kubeferry.report import Findings
from kubeferry.vault.writer import Entry
from tests.clusters import Cluster
from tests.controlplane import Options, running
from tests.real import archives
from tests.real.ferries import Site
from tests.real.loads import make_config_maps
from tests.s3server import S3Server

pytestmark = [pytest.mark.real, pytest.mark.s3]

BIG = 9007199254740993  # 2^53 + 1: no double holds it
DRIVER = "disk.example.com"
EVERYTHING = LabelSelection()


class Kept:
    """A sink that keeps what it was given."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.because: dict[str, str] = {}

    @property
    def objects(self) -> int:
        return sum(one.preferred for one in self.entries)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def flush(self) -> None:
        """Nothing waits."""

    def came_in(self, one: Identity, because: Identity) -> None:
        self.because[str(one)] = str(because)

    def names(self, kind: str, version: str = "") -> list[str]:
        return [
            one.name
            for one in self.entries
            if one.group_resource == kind and (not version or one.version == version)
        ]


@asynccontextmanager
async def client_of(
    cluster: Cluster, kubeconfig: Path | None = None, kind: type[Client] = Client
) -> AsyncIterator[Client]:
    path = str(kubeconfig or cluster.user_kubeconfig)
    config = load_config(kubeconfig=path, context=None, environ={}, home=Path("/"))
    async with kind(config) as client:
        yield client


async def collected(
    client: Client, *namespaces: str, labels: LabelSelection = EVERYTHING, **more: Any
) -> tuple[Kept, Findings]:
    """What a backup of some namespaces takes."""
    selection = Selection(
        included_namespaces=namespaces,
        labels=labels,
        volumes=VolumeSelection(refusal="it was not asked for"),
    )
    request = BackupRequest("b", "u", "vault", selection, **more)
    kept, findings = Kept(), Findings()
    choice = await choose(request, client=client, reporter=findings)
    await collect(
        request, choice, client=client, sink=kept, reporter=findings, came_in=kept.came_in
    )
    return kept, findings


def thing_definition(group: str, **conversion: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
                "nullable": True,
            }
        },
    }
    versions = [
        {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema}}
        for name, storage in (("v2", True), ("v1", False))
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing", "singular": "thing"},
            "versions": versions,
            **conversion,
        },
    }


def made(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    api_version, _, kind = kind.rpartition("/")
    namespace, _, own = name.rpartition("/")
    meta = {"name": own, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **fields}


def apply(cluster: Cluster, *objects: dict[str, Any]) -> None:
    for one in objects:
        cluster.kubectl("apply", "-f", "-", input=json.dumps(one))
        if one["kind"] == "CustomResourceDefinition":
            cluster.kubectl("wait", f"crd/{one['metadata']['name']}", "--for=condition=Established")


def application(namespace: str, mark: str, group: str) -> list[dict[str, Any]]:
    """An application and what it needs of its cluster, whose names end in ``mark``."""
    rbac = "rbac.authorization.k8s.io"
    ref = {"apiGroup": rbac, "kind": "ClusterRole", "name": f"reader-{mark}"}
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": namespace}
    claim_ref = {"namespace": namespace, "name": "data"}
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    return [
        made("v1/Namespace", namespace, metadata={"name": namespace}),
        made("v1/ServiceAccount", f"{namespace}/robot"),
        made("v1/Secret", f"{namespace}/disk-key", stringData={"key": "value"}),
        made(f"{rbac}/v1/ClusterRole", f"reader-{mark}", rules=[]),
        made(f"{rbac}/v1/ClusterRoleBinding", f"reads-{mark}", subjects=[subject], roleRef=ref),
        made("scheduling.k8s.io/v1/PriorityClass", f"high-{mark}", value=1000),
        made(
            "storage.k8s.io/v1/StorageClass",
            f"fast-{mark}",
            provisioner=DRIVER,
            reclaimPolicy="Retain",
        ),
        made(
            "v1/PersistentVolume",
            f"disk-{mark}",
            spec={
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": f"fast-{mark}",
                "claimRef": claim_ref,
                "csi": {
                    "driver": DRIVER,
                    "volumeHandle": mark,
                    "nodeStageSecretRef": {"name": "disk-key", "namespace": namespace},
                },
            },
        ),
        made(
            "v1/PersistentVolumeClaim",
            f"{namespace}/data",
            spec={
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
                "storageClassName": f"fast-{mark}",
                "volumeName": f"disk-{mark}",
            },
        ),
        made(
            "v1/Pod",
            f"{namespace}/web",
            spec={
                "serviceAccountName": "robot",
                "priorityClassName": f"high-{mark}",
                "containers": [{"name": "main", "image": "nginx:1"}],
                "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        ),
        made("networking.k8s.io/v1/IngressClass", f"edge-{mark}", spec={"controller": "x.io/edge"}),
        made(
            "networking.k8s.io/v1/Ingress",
            f"{namespace}/web",
            spec={"ingressClassName": f"edge-{mark}", "defaultBackend": backend},
        ),
        made("v1/ConfigMap", f"{namespace}/words", data={"a": "Grüße, 世界 🚢 <&>\u2028", "b": ""}),
        thing_definition(group),
        made(
            f"{group}/v2/Thing",
            f"{namespace}/one",
            spec={
                "big": BIG,
                "bigger": 9223372036854775807,
                "small": -9007199254740993,
                "part": 0.1,
                "nothing": None,
                "map": {},
                "list": [],
                "text": "",
                "no": False,
                "words": "Grüße 世界 🚢",
                "deep": {"a": [{"b": None, "c": {}}]},
            },
        ),
    ]


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex[:8]


def test_what_an_application_needs_comes_along_and_is_restored(
    source: Site, target: Site, s3: S3Server, mark: str
) -> None:
    namespace, group, name = f"app-{mark}", f"x{mark}.example.com", f"app-{mark}"
    bucket = s3.folder / "cnfs-oss-test"
    apply(source.cluster, *application(namespace, mark, group))
    source.cluster.kubectl(
        "wait",
        "pvc/data",
        "-n",
        namespace,
        "--for=jsonpath={.status.phase}=Bound",
        "--timeout=60s",
    )
    source.register(f"vault-{mark}", prefix=f"subpath-{mark}")
    without_data = {"pvBackup": {"defaultPvBackup": False}}
    source.back_up(f"dry-{mark}", f"vault-{mark}", namespace, dryRun=True, **without_data)
    dry = source.ended("applicationbackup", f"dry-{mark}")["status"]
    because = {one["object"]: one["because"] for one in dry["preview"]["related"]}
    assert because[f"persistentvolumes disk-{mark}"] == f"persistentvolumeclaims {namespace}/data"
    assert not archives.backup_folder(bucket, f"dry-{mark}", f"subpath-{mark}").exists()

    source.back_up(name, f"vault-{mark}", namespace, **without_data)
    backup = source.ended("applicationbackup", name)
    assert backup["status"]["phase"] == "Completed", backup["status"]
    assert backup["status"]["progress"] == dry["progress"]

    entries = archives.entries(archives.backup_folder(bucket, name, f"subpath-{mark}"))
    objects = {
        path.removeprefix("resources/").removesuffix(".json"): json.loads(body)
        for path, body in entries.items()
        if path.startswith("resources/") and "-preferredversion/" not in path
    }
    needed = {
        f"persistentvolumes/cluster/disk-{mark}",
        f"storageclasses.storage.k8s.io/cluster/fast-{mark}",
        f"priorityclasses.scheduling.k8s.io/cluster/high-{mark}",
        f"clusterroles.rbac.authorization.k8s.io/cluster/reader-{mark}",
        f"clusterrolebindings.rbac.authorization.k8s.io/cluster/reads-{mark}",
        f"ingressclasses.networking.k8s.io/cluster/edge-{mark}",
        f"customresourcedefinitions.apiextensions.k8s.io/cluster/things.{group}",
        f"namespaces/cluster/{namespace}",
    }
    assert {path for path in objects if "/cluster/" in path} == needed
    cluster, there = source.cluster, f"/namespaces/{namespace}"
    raw = cluster.kubectl("get", "--raw", f"/apis/{group}/v2{there}/things/one")
    thing = json.loads(raw)
    archived = entries[f"resources/things.{group}/namespaces/{namespace}/one.json"]
    assert archived.decode().strip() == raw.strip()
    assert thing["spec"]["big"] == BIG
    older = objects[f"things.{group}/v1/namespaces/{namespace}/one"]
    assert (older["apiVersion"], older["spec"]) == (f"{group}/v1", thing["spec"])
    words = json.loads(cluster.kubectl("get", "--raw", f"/api/v1{there}/configmaps/words"))
    assert objects[f"configmaps/namespaces/{namespace}/words"] == words

    target.register(f"vault-{mark}", prefix=f"subpath-{mark}")
    target.restore(name, name, namespaceMapping={namespace: f"{namespace}-new"})
    restore = target.ended("applicationrestore", name)
    assert restore["status"]["phase"] == "Completed", restore["status"]
    cluster, there = target.cluster, f"{namespace}-new"
    restored = cluster.get(f"things.v2.{group}", "one", "-n", there)
    assert restored["spec"] == thing["spec"]
    assert cluster.get("configmap", "words", "-n", there)["data"] == words["data"]
    binding = cluster.get("clusterrolebinding", f"reads-{mark}")
    assert binding["roleRef"]["name"] == f"reader-{mark}"
    pod = cluster.get("pod", "web", "-n", there)
    assert (pod["spec"]["priority"], pod["spec"]["serviceAccountName"]) == (1000, "robot")
    for kind, named in (
        ("clusterrole", f"reader-{mark}"),
        ("priorityclass", f"high-{mark}"),
        ("storageclass", f"fast-{mark}"),
        ("ingressclass", f"edge-{mark}"),
        ("persistentvolume", f"disk-{mark}"),
    ):
        assert cluster.get(kind, named)["metadata"]["name"] == named
    claim = cluster.get("pvc", "data", "-n", there)
    assert claim["spec"]["volumeName"] == f"disk-{mark}"


async def test_lists_of_several_namespaces_and_selectors_bring_each_object_once_in_each_version(
    backup_cluster: Cluster, mark: str
) -> None:
    group, spaces = f"x{mark}.example.com", [f"{name}-{mark}" for name in "ab"]
    either = compile_labels(
        [Labels(match_labels={"app": "web"}), Labels(match_labels={"tier": "db"})], place="spec"
    )
    with removed(
        backup_cluster,
        thing_definition(group),
        *(made("v1/Namespace", space) for space in spaces),
    ):
        for space in spaces:
            for name, labels in (
                ("both", {"app": "web", "tier": "db"}),
                ("web", {"app": "web"}),
                ("db", {"tier": "db"}),
                ("none", {}),
            ):
                about = {"name": name, "namespace": space, "labels": labels}
                apply(backup_cluster, made(f"{group}/v2/Thing", name, metadata=about))
        async with client_of(backup_cluster) as client:
            kept, findings = await collected(client, *spaces, labels=either)
    assert findings.problems == []
    found = [
        (one.version, one.namespace, one.name)
        for one in kept.entries
        if one.group_resource == f"things.{group}"
    ]
    assert sorted(found) == [
        (version, space, name)
        for version in ("v1", "v2")
        for space in spaces
        for name in ("both", "db", "web")
    ]


@contextmanager
def removed(cluster: Cluster, *objects: dict[str, Any]) -> Iterator[None]:
    """Objects that are there for a while."""
    try:
        apply(cluster, *objects)
        yield
    finally:
        for one in reversed(objects):
            kind = one["kind"].lower()
            cluster.run("delete", kind, one["metadata"]["name"], "--wait=false")


async def test_an_extension_that_is_down_is_one_error_against_its_group(
    backup_cluster: Cluster, namespace: str, mark: str
) -> None:
    group = f"x{mark}.example.com"
    service = made(
        "apiregistration.k8s.io/v1/APIService",
        f"v1.{group}",
        spec={
            "group": group,
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 10,
            "insecureSkipTLSVerify": True,
            "service": {"name": "nobody", "namespace": namespace},
        },
    )
    backup_cluster.kubectl("create", "configmap", "a", "-n", namespace)
    with removed(backup_cluster, service):
        async with client_of(backup_cluster) as client:
            kept, findings = await collected(client, namespace)
            async with asyncio.timeout(60):  # the API server notices by and by
                while not findings.errors:
                    await asyncio.sleep(1)
                    kept, findings = await collected(client, namespace)
    assert [(one.reason, one.subject) for one in findings.problems] == [("GroupUnavailable", group)]
    assert "a" in kept.names("configmaps")


async def test_a_conversion_webhook_that_is_down_is_one_error_against_that_version(
    backup_cluster: Cluster, namespace: str, mark: str
) -> None:
    group = f"x{mark}.example.com"
    webhook = {
        "conversionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:1/convert"},
    }
    with removed(backup_cluster, thing_definition(group)):
        apply(backup_cluster, made(f"{group}/v2/Thing", f"{namespace}/one"))
        apply(
            backup_cluster,
            thing_definition(group, conversion={"strategy": "Webhook", "webhook": webhook}),
        )
        async with client_of(backup_cluster) as client:
            kept, findings = await collected(client, namespace)
            alone, none = await collected(client, namespace, all_versions=False)
    [problem] = findings.problems
    assert (problem.level, problem.subject) == ("error", f"things.{group} in {group}/v1")
    assert kept.names(f"things.{group}") == ["one"] == alone.names(f"things.{group}")
    assert none.problems == []


async def test_a_kind_that_nobody_may_list_is_one_error_and_the_rest_is_there(
    backup_cluster: Cluster, namespace: str, mark: str
) -> None:
    rbac = "rbac.authorization.k8s.io"
    account = made("v1/ServiceAccount", f"{namespace}/reader")
    rules = [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list"]},
        {
            "apiGroups": ["*"],
            "resources": ["configmaps", "pods", "serviceaccounts", "events"],
            "verbs": ["get", "list"],
        },
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["*"], "verbs": ["get", "list"]},
    ]
    role = made(f"{rbac}/v1/ClusterRole", f"some-{mark}", rules=rules)
    binding = made(
        f"{rbac}/v1/ClusterRoleBinding",
        f"some-{mark}",
        subjects=[{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
        roleRef={"apiGroup": rbac, "kind": "ClusterRole", "name": f"some-{mark}"},
    )
    backup_cluster.kubectl("create", "configmap", "a", "-n", namespace)
    with removed(backup_cluster, role, binding):
        apply(backup_cluster, account)
        kubeconfig = backup_cluster.service_account_kubeconfig(namespace, "reader")
        async with client_of(backup_cluster, kubeconfig) as client:
            kept, findings = await collected(client, namespace)
    secrets = [one for one in findings.problems if one.subject == "secrets"]
    assert [(one.level, one.reason) for one in secrets] == [("error", "Forbidden")]
    subjects = [one.subject for one in findings.problems]
    assert len(subjects) == len(set(subjects))
    assert "a" in kept.names("configmaps")


class Forgetting(Client):
    """A client whose API server forgets the moment of a list once its first page was read."""

    forget: Callable[[], None]

    async def pages(  # type: ignore[override]
        self, resource: Resource, **where: Any
    ) -> AsyncIterator[Page]:
        is_first = resource.plural == "configmaps" or resource.version == "v2"
        async for page in super().pages(resource, **where):
            yield page
            if is_first:
                is_first = False
                await asyncio.to_thread(self.forget)


def etcd_of(cluster: Cluster) -> str:
    """Where a cluster's etcd listens, as its API server was told."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            flags = (folder / "cmdline").read_bytes().decode().split("\0")
        except (OSError, UnicodeDecodeError):
            continue
        if "kube-apiserver" in flags[0] and any(str(cluster.folder) in flag for flag in flags):
            return next(
                flag.partition("=")[2] for flag in flags if flag.startswith("--etcd-servers=")
            )
    raise AssertionError("no API server runs")


def etcd(server: str, call: str, **body: Any) -> Any:
    """A call of etcd's JSON gateway."""
    request = urllib.request.Request(
        f"{server}/v3/kv/{call}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


async def test_lists_whose_moment_etcd_forgets_go_on_and_nothing_is_missing_or_there_twice(
    tmp_path: Path,
) -> None:
    # Else the API server may still know it from its own cache.
    options = Options(api_server_flags=("--feature-gates=ListFromCacheSnapshot=false",))
    with running(["forgetful"], folder=tmp_path, options=options) as [cluster]:
        await make_config_maps(cluster, "many", 1_200, size=10)
        apply(cluster, thing_definition("x.example.com"))
        apply(cluster, *(made("x.example.com/v2/Thing", f"many/{name}") for name in "abc"))
        server, one_by_one = etcd_of(cluster), threading.Lock()

        def forget() -> None:
            with one_by_one:
                cluster.kubectl("create", "configmap", f"more-{uuid.uuid4().hex}", "-n", "default")
                now = etcd(server, "range", key="YQ==")["header"]["revision"]
                etcd(server, "compaction", revision=now, physical=True)

        async with client_of(cluster, kind=Forgetting) as client:
            assert isinstance(client, Forgetting)
            client.forget = forget
            kept, findings = await collected(client, "many")
    maps = [name for name in kept.names("configmaps") if name.startswith("many-")]
    assert maps == [f"many-{number:04}" for number in range(1_200)]
    assert kept.names("things.x.example.com", "v2") == ["a", "b", "c"]
    assert kept.names("things.x.example.com", "v1") == ["a", "b", "c"]
    assert [(one.level, one.reason, one.subject) for one in findings.problems] == [
        ("warning", "NotOneMoment", "configmaps")
    ]
