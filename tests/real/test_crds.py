"""The custom resources and the installation, as a real API server and kubectl see them."""

import json
import re
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.api.install import Installation, manifests
from tests.clusters import Cluster
from tests.unit.api.seed import EXAMPLES, seed

pytestmark = pytest.mark.real

RESOURCES = ("backuplocations", "applicationbackups", "applicationrestores")


@pytest.fixture(scope="module")
def cluster(backup_cluster: Cluster) -> Cluster:
    text = codec.dump_yaml(*manifests(Installation(image="example/kubeferry:1")))
    backup_cluster.kubectl("apply", "-f", "-", input=text)
    crds = [f"crd/{name}.csdr.alibabacloud.com" for name in RESOURCES]
    backup_cluster.kubectl("wait", *crds, "--for=condition=Established", "--timeout=30s")
    return backup_cluster


def applied(cluster: Cluster, obj: dict[str, Any], *arguments: str) -> str:
    return cluster.kubectl("apply", *arguments, "-f", "-", input=json.dumps(obj))


def refused(cluster: Cluster, obj: dict[str, Any]) -> str:
    return cluster.refusal("apply", "-f", "-", input=json.dumps(obj))


def backup(namespace: str, name: str = "nginx-backup", **spec: Any) -> dict[str, Any]:
    obj = seed("02-applicationbackup.yaml")
    obj["metadata"] = {"name": name, "namespace": namespace}
    obj["spec"] |= spec
    return obj


def restore(namespace: str, **spec: Any) -> dict[str, Any]:
    obj = seed("05-applicationrestore.yaml")
    obj["metadata"]["namespace"] = namespace
    obj["spec"] |= spec
    return obj


def vault(namespace: str, provider: str = "alibabacloud", **config: Any) -> dict[str, Any]:
    obj = seed("04-backuplocation.yaml")
    obj["metadata"]["namespace"] = namespace
    obj["spec"]["provider"] = provider
    obj["spec"]["config"] |= config
    return obj


def header(cluster: Cluster, resource: str, namespace: str, *arguments: str) -> list[str]:
    line = cluster.kubectl("get", resource, "-n", namespace, *arguments).splitlines()[0]
    return re.split(r"\s{2,}", line.strip())


def test_the_installation_applies_again_without_a_change_or_a_warning(cluster):
    objects = manifests(Installation(image="example/kubeferry:1"))
    text = codec.dump_yaml(*objects)
    result = cluster.run("apply", "-f", "-", input=text)
    assert result.returncode == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert len(lines) == len(objects)
    assert all(line.endswith(" unchanged") for line in lines), result.stdout


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_server_finds_the_schema_structural_and_its_names_free(cluster, resource):
    crd = cluster.get("crd", f"{resource}.csdr.alibabacloud.com")
    conditions = {one["type"]: one["status"] for one in crd["status"]["conditions"]}
    assert conditions.get("NonStructuralSchema", "False") == "False"
    assert conditions["NamesAccepted"] == "True"


