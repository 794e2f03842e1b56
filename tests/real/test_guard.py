"""The guard against real people: who may not give rights does not get them by kubeferry either."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.api import guard
from kubeferry.api.definition import GUARD
from kubeferry.vault.metadata import BackupFacts, backup_document
from tests.clusters import Cluster
from tests.real.ferries import Site
from tests.waiting import until

pytestmark = pytest.mark.real

HOME = "csdr"
EXAMPLES = Path(__file__).parents[2] / "examples"
FERRY = Path(sys.executable).with_name("kubeferry")
OPERATOR, NAMESPACE_ADMIN, NOBODY = "guard-operator", "guard-admin", "guard-nobody"
ROOT = "guard-root"
PEOPLE = (OPERATOR, NAMESPACE_ADMIN, NOBODY, ROOT)
CONTROLLER = f"system:serviceaccount:{HOME}:kubeferry-controller"
RULES = "version: v1\nresourceModifierRules: [{conditions: {groupResource: pods}}]\n"


def task(kind: str, name: str, annotations: dict[str, str] | None = None, **spec: Any) -> Any:
    about: dict[str, Any] = {"name": name, "namespace": HOME}
    if annotations:
        about["annotations"] = annotations
    return {
        "apiVersion": "csdr.alibabacloud.com/v1beta1",
        "kind": kind,
        "metadata": about,
        "spec": spec,
    }


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> Any:
    about = {"name": name, "namespace": HOME, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": data}


VAULT = task(
    "BackupLocation",
    "guard-vault",
    provider="aws",
    objectStorage={"bucket": "guard-bucket"},
    config={"region": "cn-beijing"},
)
ANNOTATION = {
    "csdr.alibabacloud.com/backuplocations": json.dumps(
        {"name": "guard-x", "region": "cn-beijing", "bucket": "guard-bucket", "provider": "aws"}
    )
}
HOOKS = {
    "resources": [
        {
            "name": "one",
            "pre": [{"exec": {"command": ["id"]}}],
        }
    ]
}
MODIFIER = {"kind": "ConfigMap", "name": "any"}
SKIP = {"backupName": "b", "privilegedResources": "Skip"}
DOORS = {
    "a vault": VAULT,
    "a vault by annotation, backup": task(
        "ApplicationBackup", "guard-b", ANNOTATION, storageLocation="guard-x"
    ),
    "a vault by annotation, restore": task("ApplicationRestore", "guard-r", ANNOTATION, **SKIP),
    "hooks of a backup": task("ApplicationBackup", "guard-b", storageLocation="v", hooks=HOOKS),
    "a modifier": task("ApplicationRestore", "guard-r", **SKIP, resourceModifier=MODIFIER),
    "privileged resources": task("ApplicationRestore", "guard-r", backupName="b"),
    "privileged resources by name": task(
        "ApplicationRestore", "guard-r", backupName="b", privilegedResources="Restore"
    ),
    "the rules of a modifier": config_map("guard-resource-modifier", modifier=RULES),
    "rules of any name": config_map("guard-any", modifier=RULES),
    "renamed images": config_map(
        "guard-images",
        {"velero.io/plugin-config": "", "velero.io/change-image-name": "RestoreItemAction"},
        row="a,b",
    ),
    "a published ConfigMap that renames images": config_map(
        "istio-ca-root-cert",
        {"velero.io/plugin-config": "", "velero.io/change-image-name": "RestoreItemAction"},
        row="a,b",
    ),
}
OPEN = {
    "a plain backup": task("ApplicationBackup", "guard-b", storageLocation="v"),
    "a restore that leaves privileged resources out": task("ApplicationRestore", "guard-r", **SKIP),
    "what others publish": config_map("istio-ca-root-cert", data="x"),
}
"""What an operator may create."""


def tried(cluster: Cluster, person: str, *words: str, body: Any = None) -> tuple[int, str]:
    """Exit code and what kubectl says, as somebody."""
    groups = ("--as-group=system:authenticated",)
    text = json.dumps(body) if body is not None else None
    done = cluster.run(*words, f"--as={person}", *groups, input=text)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def guarded(source: Site) -> Iterator[Cluster]:
    """A cluster with kubeferry installed and people of all ranks."""
    cluster = source.cluster
    home = ("-n", HOME)
    for role, person in (
        ("kubeferry-operator", OPERATOR),
        ("admin", NAMESPACE_ADMIN),
        ("kubeferry-operator", NAMESPACE_ADMIN),
    ):
        name = f"{person}-{role}"
        words = (f"--clusterrole={role}", f"--user={person}")
        cluster.kubectl("create", "rolebinding", name, *home, *words)
    words = ("--clusterrole=cluster-admin", f"--user={ROOT}")
    cluster.kubectl("create", "clusterrolebinding", ROOT, *words)

    def is_at_work() -> bool:
        dry = ("create", "--dry-run=server", "-f", "-")
        return "guard" in tried(cluster, OPERATOR, *dry, body=VAULT)[1]

    until(is_at_work, what="the guard is at work")
    yield cluster
    for kind, name in (("backuplocation", "guard-vault"), ("applicationrestore", "guard-r")):
        cluster.run("delete", kind, name, *home, "--ignore-not-found")
    cluster.run("delete", "applicationbackup", "guard-b", *home, "--ignore-not-found")
    cluster.run("delete", "cm", "guard-any", "istio-ca-root-cert", *home, "--ignore-not-found")
    cluster.run("delete", "clusterrolebinding", ROOT)
    for role, person in (
        ("kubeferry-operator", OPERATOR),
        ("admin", NAMESPACE_ADMIN),
        ("kubeferry-operator", NAMESPACE_ADMIN),
    ):
        cluster.run("delete", "rolebinding", f"{person}-{role}", *home)


@pytest.mark.parametrize("person", [OPERATOR, NAMESPACE_ADMIN])
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("way", [("create",), ("apply", "--server-side")], ids=["create", "apply"])
def test_nobody_goes_through_a_door_who_may_not_give_rights(
    guarded: Cluster, person: str, door: str, way: tuple[str, ...]
) -> None:
    code, said = tried(guarded, person, *way, "--dry-run=server", "-f", "-", body=DOORS[door])
    assert code, door
    assert "may escalate and bind cluster roles" in said, said


@pytest.mark.parametrize("door", [*DOORS, *OPEN])
def test_an_administrator_and_the_controller_go_through_all(guarded: Cluster, door: str) -> None:
    body = {**DOORS, **OPEN}[door]
    for person in (ROOT, CONTROLLER):
        code, said = tried(guarded, person, "create", "--dry-run=server", "-f", "-", body=body)
        assert not code, said


@pytest.mark.parametrize("door", OPEN)
def test_an_operator_does_what_gives_no_rights(guarded: Cluster, door: str) -> None:
    words = ("create", "--dry-run=server", "-f", "-")
    code, said = tried(guarded, OPERATOR, *words, body=OPEN[door])
    assert not code, said


@pytest.mark.parametrize("door", [*DOORS, *OPEN])
def test_who_has_no_role_does_nothing(guarded: Cluster, door: str) -> None:
    body = {**DOORS, **OPEN}[door]
    code, said = tried(guarded, NOBODY, "create", "--dry-run=server", "-f", "-", body=body)
    assert code
    assert "cannot create" in said


@pytest.fixture
def standing(guarded: Cluster) -> Iterator[Cluster]:
    """With a ConfigMap, a vault and a restore of an administrator's there."""
    objects = (DOORS["rules of any name"], VAULT, task("ApplicationRestore", "guard-r", **SKIP))
    for one in objects:
        guarded.kubectl("apply", "-f", "-", input=json.dumps(one))
    yield guarded
    for one in objects:
        name = f"{one['kind'].lower()}/{one['metadata']['name']}"
        guarded.kubectl("delete", name, "-n", HOME, "--ignore-not-found")


