import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.kube.objects import Object
from kubeferry.transform.change import MISSING, STRIPPED, Cause, Change
from kubeferry.transform.existing import (
    Comparison,
    compare_existing,
    entered,
    merge_account,
    merge_patch,
)
from kubeferry.transform.patch.merge_patch import apply_merge_patch
from kubeferry.transform.pipeline import RESTORE_LABEL
from tests.builders import Built, config_map, obj

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def workload(*containers: dict[str, Any], **spec: Any) -> Built:
    template = {"spec": {"containers": [*containers]}}
    return obj("apps/v1/Deployment", "shop/web").with_(spec={"template": template, **spec})


def web(**fields: Any) -> dict[str, Any]:
    return {"name": "web", "image": "nginx:1", **fields}


def compared(
    ours: Object, live: Object, *, archived: Object | None = None, kind: str = "deployments.apps"
) -> Comparison:
    found = compare_existing(ours, live, archived=archived or {}, group_resource=kind)
    merged = apply_merge_patch(live, found.patch)
    if found.changes and "resourceVersion" in live["metadata"]:
        assert merged == found.merged  # the patch does what is told
    return found


def told(found: Comparison) -> list[tuple[str, Any, Any]]:
    return [(one.pointer, one.old, one.new) for one in found.changes]


@pytest.mark.parametrize(
    "live",
    [
        pytest.param(workload(web()), id="the same"),
        pytest.param(
            workload(web(imagePullPolicy="Always", terminationMessagePath="/dev/x"), replicas=1),
            id="with what the server fills in",
        ),
        pytest.param(
            workload(web()).with_(status={"replicas": 1}).meta(uid="u", finalizers=["x"]),
            id="with what the server and controllers write",
        ),
        pytest.param(workload(web()).label(team="a").annotate(note="b"), id="labelled by others"),
        pytest.param(workload(web(), {"name": "side", "image": "x"}), id="injected by others"),
        pytest.param(
            workload(web()).label(**{RESTORE_LABEL: "earlier"}), id="of an earlier restore"
        ),
        pytest.param(
            workload(web()).annotate(**{"deployment.kubernetes.io/revision": "7"}),
            id="of a revision",
        ),
    ],
)
def test_what_others_added_is_no_difference(live: Built) -> None:
    ours = workload(web()).label(**{RESTORE_LABEL: "this"})
    ours.annotate(**{"deployment.kubernetes.io/revision": "3"})
    assert compared(ours, live) == ((), live, {})


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        pytest.param(
            workload(web(image="nginx:2")),
            [("/spec/template/spec/containers/0/image", "nginx:2", "nginx:1")],
            id="another value",
        ),
        pytest.param(
            workload({"name": "side"}),
            [("/spec/template/spec/containers/1", MISSING, web())],
            id="an element that is missing",
        ),
        pytest.param(
            workload(web()).with_(spec={}),
            [("/spec/template", MISSING, workload(web())["spec"]["template"])],
            id="a field that is missing",
        ),
    ],
)
def test_what_the_restore_would_write_counts(live: Built, expected: list[Any]) -> None:
    assert told(compared(workload(web()), live)) == expected