@pytest.mark.parametrize("file", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_the_manifests_of_the_seed_apply_unchanged(cluster, file):
    printed = cluster.kubectl("apply", "--dry-run=server", "-f", str(EXAMPLES / file))
    assert printed.endswith(" (server dry run)\n")


def test_defaults_are_filled_in(cluster, namespace):
    obj = backup(namespace)
    obj["spec"] = {"storageLocation": "vault"}
    applied(cluster, obj)
    assert cluster.get("applicationbackup", "nginx-backup", "-n", namespace)["spec"] == {
        "storageLocation": "vault",
        "backupType": "AppAndPvBackup",
        "generatedObjects": "Skip",
        "allVersions": True,
        "pvBackup": {"defaultPvBackup": True},
        "ttl": "720h0m0s",
    }


SELECTED: dict[str, Any] = {
    "includedNamespaces": ["shop-*", "team-[a-c]", "a?"],
    "excludedNamespaces": ["shop-old-*"],
    "labelSelector": {"matchLabels": {"app": "web"}},
    "pvBackup": {"mountedOnly": False, "includedStorageClasses": ["fast"]},
    "resourcePolicy": {"kind": "configmap", "name": "policy"},
}
WEB = {"matchLabels": {"app": "web"}}
CLAIM = {
    "namespace": "shop",
    "persistentVolumeClaim": "data",
    "convertToStorageClassType": "fast",
}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(
            SELECTED
            | {
                "includedResources": ["deploy", "Deployment.apps", "*.apps", "{a,b}.[!c]?"],
                "excludedResources": ["pvc", "pv"],
                "includeClusterResources": False,
            },
            id="old filters",
        ),
        pytest.param(
            SELECTED
            | {
                "includedClusterScopedResources": ["*"],
                "excludedClusterScopedResources": ["pv"],
                "includedNamespaceScopedResources": ["pods"],
                "excludedNamespaceScopedResources": ["secrets"],
                "includedResources": [],
            },
            id="scoped filters beside empty old ones",
        ),
        pytest.param(
            {
                "backupType": "PvBackup",
                "orLabelSelectors": [WEB, WEB],
                "pvBackup": {"labelSelectors": [WEB], "mountedOnly": True},
            },
            id="data protection",
        ),
        pytest.param(
            {
                "backupType": "AppBackup",
                "pvBackup": {"labelSelectors": [], "defaultPvBackup": True},
            },
            id="objects only",
        ),
        pytest.param({"includedNamespaces": ["*"], "dryRun": True}, id="a dry run of everything"),
    ],
)
def test_a_selection_is_kept_as_it_was_written(cluster, namespace, spec):
    applied(cluster, backup(namespace, **spec))
    kept = cluster.get("applicationbackup", "nginx-backup", "-n", namespace)["spec"]
    default = {"defaultPvBackup": True}
    assert {name: kept[name] for name in spec if name != "pvBackup"} == {
        name: value for name, value in spec.items() if name != "pvBackup"
    }
    assert kept["pvBackup"] == default | spec.get("pvBackup", {})