SIDE_DOORS = {
    "edit the rules": ("patch", "cm", "guard-any", "--type=merge", "-p", '{"data":{"x":"y"}}'),
    "label the rules": ("label", "cm", "guard-any", "velero.io/plugin-config="),
    "move the vault": (
        *("patch", "backuplocation", "guard-vault", "--type=merge", "-p"),
        '{"spec":{"config":{"region":"eu-central-1"}}}',
    ),
    "a modifier later": (
        *("patch", "applicationrestore", "guard-r", "--type=merge", "-p"),
        '{"spec":{"resourceModifier":{"kind":"ConfigMap","name":"guard-any"}}}',
    ),
    "privileged resources later": (
        *("patch", "applicationrestore", "guard-r", "--type=json", "-p"),
        '[{"op":"remove","path":"/spec/privilegedResources"}]',
    ),
    "the annotation later": (
        *("annotate", "applicationrestore", "guard-r"),
        f"csdr.alibabacloud.com/backuplocations={next(iter(ANNOTATION.values()))}",
    ),
    "the status": (
        *("patch", "applicationrestore", "guard-r", "--subresource=status", "--type=merge", "-p"),
        '{"status":{"phase":"Completed"}}',
    ),
    "the guard": ("delete", "validatingadmissionpolicy", f"{GUARD}restores"),
    "the guard's binding": ("delete", "validatingadmissionpolicybinding", f"{GUARD}vaults"),
}


