"""The keys of a vault through the commands: made, carried to another cluster, and what they find.

Two clusters share a vault; the first has a key from the start.
"""

import base64
import json
import stat
import time
from pathlib import Path

import pytest
from click.testing import Result

from tests.docs.pages import DOCS
from tests.e2e.machine import Machine

NAMESPACE = "default"


@pytest.fixture(scope="module")
def signed(machine: Machine) -> Machine:
    """The vault ``keyed`` in the first cluster with a key, and two signed backups in it."""
    machine.apply("backup", "01-statefulset.yaml")
    run(machine, "backup", "vault", "create", "keyed", "--provider", "local", "--bucket", "keyed",
        "--wait")  # fmt: skip
    back_up(machine, "before")
    run(machine, "backup", "vault", "key", "create", "keyed")
    for name in ("one", "two"):
        back_up(machine, name)
    return machine


def run(machine: Machine, cluster: str, *args: str, code: int = 0) -> Result:
    done = machine.ferry(cluster, *args)
    assert done.exit_code == code, done.output
    return done


def back_up(machine: Machine, name: str) -> Result:
    return run(machine, "backup", "backup", "create", name, "--vault", "keyed",
               "--include-namespaces", NAMESPACE, "--wait", "--timeout", "30s")  # fmt: skip


def folder(machine: Machine, name: str) -> Path:
    return machine.folder / "vaults" / "keyed" / "backups" / name


def keys_in(machine: Machine, cluster: str) -> list[str]:
    """Every key that the cluster holds, as its Secret has it."""
    secret = machine.objects(cluster, "secrets", "csdr")["csdr-vault-keys"]
    ring = json.loads(base64.b64decode(secret["data"]["keyed"]))
    return [one["key"] for one in ring["keys"]]


def test_a_backup_is_signed_once_its_vault_has_a_key(signed: Machine) -> None:
    assert (folder(signed, "one") / "one-checksums.hmac").exists()
    assert not (folder(signed, "before") / "before-checksums.hmac").exists()
    run(signed, "backup", "backup", "describe", "one", "--details")


def test_one_from_before_is_refused_and_the_message_says_what_to_do(signed: Machine) -> None:
    done = run(signed, "backup", "restore", "plan", "--from-backup", "before", code=6)
    assert "before-checksums.hmac: the backup is not signed with the vault's key" in done.stderr
    assert "vault key set" in done.stderr


def test_keys_are_listed_by_their_ids_alone(signed: Machine) -> None:
    listed = run(signed, "backup", "vault", "key", "get").stdout.splitlines()
    assert listed[0].split() == ["VAULT", "KEYS", "SIGNS", "WITH", "AGE", "UNSIGNED"]
    assert listed[1].split()[:2] == ["keyed", "1"]
    assert listed[1].split()[-1] == "refused"
    shown = run(signed, "backup", "vault", "key", "describe", "keyed").stdout
    assert "Unsigned backups:  refused" in shown
    for key in keys_in(signed, "backup"):
        assert key not in "\n".join(listed) + shown


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("restore", "plan", "--from-backup", "two"), id="plan"),
        pytest.param(("backup", "describe", "two", "--details"), id="describe --details"),
        pytest.param(("backup", "contents", "two"), id="contents"),
        pytest.param(("backup", "logs", "two"), id="logs"),
        pytest.param(("backup", "download", "two", "-o", "FOLDER/two.tar.gz"), id="download"),
    ],
)
def test_a_forged_backup_is_refused_by_whatever_reads_it(
    signed: Machine, command: tuple[str, ...], tmp_path: Path
) -> None:
    theirs, mine = (folder(signed, name) / f"{name}-checksums.hmac" for name in ("one", "two"))
    before = mine.read_bytes()
    mine.write_bytes(theirs.read_bytes())
    try:
        words = [word.replace("FOLDER", str(tmp_path)) for word in command]
        done = run(signed, "backup", *words, code=6)
    finally:
        mine.write_bytes(before)
    assert "two-checksums.hmac: the signature is not that of key" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_forged_backup_is_not_restored(signed: Machine) -> None:
    theirs, mine = (folder(signed, name) / f"{name}-checksums.hmac" for name in ("one", "two"))
    before = mine.read_bytes()
    mine.write_bytes(theirs.read_bytes())
    try:
        done = run(signed, "backup", "restore", "create", "no", "--from-backup", "two",
                   "--namespace-mapping", f"{NAMESPACE}=never", "--wait", code=7)  # fmt: skip
    finally:
        mine.write_bytes(before)
    assert "ArchiveForged" in done.stderr
    assert "never" not in signed.objects("backup", "namespaces", "")


