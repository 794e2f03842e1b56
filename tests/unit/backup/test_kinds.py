import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.backup.filters import ResourceFilters, check_filters
from kubeferry.backup.kinds import NEVER_KINDS, RELATED_KINDS, Kinds, choose_kinds, claim_kinds
from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import BrokenGroup, Discovery
from kubeferry.transform.automatic.finished import NEVER_RESTORED
from tests.unit.backup.served import SERVED, VERBS, resource

BY_NAME = {one.group_resource: one for one in SERVED.resources}
NAMESPACED = frozenset(name for name, one in BY_NAME.items() if one.namespaced)
SOME_CLUSTER = frozenset(
    {"persistentvolumes", "storageclasses.storage.k8s.io", "zones.example.com", "validatingwebhook"
     "configurations.admissionregistration.k8s.io"}
)  # fmt: skip


def chosen(
    filters: ResourceFilters,
    *,
    generated: bool = False,
    everything: bool = True,
    policy: ResourceFilters | None = None,
) -> Kinds:
    check_filters(filters)
    return choose_kinds(filters, SERVED, generated=generated, everything=everything, policy=policy)


def listed(kinds: Kinds) -> set[str]:
    return {one.group_resource for one in kinds.listed}


def allows(kinds: Kinds, name: str) -> bool:
    return kinds.allows(BY_NAME[name])


def test_without_filters_namespaced_kinds_are_listed_and_others_come_by_relation() -> None:
    kinds = chosen(ResourceFilters())
    assert {"pods", "secrets", "deployments.apps", "foos.example.com"} <= listed(kinds)
    assert listed(kinds) <= NAMESPACED
    assert kinds.allowed >= RELATED_KINDS
    assert kinds.notes == ()


def test_pods_claims_and_volumes_are_listed_first_then_namespaced_kinds_by_name() -> None:
    names = [one.group_resource for one in chosen(ResourceFilters(cluster=True)).listed]
    assert names[:3] == ["pods", "persistentvolumeclaims", "persistentvolumes"]
    rest = names[3:]
    assert rest == sorted(rest, key=lambda name: (name not in NAMESPACED, name))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("namespaces", id="Namespace objects: their names say which"),
        pytest.param("nodes", id="nodes"),
        pytest.param("csinodes.storage.k8s.io", id="what describes nodes"),
        pytest.param("volumeattachments.storage.k8s.io", id="what nodes have mounted"),
        pytest.param("backups.velero.io", id="Velero's own"),
        pytest.param("volumesnapshots.snapshot.storage.k8s.io", id="snapshots"),
        pytest.param("volumesnapshotcontents.snapshot.storage.k8s.io", id="their contents"),
        pytest.param("bindings", id="what cannot be listed"),
        pytest.param("componentstatuses", id="what cannot be created"),
    ],
)
def test_kinds_that_are_never_listed_whatever_is_asked_for(name: str) -> None:
    everything = (
        ResourceFilters(included=("*",), cluster=True),
        ResourceFilters(included=(name,), cluster=True),
        ResourceFilters(included_cluster=("*",), included_namespaced=("*",)),
    )
    assert all(name not in listed(chosen(filters, generated=True)) for filters in everything)


@pytest.mark.parametrize(
    "name",
    ["events", "leases.coordination.k8s.io", "controllerrevisions.apps",
     "certificatesigningrequests.certificates.k8s.io"],
)  # fmt: skip
def test_generated_kinds_are_listed_only_if_they_are_wanted(name: str) -> None:
    filters = ResourceFilters(cluster=True)
    assert name not in listed(chosen(filters))
    assert name in listed(chosen(filters, generated=True))


