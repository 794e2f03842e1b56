from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kubeferry.api.metadata import convert
from kubeferry.api.restore_hooks import RestoreHooks
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Identity, Resource, reserved_namespaces
from kubeferry.restore.apply import Result
from kubeferry.restore.definitions import defined_resources
from kubeferry.restore.existing import Policy
from kubeferry.restore.heirs import Owner
from kubeferry.restore.hooks import ExecHook, compile_hooks
from kubeferry.restore.plan import Planner
from kubeferry.restore.plan_item import WRITING, PlanItem
from kubeferry.restore.refusals import Backend
from kubeferry.restore.report import problems
from kubeferry.restore.spool import Spool
from kubeferry.transform.automatic.upgrades.conversion import ServedKind
from kubeferry.transform.change import Note
from kubeferry.transform.facts import Facts
from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.pipeline import Pipeline, Rules
from tests.builders import Built, config_map, namespace, obj, pod

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
DEFINED = "CustomResourceDefinition"
SERVED = Discovery(
    all_versions=tuple(
        Resource(group, "v1", plural, kind, namespaced)
        for group, plural, kind, namespaced in (
            ("", "namespaces", "Namespace", False),
            ("", "configmaps", "ConfigMap", True),
            ("", "secrets", "Secret", True),
            ("", "pods", "Pod", True),
            ("", "services", "Service", True),
            ("", "persistentvolumeclaims", "PersistentVolumeClaim", True),
            ("rbac.authorization.k8s.io", "clusterroles", "ClusterRole", False),
            ("apiextensions.k8s.io", DEFINITIONS.partition(".")[0], DEFINED, False),
        )
    )
)
DEFINITION = obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "things.x.io").with_(
    spec={
        "group": "x.io",
        "scope": "Namespaced",
        "names": {"plural": "things", "kind": "Thing"},
        "versions": [{"name": "v1", "served": True}, {"name": "v0", "served": False}],
    }
)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as opened:
        yield opened


def add(spool: Spool, kind: str, *objects: Built) -> None:
    for one in objects:
        meta = one["metadata"]
        spool.add(Identity(kind, meta.get("namespace", ""), meta["name"]), one.json)


def planner(spool: Spool, mapping: dict[str, str] | None = None, **images: str) -> Planner:
    mapping = mapping or {}
    image_map = ImageMap({key.replace("_", "."): value for key, value in images.items()})
    labels = {"velero.io/restore-name": "r"}
    pipeline = Pipeline(Rules(namespaces=mapping, images=image_map, labels=labels, facts=Facts()))
    return Planner(spool, pipeline, SERVED, mapping, defined_resources(spool))


def items(plan: Planner) -> list[PlanItem]:
    return [item for _, step in plan.steps() for item in step]


def test_items_come_wave_by_wave_and_namespaces_are_ensured_once(spool: Spool) -> None:
    add(spool, "pods", pod("shop/web"))
    add(spool, "configmaps", config_map("other/b"), config_map("shop/a"))
    add(spool, "namespaces", namespace("shop"))
    plan = planner(spool)
    assert [str(item.target) for item in items(plan)] == [
        "namespaces other",
        "namespaces shop",
        "configmaps other/b",
        "configmaps shop/a",
        "pods shop/web",
    ]
    assert plan.total() == 5
    assert {item.action for item in items(plan)} == {"create"}


def test_of_some_kinds_alone_definitions_come_too(spool: Spool) -> None:
    add(spool, "pods", pod("shop/web"))
    add(spool, "configmaps", config_map("shop/a"))
    add(spool, DEFINITIONS, DEFINITION)
    steps = planner(spool).steps(["pods"])
    found = [str(item.target) for _, step in steps for item in step]
    assert found == [f"{DEFINITIONS} things.x.io", "pods shop/web"]


def test_two_namespaces_that_become_one_are_ensured_once(spool: Spool) -> None:
    add(spool, "configmaps", config_map("a/x"), config_map("b/y"))
    add(spool, "namespaces", namespace("a"), namespace("b"))
    plan = planner(spool, {"a": "c", "b": "c"})
    assert [str(item.target) for item in items(plan)] == [
        "namespaces c",
        "configmaps c/x",
        "configmaps c/y",
    ]
    assert plan.total() == 3