def test_an_update_keeps_what_others_wrote() -> None:
    live = workload(web(image="nginx:2", imagePullPolicy="Always"), {"name": "side"}, replicas=4)
    live.label(team="a").meta(resourceVersion="7")
    found = compared(workload(web()).label(**{RESTORE_LABEL: "r"}), live)
    containers = [web(imagePullPolicy="Always"), {"name": "side"}]
    assert found.patch == {
        "metadata": {"labels": {"velero.io/restore-name": "r"}, "resourceVersion": "7"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }
    assert found.merged["spec"]["replicas"] == 4


def test_what_was_last_applied_and_the_restore_lacks_goes() -> None:
    applied = config_map("shop/a", kept="1", gone="2")
    live = config_map("shop/a", kept="1", gone="2", added="3")
    live.annotate(**{LAST_APPLIED: json.dumps(applied)})
    found = compared(config_map("shop/a", kept="1"), live, kind="configmaps")
    assert told(found) == [("/data/gone", "2", MISSING)]
    assert found.merged["data"] == {"kept": "1", "added": "3"}


def owned(manager: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "fieldsV1": fields}


@pytest.mark.parametrize(
    ("manager", "gone"),
    [
        pytest.param("kubeferry-earlier", ["/data/gone"], id="an earlier restore"),
        pytest.param("kubectl-edit", [], id="somebody else"),
    ],
)
def test_an_entry_goes_that_an_earlier_restore_owns(manager: str, gone: list[str]) -> None:
    live = config_map("shop/a", kept="1", gone="2")
    fields = {"f:data": {".": {}, "f:kept": {}, "f:gone": {}}, "f:metadata": {"f:labels": {}}}
    live.meta(managedFields=[owned(manager, fields)])
    found = compared(config_map("shop/a", kept="1"), live, kind="configmaps")
    assert [one.pointer for one in found.changes] == gone


def test_an_element_goes_that_an_earlier_restore_owns_but_not_a_default_in_it() -> None:
    live = workload(web(imagePullPolicy="Always"), {"name": "side"}, replicas=1)
    element = {".": {}, "f:image": {}, "f:name": {}, "f:imagePullPolicy": {}}
    containers = {'k:{"name":"web"}': element, 'k:{"name":"side"}': element}
    spec = {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": containers}}}
    live.meta(managedFields=[owned("kubeferry-earlier", {"f:spec": spec})])
    found = compared(workload(web()), live)
    assert [one.pointer for one in found.changes] == ["/spec/template/spec/containers/1"]


def test_the_keys_of_an_element_are_no_entries_of_it() -> None:
    live = obj("v1/Service", "shop/web").with_(spec={"ports": [{"port": 80, "protocol": "TCP"}]})
    ports = {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:protocol": {}}}
    live.meta(managedFields=[owned("kubeferry-earlier", {"f:spec": {"f:ports": ports}})])
    ours = obj("v1/Service", "shop/web").with_(spec={"ports": [{"port": 80}]})
    assert not compared(ours, live, kind="services").changes


def test_what_a_rule_took_out_goes() -> None:
    spec = {"affinity": {"a": 1}, "nodeName": "n1"}
    archived = obj("v1/Thing", "shop/a").with_(spec=spec, status={"x": 1})
    changes = [
        STRIPPED,
        Change("/spec/nodeName", "n1", MISSING, Cause("automatic", "pod-placement")),
        Change("/spec/affinity", {"a": 1}, MISSING, Cause("modifier", "rule 1")),
    ]
    base = entered(archived, changes)
    assert base["spec"] == {"affinity": {"a": 1}}
    live = obj("v1/Thing", "shop/a").with_(spec=spec)
    found = compared(obj("v1/Thing", "shop/a").with_(spec={}), live, archived=base, kind="things.x")
    assert told(found) == [("/spec/affinity", {"a": 1}, MISSING)]


def test_what_a_rule_took_out_and_the_server_fills_in_again_is_no_difference() -> None:
    live = workload(web(imagePullPolicy="Always"), dnsPolicy="ClusterFirst")
    assert not compared(workload(web()), live, archived=live).changes


@pytest.mark.parametrize(
    ("ours", "live"),
    [
        pytest.param("0.5", "500m", id="cpu"),
        pytest.param("1024Mi", "1Gi", id="memory"),
        pytest.param(1, "1", id="a number"),
    ],
)
def test_quantities_are_compared_as_such(ours: Any, live: Any) -> None:
    one = workload(web(resources={"limits": {"x": ours}}))
    assert not compared(one, workload(web(resources={"limits": {"x": live}}))).changes
    other = workload(web(env=[{"name": "A", "value": ours}]))
    assert compared(other, workload(web(env=[{"name": "A", "value": live}]))).changes


def test_the_order_of_a_keyed_list_counts() -> None:
    ours = workload({"name": "a"}, {"name": "b"})
    found = compared(ours, workload({"name": "x"}, {"name": "b"}, {"name": "a"}))
    assert [one.pointer for one in found.changes] == ["/spec/template/spec/containers"]
    names = [one["name"] for one in found.merged["spec"]["template"]["spec"]["containers"]]
    assert names == ["a", "b", "x"]


def test_other_lists_are_compared_by_place_where_they_are_as_long() -> None:
    def policy(*ports: dict[str, Any]) -> Built:
        return obj("x.io/v1/Policy", "shop/a").with_(spec={"ports": [*ports]})

    kind = "policies.x.io"
    assert not compared(policy({"port": 1}), policy({"port": 1, "by": "x"}), kind=kind).changes
    found = compared(policy({"port": 1}), policy({"port": 2, "by": "x"}), kind=kind)
    assert found.merged["spec"]["ports"] == [{"port": 1, "by": "x"}]
    found = compared(policy({"port": 1}), policy({"port": 1}, {"port": 2}), kind=kind)
    assert told(found) == [("/spec/ports", [{"port": 1}, {"port": 2}], [{"port": 1}])]


def test_ports_are_told_apart_by_their_protocol_too() -> None:
    def service(*ports: dict[str, Any]) -> Built:
        return obj("v1/Service", "shop/dns").with_(spec={"ports": [*ports]})

    ours = service({"port": 53, "protocol": "UDP"}, {"port": 53})
    live = service({"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP", "nodePort": 3})
    assert not compared(ours, live, kind="services").changes


def test_a_secrets_texts_are_where_the_server_puts_them() -> None:
    ours = obj("v1/Secret", "shop/a").with_(data={"x": "eA=="}, stringData={"y": "y"})
    live = obj("v1/Secret", "shop/a").with_(data={"x": "eA==", "y": "eQ=="})
    assert not compared(ours, live, kind="secrets").changes


def test_the_last_applied_text_goes_with_the_fields_that_it_tells_of() -> None:
    ours = config_map("shop/a", a="1").meta(annotations={LAST_APPLIED: "{}"})
    same = config_map("shop/a", a="1")
    assert not compared(ours, same, kind="configmaps").changes
    found = compared(ours, config_map("shop/a", a="2"), kind="configmaps")
    assert told(found) == [("/data/a", "2", "1")]
    assert found.merged["metadata"]["annotations"] == {LAST_APPLIED: "{}"}


def test_an_account_gets_what_it_lacks_and_keeps_what_it_has() -> None:
    live = obj("v1/ServiceAccount", "shop/a").with_(secrets=[{"name": "mine"}])
    live.label(app="mine").meta(resourceVersion="7")
    ours = obj("v1/ServiceAccount", "shop/a").label(app="theirs", tier="x")
    ours.label(**{RESTORE_LABEL: "r"})
    ours.with_(secrets=[{"name": "mine"}, {"name": "new"}], imagePullSecrets=[{"name": "pull"}])
    found = merge_account(ours, live)
    assert found.patch == {
        "metadata": {"labels": {"tier": "x"}, "resourceVersion": "7"},
        "secrets": [{"name": "mine"}, {"name": "new"}],
        "imagePullSecrets": [{"name": "pull"}],
    }
    assert not merge_account(ours, found.merged).changes


def test_a_merge_patch_makes_one_of_the_other() -> None:
    old = {"a": {"b": 1, "c": [1]}, "d": 1}
    new = {"a": {"b": 2, "c": [1]}, "e": {"f": True}}
    patch = merge_patch(old, new)
    assert patch == {"a": {"b": 2}, "e": {"f": True}, "d": None}
    assert apply_merge_patch(old, patch) == new


@pytest.mark.parametrize(
    ("manager", "counts"),
    [
        pytest.param("kube-controller-manager", False, id="an autoscaler"),
        pytest.param("kubectl", True, id="a person"),
    ],
)
def test_replicas_are_an_autoscalers_once_it_has_set_them(manager: str, counts: bool) -> None:
    fields = {"f:spec": {"f:replicas": {}}}
    entry = {**owned(manager, fields), "subresource": "scale"}
    live = workload(web(), replicas=5).meta(managedFields=[entry])
    assert bool(compared(workload(web(), replicas=2), live).changes) == counts


NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(st.sampled_from(["", "x", "y"]), st.integers(0, 2), st.booleans())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.dictionaries(NAMES, inner, max_size=3), st.lists(inner, max_size=3)),
    max_leaves=8,
)
CONTAINERS = st.lists(
    st.builds(lambda name, rest: {**rest, "name": name}, NAMES, st.dictionaries(NAMES, VALUES)),
    max_size=3,
    unique_by=lambda one: str(one["name"]),
)
SPECS = st.one_of(
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.builds(lambda listed: {"template": {"spec": {"containers": listed}}}, CONTAINERS),
)


@given(SPECS, SPECS, SPECS)
def test_an_update_leaves_no_difference_and_the_patch_makes_just_it(
    ours: dict[str, Any], live: dict[str, Any], archived: dict[str, Any]
) -> None:
    def made(spec: dict[str, Any]) -> Built:
        return obj("apps/v1/Deployment", "shop/web").with_(spec=spec)

    before = made(live).meta(resourceVersion="7")
    found = compared(made(ours), before, archived=made(archived))
    again = compared(made(ours), found.merged, archived=made(archived))
    assert again.changes == ()
    assert before == made(live).meta(resourceVersion="7")  # what went in is as it was