def test_of_two_homes_of_a_kind_one_is_listed() -> None:
    old, new = resource("deployments.extensions"), resource("deployments.apps")

    def names(*served: object) -> list[object]:
        discovery = Discovery(tuple(served))  # type: ignore[arg-type]
        return list(
            choose_kinds(ResourceFilters(), discovery, generated=True, everything=True).listed
        )

    assert names(old, new) == [new]
    assert names(old) == [old]
    assert "events.events.k8s.io" not in listed(chosen(ResourceFilters(), generated=True))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param(
            ResourceFilters(included=("deploy", "pods")), {"deployments.apps", "pods"}, id="named"
        ),
        pytest.param(
            ResourceFilters(included=("*.apps",), excluded=("ds", "replicasets.apps")),
            {"deployments.apps", "statefulsets.apps"},
            id="an exclude beats a glob",
        ),
        pytest.param(
            ResourceFilters(included=("pods", "deploy"), excluded=("*.apps",)),
            {"pods"},
            id="an excluded glob beats a name",
        ),
        pytest.param(
            ResourceFilters(included=("po", "pod", "Pod", "pods")), {"pods"}, id="one kind is once"
        ),
        pytest.param(
            ResourceFilters(included=("nothing",)), set(), id="a word for nothing selects nothing"
        ),
        pytest.param(
            ResourceFilters(included=("no*thing",)), set(), id="a glob for nothing selects nothing"
        ),
        pytest.param(
            ResourceFilters(included_namespaced=("po", "*.example.com")),
            {"pods", "foos.example.com"},
            id="scoped, named",
        ),
        pytest.param(
            ResourceFilters(excluded_namespaced=("*",)), set(), id="scoped, a star leaves out all"
        ),
        pytest.param(
            ResourceFilters(included_namespaced=("svc", "cm"), excluded_namespaced=("c*",)),
            {"services"},
            id="scoped, an exclude beats an include",
        ),
    ],
)
def test_which_namespaced_kinds_are_listed(filters: ResourceFilters, expected: set[str]) -> None:
    kinds = chosen(filters)
    assert listed(kinds) == expected
    assert kinds.allowed & NAMESPACED == expected, "by relation come the same kinds alone"


@pytest.mark.parametrize("included", [(), ("*",), ("pods",)])
def test_include_cluster_resources_false_lets_none_in_but_namespaces(
    included: tuple[str, ...],
) -> None:
    kinds = chosen(ResourceFilters(included=included, cluster=False))
    assert listed(kinds) <= NAMESPACED
    assert kinds.allowed - NAMESPACED == {"namespaces"}


@pytest.mark.parametrize("everything", [True, False])
def test_include_cluster_resources_true_lists_all(everything: bool) -> None:
    kinds = chosen(ResourceFilters(cluster=True), everything=everything)
    assert listed(kinds) >= SOME_CLUSTER
    assert listed(kinds).isdisjoint(NEVER_RESTORED | NEVER_KINDS)


def test_include_cluster_resources_true_lists_those_that_the_words_select() -> None:
    kinds = chosen(ResourceFilters(included=("pods", "sc"), excluded=("zones",), cluster=True))
    assert listed(kinds) == {"pods", "storageclasses.storage.k8s.io"}
    assert allows(kinds, "persistentvolumes"), "what is needed comes in"
    assert not allows(kinds, "zones.example.com"), "what is excluded does not"


@pytest.mark.parametrize(
    ("included", "everything", "expected"),
    [
        pytest.param((), True, set(), id="nothing named: by relation alone, as ACK has it"),
        pytest.param(("*",), True, set(), id="a star names none"),
        pytest.param(("pv",), True, {"persistentvolumes"}, id="named, of all namespaces"),
        pytest.param(("zones.*",), True, {"zones.example.com"}, id="a glob, of all namespaces"),
        pytest.param(("pv",), False, set(), id="named, of some namespaces: by relation alone"),
    ],
)
def test_include_cluster_resources_unset(
    included: tuple[str, ...], everything: bool, expected: set[str]
) -> None:
    kinds = chosen(ResourceFilters(included=included), everything=everything)
    assert listed(kinds) - NAMESPACED == expected
    assert allows(kinds, "persistentvolumes")