def test_a_namespace_is_created_under_its_mapped_name(spool: Spool) -> None:
    archived = namespace("shop").label(team="a").annotate(note="x").meta(uid="1")
    add(spool, "namespaces", archived.label(kubernetes_io__metadata_name="shop"))
    [item] = items(planner(spool, {"shop": "shop1"}))
    assert item.object is not None
    meta = item.object["metadata"]
    assert meta["name"] == "shop1"
    assert meta["labels"]["team"] == "a"
    assert meta["labels"].get("kubernetes.io/metadata.name", "shop1") == "shop1"
    assert "velero.io/restore-name" not in meta["labels"]
    assert meta["annotations"] == {"note": "x"}
    assert "uid" not in meta
    assert ("/metadata/name", "shop", "shop1") in {
        (change.pointer, change.old, change.new) for change in item.changes
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="it is no JSON"),
        pytest.param(b"[]", id="it is no object"),
        pytest.param(namespace("other").json, id="it is another one"),
        pytest.param(namespace("shop").meta(labels=["a"]).json, id="its metadata is no metadata"),
    ],
)
def test_a_damaged_namespace_is_made_bare_and_told(spool: Spool, body: bytes) -> None:
    spool.add(Identity("namespaces", "", "shop"), body)
    [item] = items(planner(spool))
    assert item.object is not None
    assert item.object["metadata"] == {"name": "shop"}
    assert len(item.errors) == 1


