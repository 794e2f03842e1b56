"""What is in backups, ours and Velero's, and what differs, as the commands show it."""

import gzip
import hashlib
import json
import shutil
from typing import Any

import pytest

from tests.builders import config_map, namespace, obj
from tests.e2e.machine import Machine
from tests.foreign import shop, writer
from tests.foreign.writer import Backup, Volume

HIDDEN = "bm90LXRvLWJlLXNob3du"


@pytest.fixture(scope="module")
def filled(machine: Machine) -> Machine:
    """A vault with a backup of ours, two after a change, and one of Velero's."""
    made = machine.ferry(
        "backup", "vault", "create", "disk", "--provider", "local", "--bucket", "both", "--wait"
    )
    assert made.exit_code == 0, made.output
    machine.create("backup", namespace("cafe"))
    machine.create("backup", config_map("cafe/menu", tea="3"))
    machine.create("backup", obj("v1/Secret", "cafe/till").with_(data={"pin": HIDDEN}))
    back_up(machine, "before")
    machine.create("backup", config_map("cafe/tables", count="4"))
    back_up(machine, "after")
    disk = Volume("shop/data", "disk-1", reclaim_policy="Retain")
    items = shop.items(disk, other_versions=True)
    velero = Backup("theirs", items, era=writer.NOW, volumes=[disk])
    writer.write(machine.folder / "vaults" / "both", velero)
    return machine


def back_up(machine: Machine, name: str) -> None:
    words = ("backup", "create", name, "--vault", "disk", "--include-namespaces", "cafe", "--wait")
    done = machine.ferry("backup", *words)
    assert done.exit_code == 0, done.output


def said(machine: Machine, *words: str, code: int = 0) -> Any:
    done = machine.ferry("backup", "backup", *words, "-o", "json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_a_kind_that_is_not_in_it_is_an_error_and_a_warning(filled: Machine) -> None:
    done = filled.ferry("backup", "backup", "contents", "after", "--kind", "cm,confgmap")
    assert done.exit_code == 2
    assert "menu" in done.stdout
    assert "warning: the backup holds nothing of kind confgmap; did you mean Conf" in done.stderr


@pytest.mark.parametrize("name", ["after", "theirs"])
def test_contents_are_the_archives_objects_with_sizes_and_dates(filled: Machine, name: str) -> None:
    found = said(filled, "contents", name, "--vault", "disk")
    assert found["objects"] == len(found["items"]) > 4
    assert found["size"] == sum(one["size"] for one in found["items"])
    assert all(one["creationTimestamp"] for one in found["items"])
    assert [one["namespace"] for one in found["items"]][-1] == "", "cluster-scoped ones last"
    versions = {one["type"]: one["versions"] for one in found["kinds"]}
    assert versions["configmaps"] == ["v1"]


def test_velero_s_archive_is_told_to_be_unverified(filled: Machine) -> None:
    done = filled.ferry("backup", "backup", "contents", "theirs", "--vault", "disk")
    assert "not verified" in done.stderr
    assert "theirs of vault disk" in done.stdout


def test_an_object_of_velero_s_is_shown_with_its_secrets_masked(filled: Machine) -> None:
    words = ("contents", "theirs", "secret/key", "--vault", "disk")
    found = said(filled, *words)
    assert set(found["data"].values()) == {"(masked)"}
    assert said(filled, *words, "--show-secrets")["data"] == shop.secret()["data"]


def test_an_object_that_is_not_in_it(filled: Machine) -> None:
    done = filled.ferry("backup", "backup", "contents", "before", "cm/tables")
    assert done.exit_code == 5
    assert "holds no cm/tables" in done.stderr


def test_two_backups_differ_in_what_was_made_between_them(filled: Machine) -> None:
    found = said(filled, "diff", "before", "after", code=10)
    assert [(one["change"], one["name"]) for one in found["objects"]] == [("added", "tables")]
    assert said(filled, "diff", "after", "after")["summary"]["added"] == 0


def test_a_backup_and_its_cluster_are_the_same_until_something_happens(filled: Machine) -> None:
    assert said(filled, "diff", "after", "--live")["objects"] == []
    found = said(filled, "diff", "before", "--live", code=10)
    assert [one["name"] for one in found["objects"]] == ["tables"]


def test_a_backup_of_another_cluster_beside_this_one_is_gone(filled: Machine) -> None:
    found = said(filled, "diff", "theirs", "--live", "--vault", "disk", code=10)
    assert found["summary"]["removed"] == 10
    assert found["new"] == {"cluster": "backup"}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(
            ("--kind", "confgmap"),
            "--kind confgmap: neither holds anything of this kind; did you mean ConfigMap?",
            id="a kind",
        ),
        pytest.param(
            ("--in-namespace", "cafee"),
            "--in-namespace cafee: neither holds anything in it; did you mean cafe?",
            id="a namespace",
        ),
    ],
)
def test_a_word_that_meets_nothing_is_no_answer(
    filled: Machine, words: tuple[str, ...], problem: str
) -> None:
    done = filled.ferry("backup", "backup", "diff", "before", "after", *words)
    assert done.exit_code == 2
    assert f"warning: {problem}" in done.stderr
    assert f"error: {problem}" in done.stderr