def test_included_resources_do_not_keep_out_what_is_cluster_scoped_and_needed() -> None:
    kinds = chosen(ResourceFilters(included=("pvc", "foos.example.com")), everything=False)
    assert allows(kinds, "persistentvolumes")
    assert allows(kinds, "customresourcedefinitions.apiextensions.k8s.io")
    assert not allows(kinds, "serviceaccounts")


@pytest.mark.parametrize(
    ("filters", "refused"),
    [
        pytest.param(ResourceFilters(excluded=("pv",)), "persistentvolumes", id="a volume"),
        pytest.param(ResourceFilters(excluded=("ns",)), "namespaces", id="a Namespace"),
        pytest.param(ResourceFilters(excluded_cluster=("na*",)), "namespaces", id="by a glob"),
        pytest.param(ResourceFilters(excluded_cluster=("*",)), "persistentvolumes", id="all"),
        pytest.param(ResourceFilters(excluded=("pvc",)), "persistentvolumeclaims", id="a claim"),
    ],
)
def test_what_is_excluded_does_not_come_by_relation(filters: ResourceFilters, refused: str) -> None:
    assert not allows(chosen(filters), refused)


def test_excluding_all_cluster_scoped_kinds_keeps_the_namespaces() -> None:
    kinds = chosen(ResourceFilters(excluded_cluster=("*",)))
    assert kinds.allowed - NAMESPACED == {"namespaces"}


@pytest.mark.parametrize("everything", [True, False])
def test_scoped_cluster_lists_list_what_they_name(everything: bool) -> None:
    kinds = chosen(
        ResourceFilters(included_cluster=("sc", "*.example.com"), excluded_cluster=("zones",)),
        everything=everything,
    )
    assert listed(kinds) - NAMESPACED == {"storageclasses.storage.k8s.io"}
    assert allows(kinds, "persistentvolumes"), "others come by relation"
    everyone = chosen(ResourceFilters(included_cluster=("*",)), everything=everything)
    assert listed(everyone) >= SOME_CLUSTER


@pytest.mark.parametrize(
    ("spec", "policy", "yes", "no"),
    [
        pytest.param(
            ResourceFilters(),
            ResourceFilters(included_namespaced=("po", "svc"), excluded_cluster=("pv",)),
            {"pods", "services"},
            {"secrets"},
            id="alone it decides",
        ),
        pytest.param(
            ResourceFilters(included_namespaced=("po",)),
            ResourceFilters(excluded_namespaced=("po", "svc"), included_namespaced=("cm",)),
            {"pods", "configmaps"},
            {"services", "secrets"},
            id="what the spec includes it cannot exclude",
        ),
        pytest.param(
            ResourceFilters(excluded_namespaced=("cm",)),
            ResourceFilters(included_namespaced=("cm", "po")),
            {"pods"},
            {"configmaps", "secrets"},
            id="what the spec excludes it cannot include",
        ),
        pytest.param(
            ResourceFilters(included_namespaced=("*",)),
            ResourceFilters(excluded_namespaced=("secrets",)),
            {"secrets", "pods"},
            set(),
            id="a star of the spec includes everything",
        ),
        pytest.param(
            ResourceFilters(included_cluster=("sc",)),
            ResourceFilters(included_cluster=("pv", "zones"), excluded_cluster=("sc", "zones")),
            {"storageclasses.storage.k8s.io", "persistentvolumes"},
            {"zones.example.com"},
            id="cluster-scoped ones likewise",
        ),
    ],
)
def test_the_lists_of_a_policy_come_after_the_specs(
    spec: ResourceFilters, policy: ResourceFilters, yes: set[str], no: set[str]
) -> None:
    kinds = chosen(spec, policy=policy)
    assert listed(kinds) >= yes
    assert listed(kinds).isdisjoint(no)