@pytest.mark.parametrize(
    ("kind", "name", "body", "reason"),
    [
        pytest.param("configmaps", "shop/a", b"{", "Undecodable", id="no JSON"),
        pytest.param("configmaps", "shop/a", b"[1]", "Undecodable", id="no object"),
        pytest.param("configmaps", "shop/a", b"\xff", "Undecodable", id="no text"),
        pytest.param(
            "configmaps",
            "shop/a",
            config_map("shop/a").json[:-1] + b',"x":' + b"[" * 600 + b"]" * 600 + b"}",
            "Undecodable",
            id="nested deeper than can be handled",
        ),
        pytest.param(
            "configmaps", "shop/a", b"[" * 100_000, "Undecodable", id="nested too deeply to be read"
        ),
        pytest.param(
            "configmaps", "shop/a", config_map("shop/a").with_(kind=["x"]).json, "Undecodable",
            id="a kind that is no text",
        ),
        pytest.param(
            "configmaps", "shop/a", config_map("shop/b").json, "PathDisagrees", id="another name"
        ),
        pytest.param(
            "configmaps", "shop/a", config_map("x/a").json, "PathDisagrees", id="another namespace"
        ),
        pytest.param(
            "configmaps", "shop/a", pod("shop/a").json, "PathDisagrees", id="another kind"
        ),
        pytest.param(
            "configmaps",
            "a",
            obj("rbac.authorization.k8s.io/v1/ClusterRole", "a").json,
            "PathDisagrees",
            id="rights in the folder of something harmless",
        ),
        pytest.param(
            "clusterroles.rbac.authorization.k8s.io",
            "shop/a",
            obj("rbac.authorization.k8s.io/v1/ClusterRole", "shop/a").json,
            "PathDisagrees",
            id="what is in no namespace, in one",
        ),
        pytest.param(
            "configmaps", "a", config_map("a").json, "PathDisagrees", id="what is in one, in none"
        ),
        pytest.param(
            "configmaps",
            "shop/a",
            config_map("shop/a").with_(data={"x": "x" * (4 << 20)}).json,
            "Undecodable",
            id="larger than any API server takes",
        ),
        pytest.param(
            "gadgets.y.io", "shop/a", obj("y.io/v1/Gadget", "shop/a").json, "KindNotServed",
            id="a kind that the target does not know",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_created_fails_by_itself(
    spool: Spool, kind: str, name: str, body: bytes, reason: str
) -> None:
    where, _, own = name.rpartition("/")
    spool.add(Identity(kind, where, own), body)
    add(spool, "configmaps", config_map("shop/good"))
    by_name = {item.source.name: item for item in items(planner(spool))}
    item = by_name[own]
    assert (item.action, item.object) == ("fail", None)
    assert item.why is not None
    assert item.why.reason == reason
    assert by_name["good"].action == "create"


def upgrading(spool: Spool) -> Planner:
    """A planner for a target that serves Ingresses of ``networking.k8s.io/v1``."""
    ingresses = Resource("networking.k8s.io", "v1", "ingresses", "Ingress", True)
    served = Discovery(all_versions=(*SERVED.all_versions, ingresses))
    kinds = frozenset(ServedKind(one.api_version, one.kind) for one in served.all_versions)
    pipeline = Pipeline(Rules(facts=Facts(served=kinds)))
    return Planner(spool, pipeline, served, {}, {})


OLD = obj("extensions/v1beta1/Ingress", "shop/web").with_(spec={"backend": {"serviceName": "web"}})


def test_an_old_version_is_restored_as_the_kind_that_it_is_now(spool: Spool) -> None:
    add(spool, "ingresses.extensions", OLD)
    [_, item] = items(upgrading(spool))
    assert item.action == "create"
    assert item.object is not None
    assert item.object["apiVersion"] == "networking.k8s.io/v1"
    assert str(item.source) == "ingresses.extensions shop/web"
    assert str(item.target) == "ingresses.networking.k8s.io shop/web"


def test_what_is_archived_by_its_old_and_its_new_name_is_restored_once(spool: Spool) -> None:
    add(spool, "ingresses.extensions", OLD)
    add(spool, "ingresses.networking.k8s.io", obj("networking.k8s.io/v1/Ingress", "shop/web"))
    [_, first, second] = items(upgrading(spool))
    assert (first.action, first.why and first.why.reason) == ("skip", "ArchivedTwice")
    assert second.action == "create"


def test_a_kind_that_is_gone_is_left_out_and_told(spool: Spool) -> None:
    policy = obj("policy/v1beta1/PodSecurityPolicy", "restricted")
    add(spool, "podsecuritypolicies.policy", policy)
    [item] = items(planner(spool))
    assert (item.action, item.why and item.why.reason) == ("skip", "ApiRemoved")
    assert [told[:2] for told in problems(Result(item, "skipped", item.why))] == [
        ("warning", "ApiRemoved")
    ]


def test_a_flexvolume_without_a_claim_gets_one_for_pod_and_workload_alike(spool: Spool) -> None:
    flex = {"driver": "alicloud/nas", "options": {"server": "nas", "path": "/a"}}
    spec = {"containers": [], "volumes": [{"name": "files", "flexVolume": flex}]}
    add(spool, "pods", pod("shop/a").with_(spec=spec), pod("shop/b").with_(spec=spec))
    volumes = Resource("", "v1", "persistentvolumes", "PersistentVolume", False)
    served = Discovery(all_versions=(*SERVED.all_versions, volumes))
    mapping = {"shop": "shop2"}
    labels = {"velero.io/restore-name": "r"}
    plan = Planner(spool, Pipeline(Rules(mapping, labels=labels)), served, mapping, {})
    assert items(plan) == items(plan)
    _, volume, claim, first, second = items(plan)
    assert volume.object is not None
    assert claim.object is not None
    name = claim.target.name
    assert str(claim.target) == f"persistentvolumeclaims shop2/{name}"
    for one in (first, second):
        assert one.object is not None
        assert one.object["spec"]["volumes"] == [
            {"name": "files", "persistentVolumeClaim": {"claimName": name}}
        ]
    assert claim.object["spec"]["volumeName"] == volume.target.name
    assert claim.object["metadata"]["labels"] == labels
    claim_ref = volume.object["spec"]["claimRef"]
    assert (claim_ref["namespace"], claim_ref["name"]) == ("shop2", name)
    assert volume.object["spec"]["csi"] == {
        "driver": "nasplugin.csi.alibabacloud.com",
        "volumeHandle": volume.target.name,
        "volumeAttributes": {"server": "nas", "path": "/a"},
    }
    assert {note.reason for note in (*volume.warnings, *claim.warnings)} == {"FlexVolumeClaim"}


def test_what_is_in_a_reserved_namespace_is_left_out(spool: Spool) -> None:
    add(spool, "configmaps", config_map("kube-system/a"), config_map("csdr/b"))
    plan = planner(spool)
    assert [(item.action, item.why and item.why.reason) for item in items(plan)] == [
        ("skip", "Reserved"),
        ("skip", "Reserved"),
    ]
    assert plan.total() == 2


def test_default_kubernetes_is_left_out_under_any_name(spool: Spool) -> None:
    add(spool, "services", obj("v1/Service", "default/kubernetes").with_(spec={}))
    [ensured, item] = items(planner(spool, {"default": "shop"}))
    assert (ensured.action, item.action) == ("create", "skip")
    assert item.why is not None
    assert item.why.reason == "ApiServerService"


def test_a_kind_is_known_by_the_archive_s_own_definition(spool: Spool) -> None:
    add(spool, DEFINITIONS, DEFINITION)
    add(spool, "things.x.io", obj("x.io/v1/Thing", "shop/a"), obj("x.io/v0/Thing", "shop/b"))
    found = {item.source.name: item for item in items(planner(spool))}
    assert found["a"].resource == Resource("x.io", "v1", "things", "Thing", True)
    assert found["b"].why is not None
    assert found["b"].why.reason == "KindNotServed"


@pytest.mark.parametrize(
    ("name", "group", "plural", "version"),
    [
        pytest.param("foos", "", "foos", "v1/nodes/n/proxy/run?cmd=id&x=", id="another URL"),
        pytest.param("foos", "", "foos", "v1", id="the core group"),
        pytest.param("pods.x", "x", "pods", "v1", id="a group without a dot"),
        pytest.param("foos.x.io/v1/a", "x.io/v1/a", "foos", "v1", id="a group that is a path"),
        pytest.param("foos?a.x.io", "x.io", "foos?a", "v1", id="a plural that is a query"),
        pytest.param("foos.x.io", "x.io", "foos", "../v1", id="a version that climbs"),
        pytest.param("foos.x.io", "y.io", "foos", "v1", id="not what its name says"),
    ],
)
def test_a_definition_cannot_lead_a_request_elsewhere(
    spool: Spool, name: str, group: str, plural: str, version: str
) -> None:
    spec = {"group": group, "scope": "Cluster", "names": {"plural": plural, "kind": "Foo"}}
    forged = obj(f"apiextensions.k8s.io/v1/{DEFINED}", name)
    add(spool, DEFINITIONS, forged.with_(spec=spec | {"versions": [{"name": version}]}))
    assert defined_resources(spool) == {}


def test_what_a_definition_defines_is_not_created_without_it(spool: Spool) -> None:
    add(spool, DEFINITIONS, DEFINITION)
    add(spool, "things.x.io", obj("x.io/v1/Thing", "shop/a"))
    plan = planner(spool)
    for _, found in plan.steps():
        for item in found:
            if item.source.group_resource == DEFINITIONS:
                plan.lose(item.source.name, Note("Forbidden", "not allowed"))
            elif item.source.name == "a":
                assert item.action == "fail"
                assert item.why is not None
                assert item.why.reason == "DefinitionNotRestored"
                assert "definition of Thing was not restored (Forbidden: not allowed)" in str(
                    item.why.message
                )


def test_a_definition_that_is_planned_to_fail_takes_its_kind_along(spool: Spool) -> None:
    spool.add(Identity(DEFINITIONS, "", "things.x.io"), DEFINITION.json[:-1] + b',"kind":1}')
    add(spool, "things.x.io", obj("x.io/v1/Thing", "shop/a"))
    found = {item.source.name: item for item in items(planner(spool))}
    assert found["things.x.io"].action == "fail"
    assert found["a"].why is not None
    assert found["a"].why.reason == "DefinitionNotRestored"


def test_a_definition_that_is_none_is_passed_over(spool: Spool) -> None:
    spool.add(Identity(DEFINITIONS, "", "x"), b'{"spec":{"a":1}}')
    assert defined_resources(spool) == {}


def test_images_that_must_exist_are_those_that_were_mapped(spool: Spool) -> None:
    add(spool, "pods", pod("shop/a", image="old.io/x:1"), pod("shop/b", image="other.io/x:1"))
    found = {item.source.name: item.images for item in items(planner(spool, old_io="new.io"))}
    assert found == {"shop": (), "a": ("new.io/x:1",), "b": ()}


def test_a_claim_that_loses_its_volume_is_told(spool: Spool) -> None:
    claim = obj("v1/PersistentVolumeClaim", "shop/data").with_(spec={"volumeName": "disk"})
    add(spool, "persistentvolumeclaims", claim)
    [_, item] = items(planner(spool))
    assert item.object is not None
    assert "volumeName" not in item.object["spec"]
    assert [note.reason for note in item.warnings] == ["VolumeDataNotRestored"]


def test_a_claim_whose_data_was_to_be_there_is_an_error(spool: Spool) -> None:
    claim = obj("v1/PersistentVolumeClaim", "shop/data").with_(spec={"volumeName": "disk"})
    add(spool, "persistentvolumeclaims", claim)
    plan = replace(planner(spool), claims_with_data=frozenset({("shop", "data")}))
    [_, item] = items(plan)
    assert item.action == "create"
    assert [note.reason for note in item.errors] == ["VolumeDataNotRestored"]


def test_the_controllers_own_namespace_is_reserved_too(spool: Spool) -> None:
    add(spool, "configmaps", config_map("ferry/keys"), config_map("shop/a"))
    plan = replace(planner(spool), reserved=reserved_namespaces("ferry"))
    found = {str(item.source): item.action for item in items(plan)}
    assert found == {
        "namespaces shop": "create",
        "configmaps ferry/keys": "skip",
        "configmaps shop/a": "create",
    }


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="no JSON"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(b'{"a":' + b"[" * 100_000, id="nested too deeply"),
        pytest.param(b'{"spec":{"group":1}}', id="fields of other types"),
    ],
)
def test_a_definition_that_is_none_defines_nothing(spool: Spool, body: bytes) -> None:
    kind = "customresourcedefinitions.apiextensions.k8s.io"
    spool.add(Identity(kind, "", "odd.x.io"), body)
    add(spool, kind, DEFINITION)
    assert list(defined_resources(spool)) == [("x.io/v1", "Thing")]


def test_an_item_weighs_what_it_has_in_the_archive(spool: Spool) -> None:
    made = config_map("shop/a", k="v" * 1000)
    add(spool, "configmaps", made)
    [_, item] = items(planner(spool))
    assert item.size == len(made.json) > 1000


def test_a_pod_s_hooks_are_in_its_item_and_those_of_others_are_not(spool: Spool) -> None:
    group = {"includedNamespaces": ["shop1"], "name": "h"}
    hook = {"exec": {"command": ["x"]}}
    wrong = pod("shop/wrong")
    wrong["metadata"]["annotations"] = {"post.hook.restore.velero.io/container": "main"}
    add(spool, "pods", pod("shop/web"), pod("other/web"), wrong)
    add(spool, "configmaps", config_map("shop/web"))
    given = {"resources": [group | {"postHooks": [hook]}]}
    hooks = compile_hooks(convert(given, RestoreHooks, place="spec.hooks"))
    plan = replace(planner(spool, {"shop": "shop1"}), hooks=hooks)
    found = {str(item.target): item for item in items(plan)}
    assert found["pods shop1/web"].hooks == (ExecHook("h", "main", ("x",)),)
    assert {name for name, item in found.items() if item.hooks} == {"pods shop1/web"}
    assert [note.reason for note in found["pods shop1/wrong"].errors] == ["HookInvalid"]


def test_a_pod_s_item_tells_who_gave_it_its_name_where_that_is_served(spool: Spool) -> None:
    def owned(name: str, kind: str) -> Built:
        api_version, _, bare = kind.rpartition("/")
        reference = {"apiVersion": api_version, "kind": bare, "name": "db", "controller": True}
        return pod(f"shop/{name}").meta(ownerReferences=[reference])

    add(spool, DEFINITIONS, DEFINITION)
    add(
        spool,
        "pods",
        *(owned("a", "x.io/v1/Thing"), owned("b", "x.io/v0/Thing"), owned("c", "v1/ConfigMap")),
        pod("shop/d"),
    )
    found = {item.target.name: item.owner for item in items(planner(spool))}
    thing = Resource("x.io", "v1", "things", "Thing", True)
    assert found["a"] == Owner(thing, "db")
    assert found["b"] is None
    assert str(found["c"]) == "ConfigMap db"
    assert found["d"] is None


def live(spool: Spool, kind: str, *objects: Built) -> None:
    """What the target has."""
    for one in objects:
        meta = one["metadata"]
        spool.add_live(Identity(kind, meta.get("namespace", ""), meta["name"]), one.json)


@pytest.mark.parametrize(
    ("there", "policy", "action", "reason"),
    [
        pytest.param(config_map("shop1/a", k="v"), "update", "skip", "Identical", id="the same"),
        pytest.param(config_map("shop1/a", k="x"), "none", "skip", "Differs", id="another"),
        pytest.param(config_map("shop1/a", k="x"), "update", "update", "", id="to be updated"),
        pytest.param(
            config_map("shop1/a", k="x").with_(immutable=True),
            "recreate",
            "recreate",
            "",
            id="to be made anew",
        ),
        pytest.param(config_map("shop/a", k="v"), "none", "create", "", id="elsewhere"),
    ],
)
def test_what_is_there_decides_what_is_done(
    spool: Spool, there: Built, policy: Policy, action: str, reason: str
) -> None:
    add(spool, "configmaps", config_map("shop/a", k="v"))
    live(spool, "configmaps", there)
    plan = replace(planner(spool, {"shop": "shop1"}), policy=policy)
    _, item = items(plan)
    assert (item.action, item.why.reason if item.why else "") == (action, reason)
    assert (item.object is not None) == (action in WRITING)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        pytest.param(namespace("shop1"), ("skip", "Identical"), id="is left alone"),
        pytest.param(
            namespace("shop1").meta(deletionTimestamp="2026-01-01T00:00:00Z"),
            ("create", ""),
            id="is waited for while it is going",
        ),
    ],
)
def test_a_namespace_that_is_there(spool: Spool, there: Built, expected: tuple[str, str]) -> None:
    add(spool, "namespaces", namespace("shop"))
    live(spool, "namespaces", there)
    [item] = items(planner(spool, {"shop": "shop1"}))
    assert (item.action, item.why.reason if item.why else "") == expected


