"""Which kinds and namespaces of a backup a restore's words mean."""

from typing import Any

import pytest

from kubeferry.api.metadata import convert
from kubeferry.api.restore import RestoreSpec
from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Resource
from kubeferry.restore.selection import Chosen, Selection, choose, compile_selection

SERVED = Discovery(
    all_versions=(
        Resource(
            "", "v1", "configmaps", "ConfigMap", True, singular="configmap", short_names=("cm",)
        ),
        Resource("", "v1", "services", "Service", True, short_names=("svc",)),
        Resource("apps", "v1", "deployments", "Deployment", True, short_names=("deploy",)),
        Resource("batch", "v1", "jobs", "Job", True),
        Resource("networking.k8s.io", "v1", "ingresses", "Ingress", True, short_names=("ing",)),
    )
)
DEFINED = (Resource("x.io", "v1", "things", "Thing", True),)
KINDS = (
    "configmaps",
    "services",
    "services.serving.knative.dev",
    "deployments.apps",
    "deployments.extensions",
    "ingresses.extensions",
    "jobs.batch",
    "things.x.io",
    "gadgets.y.io",
)
NAMESPACES = {"shop-a", "shop-b", "db"}


def spec(**fields: Any) -> RestoreSpec:
    return convert({"backupName": "b", **fields}, RestoreSpec, place="spec")


def chosen(**fields: Any) -> Chosen:
    return choose(
        compile_selection(spec(**fields)),
        namespaces=NAMESPACES,
        kinds=KINDS,
        discovery=SERVED,
        defined=DEFINED,
    )


@pytest.mark.parametrize(
    ("word", "kinds"),
    [
        pytest.param("cm", {"configmaps"}, id="a short name"),
        pytest.param("ConfigMap", {"configmaps"}, id="a kind"),
        pytest.param("services", {"services"}, id="the core group goes before others"),
        pytest.param("deploy", {"deployments.apps", "deployments.extensions"}, id="an old group"),
        pytest.param(
            "deployments.apps", {"deployments.apps", "deployments.extensions"}, id="with its group"
        ),
        pytest.param("deployments.extensions", {"deployments.extensions"}, id="the old one alone"),
        pytest.param("ingress", {"ingresses.extensions"}, id="only in its old group"),
        pytest.param("Thing", {"things.x.io"}, id="a kind that the backup defines"),
        pytest.param("thing.x.io", {"things.x.io"}, id="the same with its group"),
        pytest.param("gadgets", {"gadgets.y.io"}, id="a plural that nobody serves"),
        pytest.param("gadgets.y.io", {"gadgets.y.io"}, id="and with its group"),
        pytest.param("*.apps", {"deployments.apps", "deployments.extensions"}, id="a glob"),
        pytest.param(
            "*.extensions", {"deployments.extensions", "ingresses.extensions"}, id="an old glob"
        ),
        pytest.param("j*", {"jobs.batch"}, id="a glob crosses dots"),
        pytest.param("*", set(KINDS), id="all"),
    ],
)
def test_what_a_word_means(word: str, kinds: set[str]) -> None:
    found = chosen(includedResources=[word])
    assert found.kinds == kinds
    assert found.notes == ()


def test_excludes_win() -> None:
    found = chosen(includedResources=["*"], excludedResources=["services", "*.extensions"])
    assert found.kinds == set(KINDS) - {
        "services",
        "deployments.extensions",
        "ingresses.extensions",
    }
    assert found.excluded == {"services", "deployments.extensions", "ingresses.extensions"}


