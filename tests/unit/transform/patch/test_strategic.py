"""Strategic merge patches as the API server applies them (velero.md §4.7)."""

import copy
import time
from typing import Any

import pytest

from kubeferry.errors import PatchFailed
from kubeferry.transform.patch.merge_keys import merge_keys
from kubeferry.transform.patch.strategic import apply_strategic_patch


def deployment(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(containers), **spec}}}}


def names(result: Any) -> list[str]:
    return [one["name"] for one in result["spec"]["template"]["spec"]["containers"]]


A = {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}], "command": ["run", "it"]}
B = {"name": "b", "image": "b:1"}


def apply(document: Any, patch: Any, kind: str = "deployments.apps") -> Any:
    before = copy.deepcopy((document, patch))
    result = apply_strategic_patch(document, patch, merge_keys(kind))
    assert (document, patch) == before
    return result


def test_elements_merge_by_their_key() -> None:
    patch = deployment({"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "2"}]})
    result = apply(deployment(A, B), patch)
    first = result["spec"]["template"]["spec"]["containers"][0]
    assert first["image"] == "a:2"
    assert first["command"] == ["run", "it"]
    assert {one["name"] for one in first["env"]} == {"X", "Y"}
    assert names(result) == ["a", "b"]


def test_a_new_element_comes_before_those_the_patch_does_not_name() -> None:
    assert names(apply(deployment(A, B), deployment({"name": "c", "image": "c:1"}))) == [
        "c",
        "a",
        "b",
    ]


def test_the_order_directive_rules() -> None:
    patch = deployment({"name": "c", "image": "c:1"})
    patch["spec"]["template"]["spec"]["$setElementOrder/containers"] = [
        {"name": "b"},
        {"name": "a"},
        {"name": "c"},
    ]
    assert names(apply(deployment(A, B), patch)) == ["b", "a", "c"]


def test_an_element_is_deleted_by_its_key() -> None:
    assert names(apply(deployment(A, B), deployment({"name": "a", "$patch": "delete"}))) == ["b"]


def test_a_list_is_replaced_when_told() -> None:
    patch = deployment({"$patch": "replace"}, {"name": "c", "image": "c:1"})
    assert names(apply(deployment(A, B), patch)) == ["c"]


def test_a_map_is_replaced_or_deleted_when_told() -> None:
    document = {"metadata": {"labels": {"a": "1"}, "annotations": {"x": "1"}}}
    patch = {
        "metadata": {
            "labels": {"$patch": "replace", "b": "2"},
            "annotations": {"$patch": "delete"},
        }
    }
    assert apply(document, patch, "configmaps") == {"metadata": {"labels": {"b": "2"}}}


def test_retain_keys_drops_the_others() -> None:
    document = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert apply(document, patch) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_null_deletes_and_is_not_taken_over() -> None:
    document = {"metadata": {"labels": {"a": "1"}}}
    patch = {"metadata": {"labels": {"a": None}, "annotations": {"b": None, "c": "1"}}}
    assert apply(document, patch, "configmaps") == {
        "metadata": {"labels": {}, "annotations": {"c": "1"}}
    }


def test_primitive_lists_merge_as_sets() -> None:
    document = {"metadata": {"finalizers": ["a", "b"]}}
    patch = {"metadata": {"finalizers": ["c", "a"], "$deleteFromPrimitiveList/finalizers": ["b"]}}
    result = apply(document, patch, "configmaps")
    assert sorted(result["metadata"]["finalizers"]) == ["a", "c"]


def test_lists_without_a_key_are_replaced() -> None:
    document = deployment(A, tolerations=[{"key": "x"}])
    result = apply(document, deployment(tolerations=[{"key": "y"}]))
    assert result["spec"]["template"]["spec"]["tolerations"] == [{"key": "y"}]


def test_the_key_depends_on_the_kind() -> None:
    document = {"spec": {"ports": [{"port": 80, "name": "web"}, {"port": 443, "name": "tls"}]}}
    patch = {"spec": {"ports": [{"port": 443, "nodePort": 30443}]}}
    result = apply(document, patch, "services")
    assert {"port": 443, "name": "tls", "nodePort": 30443} in result["spec"]["ports"]
    assert len(result["spec"]["ports"]) == 2


def test_a_budget_selector_is_replaced() -> None:
    document = {"spec": {"selector": {"matchLabels": {"a": "1"}}}}
    patch = {"spec": {"selector": {"matchLabels": {"b": "2"}}}}
    assert apply(document, patch, "poddisruptionbudgets.policy") == patch


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param(deployment({"image": "x"}), id="an element without its key"),
        pytest.param(deployment({"$patch": "delete"}), id="a deletion without a key"),
        pytest.param({"spec": {"$patch": "turn"}}, id="an unknown directive"),
        pytest.param({"spec": {"$retainKeys": ["a"], "b": 1}}, id="a field that is not retained"),
        pytest.param(["a"], id="a list"),
        pytest.param({"spec": {"$deleteFromPrimitiveList/a": "x"}}, id="no list to delete"),
        pytest.param({"spec": {"$setElementOrder/a": 1}}, id="no list to order by"),
    ],
)
def test_what_cannot_be_is_refused(patch: Any) -> None:
    with pytest.raises(PatchFailed):
        apply(deployment(A), patch)


def test_the_order_of_a_long_list_takes_no_time_that_grows_with_its_square() -> None:
    count = 50_000
    env = [{"name": f"E{number}"} for number in range(count)]
    patch = deployment({"name": "a", "env": [{"name": f"E{count - 1}", "value": "x"}]})
    started = time.process_time()
    result = apply_strategic_patch(
        deployment({"name": "a", "env": env}), patch, merge_keys("deployments.apps")
    )
    merged = result["spec"]["template"]["spec"]["containers"][0]["env"]
    assert merged == [*env[:-1], {"name": f"E{count - 1}", "value": "x"}]
    assert time.process_time() - started < 5  # by the square it is a minute and more


def test_an_element_whose_key_is_a_map_keeps_its_place() -> None:
    odd: dict[str, Any] = {"name": {"a": 1}}
    result = apply(deployment(odd, A), deployment({"name": "a", "image": "a:2"}))
    assert result["spec"]["template"]["spec"]["containers"] == [odd, {**A, "image": "a:2"}]