def test_a_claim_that_is_there_keeps_its_volume(spool: Spool) -> None:
    claim = obj("v1/PersistentVolumeClaim", "shop/data").with_(spec={"volumeName": "pv"})
    add(spool, "persistentvolumeclaims", claim)
    _, before = items(planner(spool))
    assert [note.reason for note in before.warnings] == ["VolumeDataNotRestored"]
    live(spool, "persistentvolumeclaims", claim)
    _, after = items(planner(spool))
    assert (after.action, after.warnings) == ("skip", ())


def test_a_service_is_known_by_where_it_goes(spool: Spool) -> None:
    add(spool, "services", obj("v1/Service", "shop/hook"))
    plan = planner(spool, {"shop": "shop1"})
    assert plan.brings(Backend("shop1", "hook"))
    assert not plan.brings(Backend("shop", "hook"))
    assert not plan.brings(Backend("shop1", "other"))


WORKLOADS = Discovery(
    all_versions=(
        *SERVED.all_versions,
        Resource("apps", "v1", "deployments", "Deployment", True),
        Resource("apps", "v1", "replicasets", "ReplicaSet", True),
    )
)
DEPLOYMENTS_ALONE = """
version: v1
resourceModifierRules:
- conditions: {groupResource: deployments.apps}
  patches:
  - {operation: add, path: /spec/template/metadata/annotations/team, value: a}
"""


