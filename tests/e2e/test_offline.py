"""Plans without a cluster: from an archive's file or a vault by its URL, for a known API."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kubeferry import codec
from kubeferry.cli.main import root
from tests.ancient import old_objects
from tests.builders import config_map, namespace, obj
from tests.e2e.machine import Machine
from tests.foreign import writer
from tests.foreign.writer import Backup, Item
from tests.golden.test_golden import group_resource

HIDDEN = "bm90LXRvLWJlLXNob3du"
RULES = """
version: v1
resourceModifierRules:
- conditions: {groupResource: configmaps, resourceNameRegex: ^menu$}
  patches:
  - {operation: replace, path: /data/tea, value: '"5"'}
"""


@pytest.fixture(scope="module")
def vault(machine: Machine) -> Path:
    """A vault's directory with a backup of ours."""
    words = ("create", "far", "--provider", "local", "--bucket", "far", "--wait")
    assert machine.ferry("backup", "vault", *words).exit_code == 0
    machine.create("backup", namespace("inn"))
    machine.create("backup", config_map("inn/menu", tea="3"))
    machine.create("backup", obj("v1/Secret", "inn/till").with_(data={"pin": HIDDEN}))
    words = ("create", "inn-1", "--vault", "far", "--include-namespaces", "inn", "--wait")
    assert machine.ferry("backup", "backup", *words).exit_code == 0
    return machine.folder / "vaults" / "far"


@pytest.fixture
def archive(vault: Path, tmp_path: Path) -> Path:
    """The archive alone, as it was downloaded."""
    return Path(shutil.copy(vault / "backups/inn-1/inn-1.tar.gz", tmp_path))


def planned(*words: str) -> Result:
    """A plan where there is neither a cluster nor a kubeconfig."""
    environ = {"KUBECONFIG": "/nowhere", "KUBERNETES_SERVICE_HOST": ""}
    return CliRunner().invoke(root, ["restore", "plan", *words], prog_name="kubeferry", env=environ)


def manifests(done: Result) -> list[dict[str, Any]]:
    return list(codec.load_yaml_documents(done.stdout))


def test_an_archive_is_planned_for_the_newest_kubernetes_known(archive: Path) -> None:
    done = planned("--offline", str(archive), "--namespace-mapping", "inn=inn2")
    assert done.exit_code == 0, done.output
    assert f"archive {archive} into Kubernetes v1." in done.stdout
    assert "its storage classes, nodes and objects are not known" in done.stdout
    assert "ConfigMap inn/menu -> inn2/menu" in done.stdout
    assert "was not verified" in done.stderr


def test_beside_its_files_an_archive_is_verified(vault: Path) -> None:
    folder = vault / "backups/inn-1"
    done = planned("--offline", str(folder / "inn-1.tar.gz"))
    assert done.exit_code == 0, done.output
    assert "not verified" not in done.stderr


def test_the_manifests_are_those_that_would_be_written(archive: Path) -> None:
    done = planned("--offline", str(archive), "--namespace-mapping", "inn=inn2", "-o", "yaml")
    found = {(one["kind"], one["metadata"]["name"]): one for one in manifests(done)}
    assert found["ConfigMap", "menu"]["metadata"]["namespace"] == "inn2"
    assert "uid" not in found["ConfigMap", "menu"]["metadata"]
    assert ("Secret", "till") not in found
    assert "1 Secret left out" in done.stderr
    shown = planned("--offline", str(archive), "-o", "yaml", "--show-secrets")
    assert HIDDEN in shown.stdout


def test_each_manifest_has_a_file(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    words = ("--offline", str(archive), "--output-dir", str(folder), "--show-secrets")
    done = planned(*words)
    assert done.exit_code == 0, done.output
    file = folder / "inn" / "secrets-till.yaml"
    assert file.stat().st_mode & 0o077 == 0
    assert codec.load_yaml(file.read_text())["data"] == {"pin": HIDDEN}
    assert (folder / "_cluster" / "namespaces-inn.yaml").exists()
    again = planned(*words)
    assert again.exit_code == 2
    assert "is not empty" in again.stderr


@pytest.mark.parametrize("form", ["bare", "config map"])
def test_rules_come_from_a_file(archive: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / "rules.yaml"
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"modifier": RULES}}
    file.write_text(RULES if form == "bare" else json.dumps(manifest))
    done = planned("--offline", str(archive), "--modifiers", str(file), "-o", "yaml")
    [menu] = [one for one in manifests(done) if one["metadata"]["name"] == "menu"]
    assert menu["data"] == {"tea": "5"}


def test_a_config_map_of_a_cluster_that_is_not_asked_is_missed(archive: Path) -> None:
    done = planned("--offline", str(archive), "--resource-modifier", "inn-resource-modifier")
    assert done.exit_code == 2
    assert "hint: give it --modifiers" in done.stderr


