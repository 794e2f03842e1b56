"""The seed's story through the commands alone, on sandbox clusters and a local vault."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from kubeferry import codec
from tests.e2e.machine import EXAMPLES, Machine

IMAGE = "registry.cn-beijing.aliyuncs.com/acr-team/nginx:1.14.1-8.6"
OLD_IMAGE = "anolis-registry.cn-zhangjiakou.cr.aliyuncs.com/openanolis/nginx:1.14.1-8.6"
RESTORE = (
    "--from-backup",
    "nginx-1",
    "--namespace-mapping",
    "default=default1",
    "--image-registry-mapping",
    f"{OLD_IMAGE.partition('/nginx')[0]}={IMAGE.partition('/nginx')[0]}",
    "--resource-modifier",
    "nginx-backup-resource-modifier",
)


@pytest.fixture(scope="module")
def backed_up(machine: Machine) -> Machine:
    """A vault registered in both clusters, a backup of the seed's StatefulSet in it."""
    machine.apply("backup", "01-statefulset.yaml")
    for cluster in ("backup", "restore"):
        made = machine.ferry(
            cluster, "vault", "create", "disk", "--provider", "local", "--bucket", "ferry", "--wait"
        )
        assert made.exit_code == 0, made.output
    done = machine.ferry(
        "backup", "backup", "create", "nginx-1", "--vault", "disk",
        "--include-namespaces", "default", "--wait", "--timeout", "30s",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.stdout == "applicationbackup.csdr.alibabacloud.com/nginx-1 created\n"
    assert done.stderr.count("backup nginx-1: Completed") == 1
    machine.apply("restore", "03-resource-modifier.yaml")
    return machine


def test_the_vault_is_listed_and_described(backed_up: Machine) -> None:
    [headings, line] = backed_up.ferry("backup", "vault", "get").stdout.splitlines()
    assert headings.split() == ["NAME", "PHASE", "LAST", "VALIDATED", "AGE"]
    assert line.split()[:2] == ["disk", "Available"]
    text = backed_up.ferry("backup", "vault", "describe", "disk").stdout
    assert "Provider:" in text
    assert "Phase:               Available" in text


def test_the_backup_is_listed_in_every_form(backed_up: Machine) -> None:
    table = backed_up.ferry("backup", "backup", "get").stdout.splitlines()
    assert [line.split()[:2] for line in table] == [["NAME", "PHASE"], ["nginx-1", "Completed"]]
    wide = backed_up.ferry("backup", "backup", "get", "-o", "wide", "--no-headers").stdout
    assert wide.split()[-3:] == ["29d", "disk", "default"]
    name = backed_up.ferry("backup", "backup", "get", "-o", "name").stdout
    assert name == "applicationbackup.csdr.alibabacloud.com/nginx-1\n"
    obj = codec.load_yaml(
        backed_up.ferry("backup", "backup", "get", "nginx-1", "-o", "yaml").stdout
    )
    assert (obj["kind"], obj["status"]["phase"]) == ("ApplicationBackup", "Completed")
    assert "managedFields" not in obj["metadata"]
    listed = json.loads(backed_up.ferry("backup", "backup", "get", "-o", "json").stdout)
    assert [one["metadata"]["name"] for one in listed["items"]] == ["nginx-1"]


def test_the_backup_is_described_with_what_is_in_it(backed_up: Machine) -> None:
    text = backed_up.ferry("backup", "backup", "describe", "nginx-1", "--details").stdout
    assert "Phase:           Completed" in text
    assert "  namespace default: " in text
    assert "    StatefulSet (apps/v1): 1\n      web\n" in text


def test_the_log_of_a_backup_is_printed(backed_up: Machine) -> None:
    done = backed_up.ferry("backup", "backup", "logs", "nginx-1")
    assert done.exit_code == 0, done.output
    assert done.stdout.strip()


def test_the_archive_is_downloaded_and_verified(backed_up: Machine, tmp_path: Path) -> None:
    args = ("backup", "download", "nginx-1", "--output-dir", str(tmp_path))
    done = backed_up.ferry("backup", *args)
    assert done.exit_code == 0, done.output
    file = tmp_path / "nginx-1.tar.gz"
    assert done.stdout.startswith(f"{file} (")
    assert "verified" in done.stdout
    with tarfile.open(file) as archive:
        assert "resources/statefulsets.apps/namespaces/default/web.json" in archive.getnames()
    assert file.stat().st_mode & 0o077 == 0
    again = backed_up.ferry("backup", *args)
    assert again.exit_code == 2
    assert f"error: {file}: is there already\nhint: --force replaces it\n" == again.stderr
    assert backed_up.ferry("backup", *args, "--force").exit_code == 0


def test_a_plan_shows_every_change_and_its_cause_and_writes_nothing(backed_up: Machine) -> None:
    vault = backed_up.folder / "vaults"
    before = {path: path.stat().st_mtime_ns for path in vault.rglob("*") if path.is_file()}
    done = backed_up.ferry("restore", "restore", "plan", *RESTORE)
    assert done.exit_code == 0, done.output
    text = done.stdout
    assert text.startswith("Plan  backup nginx-1 of vault disk into restore\n")
    web = text[text.index("create  StatefulSet default/web -> default1/web") :].splitlines()
    assert [" ".join(line.split()) for line in web[1:4]] == [
        "~ /spec/template/spec/containers/0/image: (imageRegistryMapping)",
        OLD_IMAGE,
        f"-> {IMAGE}",
    ]
    assert "-> /data                   (modifier rule 1, patch 2 replace)" in text
    assert f"Images that must exist before; a restore copies none\n  {IMAGE}\n" in text
    assert "Nothing was written." in text
    assert [line for line in text.splitlines() if len(line) > 100 and line[-1:] != "\\"] == []
    assert "default1" not in backed_up.objects("restore", "namespaces", "")
    assert backed_up.objects("restore", "applicationrestores", "csdr") == {}
    after = {path: path.stat().st_mtime_ns for path in vault.rglob("*") if path.is_file()}
    assert {key for key in after if "backups" in key.parts} == {
        key for key in before if "backups" in key.parts
    }
    assert not (vault / "ferry/restores").exists()


def test_a_plan_of_a_manifest_is_the_plan_of_its_options(
    backed_up: Machine, tmp_path: Path
) -> None:
    manifest = tmp_path / "restore.yaml"
    made = backed_up.ferry(
        "restore", "restore", "create", "plan", *RESTORE, "--dry-run", "client", "-o", "yaml"
    )
    manifest.write_text(made.stdout)
    ours = backed_up.ferry("restore", "restore", "plan", *RESTORE, "-o", "json").stdout
    theirs = backed_up.ferry("restore", "restore", "plan", "-f", str(manifest), "-o", "json").stdout
    assert ours == theirs
    lines = [json.loads(line) for line in ours.splitlines()]
    assert lines[-1]["type"] == "summary"
    assert lines[-1]["images"] == [IMAGE]
    [web] = [one for one in lines if one.get("kind") == "StatefulSet"]
    assert {change["mechanism"] for change in web["changes"]} == {
        "automatic",
        "parameter",
        "modifier",
    }


@pytest.mark.parametrize(
    ("name", "bucket", "code"),
    [
        pytest.param("disk", "ferry", 0, id="of a registered vault"),
        pytest.param("new", "ferry", 0, id="of a vault that is not registered"),
        pytest.param("disk", "other", 5, id="that differs from the registered vault"),
    ],
)
def test_a_plan_follows_the_manifests_annotation(
    backed_up: Machine, tmp_path: Path, name: str, bucket: str, code: int
) -> None:
    vault = json.dumps({"name": name, "bucket": bucket, "provider": "local"})
    manifest = codec.load_yaml((EXAMPLES / "05-applicationrestore.yaml").read_text())
    manifest["metadata"]["annotations"] = {"csdr.alibabacloud.com/backuplocations": vault}
    manifest["spec"]["backupName"] = "nginx-1"
    file = tmp_path / "restore.yaml"
    file.write_text(codec.dump_yaml(manifest))
    done = backed_up.ferry("restore", "restore", "plan", "-f", str(file))
    assert done.exit_code == code, done.output
    assert (f"of vault {name} into" in done.stdout) == (code == 0)
    assert "new" not in backed_up.objects("restore", "backuplocations", "csdr")


def test_a_plan_may_name_the_vault(backed_up: Machine) -> None:
    done = backed_up.ferry(
        "restore", "restore", "plan", "--from-backup", "nginx-1", "--vault", "disk"
    )
    assert done.exit_code == 0, done.output


def test_a_backup_the_cluster_does_not_know_is_looked_for_in_its_vaults(
    backed_up: Machine,
) -> None:
    made = backed_up.ferry(
        "backup", "backup", "create", "unknown", "--vault", "disk", "-o", "name",
        "--include-namespaces", "default", "--wait",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    # A namespace of its own: nothing is synced into it.
    register = ("-n", "quiet", "--provider", "local", "--bucket", "ferry")
    backed_up.create(
        "restore", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "quiet"}}
    )
    assert backed_up.ferry("restore", "vault", "create", "disk", *register).exit_code == 0
    done = backed_up.ferry("restore", "restore", "plan", "-n", "quiet", "--from-backup", "unknown")
    assert done.exit_code == 0, done.output
    assert "backup unknown of vault disk" in done.stdout