@pytest.mark.parametrize(
    ("modifier", "expected"),
    [
        pytest.param("", [], id="pods and Deployment change alike"),
        pytest.param(DEPLOYMENTS_ALONE, ["RolloutFollows"], id="a rule is for Deployments alone"),
    ],
)
def test_a_rollout_is_foretold_where_a_deployment_changes_and_its_pods_do_not(
    spool: Spool, modifier: str, expected: list[str]
) -> None:
    containers = [{"name": "web", "image": "a/web:1"}]
    template = {"metadata": {"annotations": {}}, "spec": {"containers": containers}}
    spec = {"replicas": 2, "template": template}
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": True}
    made = obj("apps/v1/ReplicaSet", "shop/web-1").with_(spec=spec).meta(ownerReferences=[owner])
    add(spool, "replicasets.apps", made)
    add(spool, "deployments.apps", obj("apps/v1/Deployment", "shop/web").with_(spec=spec))
    modifiers = parse_modifiers({"m": modifier}, place="m") if modifier else None
    rules = Rules(images=ImageMap({"a/web": "b/web"}), modifiers=modifiers)
    plan = Planner(spool, Pipeline(rules), WORKLOADS, {}, {})
    [deployment] = [one for one in items(plan) if one.source.group_resource == "deployments.apps"]
    assert [note.reason for note in deployment.notes] == expected
    assert (deployment.warnings, deployment.errors) == ((), ())