OLD_AND_SCOPED = "do not go together"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"labelSelector": WEB, "orLabelSelectors": [WEB]}, "exclude each other", id="selectors"
        ),
        pytest.param(
            {"includedResources": ["po"], "excludedNamespaceScopedResources": ["svc"]},
            OLD_AND_SCOPED,
            id="old and scoped filters",
        ),
        pytest.param(
            {"includeClusterResources": False, "includedClusterScopedResources": ["pv"]},
            OLD_AND_SCOPED,
            id="includeClusterResources is an old filter",
        ),
        pytest.param(
            {"backupType": "PvBackup", "excludedResources": ["pv"]}, "has no lists", id="PvBackup"
        ),
        pytest.param(
            {"backupType": "PvBackup", "includeClusterResources": True},
            "has no lists",
            id="PvBackup and cluster-scoped objects",
        ),
        pytest.param(
            {"backupType": "AppBackup", "pvBackup": {"mountedOnly": True}},
            "this backup takes none",
            id="whose data, where none is taken",
        ),
        pytest.param(
            {"pvBackup": {"defaultPvBackup": False, "includedStorageClasses": ["fast"]}},
            "this backup takes none",
            id="whose data, where it is disabled",
        ),
        pytest.param(
            {"excludedNamespaces": ["*"]}, "spec.excludedNamespaces[0]", id="nothing left"
        ),
        pytest.param(
            {"includedNamespaces": ["shop-**"]}, "spec.includedNamespaces[0]", id="no pattern"
        ),
        pytest.param(
            {"includedNamespaces": ["{a,b}"]}, "spec.includedNamespaces[0]", id="alternatives"
        ),
        pytest.param(
            {"includedResources": ["pods, services"]}, "spec.includedResources[0]", id="no kind"
        ),
        pytest.param(
            {"orLabelSelectors": [{"matchExpressions": [{"key": "a", "operator": "Is"}]}]},
            "spec.orLabelSelectors[0].matchExpressions[0].operator: Unsupported value",
            id="no operator",
        ),
        pytest.param(
            {"resourcePolicy": {"kind": "Secret", "name": "p"}},
            "spec.resourcePolicy.kind",
            id="a policy that is no ConfigMap",
        ),
        pytest.param(
            {"generatedObjects": "Yes"}, "spec.generatedObjects: Unsupported value", id="no enum"
        ),
    ],
)
def test_a_selection_that_contradicts_itself_is_refused(cluster, namespace, spec, message):
    assert message in refused(cluster, backup(namespace, **spec))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        pytest.param("ttl", "30 days", "spec.ttl", id="a duration is one"),
        pytest.param("backupType", "Everything", "Unsupported value", id="an enum is one"),
        pytest.param("includedNamespaces", ["A"], "spec.includedNamespaces[0]", id="a namespace"),
        pytest.param("hookz", {}, 'unknown field "spec.hookz"', id="an unknown field"),
        pytest.param(
            "hooks",
            {"resources": [{"name": "g", "pre": [{"exec": {"command": []}}]}]},
            "spec.hooks.resources[0].pre[0].exec.command",
            id="a hook has a command",
        ),
        pytest.param(
            "hooks",
            {"resources": [{"name": "g", "post": [{}]}]},
            "spec.hooks.resources[0].post[0].exec",
            id="a hook is a command",
        ),
    ],
)
def test_a_bad_backup_is_refused_with_the_field(cluster, namespace, field, value, message):
    assert message in refused(cluster, backup(namespace, **{field: value}))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"namespaceMapping": {"default": "Default_1"}},
            "spec.namespaceMapping.default",
            id="a namespace that cannot be",
        ),
        pytest.param(
            {"resourceModifier": {"kind": "Secret", "name": "m"}},
            "spec.resourceModifier.kind",
            id="a modifier that is no ConfigMap",
        ),
        pytest.param({"backupName": None}, "spec.backupName: Required", id="no backup"),
        pytest.param(
            {"labelSelector": WEB, "orLabelSelectors": [WEB]},
            "labelSelector and orLabelSelectors exclude each other",
            id="two sorts of selectors",
        ),
        pytest.param(
            {"convertedarg": [{"namespace": "a", "persistentVolumeClaim": "b"}]},
            "a conversion needs",
            id="a conversion of nothing",
        ),
        pytest.param(
            {"convertedarg": [CLAIM | {"convertToAccessModes": ["RWO"]}]},
            "spec.convertedarg[0].convertToAccessModes[0]: Unsupported value",
            id="no access mode",
        ),
        pytest.param(
            {"convertedarg": [CLAIM | {"convertToCapacity": "-1Gi"}]},
            "spec.convertedarg[0].convertToCapacity",
            id="no capacity",
        ),
        pytest.param(
            {"storageClassMapping": {"slow": "Fast"}},
            "spec.storageClassMapping.slow",
            id="no storage class's name",
        ),
        pytest.param(
            {"imagePaths": {"things.example.com": ["spec/image"]}},
            "spec.imagePaths.things.example.com[0]",
            id="a path without its slash",
        ),
        pytest.param(
            {"references": {"webhook": False}},
            'unknown field "spec.references.webhook"',
            id="no kind of reference",
        ),
        pytest.param(
            {"privilegedResources": "No"},
            "spec.privilegedResources: Unsupported value",
            id="no word for privileged resources",
        ),
        pytest.param(
            {"includedNamespaces": ["shop-**"]}, "spec.includedNamespaces[0]", id="no pattern"
        ),
        pytest.param({"preserveNodePorts": "no"}, "spec.preserveNodePorts", id="not true or false"),
    ],
)
def test_a_bad_restore_is_refused_with_the_field(cluster, namespace, spec, message):
    assert message in refused(cluster, restore(namespace, **spec))


PARAMETERS: dict[str, Any] = {
    "includedNamespaces": ["shop-*"],
    "excludedNamespaces": ["shop-old"],
    "includedResources": ["deploy", "*.apps"],
    "excludedResources": ["secrets"],
    "includeClusterResources": False,
    "orLabelSelectors": [WEB],
    "references": {"webhooks": False},
    "rewriteServiceNames": True,
    "imagePaths": {"things.example.com": ["/spec/image", "/spec/containers/*/image"]},
    "storageClassMapping": {"slow": "fast"},
    "convertedarg": [
        CLAIM | {"convertToAccessModes": ["ReadWriteOnce"], "convertToCapacity": "20Gi"}
    ],
    "overwriteServiceAnnotations": {"example.com/id": "lb", "example.com/old-": ""},
    "overwriteIngressAnnotations": {"example.com/class": ""},
    "preserveNodePorts": False,
    "automatic": {"job-selector": False},
    "sourceProvider": "aws",
    "targetProvider": "on-prem",
    "appRestoreOnly": True,
    "privilegedResources": "Skip",
}