def test_what_another_cluster_serves_is_read_from_a_file(archive: Path, tmp_path: Path) -> None:
    file = tmp_path / "api.txt"
    file.write_text(
        "NAME         SHORTNAMES   APIVERSION   NAMESPACED   KIND\n"
        "namespaces   ns           v1           false        Namespace\n"
        "secrets                   v1           true         Secret\n"
    )
    done = planned("--offline", str(archive), "--target-api", str(file))
    assert done.exit_code == 8
    assert "serves no ConfigMap of v1" in done.stdout
    file.write_text("not this")
    assert (
        "holds no saved API" in planned("--offline", str(archive), "--target-api", str(file)).stderr
    )


def test_what_a_cluster_serves_is_saved_and_planned_for(
    machine: Machine, archive: Path, tmp_path: Path
) -> None:
    saved = machine.ferry("restore", "restore", "target-api")
    assert saved.exit_code == 0
    file = tmp_path / "api.json"
    file.write_text(saved.stdout)
    done = planned("--offline", str(archive), "--target-api", str(file))
    assert done.exit_code == 0, done.output
    assert f"as {file} has it" in done.stdout


def test_a_vault_is_planned_from_by_its_url(machine: Machine, vault: Path) -> None:
    words = ("restore", "plan", "--vault", str(vault), "--backup", "inn-1")
    done = machine.ferry("restore", *words, "--namespace-mapping", "inn=inn3")
    assert done.exit_code == 0, done.output
    assert f"backup inn-1 of {vault} into restore" in done.stdout
    wrong = machine.ferry("restore", "restore", "plan", "--vault", "ftp://x", "--backup", "inn-1")
    assert wrong.exit_code == 2
    assert "is no vault's URL" in wrong.stderr


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.tgz", "", "no archive by its name"),
        ("a.tar.gz", "junk", "cut short"),
        ("b.tar.gz", None, "is no file"),
    ],
)
def test_what_is_no_archive_is_told_by_its_own_name(
    tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    done = planned("--offline", str(file))
    assert done.exit_code != 0
    assert str(file) in done.stderr
    assert said in done.stderr


def test_manifests_of_years_ago_come_out_as_those_of_today(tmp_path: Path) -> None:
    items = [Item(group_resource(one), one) for one in old_objects()]
    writer.write(tmp_path / "old", Backup("old", items, era=writer.OLDEST))
    done = planned("--offline", str(tmp_path / "old/backups/old/old.tar.gz"), "-o", "yaml")
    kinds = {(one["apiVersion"], one["kind"]) for one in manifests(done)}
    assert ("networking.k8s.io/v1", "Ingress") in kinds
    assert not [one for one in kinds if "beta" in one[0]]


def test_a_plan_is_a_unified_diff(archive: Path) -> None:
    done = planned("--offline", str(archive), "--namespace-mapping", "inn=inn2", "-o", "diff")
    assert done.exit_code == 0, done.output
    assert f"# Plan  archive {archive} into Kubernetes" in done.stdout
    diff = done.stdout.partition("--- backup/configmaps/inn/menu\n")[2].splitlines()
    assert diff[0] == "+++ target/configmaps/inn2/menu"
    changed = [line for line in diff[2:8] if line[0] in "+-"]
    assert changed == ["-  namespace: inn", "+  namespace: inn2"]
    assert HIDDEN not in done.stdout


def test_a_plan_is_summed_up(archive: Path) -> None:
    done = planned("--offline", str(archive), "-o", "summary")
    assert "Wave" not in done.stdout
    assert "to create" in done.stdout


def test_one_object_is_told_in_depth(archive: Path) -> None:
    words = ("--offline", str(archive), "--namespace-mapping", "inn=inn2")
    done = planned(*words, "--object", "cm/menu")
    assert done.exit_code == 0, done.output
    assert "ConfigMap inn/menu -> inn2/menu\n\nAction:  create\n" in done.stdout
    assert "parameter: namespaceMapping inn" in done.stdout
    assert done.stdout.endswith('data:\n  tea: "3"\n')
    hidden = planned(*words, "--object", "secret/till")
    assert "pin: (masked)" in hidden.stdout
    assert HIDDEN not in hidden.stdout


def test_one_object_comes_in_every_form(archive: Path) -> None:
    words = ("--offline", str(archive), "--object", "cm/menu", "-o")
    [item, summary] = [json.loads(line) for line in planned(*words, "json").stdout.splitlines()]
    assert (item["target"]["name"], summary["objects"]) == ("menu", 1)
    [manifest] = manifests(planned(*words, "yaml"))
    assert manifest["metadata"]["name"] == "menu"


def test_an_object_that_is_not_selected_says_why(archive: Path) -> None:
    words = ("--offline", str(archive), "--exclude-resources", "cm")
    done = planned(*words, "--object", "cm/menu")
    assert done.exit_code == 0
    assert "! NotSelected: it is not selected: excludedResources leaves out configmaps" in (
        done.stdout
    )
    missing = planned(*words, "--object", "cm/menus")
    assert missing.exit_code == 2
    assert "the backup has no such object" in missing.stderr