@pytest.mark.parametrize(
    ("claim", "action"),
    [("shop/data", "fail"), ("shop2/data", "create"), (None, "create")],
    ids=["another claim has it", "it is its own", "nobody has it"],
)
def test_a_claim_whose_volume_another_one_has_would_wait_for_ever(
    spool: Spool, claim: str | None, action: str
) -> None:
    volume = obj("v1/PersistentVolume", "pv-1")
    if claim is not None:
        there, _, name = claim.partition("/")
        volume.with_(spec={"claimRef": {"namespace": there, "name": name}})
    archived = obj("v1/PersistentVolumeClaim", "shop/data").with_(spec={"volumeName": "pv-1"})
    add(spool, "persistentvolumeclaims", archived)
    live(spool, "persistentvolumes", volume.with_(spec=volume.get("spec", {})))
    facts = Facts(restored_volumes=frozenset({"pv-1"}))
    pipeline = Pipeline(Rules(namespaces={"shop": "shop2"}, images=ImageMap({}), facts=facts))
    plan = Planner(spool, pipeline, SERVED, {"shop": "shop2"}, {})
    [item] = [one for one in items(plan) if one.target.group_resource == "persistentvolumeclaims"]
    assert item.action == action
    if action == "fail":
        assert item.why is not None
        assert item.why.reason == "VolumeTaken"