def test_a_key_is_carried_to_another_cluster_and_rotated(signed: Machine, tmp_path: Path) -> None:
    file = tmp_path / "keyed.keys"
    run(signed, "backup", "vault", "key", "export", "keyed", "-o", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "allowUnsigned" not in json.loads(file.read_bytes())
    done = run(signed, "backup", "vault", "key", "export", "keyed", "-o", str(file), code=2)
    assert "is there already" in done.stderr

    done = run(signed, "restore", "vault", "key", "import", "keyed", "-f", str(file))
    assert done.stdout.startswith("1 key of vault keyed imported; ")
    assert "no vault is registered as keyed yet" in done.stderr
    assert keys_in(signed, "restore") == keys_in(signed, "backup")
    run(signed, "restore", "vault", "create", "keyed", "--provider", "local", "--bucket", "keyed",
        "--wait")  # fmt: skip
    until_synced(signed)
    described = run(signed, "restore", "vault", "describe", "keyed").stdout
    assert "before: ArchiveUnsigned: " in described

    run(signed, "backup", "vault", "key", "create", "keyed", code=2)
    run(signed, "backup", "vault", "key", "create", "keyed", "--rotate")
    assert len(keys_in(signed, "backup")) == 2
    run(signed, "backup", "backup", "describe", "one", "--details")
    back_up(signed, "three")
    done = run(signed, "restore", "restore", "plan", "--from-backup", "three", code=6)
    assert "signed with a key that is not known here" in done.stderr
    run(signed, "backup", "vault", "key", "export", "keyed", "-o", str(file), "--force")
    run(signed, "restore", "vault", "key", "import", "keyed", "-f", str(file))
    run(signed, "restore", "restore", "plan", "--from-backup", "three")


def until_synced(machine: Machine) -> None:
    for _ in range(100):
        found = machine.objects("restore", "applicationbackups", "csdr")
        if {"one", "two"} <= found.keys():
            assert "before" not in found
            return
        time.sleep(0.1)
    raise AssertionError(f"not synced: {found.keys()}")


def test_unsigned_backups_can_be_let_pass_with_a_word_of_it(signed: Machine) -> None:
    run(signed, "backup", "vault", "key", "set", "keyed", "--allow-unsigned")
    for words in (
        ("backup", "download", "before", "-o", str(signed.folder / "before.tar.gz")),
        ("backup", "describe", "before", "--details"),
        ("backup", "contents", "before"),
        ("backup", "logs", "before"),
        ("restore", "plan", "--from-backup", "before"),
    ):
        done = run(signed, "backup", *words)
        said = "the backup is not signed with the vault's key: it was not checked for forgery"
        assert done.stderr.count(said) == 1, words
    run(signed, "backup", "vault", "key", "set", "keyed", "--refuse-unsigned")
    run(signed, "backup", "backup", "logs", "before", code=6)


def test_a_key_that_is_known_to_others_is_taken_away(signed: Machine) -> None:
    run(signed, "backup", "vault", "create", "other", "--provider", "local", "--bucket", "other")
    first = run(signed, "backup", "vault", "key", "create", "other").stdout.split()[1]
    done = run(signed, "backup", "vault", "key", "delete", "other", first, code=2)
    assert "it is the last key" in done.stderr
    run(signed, "backup", "vault", "key", "delete", "other", "ffffffff", code=2)
    run(signed, "backup", "vault", "key", "create", "other", "--rotate")
    run(signed, "backup", "vault", "key", "delete", "other", first)
    shown = run(signed, "backup", "vault", "key", "describe", "other").stdout
    assert first not in shown
    second = shown.splitlines()[-1].split()[0]
    run(signed, "backup", "vault", "key", "delete", "other", second, "--last")
    done = run(signed, "backup", "vault", "key", "describe", "other", code=2)
    assert "vault key create other" in done.stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        pytest.param(("create", "nowhere"), 4, "nowhere", id="no such vault"),
        pytest.param(("create", "other2", "--rotate"), 4, "other2", id="nor to rotate"),
        pytest.param(("get", "nowhere"), 2, "has no key", id="no key to show"),
        pytest.param(("export", "nowhere", "-o", "FOLDER/x"), 2, "has no key", id="nor to export"),
        pytest.param(("set", "nowhere", "--allow-unsigned"), 2, "has no key", id="nor to set"),
        pytest.param(("import", "v", "-f", "FOLDER/none"), 2, "cannot be read", id="no file"),
        pytest.param(("import", "v", "-f", "PAGE"), 2, "holds no keys", id="a file of no keys"),
    ],
)
def test_what_cannot_be_is_told(
    signed: Machine, args: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    words = [
        word.replace("FOLDER", str(tmp_path)).replace("PAGE", str(DOCS / "vaults.md"))
        for word in args
    ]
    done = run(signed, "backup", "vault", "key", *words, code=code)
    assert said in done.stderr
