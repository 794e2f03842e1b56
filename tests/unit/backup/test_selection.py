from typing import Any

import pytest

from kubeferry import codec
from kubeferry.api.backup import BackupSpec
from kubeferry.backup.filters import ResourceFilters
from kubeferry.backup.policies import Policies, parse_policies
from kubeferry.backup.selection import Selection, read_selection
from kubeferry.backup.volume_facts import Claim, Mount
from kubeferry.errors import InvalidInput
from tests.unit.backup.served import SERVED

WEB = {"matchLabels": {"app": "web"}}
CLAIM = Claim("shop", "data", phase="Bound", volume="pv-1")


def spec(**fields: Any) -> BackupSpec:
    return codec.convert({"storageLocation": "vault", **fields}, BackupSpec, place="spec")


def read(**fields: Any) -> Selection:
    return read_selection(spec(**fields))


FILTER_POLICY = parse_policies(
    {"p": "version: v1\nincludeExcludePolicy: {excludedNamespaceScopedResources: [secrets]}"},
    place="ConfigMap csdr/p",
)


def test_every_field_of_the_spec_finds_its_place() -> None:
    old = read(
        includedNamespaces=["shop-*"],
        excludedNamespaces=["shop-x"],
        includedResources=["po"],
        excludedResources=["cm"],
        includeClusterResources=False,
        labelSelector=WEB,
        generatedObjects="Include",
    )
    assert (old.included_namespaces, old.excluded_namespaces) == (("shop-*",), ("shop-x",))
    assert old.filters == ResourceFilters(included=("po",), excluded=("cm",), cluster=False)
    assert old.labels.queries == ("app=web",)
    assert old.generated
    assert not old.claims_only
    scoped = read(
        includedClusterScopedResources=["a"],
        excludedClusterScopedResources=["b"],
        includedNamespaceScopedResources=["c"],
        excludedNamespaceScopedResources=["d"],
        orLabelSelectors=[WEB, {"matchLabels": {"app": "db"}}],
    )
    assert scoped.filters == ResourceFilters(
        included_cluster=("a",),
        excluded_cluster=("b",),
        included_namespaced=("c",),
        excluded_namespaced=("d",),
    )
    assert scoped.labels.queries == ("app=web", "app=db")
    assert not scoped.generated


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        pytest.param({"includedNamespaces": ["kube-system"]}, "spec.includedNamespaces[0]",
                     id="a reserved namespace"),
        pytest.param({"excludedNamespaces": ["a", "b"], "includedNamespaces": ["b"]},
                     "spec.includedNamespaces[0]", id="a namespace in and out"),
        pytest.param({"includedResources": ["pods"], "excludedClusterScopedResources": ["pv"]},
                     "spec", id="old and scoped filters"),
        pytest.param({"includeClusterResources": True, "includedNamespaceScopedResources": ["po"]},
                     "spec", id="includeClusterResources and scoped filters"),
        pytest.param({"excludedResources": ["*"]}, "spec.excludedResources", id="all left out"),
        pytest.param({"labelSelector": WEB, "orLabelSelectors": [WEB]}, "spec.orLabelSelectors",
                     id="both sorts of selectors"),
        pytest.param({"labelSelector": {"matchLabels": {"a b": "c"}}},
                     "spec.labelSelector.matchLabels.a b", id="what is no label"),
        pytest.param({"orLabelSelectors": [{"matchExpressions": [{"key": "a", "operator": "In"}]}]},
                     "spec.orLabelSelectors[0].matchExpressions[0]",
                     id="an expression without values"),
        pytest.param({"pvBackup": {"labelSelectors": [{"matchLabels": {"a": "b c"}}]}},
                     "spec.pvBackup.labelSelectors[0].matchLabels.a",
                     id="what is no label of a claim"),
        pytest.param({"backupType": "PvBackup", "includedResources": ["po"]}, "spec.backupType",
                     id="a PvBackup takes no other kinds"),
        pytest.param({"backupType": "PvBackup", "includeClusterResources": False},
                     "spec.backupType", id="a PvBackup takes volumes"),
        pytest.param({"backupType": "PvBackup", "excludedClusterScopedResources": ["pv"]},
                     "spec.backupType", id="a PvBackup takes volumes, scoped filters"),
        pytest.param({"backupType": "AppBackup", "pvBackup": {"mountedOnly": True}},
                     "spec.pvBackup.mountedOnly", id="which data, and none is taken"),
        pytest.param({"pvBackup": {"defaultPvBackup": False, "includedStorageClasses": ["a"]}},
                     "spec.pvBackup.includedStorageClasses", id="whose data, and it is disabled"),
        pytest.param({"pvBackup": {"defaultPvBackup": False, "labelSelectors": [WEB]}},
                     "spec.pvBackup.labelSelectors", id="whose data by label, and it is disabled"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused(fields: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(**fields)
    assert caught.value.place == place


def test_filters_of_a_policy_go_with_scoped_filters_alone() -> None:
    selection = read_selection(spec(), policies=FILTER_POLICY)
    assert "secrets" not in {one.group_resource for one in selection.choose_kinds(SERVED).listed}
    with pytest.raises(InvalidInput, match="includeExcludePolicy") as caught:
        read_selection(spec(includeClusterResources=True), policies=FILTER_POLICY)
    assert caught.value.place == "spec.resourcePolicy"


VOLUME_POLICY = parse_policies(
    {"p": "version: v1\nvolumePolicies: [{conditions: {csi: {}}, action: {type: skip}}]"},
    place="ConfigMap csdr/p",
)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"backupType": "AppBackup"}, "spec.backupType is AppBackup", id="objects"),
        pytest.param({"pvBackup": {"defaultPvBackup": False}},
                     "spec.pvBackup.defaultPvBackup is false", id="no data"),
        pytest.param({}, "", id="with data it decides"),
        pytest.param({"backupType": "PvBackup"}, "", id="in a PvBackup too"),
    ],
)  # fmt: skip
def test_a_policy_of_volumes_that_decides_nothing_is_told(fields: dict[str, Any], why: str) -> None:
    told = f"spec.resourcePolicy: no volume policy decides anything, as {why}"
    selection = read_selection(spec(**fields), policies=VOLUME_POLICY)
    assert selection.notes == ((told,) if why else ())