@pytest.mark.parametrize("door", SIDE_DOORS)
def test_side_doors_are_shut(standing: Cluster, door: str) -> None:
    verb, *rest = SIDE_DOORS[door]
    for person in (OPERATOR, NAMESPACE_ADMIN):
        code, said = tried(standing, person, verb, *rest, "-n", HOME)
        assert code, door
        shut = ("escalate and bind cluster roles", "forbidden", "cannot change once it has started")
        assert any(words in said.lower() for words in shut), said


def test_what_changes_nothing_guarded_is_not_judged(standing: Cluster) -> None:
    for what in ("cm/guard-any", "backuplocation/guard-vault", "applicationrestore/guard-r"):
        code, said = tried(standing, OPERATOR, "annotate", what, "note=mine", "-n", HOME)
        assert not code, said


def test_the_policies_are_sound_to_the_server(guarded: Cluster) -> None:
    for one in guard.GUARDED:
        found = guarded.get("validatingadmissionpolicy", f"{GUARD}{one.name}")
        warnings = (found.get("status") or {}).get("typeChecking", {}).get("expressionWarnings")
        assert not warnings, warnings


def test_a_plan_leaves_out_what_the_restore_of_its_options_leaves_out(
    guarded: Cluster, tmp_path: Path
) -> None:
    archive = EXAMPLES / "nginx-backup.tar.gz"
    vault = tmp_path / "vault"
    folder = vault / "backups" / "nginx-backup"
    folder.mkdir(parents=True)
    shutil.copy(archive, folder)
    (folder / "velero-backup.json").write_bytes(backup_document(BackupFacts(name="nginx-backup")))
    for person, said in ((OPERATOR, True), (ROOT, False)):
        config = codec.load_yaml(guarded.kubeconfig.read_text())
        config["users"][0]["user"] |= {"as": person, "as-groups": ["system:authenticated"]}
        kubeconfig = tmp_path / f"{person}.kubeconfig"
        kubeconfig.write_text(codec.dump_yaml(config))
        done = subprocess.run(
            [FERRY, "restore", "plan", "--vault", vault, "--backup", "nginx-backup"],
            env={"KUBECONFIG": str(kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ("privilegedResources: Skip" in done.stderr) is said, done.stderr
        assert ("privilegedResources" in done.stdout) is said