@pytest.mark.parametrize(
    ("filters", "everything", "told"),
    [
        pytest.param(
            ResourceFilters(included=("po", "foo.bar")),
            True,
            ["spec.includedResources[1]: 'foo.bar' matches no kind that is served"],
            id="a word that is no kind",
        ),
        pytest.param(
            ResourceFilters(excluded=("*.nowhere",)),
            True,
            ["spec.excludedResources[0]: '*.nowhere' matches no kind that is served"],
            id="an excluded glob for nothing",
        ),
        pytest.param(
            ResourceFilters(included=("po", "svc"), excluded=("services",)),
            True,
            ["spec.includedResources[1]: 'svc' is excluded too"],
            id="excluded by another name",
        ),
        pytest.param(
            ResourceFilters(included=("po", "nodes")),
            True,
            [
                "spec.includedResources[1]: 'nodes' is never taken: it describes the source "
                "cluster and cannot be restored"
            ],
            id="what is never taken",
        ),
        pytest.param(
            ResourceFilters(included=("events",)),
            True,
            [
                "spec.includedResources[0]: 'events' is made by others; generatedObjects: Include "
                "takes it"
            ],
            id="what others generate",
        ),
        pytest.param(
            ResourceFilters(included=("vs",)),
            True,
            [
                "spec.includedResources[0]: 'vs' is never taken: it is a handle of the source's "
                "storage"
            ],
            id="snapshots",
        ),
        pytest.param(
            ResourceFilters(included=("bindings",)),
            True,
            ["spec.includedResources[0]: 'bindings' cannot be listed and created"],
            id="what is no object",
        ),
        pytest.param(
            ResourceFilters(included=("pv", "po"), cluster=False),
            True,
            [
                "spec.includedResources[0]: 'pv' is cluster-scoped, and includeClusterResources "
                "is false"
            ],
            id="named, and not wanted",
        ),
        pytest.param(
            ResourceFilters(included=("pvc", "pv", "zones")),
            False,
            [
                "spec.includedResources[2]: 'zones' is cluster-scoped, and no other object brings "
                "it in; includeClusterResources: true takes all cluster-scoped objects"
            ],
            id="nothing brings it in; a volume comes with its claim",
        ),
        pytest.param(
            ResourceFilters(included=("deploy", "crd")),
            False,
            [
                "spec.includedResources[1]: 'crd' is cluster-scoped, and no other object brings "
                "it in; includeClusterResources: true takes all cluster-scoped objects"
            ],
            id="a Deployment and its classes bring in no definition",
        ),
        pytest.param(
            ResourceFilters(included=("deploy", "clusterroles")),
            False,
            [
                "spec.includedResources[1]: 'clusterroles' is cluster-scoped, and no other object "
                "brings it in; includeClusterResources: true takes all cluster-scoped objects"
            ],
            id="the accounts that would bring it in are not taken",
        ),
        pytest.param(
            ResourceFilters(included=("sa", "clusterroles", "foos", "crd", "pvc", "pv", "sc")),
            False,
            [],
            id="an account brings in its roles, a custom resource its definition",
        ),
        pytest.param(
            ResourceFilters(included_namespaced=("po", "pv"), excluded_cluster=("svc",)),
            True,
            [
                "spec.excludedClusterScopedResources[0]: 'svc' is namespaced and has no effect in "
                "this list",
                "spec.includedNamespaceScopedResources[1]: 'pv' is cluster-scoped and has no "
                "effect in this list",
            ],
            id="in the wrong list",
        ),
        pytest.param(
            ResourceFilters(included=("*",), excluded=("events", "nodes")),
            True,
            [],
            id="excluding what is left out anyway is fine",
        ),
    ],
)
def test_words_without_effect_are_told_with_their_place(
    filters: ResourceFilters, everything: bool, told: list[str]
) -> None:
    assert list(chosen(filters, everything=everything).notes) == told


def test_words_of_a_policy_are_told_with_its_place() -> None:
    policy = ResourceFilters(excluded_cluster=("nowhere",), place="ConfigMap csdr/p")
    assert chosen(ResourceFilters(), policy=policy).notes == (
        "ConfigMap csdr/p.excludedClusterScopedResources[0]: 'nowhere' matches no kind that is "
        "served",
    )