def forget(spool: Spool, kind: str, *names: str, action: str = "created") -> None:
    """As a retry forgets what the earlier restore was through with."""
    for name in names:
        namespace, _, own = name.rpartition("/")
        spool.hint(Identity(kind, namespace, own), action)
    spool.forget_hinted({"failed"})


def test_a_service_of_the_restore_that_is_retried_is_known_too(spool: Spool) -> None:
    add(spool, "services", obj("v1/Service", "shop/hook"))
    add(spool, "configmaps", config_map("other/a"))
    forget(spool, "services", "shop/hook")
    plan = planner(spool, {"shop": "shop1"})
    assert plan.brings(Backend("shop1", "hook"))
    assert not plan.brings(Backend("shop", "hook"))
    assert not plan.brings(Backend("other", "hook"))


GOING = namespace("shop1").meta(deletionTimestamp="2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        pytest.param(None, ("create", "restricted"), id="it was deleted since"),
        pytest.param(GOING, ("create", "restricted"), id="it is going"),
        pytest.param(namespace("shop1"), ("skip", ""), id="it stays as it is"),
    ],
)
def test_a_namespace_that_a_retry_needs_comes_with_its_labels(
    spool: Spool, there: Built | None, expected: tuple[str, str]
) -> None:
    label = "pod-security.kubernetes.io/enforce"
    add(spool, "namespaces", namespace("shop").meta(labels={label: "restricted"}))
    add(spool, "configmaps", config_map("shop/a"))
    forget(spool, "namespaces", "shop")
    if there is not None:
        live(spool, "namespaces", there)
    plan = planner(spool, {"shop": "shop1"})
    made, _ = items(plan)
    assert plan.total() == 2
    labels = made.object["metadata"].get("labels", {}) if made.object is not None else {}
    assert (made.action, labels.get(label, "")) == expected


@pytest.mark.parametrize(("action", "expected"), [("created", ["RolloutFollows"]), ("skipped", [])])
def test_a_retried_stateful_set_replaces_the_pods_that_were_restored(
    spool: Spool, action: str, expected: list[str]
) -> None:
    template = {"spec": {"containers": [{"name": "web", "image": "a/web:1"}]}}
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "controller": True}
    made = obj("apps/v1/StatefulSet", "shop/web").with_(spec={"template": template})
    add(spool, "statefulsets.apps", made)
    add(spool, "pods", pod("shop/web-0").meta(ownerReferences=[owner]))
    forget(spool, "pods", "shop/web-0", action=action)
    served = (*SERVED.all_versions, Resource("apps", "v1", "statefulsets", "StatefulSet", True))
    pipeline = Pipeline(Rules(images=ImageMap({"a/web": "b/web"})))
    plan = Planner(spool, pipeline, Discovery(all_versions=served), {}, {})
    [retried] = [one for one in items(plan) if one.source.group_resource == "statefulsets.apps"]
    assert [note.reason for note in retried.notes] == expected
