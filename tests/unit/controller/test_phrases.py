from typing import Any

import pytest

from kubeferry.controller.phrases import OF_VOLUMES, defect, ending, failure, result, worn_out
from kubeferry.controller.resources import BACKUPS, RESTORES
from kubeferry.errors import (
    ArchiveDamaged,
    BackupExists,
    EncryptionRefused,
    FerryError,
    InvalidInput,
    TaskFailed,
    VaultUnavailable,
)
from kubeferry.kube.names import Resource
from kubeferry.reasons import OF_OBJECTS
from kubeferry.report import ReasonCount

NO = VaultUnavailable("AccessDenied: no", place="vault main", remedy="see the bucket's policy")


@pytest.mark.parametrize(
    ("error", "task", "message"),
    [
        pytest.param(
            NO, BACKUPS, "VaultError: backup vault is unavailable: VaultUnavailable: vault main: "
            "AccessDenied: no; see the bucket's policy", id="a vault (E10)",
        ),
        pytest.param(
            BackupExists("is there"), BACKUPS,
            "backup already exists in OSS bucket: BackupExists: is there", id="a name (E15)",
        ),
        pytest.param(
            EncryptionRefused("no key"), BACKUPS,
            "upload backup files failed: EncryptionRefused: no key", id="a key, writing (E20)",
        ),
        pytest.param(
            EncryptionRefused("no key"), RESTORES,
            "download backup files failed: EncryptionRefused: no key", id="a key, reading (E20)",
        ),
        pytest.param(
            InvalidInput("storageclass x not exists", place="spec.y"), RESTORES,
            "InvalidInput: spec.y: storageclass x not exists", id="what the error says itself",
        ),
        pytest.param(
            ArchiveDamaged("is cut off"), RESTORES, "ArchiveDamaged: is cut off", id="ours alone"
        ),
    ],
)  # fmt: skip
def test_a_failure_begins_with_acks_own_words_and_tells_cause_and_advice(
    error: FerryError, task: Resource, message: str
) -> None:
    assert failure(error, task) == message


def test_controllers_that_die_and_faults_of_ours_have_acks_words_too() -> None:
    assert worn_out(TaskFailed("5 died")) == "addon status is abnormal: TaskFailed: 5 died"
    told = defect(RuntimeError("s3cr3t"))
    assert told == "internal error: InternalError: RuntimeError, see the controller's log"


@pytest.mark.parametrize(
    ("warnings", "errors", "first", "message"),
    [
        pytest.param(0, 0, "", None, id="a clean end needs no words"),
        pytest.param(
            0, 1, "x: bad", "PROCESS velero partially completed: 1 error; the first: x: bad",
            id="one error (E21)",
        ),
        pytest.param(2, 0, "x", "2 warnings; the first: x", id="warnings alone are no failure"),
        pytest.param(
            1, 2, "x",
            "PROCESS velero partially completed: 2 errors and 1 warning; the first: x",
            id="errors go first",
        ),
        pytest.param(
            0, 2, "", "PROCESS velero partially completed: 2 errors",
            id="the first is not known any more",
        ),
    ],
)  # fmt: skip
def test_the_message_of_an_end(warnings: int, errors: int, first: str, message: str | None) -> None:
    assert ending(warnings=warnings, errors=errors, first=first) == message


@pytest.mark.parametrize(
    ("reasons", "process"),
    [
        pytest.param([("error", "VolumeDataNotTaken", 2)], "hbr", id="volumes alone (E22)"),
        pytest.param(
            [("error", "VolumeDataNotTaken", 1), ("error", "Forbidden", 1)], "velero",
            id="objects too",
        ),
        pytest.param(
            [("error", "Forbidden", 2), ("warning", "VolumeDataNotRestored", 2)], "velero",
            id="a warning of volumes",
        ),
    ],
)  # fmt: skip
def test_what_failed_is_objects_or_the_data_of_volumes(
    reasons: list[tuple[str, str, int]], process: str
) -> None:
    counts = [ReasonCount(*one) for one in reasons]
    message = ending(warnings=0, errors=2, first="", reasons=counts)
    assert message == f"PROCESS {process} partially completed: 2 errors"


def test_reasons_of_volumes_are_reasons() -> None:
    assert {one.name for one in OF_OBJECTS} >= OF_VOLUMES


@pytest.mark.parametrize(
    ("final", "text"),
    [
        pytest.param(
            {"phase": "Completed", "counts": {"created": 1200, "skipped": 1, "failed": 0}},
            "1,200 created, 1 skipped", id="a restore",
        ),
        pytest.param(
            {"phase": "Completed", "progress": {"itemsDone": 1}}, "1 object", id="a backup"
        ),
        pytest.param(
            {"phase": "PartiallyFailed", "counts": {"failed": 2}, "message": "2 errors"},
            "2 failed; 2 errors", id="not all of it",
        ),
        pytest.param(
            {"phase": "Failed", "message": "no vault", "counts": None}, "no vault", id="nothing"
        ),
    ],
)  # fmt: skip
def test_a_final_status_in_a_sentence(final: dict[str, Any], text: str) -> None:
    assert result(final) == text