def test_a_backup_of_volumes_has_no_filters_in_its_policy_either() -> None:
    with pytest.raises(InvalidInput, match="PvBackup") as caught:
        read_selection(spec(backupType="PvBackup"), policies=FILTER_POLICY)
    assert caught.value.place == "spec.resourcePolicy"


@pytest.mark.parametrize(
    ("fields", "mount", "asked", "reason"),
    [
        pytest.param({}, Mount.MOUNTED, True, "", id="by default, a mounted claim"),
        pytest.param({}, Mount.NONE, False, "no pod mounts the claim", id="one that is not"),
        pytest.param({"pvBackup": {"mountedOnly": False}}, Mount.NONE, True, "",
                     id="mounted or not"),
        pytest.param({"backupType": "AppBackup"}, Mount.MOUNTED, False,
                     "spec.backupType is AppBackup", id="objects only"),
        pytest.param({"pvBackup": {"defaultPvBackup": False}}, Mount.ASKED, False,
                     "spec.pvBackup.defaultPvBackup is false",
                     id="the console's Disable, even if a pod asks"),
        pytest.param({"backupType": "PvBackup"}, Mount.NONE, True, "",
                     id="data protection: mounted or not"),
        pytest.param({"backupType": "PvBackup", "pvBackup": {"mountedOnly": True}}, Mount.NONE,
                     False, "no pod mounts the claim", id="data protection: mounted alone"),
        pytest.param({"backupType": "PvBackup", "pvBackup": {"includedStorageClasses": ["x"]}},
                     Mount.NONE, False, "not among", id="data protection: by class"),
        pytest.param({"backupType": "PvBackup", "pvBackup": {"labelSelectors": [WEB]}},
                     Mount.NONE, False, "none of pvBackup.labelSelectors",
                     id="data protection: by labels"),
    ],
)  # fmt: skip
def test_whose_data_is_asked_for(
    fields: dict[str, Any], mount: Mount, asked: bool, reason: str
) -> None:
    chosen = read(**fields).volumes.choose(CLAIM, None, mount)
    assert chosen.asked is asked
    assert reason in chosen.reason


def test_a_backup_of_volumes_lists_claims_alone() -> None:
    selection = read(backupType="PvBackup")
    kinds = selection.choose_kinds(SERVED)
    assert [one.group_resource for one in kinds.listed] == ["persistentvolumeclaims"]
    assert not selection.takes_namespace({})


@pytest.mark.parametrize(
    ("fields", "labels", "taken"),
    [
        pytest.param({}, {}, True, id="all namespaces, no selector"),
        pytest.param({"includedNamespaces": ["shop"]}, {}, True, id="asked for by name"),
        pytest.param({"includedNamespaces": ["s*"], "labelSelector": WEB}, {}, True,
                     id="asked for by glob, whatever its labels"),
        pytest.param({"labelSelector": WEB}, {}, False,
                     id="all namespaces and a selector: only with an object in it"),
        pytest.param({"includedNamespaces": ["*"], "labelSelector": WEB}, {"app": "web"}, True,
                     id="selected by its own labels"),
    ],
)  # fmt: skip
def test_when_a_namespace_object_is_taken_by_itself(
    fields: dict[str, Any], labels: dict[str, str], taken: bool
) -> None:
    assert read(**fields).takes_namespace(labels) is taken


@pytest.mark.parametrize(
    ("namespaces", "excluded", "listed"),
    [
        ([], [], True),
        (["*"], [], True),
        (["shop"], [], False),
        (["s*"], [], False),
        ([], ["x"], False),
    ],
)
def test_a_named_cluster_scoped_kind_is_listed_where_all_namespaces_are_taken(
    namespaces: list[str], excluded: list[str], listed: bool
) -> None:
    selection = read(
        includedNamespaces=namespaces, excludedNamespaces=excluded, includedResources=["pv"]
    )
    names = [one.group_resource for one in selection.choose_kinds(SERVED).listed]
    assert names == (["persistentvolumes"] if listed else [])


@pytest.mark.parametrize(
    ("kind", "name", "labels", "taken", "with_generated"),
    [
        pytest.param("configmaps", "web", {}, True, True, id="an ordinary object"),
        pytest.param("configmaps", "kube-root-ca.crt", {}, False, True, id="what others make"),
        pytest.param("services", "kubernetes", {}, False, False, id="what is never taken"),
        pytest.param("configmaps", "web", {"velero.io/exclude-from-backup": "true"}, False, False,
                     id="labelled out"),
    ],
)  # fmt: skip
def test_which_objects_are_taken(
    kind: str, name: str, labels: dict[str, str], taken: bool, with_generated: bool
) -> None:
    assert read().takes(kind, "default", name, labels) is taken
    included = read(generatedObjects="Include")
    assert included.takes(kind, "default", name, labels) is with_generated


def test_reserved_namespaces_are_those_of_this_cluster() -> None:
    selection = read_selection(spec(), reserved={"ferry"}, policies=Policies())
    chosen = selection.choose_namespaces([("ferry", False), ("shop", False)])
    assert chosen.namespaces == ("shop",)
