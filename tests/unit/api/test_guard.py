import pytest

from kubeferry.api import crd, guard
from kubeferry.api.definition import GROUP, GUARD
from kubeferry.api.guard import GUARDED, IS_ADMINISTRATOR
from kubeferry.api.rights import CONTROLLER

POLICIES = {
    one["metadata"]["name"]: one["spec"]
    for one in guard.manifests("home")
    if one["kind"] == "ValidatingAdmissionPolicy"
}
BINDINGS = [
    one for one in guard.manifests("home") if one["kind"] == "ValidatingAdmissionPolicyBinding"
]


def test_every_policy_is_bound_and_denies():
    assert [one["spec"]["policyName"] for one in BINDINGS] == list(POLICIES)
    for one in BINDINGS:
        assert one["spec"]["validationActions"] == ["Deny"]
        assert "matchResources" not in one["spec"], "nobody chooses to be out of it by a label"
    for policy in POLICIES.values():
        assert policy["failurePolicy"] == "Fail"


def test_each_of_our_resources_is_guarded_with_its_status():
    matched = {
        resource
        for policy in POLICIES.values()
        for rule in policy["matchConstraints"]["resourceRules"]
        if rule["apiGroups"] == [GROUP]
        for resource in rule["resources"]
    }
    plurals = {one.plural for one in crd.DEFINITIONS}
    assert matched == plurals | {f"{one}/status" for one in plurals}


@pytest.mark.parametrize("name", POLICIES)
def test_no_expression_asks_more_often_than_its_cost_allows(name: str):
    policy = POLICIES[name]
    assert IS_ADMINISTRATOR.count(".check(") == 2
    assert [one["expression"] for one in policy["variables"]] == [IS_ADMINISTRATOR]
    for one in (*policy["matchConditions"], *policy["validations"]):
        assert ".check(" not in one["expression"]


@pytest.mark.parametrize("name", POLICIES)
def test_only_the_controller_of_this_very_namespace_is_not_judged(name: str):
    first = POLICIES[name]["matchConditions"][0]["expression"]
    assert first == f"request.userInfo.username != 'system:serviceaccount:home:{CONTROLLER}'"


def test_config_maps_of_other_namespaces_are_not_judged():
    (at_home,) = [f"{GUARD}{one.name}" for one in GUARDED if one.at_home]
    selector = POLICIES[at_home]["matchConstraints"]["namespaceSelector"]
    assert selector == {"matchLabels": {"kubernetes.io/metadata.name": "home"}}


@pytest.mark.parametrize("name", POLICIES)
def test_a_denial_says_what_it_takes_and_what_others_can_do(name: str):
    for one in POLICIES[name]["validations"]:
        assert "only who may escalate and bind cluster roles may do that; " in one["message"]
        assert one["reason"] == "Forbidden"