def test_globs_narrow_what_is_compared(filled: Machine) -> None:
    globs = ("--kind", "config*", "--in-namespace", "caf?")
    found = said(filled, "diff", "before", "after", *globs, code=10)
    assert [one["name"] for one in found["objects"]] == ["tables"]


def test_what_a_backup_could_not_read_is_not_called_removed(filled: Machine) -> None:
    words = ("backup", "create", "partial", "--vault", "disk", "--include-namespaces", "cafe")
    done = filled.ferry("backup", *words, "--exclude-resources", "configmaps", "--wait")
    assert done.exit_code == 0, done.output
    tell(filled, "partial", "configmaps: Forbidden: could not be read in cafe: no")
    # Newer or older: what it lacks may have been there.
    for pair in (("before", "partial"), ("partial", "before")):
        found = said(filled, "diff", *pair, code=4)
        assert [(one["change"], one["name"]) for one in found["objects"]] == [("unread", "menu")]
        assert [one["what"] for one in found["unread"]] == ["configmaps in cafe"]
    assert said(filled, "diff", "before", "partial", "--kind", "secret")["unread"] == []
    done = filled.ferry("backup", "backup", "diff", "before", "partial")
    assert "warning: backup partial: Unread: when it was taken: configmaps: Forb" in done.stderr
    assert "hint: kubeferry backup describe partial --details" in done.stderr


def tell(machine: Machine, backup: str, error: str) -> None:
    """Makes a backup one that could not read everything."""
    folder = machine.folder / "vaults" / "both" / "backups" / backup
    name = f"{backup}-results.gz"
    told = json.dumps({"warnings": {}, "errors": {"namespaces": {"cafe": [error]}}})
    (folder / name).write_bytes(gzip.compress(told.encode()))
    sums = folder / f"{backup}-checksums.json"
    right = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    text = json.loads(sums.read_text())
    [key] = [one for one in text["files"] if one.endswith(name)]
    text["files"][key] = right
    sums.write_text(json.dumps(text))


def test_no_value_of_a_secret_is_in_a_difference(filled: Machine) -> None:
    done = filled.ferry("backup", "backup", "diff", "before", "theirs", "--show", "--vault", "disk")
    assert done.exit_code == 10
    assert HIDDEN not in done.output


def test_a_dry_run_shows_what_a_backup_then_holds(filled: Machine) -> None:
    options = ("--vault", "disk", "--include-namespaces", "cafe")
    found = said(filled, "create", "dry", *options, "--dry-run")
    kinds = {one["type"]: one["objects"] for one in found["kinds"]}
    taken = said(filled, "contents", "after")
    assert kinds == {one["type"]: one["objects"] for one in taken["kinds"]}
    gone = filled.ferry("backup", "backup", "get", "dry")
    assert gone.exit_code == 5, "nothing was written"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        pytest.param(
            ("dry", "--vault", "disk"), 0, "Without --dry-run it is done.", id="it could begin"
        ),
        pytest.param(
            ("dry", "--vault", "nope"),
            7,
            "! no vault is registered as 'nope' in this cluster",
            id="no such vault",
        ),
        pytest.param(
            ("after", "--vault", "disk"),
            7,
            "! csdr has a ApplicationBackup after already",
            id="the name is taken",
        ),
    ],
)
def test_a_dry_run_tells_whether_it_would_be_done(
    filled: Machine, words: tuple[str, ...], code: int, told: str
) -> None:
    options = ("--include-namespaces", "cafe", "--dry-run")
    done = filled.ferry("backup", "backup", "create", *words, *options)
    assert (done.exit_code, told in done.stdout) == (code, True), done.output