@pytest.mark.parametrize(
    ("fields", "namespaces"),
    [
        pytest.param({}, NAMESPACES, id="nothing said"),
        pytest.param({"includedNamespaces": ["*"]}, NAMESPACES, id="all"),
        pytest.param({"includedNamespaces": ["db"]}, {"db"}, id="a name"),
        pytest.param({"includedNamespaces": ["shop-?"]}, {"shop-a", "shop-b"}, id="a glob"),
        pytest.param({"excludedNamespaces": ["shop-*"]}, {"db"}, id="an exclude"),
        pytest.param(
            {"includedNamespaces": ["shop-*"], "excludedNamespaces": ["shop-b"]},
            {"shop-a"},
            id="excludes win",
        ),
        pytest.param({"includedNamespaces": ["x-*"]}, set(), id="no match is nothing, never all"),
    ],
)
def test_namespaces(fields: dict[str, Any], namespaces: set[str]) -> None:
    assert chosen(**fields).namespaces == namespaces


def test_what_matches_nothing_is_told_with_its_field() -> None:
    found = chosen(
        includedNamespaces=["db", "x-*"],
        includedResources=["cm", "secrets"],
        excludedResources=["a*"],
    )
    assert {note.reason for note in found.notes} == {"NothingSelected"}
    assert [note.message for note in found.notes] == [
        "spec.excludedResources[0]: 'a*' matches no kind of the backup",
        "spec.includedResources[1]: 'secrets' matches no kind of the backup",
        "spec.includedNamespaces[1]: 'x-*' matches no namespace of the backup",
    ]


def test_a_namespace_that_is_named_must_be_there() -> None:
    with pytest.raises(InvalidInput, match="no namespace 'shop'; it has db, shop-a, shop-b"):
        chosen(includedNamespaces=["shop"])


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({"includedNamespaces": ["kube-system"]}, "is never restored", id="reserved"),
        pytest.param({"includedNamespaces": ["*", "a"]}, "'*' stands for all", id="all and one"),
        pytest.param(
            {"includedNamespaces": ["a"], "excludedNamespaces": ["a"]}, "is also in", id="both"
        ),
        pytest.param(
            {"includedResources": ["cm"], "excludedResources": ["cm"]}, "also included", id="kinds"
        ),
        pytest.param({"excludedResources": ["*"]}, "leaves nothing", id="no kinds"),
        pytest.param({"includedResources": ["*", "cm"]}, "stands for all kinds", id="all kinds"),
        pytest.param({"includedResources": ["[a"]}, "is not a pattern", id="an open bracket"),
        pytest.param({"includedResources": ["nodes"]}, "is never restored", id="nodes"),
        pytest.param(
            {"labelSelector": {"matchLabels": {"a": "b"}}, "orLabelSelectors": [{}]},
            "exclude each other",
            id="two sorts of selectors",
        ),
        pytest.param(
            {"labelSelector": {"matchLabels": {"a b": "c"}}}, "cannot be a label's key", id="a key"
        ),
    ],
)
def test_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem.replace("*", r"\*")) as caught:
        compile_selection(spec(**fields))
    assert caught.value.place.startswith("spec")


def test_labels_are_any_of_some_selectors() -> None:
    either = compile_selection(
        spec(orLabelSelectors=[{"matchLabels": {"a": "1"}}, {"matchLabels": {"b": "1"}}])
    )
    assert either.by_labels({"b": "1"})
    assert not either.by_labels({"a": "2"})
    everything = compile_selection(spec(orLabelSelectors=[{"matchLabels": {"a": "1"}}, {}]))
    assert everything == Selection()


@pytest.mark.parametrize(
    ("fields", "everything"),
    [
        pytest.param({}, True, id="nothing said"),
        pytest.param({"includeClusterResources": True}, True, id="cluster-scoped objects too"),
        pytest.param({"includedNamespaces": ["*"], "includedResources": ["*"]}, True, id="stars"),
        pytest.param({"includeClusterResources": False}, False, id="none of those"),
        pytest.param({"excludedNamespaces": ["a"]}, False, id="a namespace left out"),
    ],
)
def test_whether_anything_is_left_out(fields: dict[str, Any], everything: bool) -> None:
    assert compile_selection(spec(**fields)).is_everything is everything
