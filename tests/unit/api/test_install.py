from typing import Any

import pytest

from kubeferry.api import crd, guard
from kubeferry.api.install import (
    LEAST_MEMORY,
    PART_OF,
    Installation,
    manifests,
)
from kubeferry.settings import Settings, read_size

OBJECTS = manifests(Installation(image="example/kubeferry:1", namespace="ns"))
SETTINGS = ("enforce", "warn", "audit")


def one(kind: str, **installation: Any) -> dict[str, Any]:
    made = manifests(Installation(**{"image": "i", **installation})) if installation else OBJECTS
    return next(obj for obj in made if obj["kind"] == kind)


def pod(**installation: Any) -> dict[str, Any]:
    spec: dict[str, Any] = one("Deployment", **installation)["spec"]["template"]["spec"]
    return spec


def container(**installation: Any) -> dict[str, Any]:
    [found] = pod(**installation)["containers"]
    return dict(found)


def environ(**installation: Any) -> dict[str, str]:
    env = container(**installation)["env"]
    return {entry["name"]: entry.get("value", "ns") for entry in env}


def test_what_is_needed_comes_before_what_needs_it():
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in OBJECTS] == [
        ("Namespace", "ns"),
        *(("CustomResourceDefinition", obj["metadata"]["name"]) for obj in crd.manifests()),
        ("ServiceAccount", "kubeferry-controller"),
        ("ClusterRole", "kubeferry-controller"),
        ("ClusterRoleBinding", "kubeferry-controller"),
        ("Role", "kubeferry-controller"),
        ("RoleBinding", "kubeferry-controller"),
        ("ClusterRole", "kubeferry-viewer"),
        ("ClusterRole", "kubeferry-operator"),
        *((obj["kind"], obj["metadata"]["name"]) for obj in guard.manifests("ns")),
        ("Deployment", "kubeferry-controller"),
    ]


@pytest.mark.parametrize("kind", ["ServiceAccount", "Role", "RoleBinding", "Deployment"])
def test_everything_is_in_the_namespace_that_was_asked_for(kind: str):
    assert one(kind)["metadata"]["namespace"] == "ns"


def test_everything_is_known_by_its_label():
    label, value = PART_OF
    assert {obj["metadata"]["labels"].get(label) for obj in OBJECTS} == {value}


@pytest.mark.parametrize("kind", ["RoleBinding", "ClusterRoleBinding"])
def test_a_binding_gives_the_controllers_account_the_controllers_role(kind: str):
    binding = one(kind)
    assert binding["roleRef"]["kind"] == kind.removesuffix("Binding")
    assert binding["roleRef"]["name"] == "kubeferry-controller"
    account = one("ServiceAccount")["metadata"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account["name"], "namespace": account["namespace"]}
    ]
    assert pod()["serviceAccountName"] == account["name"]


def test_what_an_update_cannot_change_is_what_it_always_was():
    """A selector and a roleRef are immutable: an older installation could not be upgraded."""
    labels = {
        "app.kubernetes.io/name": "kubeferry",
        "app.kubernetes.io/component": "controller",
    }
    assert one("Deployment")["spec"]["selector"] == {"matchLabels": labels}
    assert one("Deployment")["spec"]["template"]["metadata"]["labels"] == labels


@pytest.mark.parametrize("mode", SETTINGS)
def test_the_namespace_is_held_to_the_restricted_standard(mode: str):
    labels = one("Namespace")["metadata"]["labels"]
    assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    assert labels[f"pod-security.kubernetes.io/{mode}-version"].startswith("v1.")


def test_the_pod_is_restricted():
    assert pod()["securityContext"]["runAsNonRoot"]
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_an_update_ends_no_controller_before_the_next_one_is_ready():
    rolling = one("Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 1, "maxUnavailable": 0}


def test_the_api_server_is_asked_for_by_its_name():
    assert environ()["KUBERNETES_SERVICE_HOST"] == "kubernetes.default.svc"
    given = {"KUBERNETES_SERVICE_HOST": "api.example.com"}
    assert environ(environ=given)["KUBERNETES_SERVICE_HOST"] == "api.example.com"


def test_the_environment_is_settings_that_exist():
    settings = Settings.from_environ(environ(environ={"KUBEFERRY_SYNC_PERIOD": "5s"}))
    assert settings.namespace == "ns"
    assert settings.sync_period == 5.0
    assert str(settings.spool_dir) in {mount["mountPath"] for mount in container()["volumeMounts"]}


def test_each_mount_has_its_volume():
    volumes = {volume["name"] for volume in pod()["volumes"]}
    assert {mount["name"] for mount in container()["volumeMounts"]} == volumes


@pytest.mark.parametrize("tasks", [1, 4, 9])
def test_the_spools_of_all_restores_that_run_at_once_fit_their_volume(tasks: int):
    """The kubelet evicts a pod that takes more than the volume's limit."""
    given = {"KUBEFERRY_MAX_TASKS": str(tasks)}
    installation = {"spool": "3Gi", "environ": given}
    settings = Settings.from_environ(environ(**installation))
    assert settings.spool_limit == 3 << 30
    [volume] = [one for one in pod(**installation)["volumes"] if one["name"] == "spool"]
    assert read_size(volume["emptyDir"]["sizeLimit"], place="") > tasks * settings.spool_limit


@pytest.mark.parametrize(
    ("limit", "request_"),
    [
        pytest.param("128Mi", "128Mi", id="never more than the limit"),
        pytest.param("256Mi", "128Mi", id="never less than what it was tried with"),
        pytest.param("1Gi", "256Mi", id="a quarter"),
        pytest.param("1000M", "250000000", id="in other units too"),
    ],
)
def test_memory_that_is_set_aside_follows_the_limit(limit: str, request_: str):
    resources = container(memory=limit)["resources"]
    assert resources["limits"] == {"memory": limit}
    assert resources["requests"]["memory"] == request_
    assert LEAST_MEMORY <= read_size(request_, place="") <= read_size(limit, place="")


def test_where_the_image_comes_from_can_be_said():
    given = pod(image_pull_policy="Never", image_pull_secrets=("a", "b"))
    assert given["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    assert given["containers"][0]["imagePullPolicy"] == "Never"
    assert "imagePullSecrets" not in pod()
    assert "imagePullPolicy" not in container()


def test_several_controllers_are_spread_over_nodes():
    assert "topologySpreadConstraints" not in pod()
    [spread] = pod(replicas=2)["topologySpreadConstraints"]
    assert spread["labelSelector"] == one("Deployment")["spec"]["selector"]


def test_servers_that_know_no_guard_are_installed_without() -> None:
    made = manifests(Installation(image="i", guarded=False))
    assert not [one for one in made if "AdmissionPolicy" in one["kind"]]
