import itertools
from collections.abc import Iterable

import pytest

from kubeferry.api import rights
from kubeferry.api.definition import GROUP
from kubeferry.api.rights import AT_HOME, EVERYWHERE, OPERATOR, PEOPLE, VIEWER, Rule

CHANGING = {"create", "update", "patch", "delete", "deletecollection", "*"}


def pairs(rules: Iterable[Rule]) -> list[tuple[str, str, str]]:
    return [
        (rule.group, resource, verb)
        for rule in rules
        for resource in rule.resources
        for verb in rule.reasons
    ]


def test_what_is_not_its_own_the_controller_neither_replaces_nor_watches_nor_deletes_by_the_lot():
    for group, resource, verb in pairs([*EVERYWHERE, *AT_HOME]):
        own = group == GROUP or (group, resource) == ("coordination.k8s.io", "leases")
        assert verb not in ("update", "watch", "deletecollection") or own, (group, resource, verb)


def test_one_rule_has_a_wildcard_and_it_is_of_no_verb():
    rules = [*EVERYWHERE, *AT_HOME, *itertools.chain(*PEOPLE.values())]
    wild = [rule for rule in rules if "*" in (rule.group, *rule.resources)]
    assert wild == [EVERYWHERE[0]]
    assert not [rule for rule in rules if "*" in rule.reasons]


def test_a_rule_repeats_nothing_that_another_one_grants():
    everything = set(EVERYWHERE[0].reasons)
    rest = pairs([*EVERYWHERE[1:], *AT_HOME])
    assert not [pair for pair in rest if pair[2] in everything]
    assert len(set(rest)) == len(rest)


@pytest.mark.parametrize("role", PEOPLE)
def test_a_persons_rule_repeats_nothing_either(role: str):
    given = pairs(PEOPLE[role])
    assert len(set(given)) == len(given)


@pytest.mark.parametrize("role", PEOPLE)
def test_people_read_no_secrets_and_touch_no_rights(role: str):
    for group, resource, _ in pairs(PEOPLE[role]):
        assert resource != "secrets"
        assert group != rights.RBAC


def test_a_viewer_changes_nothing():
    assert not {verb for _, _, verb in pairs(PEOPLE[VIEWER])} & CHANGING


def test_an_operator_may_all_that_a_viewer_may():
    assert set(pairs(PEOPLE[VIEWER])) <= set(pairs(PEOPLE[OPERATOR]))


@pytest.mark.parametrize("role", PEOPLE)
def test_people_write_no_status(role: str):
    assert not [pair for pair in pairs(PEOPLE[role]) if pair[1].endswith("/status")]


def test_each_verb_has_its_reason():
    for rule in (*EVERYWHERE, *AT_HOME, *itertools.chain(*PEOPLE.values())):
        assert all(rule.reasons.values())


def test_a_rule_for_objects_by_name_says_so_in_the_role():
    rule = Rule("g", ("things",), {"get": "why"}, names=("a",))
    assert rule.manifest() == {
        "apiGroups": ["g"],
        "resources": ["things"],
        "verbs": ["get"],
        "resourceNames": ["a"],
    }
