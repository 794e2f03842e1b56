import json
from collections.abc import Iterator
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.cli.contents_view import Source, json_lines, table_lines, tree_lines, yaml_lines
from kubeferry.cli.plan_view import Look
from kubeferry.kube.names import Identity
from kubeferry.vault.inventory import Inventory
from kubeferry.vault.reader import EntryPath
from tests.builders import config_map, namespace, obj

SOURCE = Source("shop-1", "vault")
CREATED = "2026-01-02T03:04:05Z"


@pytest.fixture
def inventory() -> Iterator[Inventory]:
    with Inventory() as found:
        web = obj("apps/v1/Deployment", "shop/web").meta(creationTimestamp=CREATED)
        found.add(Identity("deployments.apps", "shop", "web"), web.json.ljust(2048))
        for name in ("b", "a"):
            made = config_map(f"shop/{name}").meta(creationTimestamp=CREATED)
            found.add(Identity("configmaps", "shop", name), made.json.ljust(300))
        found.add(Identity("namespaces", "", "shop"), namespace("shop").json.ljust(100))
        yield found


def test_a_tree_by_namespace_kind_and_name(inventory: Inventory) -> None:
    assert list(tree_lines(SOURCE, inventory, Look())) == [
        "Backup shop-1 of vault vault",
        "4 objects of 3 kinds, 2.7 KiB",
        "",
        "shop                       2.6 KiB   3 objects",
        "├── ConfigMap (v1)           600 B   2 objects",
        "│   ├── a                    300 B   2026-01-02T03:04:05Z",
        "│   └── b                    300 B   2026-01-02T03:04:05Z",
        "└── Deployment (apps/v1)   2.0 KiB   1 object",
        "    └── web                2.0 KiB   2026-01-02T03:04:05Z",
        "",
        "cluster-scoped               100 B   1 object",
        "└── Namespace (v1)           100 B   1 object",
        "    └── shop                 100 B   <none>",
    ]


def test_other_versions_are_told_apart(inventory: Inventory) -> None:
    web = Identity("deployments.apps", "shop", "web")
    for version, is_preferred in (("v1", True), ("v1beta2", False), ("v1beta1", False)):
        inventory.add_version(EntryPath(web, version, is_preferred), b" " * 700)
    lines = list(tree_lines(SOURCE, inventory, Look()))
    assert lines[1] == "4 objects of 3 kinds, 2.7 KiB + 1.4 KiB in other versions"
    assert "└── Deployment (apps/v1, also v1beta1, v1beta2)   2.0 KiB   1 object" in lines
    inventory.keep(resources=["configmaps"])
    assert list(tree_lines(SOURCE, inventory, Look()))[1] == "2 objects of 1 kind, 600 B"


def test_a_tree_in_plain_characters(inventory: Inventory) -> None:
    text = "\n".join(tree_lines(SOURCE, inventory, Look(unicode=False)))
    assert text.isascii()
    assert "|   `-- b" in text


def test_a_narrow_tree_keeps_every_name_whole(inventory: Inventory) -> None:
    name = "a-name-of-many-letters-" * 4
    made = config_map(f"shop/{name}")
    inventory.add(Identity("configmaps", "shop", name), made.json)
    lines = list(tree_lines(SOURCE, inventory, Look(width=60)))
    [at] = [index for index, line in enumerate(lines) if name in line]
    assert lines[at + 1].split() == [f"{len(made.json)}", "B", "<none>"]
    assert max(len(line) for line in lines if name not in line) <= 60


def test_an_empty_backup() -> None:
    with Inventory() as nothing:
        assert list(tree_lines(SOURCE, nothing, Look())) == [
            "Backup shop-1 of vault vault",
            "0 objects of 0 kinds, 0 B",
        ]
        assert json.loads("".join(json_lines(SOURCE, nothing, [])))["items"] == []
        assert codec.load_yaml("\n".join(yaml_lines(SOURCE, nothing, [])))["items"] == []


def test_a_table(inventory: Inventory) -> None:
    assert list(table_lines(inventory)) == [
        "NAMESPACE   KIND         NAME         SIZE   CREATED",
        "shop        ConfigMap    a           300 B   2026-01-02T03:04:05Z",
        "shop        ConfigMap    b           300 B   2026-01-02T03:04:05Z",
        "shop        Deployment   web       2.0 KiB   2026-01-02T03:04:05Z",
        "<none>      Namespace    shop        100 B   <none>",
    ]


def test_kinds_of_one_name_are_told_apart(inventory: Inventory) -> None:
    other = obj("example.com/v1/Deployment", "shop/x")
    inventory.add(Identity("deployments.example.com", "shop", "x"), other.json)
    text = "\n".join(table_lines(inventory))
    assert "Deployment (apps/v1) " in text
    assert "Deployment (example.com/v1) " in text


def test_json_and_yaml_say_the_same(inventory: Inventory) -> None:
    identity = Identity("deployments.apps", "shop", "web")
    inventory.add(identity, obj("apps/v1/Deployment", "shop/web").json)
    notes = ["was not verified"]
    lines = list(json_lines(SOURCE, inventory, notes))
    said: dict[str, Any] = json.loads("\n".join(lines))
    assert codec.load_yaml("\n".join(yaml_lines(SOURCE, inventory, notes))) == said
    assert said["backup"], said["vault"] == ("shop-1", "vault")
    assert said["objects"] == len(said["items"]) == len(lines) - 2
    assert said["notes"] == notes
    assert [one["type"] for one in said["kinds"]] == [
        "configmaps",
        "deployments.apps",
        "namespaces",
    ]
    assert said["items"][0] == {
        "name": "a",
        "namespace": "shop",
        "type": "configmaps",
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "size": 300,
        "creationTimestamp": CREATED,
    }


def test_what_a_terminal_would_obey_is_written_out() -> None:
    with Inventory() as found:
        found.add(Identity("pods", "x\x1b[31m", "a\x07b"), b'{"kind":"K\\u001b"}')
        for lines in (tree_lines(SOURCE, found, Look()), table_lines(found)):
            assert "\n".join(lines).replace("\n", "").isprintable()