def test_a_null_is_kept_by_the_server_and_lost_by_kubectl_apply(cluster, namespace):
    """Why ``KEY-`` says the same."""
    for how, kept in (("create", {"a": None, "b-": ""}), ("apply", {"b-": ""})):
        obj = restore(namespace, overwriteServiceAnnotations={"a": None, "b-": ""})
        obj["metadata"]["name"] = how
        cluster.kubectl(how, "-f", "-", input=json.dumps(obj))
        spec = cluster.get("applicationrestore", how, "-n", namespace)["spec"]
        assert spec["overwriteServiceAnnotations"] == kept


@pytest.mark.parametrize("how", ["apply", "create"])
def test_the_parameters_of_a_restore_are_kept_whole(cluster, namespace, how):
    obj = restore(namespace, **PARAMETERS)
    cluster.kubectl(how, "-f", "-", input=json.dumps(obj))
    spec = cluster.get("applicationrestore", obj["metadata"]["name"], "-n", namespace)["spec"]
    switches = spec.pop("references")
    assert [name for name, is_on in switches.items() if not is_on] == ["webhooks"]
    given = {key: value for key, value in obj["spec"].items() if key != "references"}
    defaults = {"existingResourcePolicy": "none", "ownerReferences": "Restore"}
    assert spec == {**defaults, **given}


def hooks(*post_hooks: dict[str, Any]) -> dict[str, Any]:
    return {"resources": [{"name": "prepare", "postHooks": list(post_hooks)}]}


def init(**container: Any) -> dict[str, Any]:
    given = {"name": "a", "image": "b", "command": ["c"]} | container
    return {"init": {"initContainers": [{k: v for k, v in given.items() if v is not None}]}}


def test_restore_hooks_are_kept_whole_and_defaults_are_filled_in(cluster, namespace):
    mounts = [{"name": "data", "mountPath": "/data"}]
    container = init(volumeMounts=mounts, securityContext={"runAsUser": 1})
    applied(cluster, restore(namespace, hooks=hooks(container, {"exec": {"command": ["d"]}})))
    name = restore(namespace)["metadata"]["name"]
    spec = cluster.get("applicationrestore", name, "-n", namespace)["spec"]
    first, second = spec["hooks"]["resources"][0]["postHooks"]
    assert first["init"]["initContainers"] == container["init"]["initContainers"]
    assert second["exec"] == {
        "command": ["d"],
        "onError": "Continue",
        "execTimeout": "30s",
        "waitTimeout": "4h0m0s",
    }


POST_HOOK = "spec.hooks.resources[0].postHooks[0]"


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        pytest.param({}, "a hook has exec or init", id="neither exec nor init"),
        pytest.param({"exec": {}}, f"{POST_HOOK}.exec.command: Required", id="no command"),
        pytest.param(
            init(image=None),
            f"{POST_HOOK}.init.initContainers[0].image: Required",
            id="an init container without image",
        ),
        pytest.param(
            {"exec": {"command": ["a"], "onError": "Ignore"}},
            f"{POST_HOOK}.exec.onError: Unsupported value",
            id="an onError there is not",
        ),
        pytest.param(
            {"exec": {"command": ["a"], "timeout": "1s"}}, "unknown field", id="an unknown field"
        ),
    ],
)
def test_a_bad_restore_hook_is_refused_with_the_field(cluster, namespace, hook, message):
    assert message in refused(cluster, restore(namespace, hooks=hooks(hook)))


def test_a_name_that_would_not_fit_its_files_is_refused(cluster, namespace):
    assert "metadata.name" in refused(cluster, backup(namespace, name="a" * 201))
    applied(cluster, backup(namespace, name="a" * 200))


@pytest.mark.parametrize("provider", ["", None, "azure"])
def test_a_vault_names_a_provider_we_know(cluster, namespace, provider):
    assert "spec.provider" in refused(cluster, vault(namespace, provider=provider))