def dry_task(machine: Machine, name: str, namespaces: list[str]) -> str:
    """Where the manifest of a dry run by the controller is."""
    file = machine.folder / f"{name}.yaml"
    spec = {"storageLocation": "disk", "includedNamespaces": namespaces, "dryRun": True}
    body = {
        "apiVersion": "csdr.alibabacloud.com/v1beta1",
        "kind": "ApplicationBackup",
        "metadata": {"name": name, "namespace": "csdr"},
        "spec": spec,
    }
    file.write_text(json.dumps(body))
    return str(file)


@pytest.mark.parametrize(
    ("name", "namespaces", "code"),
    [
        pytest.param("well", ["cafe"], 0, id="completed"),
        pytest.param("lacking", ["cafe", "gone"], 8, id="partially failed"),
    ],
)
def test_a_dry_run_by_the_controller_ends_as_the_backup_would(
    filled: Machine, name: str, namespaces: list[str], code: int
) -> None:
    file = dry_task(filled, name, namespaces)
    done = filled.ferry("backup", "backup", "create", "-f", file, "--wait")
    assert done.exit_code == code, done.output
    assert "a dry run, nothing was written; the backup would end" in done.stderr
    assert ("NamespaceMissing" in done.stderr) is bool(code)
    assert "Completed (dry run)" in filled.ferry("backup", "backup", "get", name).stdout


def test_a_dry_run_by_the_controller_has_nothing_to_read(
    filled: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = dry_task(filled, "empty-handed", ["cafe"])
    assert filled.ferry("backup", "backup", "create", "-f", file, "--wait").exit_code == 0
    for words in (("contents",), ("logs",), ("download",), ("diff", "--live")):
        monkeypatch.chdir(filled.folder)
        done = filled.ferry("backup", "backup", words[0], "empty-handed", *words[1:])
        assert done.exit_code == 5
        assert "empty-handed: is a dry run: nothing was written" in done.stderr


def test_a_backup_that_is_gone_from_its_vault(filled: Machine) -> None:
    back_up(filled, "swept")
    shutil.rmtree(filled.folder / "vaults" / "both" / "backups" / "swept")
    for words in (("describe", "swept", "--details"), ("logs", "swept")):
        done = filled.ferry("backup", "backup", *words)
        assert done.exit_code == 5
        assert "error: backup swept: is not in vault 'disk' any more\n" in done.stderr
        assert "contents" not in done.stderr


def test_a_log_ends_with_how_the_backup_ended(filled: Machine) -> None:
    done = filled.ferry("backup", "backup", "logs", "after")
    assert done.stderr.endswith("backup after: Completed (0 errors, 0 warnings)\n")


def test_a_local_vault_of_which_this_machine_knows_nothing(filled: Machine) -> None:
    done = filled.ferry("backup", "backup", "contents", "after", env={"KUBEFERRY_LOCAL_ROOT": ""})
    assert done.exit_code == 3
    assert "hint: set KUBEFERRY_LOCAL_ROOT to it on this machine" in done.stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        pytest.param(
            ("contents", "after", "cm/menu", "-o", "table"), "not as a table", id="one as a table"
        ),
        pytest.param(("contents", "after", "menu"), "write KIND/NAME", id="a name alone"),
        pytest.param(("contents", "after", "a/b", "--kind", "x"), "do not go together", id="both"),
        pytest.param(("diff", "after"), "or give --live", id="a diff with nothing"),
        pytest.param(("diff", "a", "b", "--live"), "or give --live", id="a diff with both"),
        pytest.param(
            ("create", "--vault", "v", "--dry-run", "--wait"), "do not go together", id="dry waits"
        ),
        pytest.param(
            ("create", "--vault", "v", "--dry-run", "-o", "yaml"), "--dry-run=client", id="as yaml"
        ),
    ],
)
def test_options_that_make_no_sense(filled: Machine, words: Any, problem: str) -> None:
    done = filled.ferry("backup", "backup", *words)
    assert done.exit_code == 2
    assert problem in done.stderr
