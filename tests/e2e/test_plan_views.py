"""Views of a plan where some of it is in the target already."""

import pytest

from tests.builders import config_map, namespace, obj
from tests.e2e.machine import Machine

OLD, NEW = "b2xk", "bmV3"


@pytest.fixture(scope="module")
def planned(machine: Machine) -> tuple[str, ...]:
    """A plan that updates what is there and differs."""
    words = ("create", "views", "--provider", "local", "--bucket", "views", "--wait")
    for cluster in ("backup", "restore"):
        assert machine.ferry(cluster, "vault", *words).exit_code == 0
    machine.create("backup", namespace("bar"))
    machine.create("backup", config_map("bar/menu", tea="3", milk="1"))
    machine.create("backup", obj("v1/Secret", "bar/till").with_(data={"pin": NEW}))
    words = ("create", "bar-1", "--vault", "views", "--include-namespaces", "bar", "--wait")
    assert machine.ferry("backup", "backup", *words).exit_code == 0
    machine.create("restore", namespace("bar"))
    machine.create("restore", config_map("bar/menu", tea="2", milk="1"))
    machine.create("restore", obj("v1/Secret", "bar/till").with_(data={"pin": OLD}))
    policy = ("--existing-resource-policy", "update")
    return ("restore", "plan", "--from-backup", "bar-1", "--vault", "views", *policy)


def test_a_diff_is_of_what_is_there_and_what_it_becomes(
    machine: Machine, planned: tuple[str, ...]
) -> None:
    done = machine.ferry("restore", *planned, "-o", "diff")
    assert done.exit_code == 0, done.output
    menu = done.stdout.partition("# update ConfigMap bar/menu\n")[2].partition("\n# ")[0]
    assert menu.splitlines()[:2] == [
        "--- target/configmaps/bar/menu",
        "+++ target/configmaps/bar/menu",
    ]
    changed = [line for line in menu.splitlines()[2:] if line[0] in "+-"]
    assert changed == ['-  tea: "2"', '+  tea: "3"']
    till = done.stdout.partition("# update Secret bar/till\n")[2].partition("\n# ")[0]
    assert "+  pin: (masked, changed)" in till
    assert OLD not in done.output
    assert NEW not in done.output


def test_what_is_the_same_is_one_line_of_a_diff(machine: Machine, planned: tuple[str, ...]) -> None:
    machine.create("restore", namespace("bar2"))
    machine.create("restore", config_map("bar2/menu", tea="3", milk="1"))
    words = (*planned, "--namespace-mapping", "bar=bar2", "--object", "cm/menu", "-o", "diff")
    done = machine.ferry("restore", *words)
    assert done.stdout.endswith(
        "# skip ConfigMap bar/menu: Identical: is there already, as the restore would make it\n"
    )


def test_in_depth_what_differs_there_has_a_part_of_its_own(
    machine: Machine, planned: tuple[str, ...]
) -> None:
    done = machine.ferry("restore", *planned, "--object", "cm/menu")
    assert done.exit_code == 0, done.output
    differs = done.stdout.partition("What differs in the object that is there\n")[2]
    assert differs.splitlines()[0].split("  (")[0].strip() == '~ /data/tea: "2" -> "3"'
    assert "Manifest, of which only what differs is written" in done.stdout