def test_an_alibabacloud_vault_needs_its_region(cluster, namespace):
    assert "config.region" in refused(cluster, vault(namespace, region=None))
    applied(cluster, vault(namespace, provider="aws", region=None))


@pytest.mark.parametrize(
    ("provider", "encryption"),
    [
        pytest.param("aws", "AES256", id="S3's own keys"),
        pytest.param("aws", "aws:kms", id="AWS' key service"),
        pytest.param("alibabacloud", "AES256", id="OSS' own keys"),
        pytest.param("alibabacloud", "KMS", id="Alibaba Cloud's key service"),
    ],
)
def test_each_provider_has_its_encryptions(cluster, namespace, provider, encryption):
    key = {} if encryption == "AES256" else {"kmsKeyId": "alias/k-1"}
    made = vault(namespace, provider, serverSideEncryption=encryption, **key)
    assert "created" in applied(cluster, made)


ENCRYPTIONS = "serverSideEncryption is AES256 or aws:kms for aws, AES256 or KMS for alibabacloud"
KEYLESS = "kmsKeyId needs serverSideEncryption: aws:kms or KMS"


@pytest.mark.parametrize(
    ("provider", "config", "message"),
    [
        pytest.param("aws", {"serverSideEncryption": "KMS"}, ENCRYPTIONS, id="OSS' word to S3"),
        pytest.param(
            "alibabacloud", {"serverSideEncryption": "aws:kms"}, ENCRYPTIONS, id="S3's word to OSS"
        ),
        pytest.param("local", {"serverSideEncryption": "AES256"}, ENCRYPTIONS, id="a directory"),
        pytest.param("aws", {"kmsKeyId": "k"}, KEYLESS, id="a key for nothing"),
        pytest.param(
            "aws",
            {"serverSideEncryption": "AES256", "kmsKeyId": "k"},
            KEYLESS,
            id="AES256 with key",
        ),
        pytest.param(
            "aws",
            {"serverSideEncryption": "aws:kms", "kmsKeyId": "a b"},
            "spec.config.kmsKeyId",
            id="a key's id that no header holds",
        ),
    ],
)
def test_an_encryption_that_cannot_be_is_refused(cluster, namespace, provider, config, message):
    assert message in refused(cluster, vault(namespace, provider, **config))


@pytest.mark.parametrize(
    ("kind", "obj"),
    [
        pytest.param("applicationbackup", backup, id="backup"),
        pytest.param("applicationrestore", restore, id="restore"),
    ],
)
def test_a_task_can_be_changed_until_it_has_started(cluster, namespace, kind, obj):
    field = {"ttl": "1h"} if kind == "applicationbackup" else {"backupName": "another"}
    other = {"ttl": "2h"} if kind == "applicationbackup" else {"backupName": "a-third"}
    applied(cluster, obj(namespace))
    applied(cluster, obj(namespace, **field))
    name = obj(namespace)["metadata"]["name"]
    cluster.set_status(kind, name, {"phase": "InProgress"}, namespace=namespace)
    assert "cannot change once it has started" in refused(cluster, obj(namespace, **other))
    cluster.kubectl("label", kind, name, "-n", namespace, "colour=blue")
    cluster.set_status(kind, name, {"phase": "Completed", "warnings": 1}, namespace=namespace)


def test_a_phase_that_does_not_exist_is_refused(cluster, namespace):
    applied(cluster, backup(namespace))
    patch = '{"status":{"phase":"Done"}}'
    where = ["applicationbackup", "nginx-backup", "-n", namespace, "--subresource=status"]
    assert "status.phase" in cluster.refusal("patch", *where, "--type=merge", "-p", patch)


def test_a_status_is_not_written_with_the_spec(cluster, namespace):
    applied(cluster, backup(namespace) | {"status": {"phase": "Completed"}})
    assert "status" not in cluster.get("applicationbackup", "nginx-backup", "-n", namespace)


