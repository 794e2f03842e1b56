import pytest

from kubeferry.api.install import Installation, manifests
from kubeferry.settings import Settings

OBJECTS = {
    one["kind"]: one for one in manifests(Installation(image="example/kubeferry:1", namespace="ns"))
}
POD = OBJECTS["Deployment"]["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]


def test_a_namespace_comes_before_what_is_in_it():
    kinds = [one["kind"] for one in manifests(Installation(image="i"))]
    assert kinds == [
        "Namespace",
        *["CustomResourceDefinition"] * 3,
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
        "Deployment",
    ]


@pytest.mark.parametrize("kind", ["ServiceAccount", "Role", "RoleBinding", "Deployment"])
def test_everything_is_in_the_namespace_that_was_asked_for(kind):
    assert OBJECTS[kind]["metadata"]["namespace"] == "ns"


def test_nobody_but_our_own_resources_is_updated_or_deleted():
    for rule in OBJECTS["ClusterRole"]["rules"]:
        if rule["apiGroups"] != ["csdr.alibabacloud.com"]:
            assert not {"update", "delete", "deletecollection", "*"} & set(rule["verbs"])


def test_the_pod_is_restricted():
    assert POD["securityContext"]["runAsNonRoot"]
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_environment_is_settings_that_exist():
    environ = {one["name"]: one.get("value", "ns") for one in CONTAINER["env"]}
    settings = Settings.from_environ(environ)
    assert settings.namespace == "ns"
    assert str(settings.spool_dir) in {one["mountPath"] for one in CONTAINER["volumeMounts"]}


def test_each_mount_has_its_volume():
    volumes = {one["name"] for one in POD["volumes"]}
    assert {one["name"] for one in CONTAINER["volumeMounts"]} == volumes
