import pytest

from kubeferry.backup.filters import ResourceFilters
from kubeferry.backup.policies import Policies, parse_policies
from kubeferry.backup.volume_facts import Claim, Volume
from kubeferry.errors import InvalidInput

PLACE = "ConfigMap csdr/shop-policy"
CLAIM = Claim("shop", "data", {"app": "web", "tier": "db"}, "fast", "Bound", "pv-1")
CSI = Volume(
    "pv-1",
    capacity="10Gi",
    storage_class="fast",
    source="csi",
    details={
        "driver": "disk",
        "volumeHandle": "d-1",
        "volumeAttributes": {"kind": "ssd", "zone": "1"},
    },
)
NFS = Volume("pv-1", capacity="1Ti", source="nfs", details={"server": "s", "path": "/p"})


def policies(text: str) -> Policies:
    return parse_policies({"policy": text}, place=PLACE)


def one(conditions: str) -> Policies:
    return policies(
        f"version: v1\nvolumePolicies:\n- conditions: {conditions}\n  action: {{type: skip}}\n"
    )


@pytest.mark.parametrize(
    ("conditions", "volume", "matches"),
    [
        pytest.param("{}", CSI, True, id="no condition: every volume"),
        pytest.param("{}", None, True, id="no condition: one that is gone too"),
        pytest.param('{capacity: "10Gi,100Gi"}', CSI, True, id="a size at the lower end"),
        pytest.param('{capacity: "1Gi,10Gi"}', CSI, True, id="a size at the upper end"),
        pytest.param('{capacity: "11Gi,"}', CSI, False, id="a size below"),
        pytest.param('{capacity: ",9Gi"}', CSI, False, id="a size above"),
        pytest.param('{capacity: ","}', CSI, True, id="any size"),
        pytest.param('{capacity: " 1G , 0 "}', CSI, True, id="an upper end of 0 is none"),
        pytest.param('{capacity: "1,2"}', Volume("pv-1"), False, id="a volume without a size"),
        pytest.param('{capacity: ","}', None, False, id="a volume that is gone has no size"),
        pytest.param("{storageClass: [slow, fast]}", CSI, True, id="one of the classes"),
        pytest.param("{storageClass: [slow]}", CSI, False, id="none of the classes"),
        pytest.param("{storageClass: [fast]}", None, True, id="the claim's class, if it is gone"),
        pytest.param("{nfs: {}}", NFS, True, id="any nfs"),
        pytest.param("{nfs: {}}", CSI, False, id="any nfs, but it is csi"),
        pytest.param("{nfs: {server: s}}", NFS, True, id="an nfs server"),
        pytest.param("{nfs: {server: s, path: /q}}", NFS, False, id="another nfs path"),
        pytest.param("{csi: {}}", CSI, True, id="any csi"),
        pytest.param("{csi: {driver: disk}}", CSI, True, id="a driver"),
        pytest.param("{csi: {driver: nas}}", CSI, False, id="another driver"),
        pytest.param("{csi: {driver: disk, volumeAttributes: {zone: 1}}}", CSI, True,
                     id="an attribute, a number taken as a text"),
        pytest.param("{csi: {driver: disk, volumeAttributes: {kind: ssd, zone: 2}}}", CSI, False,
                     id="another attribute"),
        pytest.param("{csi: {}}", NFS, False, id="any csi, but it is nfs"),
        pytest.param("{volumeTypes: [nfs, hostPath]}", NFS, True, id="one of the types"),
        pytest.param("{volumeTypes: [emptyDir, csi]}", NFS, False, id="none of the types"),
        pytest.param("{pvcLabels: {tier: db}}", CSI, True, id="a label of the claim"),
        pytest.param("{pvcLabels: {tier: db, app: x}}", CSI, False, id="not all labels"),
        pytest.param("{pvcPhase: [Pending, Bound]}", CSI, True, id="one of the phases"),
        pytest.param("{pvcPhase: [Lost]}", CSI, False, id="none of the phases"),
        pytest.param('{capacity: "1Gi,", storageClass: [fast], csi: {}}', CSI, True, id="all hold"),
        pytest.param('{capacity: "1Gi,", storageClass: [fast], nfs: {}}', CSI, False,
                     id="one does not hold"),
        pytest.param("{nfs: }", CSI, True, id="an empty field is no condition"),
    ],
)  # fmt: skip
def test_when_a_policy_matches(conditions: str, volume: Volume | None, matches: bool) -> None:
    assert (one(conditions).decide(CLAIM, volume) is not None) is matches


def test_the_first_that_matches_decides() -> None:
    found = policies("""
version: v1
volumePolicies:
- conditions: {nfs: {}}
  action: {type: skip}
- conditions: {storageClass: [fast]}
  action: {type: snapshot}
- action: {type: custom, parameters: {to: elsewhere}}
""")
    assert [one.title for one in found.volumes] == [
        f"volume policy {number}" for number in (1, 2, 3)
    ]
    assert str(getattr(found.decide(CLAIM, CSI), "action", None)) == "snapshot"
    assert str(getattr(found.decide(CLAIM, NFS), "action", None)) == "skip"
    other = Claim("shop", "data", storage_class="slow")
    assert str(getattr(found.decide(other, None), "action", None)) == "custom"


def test_json_is_read_too() -> None:
    text = '{"version": "v1", "volumePolicies": [{"action": {"type": "skip"}}]}'
    assert policies(text).decide(CLAIM, CSI) is not None


