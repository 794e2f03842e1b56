"""What an object owns, it owns again after a restore, by the uid that it got there."""

import json
from typing import Any

import pytest

from tests.builders import config_map, namespace, obj
from tests.e2e.machine import Machine
from tests.foreign import shop

WIDGETS = "widgets.example.com"


def owned(built: Any, owner: dict[str, Any]) -> Any:
    """The object, owned by one that is there."""
    return built.meta(
        ownerReferences=[
            {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    )


def deployment(name: str) -> Any:
    labels = {"app": "web"}
    container = {"name": "main", "image": "nginx:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return obj("apps/v1/Deployment", name).with_(spec=spec)


@pytest.fixture(scope="module")
def saved(machine: Machine) -> Machine:
    """A backup in which a custom resource owns a Secret, a Deployment and a ConfigMap that owns
    another one; the Deployment owns a Service.
    """
    for cluster in ("backup", "restore"):
        words = ("create", "attic", "--provider", "local", "--bucket", "attic", "--wait")
        assert machine.ferry(cluster, "vault", *words).exit_code == 0
    machine.create("backup", namespace("house"))
    machine.create("backup", shop.definition())
    widget = shop.widget()
    widget["metadata"] |= {"namespace": "house", "name": "red"}
    machine.create("backup", widget)
    [red] = machine.objects("backup", WIDGETS, "house").values()
    machine.create("backup", owned(obj("v1/Secret", "house/key").with_(data={}), red))
    machine.create("backup", owned(config_map("house/a-above"), red))
    above = machine.objects("backup", "configmaps", "house")["a-above"]
    machine.create("backup", owned(config_map("house/a-below"), above))
    machine.create("backup", owned(deployment("house/web"), red))
    web = machine.objects("backup", "deployments", "house")["web"]
    ports = {"ports": [{"port": 80}], "selector": {"app": "web"}}
    machine.create("backup", owned(obj("v1/Service", "house/web").with_(spec=ports), web))
    machine.create(
        "backup",
        owned(config_map("house/stale"), red | {"metadata": red["metadata"] | {"uid": "1-2-3"}}),
    )
    words = ("create", "house-1", "--vault", "attic", "--include-namespaces", "house", "--wait")
    done = machine.ferry("backup", "backup", *words)
    assert done.exit_code == 0, done.output
    return machine


def restored(machine: Machine, name: str, *words: str, code: int = 0) -> Any:
    words = ("create", name, "--from-backup", "house-1", *words, "--wait")
    done = machine.ferry("restore", "restore", *words)
    assert done.exit_code == code, done.output
    return done


def owner_of(machine: Machine, kind: str, namespace: str, name: str) -> list[tuple[str, str]]:
    found = machine.objects("restore", kind, namespace)[name]["metadata"]
    return [(one["name"], one["uid"]) for one in found.get("ownerReferences", [])]


def test_each_belongs_to_its_owner_of_there(saved: Machine) -> None:
    restored(saved, "one", "--namespace-mapping", "house=one")
    [red] = saved.objects("restore", WIDGETS, "one").values()
    belongs = [("red", red["metadata"]["uid"])]
    assert owner_of(saved, "secrets", "one", "key") == belongs
    assert owner_of(saved, "deployments", "one", "web") == belongs
    assert owner_of(saved, "configmaps", "one", "a-above") == belongs
    above = saved.objects("restore", "configmaps", "one")["a-above"]
    assert owner_of(saved, "configmaps", "one", "a-below") == [
        ("a-above", above["metadata"]["uid"])
    ]
    web = saved.objects("restore", "deployments", "one")["web"]
    assert owner_of(saved, "services", "one", "web") == [("web", web["metadata"]["uid"])]
    [reference] = saved.objects("restore", "secrets", "one")["key"]["metadata"]["ownerReferences"]
    assert reference["controller"]
    assert reference["blockOwnerDeletion"]


def test_a_second_restore_finds_it_all_identical(saved: Machine) -> None:
    restored(saved, "two", "--namespace-mapping", "house=two")
    for policy in ("none", "update", "recreate"):
        words = ("--namespace-mapping", "house=two", "--existing-resource-policy", policy)
        restored(saved, f"two-{policy}", *words)
        shown = saved.ferry("restore", "restore", "get", f"two-{policy}", "-o", "json")
        status = json.loads(shown.stdout)["status"]
        assert set(status["counts"]) == {"skipped"}, status
        assert not status.get("warnings"), status


def test_the_owner_that_was_there_owns_what_is_restored(saved: Machine) -> None:
    words = ("--namespace-mapping", "house=three", "--include-resources")
    restored(saved, "three-owner", *words, "widgets.example.com")
    restored(saved, "three", "--namespace-mapping", "house=three")
    [red] = saved.objects("restore", WIDGETS, "three").values()
    assert owner_of(saved, "secrets", "three", "key") == [("red", red["metadata"]["uid"])]


def test_without_its_owner_or_by_request_it_belongs_to_nobody(saved: Machine) -> None:
    words = ("--namespace-mapping", "house=four", "--exclude-resources", "widgets.example.com")
    restored(saved, "four", *words)
    assert owner_of(saved, "secrets", "four", "key") == []
    restored(saved, "five", "--namespace-mapping", "house=five", "--owner-references", "Drop")
    assert owner_of(saved, "secrets", "five", "key") == []


def test_a_plan_says_whose_it_will_be(saved: Machine) -> None:
    words = ("--from-backup", "house-1", "--namespace-mapping", "house=six", "-o", "json")
    shown = saved.ferry("restore", "restore", "plan", *words)
    items = [json.loads(line) for line in shown.stdout.splitlines()][:-1]
    names = [(one["source"]["groupResource"], one["source"]["name"]) for one in items]
    order = [
        names.index(one)
        for one in ((WIDGETS, "red"), ("configmaps", "a-above"), ("configmaps", "a-below"))
    ]
    assert order == sorted(order), "owners first"
    [key] = [one for one in items if one["source"]["name"] == "key"]
    [change] = [one for one in key["changes"] if one["rule"] == "owner-references"]
    assert change["new"][0]["uid"] == f"(the new uid of {WIDGETS} six/red)"