def test_network_and_region_of_a_vault_can_be_corrected(cluster, namespace):
    applied(cluster, vault(namespace))
    applied(cluster, vault(namespace, network="public", region="cn-shanghai"))
    spec = cluster.get("backuplocation", "vault", "-n", namespace)["spec"]
    assert spec["config"] == {"network": "public", "region": "cn-shanghai"}


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        pytest.param({"provider": "aws"}, "provider cannot change", id="provider"),
        pytest.param(
            {"objectStorage": {"bucket": "cnfs-oss-other"}},
            "objectStorage cannot change",
            id="bucket",
        ),
        pytest.param(
            {"objectStorage": {"prefix": None}}, "objectStorage cannot change", id="prefix removed"
        ),
        pytest.param(
            {"config": {"endpoint": "https://other"}}, "endpoint cannot change", id="endpoint added"
        ),
        pytest.param(
            {"config": {"serverSideEncryption": "AES256"}},
            "serverSideEncryption cannot change",
            id="encryption added",
        ),
        pytest.param(
            {"config": {"kmsKeyId": "k"}}, "kmsKeyId cannot change", id="a key's id added"
        ),
        pytest.param({"backupSyncPeriod": "1m"}, "backupSyncPeriod cannot change", id="sync"),
        pytest.param(
            {"validationFrequency": "1m"}, "validationFrequency cannot change", id="validation"
        ),
    ],
)
def test_the_rest_of_a_vault_cannot_change(cluster, namespace, patch, message):
    applied(cluster, vault(namespace))
    where = ["backuplocation", "vault", "-n", namespace, "--type=merge"]
    text = json.dumps({"spec": patch})
    assert message in cluster.refusal("patch", *where, "-p", text)


def test_the_endpoint_of_a_vault_cannot_change_or_go(cluster, namespace):
    applied(cluster, vault(namespace, endpoint="https://one"))
    for endpoint in ("https://two", None):
        assert "endpoint cannot change" in refused(cluster, vault(namespace, endpoint=endpoint))


def test_a_task_is_printed_as_documented(cluster, namespace):
    applied(cluster, backup(namespace))
    status = {
        "phase": "PartiallyFailed",
        "progress": {"itemsDone": 7, "totalItems": 9},
        "warnings": 3,
        "errors": 2,
    }
    cluster.set_status("applicationbackup", "nginx-backup", status, namespace=namespace)
    assert header(cluster, "applicationbackup", namespace) == ["NAME", "PHASE", "AGE"]
    line = cluster.kubectl("get", "applicationbackup", "-n", namespace, "-o", "wide").splitlines()
    assert line[0].split() == ["NAME", "PHASE", "AGE", "DONE", "TOTAL", "WARNINGS", "ERRORS"]
    assert line[1].split()[1] == "PartiallyFailed"
    assert line[1].split()[3:] == ["7", "9", "3", "2"]


def test_a_vault_is_printed_as_documented(cluster, namespace):
    applied(cluster, vault(namespace))
    columns = ["NAME", "PHASE", "LAST VALIDATED", "AGE"]
    assert header(cluster, "backuplocation", namespace) == columns


def test_kubectl_explain_describes_a_field(cluster):
    printed = cluster.kubectl("explain", "applicationrestore.spec.namespaceMapping")
    assert "Source namespace to target namespace" in printed


def test_the_service_account_may_what_a_restore_needs_and_no_more(cluster):
    config = cluster.service_account_kubeconfig("csdr", "kubeferry-controller")

    def may(*question: str) -> bool:
        result = cluster.run("auth", "can-i", *question, kubeconfig=config)
        return result.stdout.strip() == "yes"

    lease, tasks = "leases.coordination.k8s.io", "applicationbackups.csdr.alibabacloud.com"
    assert may("create", "deployments.apps", "-n", "default")
    assert may("list", "secrets", "-A")
    assert may("escalate", "clusterroles.rbac.authorization.k8s.io")
    assert may("update", f"{lease}/kubeferry-controller", "-n", "csdr")
    assert may("patch", tasks, "--subresource=status", "-n", "csdr")
    assert may("watch", tasks, "-n", "csdr")
    assert not may("update", lease, "-n", "csdr")
    assert not may("update", f"{lease}/kubeferry-controller", "-n", "kube-system")
    assert not may("watch", "pods", "-A")
    for verb in ("patch", "delete"):  # spec.existingResourcePolicy
        assert may(verb, "deployments.apps", "-n", "default")
    for verb in ("update", "deletecollection"):
        assert not may(verb, "deployments.apps", "-n", "default")
