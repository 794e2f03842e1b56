from typing import Any

import pytest

from kubeferry.cli.gaps import NO_GAPS, Gaps, gaps_of_problems, gaps_of_results
from kubeferry.cli.kindwords import KindWord
from kubeferry.kube.names import Identity
from kubeferry.report import Findings, Problem

ORDER = Identity("orders.shop.example.com", "shop", "o-1")
DEFINITION = Identity(
    "customresourcedefinitions.apiextensions.k8s.io", "", "orders.shop.example.com"
)
WEB = Identity("deployments.apps", "shop", "web")


def gaps(*problems: Problem) -> Gaps:
    """As a results file brings them."""
    findings = Findings()
    for one in problems:
        findings.problem(one)
    return gaps_of_results(findings.results(), ours=True)


def error(reason: str, message: str, namespace: str = "", subject: str = "") -> Problem:
    return Problem("error", reason, message, namespace, subject)


@pytest.mark.parametrize(
    ("problem", "hidden", "seen"),
    [
        pytest.param(
            error("Forbidden", "could not be read: no", "", "orders.shop.example.com"),
            [ORDER, DEFINITION],
            [WEB],
            id="a kind, and its definition",
        ),
        pytest.param(
            error("GroupUnavailable", "its objects may be missing", "", "shop.example.com"),
            [ORDER, DEFINITION],
            [WEB],
            id="a group, and its definitions",
        ),
        pytest.param(
            error("GroupUnavailable", "its objects may be missing", "", "core"),
            [Identity("pods", "shop", "web")],
            [WEB],
            id="the core group",
        ),
        pytest.param(
            error("Forbidden", "could not be read in shop: no", "shop", "deployments.apps"),
            [WEB],
            [WEB._replace(namespace="other")],
            id="a kind in a namespace",
        ),
        pytest.param(
            error("Forbidden", "could not be read in a, shop: no", "", "deployments.apps"),
            [WEB, WEB._replace(namespace="a")],
            [WEB._replace(namespace="other")],
            id="a kind in some namespaces",
        ),
        pytest.param(
            error("X", "could not be read in a, b, c and 3 more namespaces: x", "", WEB[0]),
            [WEB],
            [],
            id="a kind in many namespaces",
        ),
        pytest.param(
            error("Timeout", "could not be read: late", "shop", str(WEB)),
            [WEB],
            [WEB._replace(name="other")],
            id="an object",
        ),
        pytest.param(
            error("X", "could not be read: x", "", "clusterroles.x system:a and 2 more"),
            [Identity("clusterroles.x", "", "b")],
            [WEB],
            id="several objects",
        ),
        pytest.param(
            error("Malformed", "is no object", "shop", "clusterroles.x system:a"),
            [Identity("clusterroles.x", "shop", "system:a")],
            [WEB],
            id="what was no object, its name with a colon",
        ),
        pytest.param(
            error("X", "could not be read: x", "", "deployments.apps in apps/v1beta1"),
            [],
            [WEB],
            id="another version hides nothing",
        ),
        pytest.param(
            error("VolumeDataNotTaken", "no data", "shop", "persistentvolumeclaims shop/data"),
            [],
            [Identity("persistentvolumeclaims", "shop", "data")],
            id="data of volumes hides nothing",
        ),
        pytest.param(
            Problem("warning", "NotOneMoment", "could not be read at once", "", WEB[0]),
            [],
            [WEB],
            id="a warning hides nothing",
        ),
    ],
)
def test_what_may_be_missing_for_an_error_alone(
    problem: Problem, hidden: list[Identity], seen: list[Identity]
) -> None:
    for found in (gaps(problem), gaps_of_problems([problem])):
        assert all(map(found.hide, hidden))
        assert not any(map(found.hide, seen))
        assert found.unknown == 0


@pytest.mark.parametrize("results", [None, {}, {"errors": {}}, [], {"errors": None}])
def test_where_nothing_went_wrong_there_are_none(results: Any) -> None:
    assert gaps_of_results(results, ours=True) == NO_GAPS


def test_errors_of_velero_s_are_counted_and_not_guessed_at() -> None:
    results = {"errors": {"velero": ["error listing"], "namespaces": {"shop": ["a", "b"]}}}
    assert gaps_of_results(results, ours=False) == Gaps(unknown=3)


@pytest.mark.parametrize(
    ("kinds", "namespaces", "concerns"),
    [
        pytest.param([], [], True, id="all"),
        pytest.param([KindWord("orders")], [], True, id="its kind"),
        pytest.param([KindWord("*.example.com")], ["sh*"], True, id="globs"),
        pytest.param([KindWord("pods", "pods")], [], False, id="another kind"),
        pytest.param([], ["other"], False, id="another namespace"),
    ],
)
def test_only_what_was_asked_for_counts(
    kinds: list[KindWord], namespaces: list[str], concerns: bool
) -> None:
    one = error("Forbidden", "could not be read in shop: no", "shop", ORDER.group_resource)
    assert bool(gaps(one).of(kinds, namespaces)) is concerns


@pytest.mark.parametrize(
    ("word", "concerns"),
    [
        pytest.param(KindWord("widgets"), True, id="what nobody knows"),
        pytest.param(KindWord("w.m.example.com"), True, id="what is in it"),
        pytest.param(KindWord("w.example.org"), False, id="what is in another"),
        pytest.param(KindWord("deploy", "deployments.apps"), False, id="what is known"),
    ],
)
def test_which_words_may_mean_a_lost_group(word: KindWord, concerns: bool) -> None:
    one = error("GroupUnavailable", "may be missing", "", "m.example.com")
    assert bool(gaps(one).of([word], [])) is concerns


def test_what_was_not_read_has_a_name_for_people() -> None:
    problems = (
        error("GroupUnavailable", "x", "", "m.example.com"),
        error("X", "could not be read in shop: x", "shop", "pods"),
        error("X", "could not be read: x", "shop", str(WEB)),
    )
    assert [one.label for one in gaps(*problems).known] == [
        "m.example.com",
        "pods in shop",
        "deployments.apps shop/web",
    ]
