import pytest

from kubeferry.backup.filters import ListName, Resolver, ResourceFilters, check_filters
from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import Discovery
from tests.unit.backup.served import SERVED, resource

APPS = {
    "controllerrevisions.apps",
    "daemonsets.apps",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
}


@pytest.mark.parametrize(
    ("word", "names"),
    [
        pytest.param("deployments.apps", {"deployments.apps"}, id="a group resource"),
        pytest.param("deployments", {"deployments.apps"}, id="a plural"),
        pytest.param("deployment", {"deployments.apps"}, id="a singular"),
        pytest.param("Deployment", {"deployments.apps"}, id="a kind"),
        pytest.param("deploy", {"deployments.apps"}, id="a short name"),
        pytest.param("deployments.v1.apps", {"deployments.apps"}, id="with its version"),
        pytest.param("pvc", {"persistentvolumeclaims"}, id="as the console has it: pvc"),
        pytest.param("pv", {"persistentvolumes"}, id="as the console has it: pv"),
        pytest.param("services", {"services"}, id="of two groups the core one"),
        pytest.param("fo", {"foos.example.com"}, id="a short name of a custom kind"),
        pytest.param("*.apps", APPS, id="all of a group"),
        pytest.param("re*.apps", {"replicasets.apps"}, id="some of a group"),
        pytest.param("eploy*", set(), id="a glob is for the whole name"),
        pytest.param(
            "service*",
            {
                "serviceaccounts",
                "services",
                "services.serving.knative.dev",
                "servicecidrs.networking.k8s.io",
            },
            id="a star crosses the dots",
        ),
        pytest.param(
            "{foos,zones}.example.com", {"foos.example.com", "zones.example.com"}, id="alternatives"
        ),
        pytest.param("DEPLOY*", set(), id="case counts in a glob"),
        pytest.param("nothing", set(), id="what is not served"),
        pytest.param("events", {"events", "events.events.k8s.io"}, id="both homes of events"),
    ],
)
def test_what_a_word_stands_for(word: str, names: set[str]) -> None:
    words = Resolver(SERVED).words(ResourceFilters(included=(word,)), "included")
    assert words.names == names


def test_a_star_is_everything_but_names_nothing() -> None:
    words = Resolver(SERVED).words(ResourceFilters(included=("*",)), "included")
    assert words.names == {one.group_resource for one in SERVED.resources}
    assert words.named == frozenset()


@pytest.mark.parametrize(
    "word", ["ingresses", "ingresses.extensions", "ingresses.networking.k8s.io"]
)
def test_a_word_for_one_home_of_a_kind_means_both(word: str) -> None:
    homes = (
        resource("ingresses.extensions", "Ingress"),
        resource("ingresses.networking.k8s.io", "Ingress"),
    )
    words = Resolver(Discovery(homes)).words(ResourceFilters(excluded=(word,)), "excluded")
    assert words.names == {one.group_resource for one in homes}


@pytest.mark.parametrize(
    "filters",
    [
        pytest.param(ResourceFilters(), id="nothing"),
        pytest.param(ResourceFilters(included=("*",), excluded=("po",), cluster=True), id="old"),
        pytest.param(ResourceFilters(included=("po", "pods")), id="the same kind twice"),
        pytest.param(
            ResourceFilters(included_cluster=("*",), excluded_namespaced=("*",)),
            id="a star alone leaves out all of a scope",
        ),
        pytest.param(
            ResourceFilters(included_namespaced=("*.apps",), excluded_namespaced=("rs",)),
            id="scoped",
        ),
    ],
)
def test_filters_that_pass(filters: ResourceFilters) -> None:
    check_filters(filters)


@pytest.mark.parametrize(
    ("filters", "place"),
    [
        pytest.param(
            ResourceFilters(included=("po",), excluded_cluster=("pv",)), "spec", id="old and scoped"
        ),
        pytest.param(
            ResourceFilters(cluster=False, included_namespaced=("po",)),
            "spec",
            id="includeClusterResources is an old one",
        ),
        pytest.param(
            ResourceFilters(included=("a", "*")), "spec.includedResources", id="a star and another"
        ),
        pytest.param(
            ResourceFilters(excluded=("*",)),
            "spec.excludedResources",
            id="a star in the old excludes",
        ),
        pytest.param(
            ResourceFilters(excluded_cluster=("*", "pv")),
            "spec.excludedClusterScopedResources",
            id="a star and another in scoped excludes",
        ),
        pytest.param(
            ResourceFilters(included_cluster=("pv",), excluded_cluster=("*",)),
            "spec.excludedClusterScopedResources",
            id="all excluded, and something included",
        ),
        pytest.param(
            ResourceFilters(included=("a", "b"), excluded=("b",)),
            "spec.includedResources[1]",
            id="in and out",
        ),
        pytest.param(
            ResourceFilters(included_namespaced=("b",), excluded_namespaced=("b",)),
            "spec.includedNamespaceScopedResources[0]",
            id="in and out, scoped",
        ),
        pytest.param(
            ResourceFilters(excluded=("pods", "{a")), "spec.excludedResources[1]", id="no glob"
        ),
        pytest.param(
            ResourceFilters(excluded_cluster=("[a",), place="policy"),
            "policy.excludedClusterScopedResources[0]",
            id="of a policy",
        ),
    ],
)
def test_filters_that_contradict_themselves_are_refused(
    filters: ResourceFilters, place: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_filters(filters)
    assert caught.value.place == place


@pytest.mark.parametrize("name", ["included_cluster", "excluded_namespaced"])
def test_a_word_is_told_by_where_it_was_written(name: ListName) -> None:
    filters = ResourceFilters(included_cluster=("pv", "sc"), excluded_namespaced=("po", "x"))
    words = Resolver(SERVED).words(filters, name).words
    assert [one.place for one in words] == [f"{filters.field(name)}[{index}]" for index in (0, 1)]