BROKEN = Discovery(SERVED.all_versions, (BrokenGroup("x.io", "v1", "down"),))


@pytest.mark.parametrize(
    ("filters", "lost", "told"),
    [
        pytest.param(ResourceFilters(), True, [], id="all kinds"),
        pytest.param(ResourceFilters(included=("*",)), True, [], id="a star"),
        pytest.param(ResourceFilters(included=("po", "deploy")), False, [], id="others are named"),
        pytest.param(ResourceFilters(included=("*.apps",)), False, [], id="a glob for others"),
        pytest.param(ResourceFilters(included=("p*",)), True, [], id="a glob that may match"),
        pytest.param(ResourceFilters(included=("*.io",)), True, [], id="a glob for an ending"),
        pytest.param(
            ResourceFilters(included=("po", "things.x.io")), True, [], id="one of its kinds"
        ),
        pytest.param(
            ResourceFilters(included=("po", "things.v1.x.io")), True, [], id="in its version"
        ),
        pytest.param(
            ResourceFilters(included=("po", "thing")),
            True,
            [
                "spec.includedResources[1]: 'thing' matches no kind that is served; it may be one "
                "of x.io, which does not answer"
            ],
            id="a word that may be one of its kinds",
        ),
        pytest.param(ResourceFilters(excluded=("*.x.io",)), False, [], id="it is left out"),
        pytest.param(
            ResourceFilters(included=("po", "zzz"), excluded=("*.x.io",)),
            False,
            ["spec.includedResources[1]: 'zzz' matches no kind that is served"],
            id="it is left out, and no word may be of it",
        ),
        pytest.param(
            ResourceFilters(included=("all",)),
            True,
            [
                "spec.includedResources[0]: 'all' matches no kind that is served: all are taken "
                "where the list is left out"
            ],
            id="what kubectl calls all",
        ),
        pytest.param(ResourceFilters(excluded=("t*.x.io",)), True, [], id="a part is left out"),
        pytest.param(ResourceFilters(excluded=("po",)), True, [], id="another is left out"),
        pytest.param(
            ResourceFilters(included_namespaced=("po",)), False, [], id="by scope, others are named"
        ),
        pytest.param(
            ResourceFilters(included_namespaced=("po",), included_cluster=("*",)),
            True,
            [],
            id="by scope, all that is cluster-scoped",
        ),
        pytest.param(
            ResourceFilters(excluded_namespaced=("*",)), False, [], id="by scope, nothing is listed"
        ),
    ],
)
def test_a_group_that_does_not_answer_matters_where_its_kinds_may_be_selected(
    filters: ResourceFilters, lost: bool, told: list[str]
) -> None:
    kinds = choose_kinds(filters, BROKEN, generated=False, everything=True)
    assert (kinds.lost == {"x.io"}) is lost
    assert list(kinds.notes) == told


@pytest.mark.parametrize(
    ("filters", "policy", "lost"),
    [
        pytest.param((), {"excluded_namespaced": ("*.x.io",)}, False, id="the policy alone"),
        pytest.param(("*",), {"excluded_namespaced": ("*.x.io",)}, True, id="the backup has a say"),
        pytest.param(("po",), {"included_namespaced": ("*.x.io",)}, True, id="both include"),
        pytest.param(("po",), {"included_namespaced": ("svc",)}, False, id="none does"),
    ],
)
def test_a_group_that_does_not_answer_and_a_policy(
    filters: tuple[str, ...], policy: dict[str, tuple[str, ...]], lost: bool
) -> None:
    kinds = choose_kinds(
        ResourceFilters(included_namespaced=filters),
        BROKEN,
        generated=False,
        everything=True,
        policy=ResourceFilters(**policy),
    )
    assert (kinds.lost == {"x.io"}) is lost