def test_filters_of_a_policy_know_where_they_were_written() -> None:
    found = policies("""
version: v1
includeExcludePolicy:
  includedClusterScopedResources: [sc]
  excludedNamespaceScopedResources: [secrets, "*.apps"]
""")
    assert found == Policies(
        filters=ResourceFilters(
            included_cluster=("sc",),
            excluded_namespaced=("secrets", "*.apps"),
            place=f"{PLACE} includeExcludePolicy",
        )
    )


VOLUMES = "version: v1\nvolumePolicies:\n- "
FILTERS = "version: v1\nincludeExcludePolicy: "


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        pytest.param("a: [", "", "does not parse", id="no YAML"),
        pytest.param("- a", "", "must be a map with version", id="a list"),
        pytest.param("volumePolicies: []", "", "version '' is not known", id="no version"),
        pytest.param("version: v2", "", "version 'v2' is not known", id="another version"),
        pytest.param("version: v1", "", "says nothing", id="nothing in it"),
        pytest.param(
            "version: v1\nvolumePolicy: []", "", "did you mean volumePolicies", id="a wrong field"
        ),
        pytest.param("version: v1\nvolumePolicies: {}", " volumePolicies", "a list", id="no list"),
        pytest.param(VOLUMES + "x", " volumePolicies[0]", "must be a map", id="no map"),
        pytest.param(
            VOLUMES + "conditions: {}", " volumePolicies[0].action.type", "is missing",
            id="no action",
        ),
        pytest.param(
            VOLUMES + "action: {type: Skip}", " volumePolicies[0].action.type",
            "'Skip' is no action; use one of skip", id="another action",
        ),
        pytest.param(
            VOLUMES + "action: {type: skip, parameters: {a: b}}",
            " volumePolicies[0].action.parameters", "skip takes no parameters",
            id="parameters that nobody reads",
        ),
        pytest.param(
            VOLUMES + "action: {type: skip}\n  condition: {}", " volumePolicies[0]",
            "did you mean conditions", id="a wrong field of a policy",
        ),
        pytest.param(
            VOLUMES + "action: {type: skip}\n  conditions: {storageclass: [a]}",
            " volumePolicies[0].conditions", "did you mean storageClass",
            id="a wrong condition: case counts, as in Velero",
        ),
        pytest.param(
            VOLUMES + "action: {type: skip}\n  conditions: {capacity: 10Gi}",
            " volumePolicies[0].conditions.capacity", "no range of sizes", id="one size",
        ),
        pytest.param(
            VOLUMES + 'action: {type: skip}\n  conditions: {capacity: "1GB,"}',
            " volumePolicies[0].conditions.capacity", "no quantity", id="no size",
        ),
        pytest.param(
            VOLUMES + 'action: {type: skip}\n  conditions: {capacity: "2Gi,1Gi"}',
            " volumePolicies[0].conditions.capacity", "runs backwards", id="a size backwards",
        ),
        pytest.param(
            VOLUMES + "action: {type: skip}\n  conditions: {storageClass: fast}",
            " volumePolicies[0].conditions.storageClass", "must be a list", id="a class alone",
        ),
        pytest.param(
            VOLUMES + "action: {type: skip}\n  conditions: {volumeTypes: [CSI]}",
            " volumePolicies[0].conditions.volumeTypes[0]", "'CSI' is not known",
            id="a type that is none",
        ),
        pytest.param(
            VOLUMES + "action: {type: skip}\n  conditions: {pvcPhase: [bound]}",
            " volumePolicies[0].conditions.pvcPhase[0]", "'bound' is not known",
            id="a phase that is none",
        ),
        pytest.param(
            VOLUMES + "action: {type: fs-backup}\n  conditions: {volumeTypes: [nfs, emptyDir]}",
            " volumePolicies[0].conditions.volumeTypes[1]", "fs-backup can take nothing",
            id="the data of a volume that no claim is behind",
        ),
        pytest.param(
            VOLUMES + "action: {type: snapshot}\n  conditions: {pvcPhase: [Bound, Lost]}",
            " volumePolicies[0].conditions.pvcPhase[1]", "Lost claims have no data",
            id="the data of claims that have none",
        ),
        pytest.param(
            VOLUMES + "action: {type: skip}\n  conditions: {csi: {volumeAttributes: {a: b}}}",
            " volumePolicies[0].conditions.csi", "name the driver",
            id="attributes without a driver (Velero refuses them)",
        ),
        pytest.param(
            VOLUMES + "action: {type: skip}\n  conditions: {nfs: {host: s}}",
            " volumePolicies[0].conditions.nfs", "unknown field 'host'", id="a wrong detail",
        ),
        pytest.param(
            VOLUMES + "action: {type: skip}\n  conditions: {pvcLabels: {gold: yes}}",
            " volumePolicies[0].conditions.pvcLabels.gold", "put it in quotes",
            id="a word that YAML takes for a boolean",
        ),
        pytest.param(
            FILTERS + "{includedResources: [a]}", " includeExcludePolicy",
            "unknown field 'includedResources'", id="old filters",
        ),
        pytest.param(
            FILTERS + '{includedNamespaceScopedResources: ["*"]}',
            " includeExcludePolicy.includedNamespaceScopedResources", "'*'",
            id="a star (Velero refuses it)",
        ),
        pytest.param(
            FILTERS + "{includedClusterScopedResources: [a], excludedClusterScopedResources: [a]}",
            " includeExcludePolicy.includedClusterScopedResources[0]", "is also in",
            id="in and out",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(text: str, place: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        policies(text)
    assert caught.value.place == PLACE + place
    assert told in str(caught.value)


@pytest.mark.parametrize("data", [{}, {"a": "version: v1", "b": "version: v1"}])
def test_a_config_map_has_one_key(data: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="exactly one key"):
        parse_policies(data, place=PLACE)