def test_the_restore_does_what_the_plan_said(backed_up: Machine) -> None:
    done = backed_up.ferry("restore", "restore", "create", "nginx", *RESTORE, "--wait")
    assert done.exit_code == 0, done.output
    assert "restore nginx: Completed (" in done.stderr
    web = backed_up.objects("restore", "statefulsets.apps", "default1")["web"]
    assert web["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
    described = backed_up.ferry("restore", "restore", "describe", "nginx", "--details").stdout
    assert f"Images needed:      {IMAGE}" in described
    assert "    default1/web(created)" in described
    assert "wave 6" in backed_up.ferry("restore", "restore", "logs", "nginx").stdout


def test_a_second_restore_of_the_same_name_is_refused(backed_up: Machine) -> None:
    assert backed_up.ferry("restore", "restore", "create", "twice", *RESTORE).exit_code == 0
    done = backed_up.ferry("restore", "restore", "create", "twice", *RESTORE)
    assert done.exit_code == 4
    assert "hint: choose another name: a task runs once" in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        pytest.param(
            ("restore", "plan", "--from-backup", "nginx-1", "--namespace-mapping", "default=csdr"),
            2,
            "spec.namespaceMapping.default",
            id="a mapping to a reserved namespace",
        ),
        pytest.param(
            ("restore", "plan", "--from-backup", "no-such"), 5, "'no-such'", id="no such backup"
        ),
        pytest.param(
            ("restore", "plan", "--from-backup", "nginx-1", "--vault", "nowhere"),
            2,
            "no vault is registered as 'nowhere'",
            id="no such vault",
        ),
        pytest.param(
            ("restore", "plan", "--from-backup", "nginx-1", "--resource-modifier", "gone"),
            2,
            "spec.resourceModifier.name",
            id="no such modifier",
        ),
        pytest.param(("backup", "get", "gone"), 5, "'gone'", id="an object that is not there"),
        pytest.param(("backup", "describe", "gone"), 5, "backup get lists", id="nothing to tell"),
        pytest.param(("restore", "get", "gone"), 4, "restore get lists", id="no such restore"),
        pytest.param(("backup", "download", "gone"), 5, "'gone'", id="a download of nothing"),
        pytest.param(
            ("backup", "contents", "gone"), 5, "\nhint: kubeferry backup get", id="no contents"
        ),
        pytest.param(
            ("backup", "contents", "gone", "--vault", "disk"),
            5,
            "error: vault disk: no finished backup is called 'gone'",
            id="a vault by its name",
        ),
        pytest.param(
            ("vault", "create", "x", "--provider", "local", "--bucket", "b", "--sync-period", "5s"),
            2,
            "--sync-period",
            id="too often",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_exit_code(
    backed_up: Machine, args: tuple[str, ...], code: int, text: str
) -> None:
    done = backed_up.ferry("restore", *args)
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.splitlines()[-2 if "hint:" in done.stderr else -1].startswith("error: ")
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_a_task_that_failed_ends_the_wait_with_7(backed_up: Machine) -> None:
    done = backed_up.ferry(
        "backup", "backup", "create", "lost", "--vault", "disk",
        "--include-namespaces", "kube-system", "--wait", "--timeout", "30s",
    )  # fmt: skip
    assert done.exit_code == 7
    assert "error: backup lost: InvalidInput: " in done.stderr
    assert "hint: kubeferry backup describe lost\n" in done.stderr


def test_a_vault_that_is_not_there_does_not_burn_the_name(backed_up: Machine) -> None:
    words = ("backup", "create", "typo", "--vault", "nowhere", "--include-namespaces", "default")
    done = backed_up.ferry("backup", *words)
    assert done.exit_code == 2
    assert "no vault is registered as 'nowhere' in this cluster\nhint: 'vault get'" in done.stderr
    assert "typo" not in backed_up.objects("backup", "applicationbackups", "csdr")


def test_a_wait_that_is_too_long_says_that_the_task_goes_on(backed_up: Machine) -> None:
    done = backed_up.ferry(
        "backup", "backup", "create", "slow", "--vault", "disk", "--wait", "--timeout", "1ms"
    )
    assert done.exit_code == 1
    assert "did not end in 1ms; it goes on\nhint: kubeferry backup get slow --watch" in done.stderr


def test_a_damaged_archive_is_neither_planned_nor_downloaded(
    backed_up: Machine, tmp_path: Path
) -> None:
    made = backed_up.ferry(
        "backup", "backup", "create", "hurt", "--vault", "disk", "--include-namespaces", "default",
        "--wait",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    [archive] = (backed_up.folder / "vaults").rglob("hurt.tar.gz")
    archive.write_bytes(gzip.compress(gzip.decompress(archive.read_bytes()) + b"\0" * 512))
    plan = backed_up.ferry("backup", "restore", "plan", "--from-backup", "hurt")
    assert plan.exit_code == 6
    assert "SHA-256" in plan.stderr
    assert "hint: " in plan.stderr
    target = tmp_path / "hurt.tar.gz"
    fetched = backed_up.ferry("backup", "backup", "download", "hurt", "-o", str(target))
    assert fetched.exit_code == 6
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_field_is_refused_by_name(backed_up: Machine, tmp_path: Path) -> None:
    body = codec.load_yaml((EXAMPLES / "02-applicationbackup.yaml").read_text())
    body["spec"]["tttl"] = "1h"
    file = tmp_path / "backup.yaml"
    file.write_text(codec.dump_yaml(body))
    done = backed_up.ferry("backup", "backup", "create", "-f", str(file))
    assert done.exit_code == 2
    assert "tttl" in done.stderr
    assert "nginx-backup" not in backed_up.objects("backup", "applicationbackups", "csdr")


def test_a_dry_run_by_the_server_creates_nothing(backed_up: Machine) -> None:
    done = backed_up.ferry(
        "backup", "backup", "create", "dry", "--vault", "disk", "--dry-run", "server"
    )
    assert done.stdout.endswith("/dry created (server dry run)\n")
    assert "dry" not in backed_up.objects("backup", "applicationbackups", "csdr")


def test_a_vault_is_unregistered_and_its_backups_stay(backed_up: Machine) -> None:
    args = ("vault", "create", "spare", "--provider", "local", "--bucket", "spare", "--wait")
    assert backed_up.ferry("backup", *args).exit_code == 0
    done = backed_up.ferry("backup", "vault", "delete", "spare")
    assert done.exit_code == 0, done.output
    assert "spare" not in backed_up.objects("backup", "backuplocations", "csdr")
    assert (backed_up.folder / "vaults/spare").is_dir()


def test_a_vault_that_cannot_be_used_ends_the_wait_with_5(backed_up: Machine) -> None:
    done = backed_up.ferry(
        "backup", "vault", "create", "away", "--provider", "aws", "--bucket", "away",
        "--region", "r", "--wait",
    )  # fmt: skip
    assert done.exit_code == 5
    assert "error: vault away: " in done.stderr


def test_names_are_completed_from_the_cluster(backed_up: Machine) -> None:
    done = backed_up.ferry(
        "backup",
        env={
            "_KUBEFERRY_COMPLETE": "bash_complete",
            "COMP_WORDS": "kubeferry backup describe ngi",
            "COMP_CWORD": "3",
        },
    )
    assert done.stdout == "plain,nginx-1\n"