@pytest.mark.parametrize(
    ("filters", "lost"),
    [
        pytest.param(ResourceFilters(included=("pvc",)), True, id="classes of claims"),
        pytest.param(ResourceFilters(included=("pvc",), cluster=False), False, id="none come in"),
        pytest.param(
            ResourceFilters(included=("pvc",), excluded=("*.storage.k8s.io",)), False, id="excluded"
        ),
    ],
)
def test_a_group_that_others_may_need_matters(filters: ResourceFilters, lost: bool) -> None:
    classes = BrokenGroup("storage.k8s.io", "v1", "down")
    discovery = Discovery(SERVED.all_versions, (classes,))
    kinds = choose_kinds(filters, discovery, generated=False, everything=False)
    assert bool(kinds.lost) is lost


def test_a_group_that_claims_do_not_need_does_not_matter_to_a_backup_of_them() -> None:
    assert claim_kinds(BROKEN).lost == frozenset()
    classes = BrokenGroup("storage.k8s.io", "v1", "down")
    assert claim_kinds(Discovery(SERVED.all_versions, (classes,))).lost == {"storage.k8s.io"}


@pytest.mark.parametrize(
    ("filters", "name", "why"),
    [
        pytest.param(ResourceFilters(), "pods", None, id="listed"),
        pytest.param(ResourceFilters(), "events", "made by others", id="generated"),
        pytest.param(ResourceFilters(), "nodes", None, id="never archived"),
        pytest.param(ResourceFilters(), "componentstatuses", None, id="cannot be archived"),
        pytest.param(ResourceFilters(), "zones.example.com", "cluster-scoped", id="cluster"),
        pytest.param(
            ResourceFilters(),
            "persistentvolumes",
            "cluster-scoped: only where another object needs it",
            id="by relation",
        ),
        pytest.param(
            ResourceFilters(cluster=False), "persistentvolumes", "cluster-scoped", id="not even so"
        ),
        pytest.param(ResourceFilters(excluded=("s*",)), "secrets", "excluded", id="excluded"),
        pytest.param(ResourceFilters(included=("po",)), "secrets", "not included", id="not named"),
    ],
)
def test_the_kinds_that_are_not_taken_and_why(
    filters: ResourceFilters, name: str, why: str | None
) -> None:
    assert dict(chosen(filters).left_out).get(name) == why


def test_a_backup_of_volumes_takes_claims_and_what_they_may_need() -> None:
    kinds = claim_kinds(SERVED)
    assert listed(kinds) == {"persistentvolumeclaims"}
    assert {"persistentvolumes", "namespaces", "storageclasses.storage.k8s.io"} <= kinds.allowed
    assert kinds.allowed.isdisjoint({"pods", "deployments.apps", "configmaps"})


_WORDS = st.lists(
    st.sampled_from(
        ["po", "pods", "*.apps", "deploy", "pv", "sc", "s*", "nothing", "ns", "events"]
    ),
    unique=True,
).map(tuple)


@given(
    included=_WORDS,
    excluded=_WORDS,
    cluster=st.sampled_from([None, True, False]),
    everything=st.booleans(),
    generated=st.booleans(),
)
def test_an_exclude_wins_and_less_is_never_more(
    included: tuple[str, ...],
    excluded: tuple[str, ...],
    cluster: bool | None,
    everything: bool,
    generated: bool,
) -> None:
    filters = ResourceFilters(included=included, excluded=excluded, cluster=cluster)
    try:
        kinds = chosen(filters, everything=everything, generated=generated)
    except InvalidInput:
        assert set(included) & set(excluded)
        return
    words = chosen(ResourceFilters(included=excluded, cluster=True), generated=True)
    if excluded:
        assert listed(kinds).isdisjoint(listed(words))
        assert kinds.allowed.isdisjoint(listed(words))
    wider = chosen(
        ResourceFilters(included=included, cluster=cluster), everything=everything, generated=True
    )
    assert listed(kinds) <= listed(wider)
    assert kinds.allowed <= wider.allowed
    assert listed(kinds) & NAMESPACED <= kinds.allowed
    assert all(BY_NAME[name].verbs >= VERBS - {"watch"} for name in listed(kinds))
