"""What the status of a task says of its end. Pure.

Where the ACK backup center has a message for the case, its literal words come first, so that what
people and programs look for is found; then our reason, the cause and what to do
(ack-backup-center.md §4.2). Two of those words are in the errors themselves, which know more:
``get target namespace failed`` and ``storageclass xxx not exists``.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kubeferry.errors import BackupExists, EncryptionRefused, FerryError, VaultUnavailable
from kubeferry.kube.names import Resource
from kubeferry.report import ReasonCount

VAULT = "VaultError: backup vault is unavailable"
EXISTS = "backup already exists in OSS bucket"
UPLOAD = "upload backup files failed"
DOWNLOAD = "download backup files failed"
ADDON = "addon status is abnormal"
INTERNAL = "internal error"
OBJECTS = "PROCESS velero partially completed"
VOLUMES = "PROCESS hbr partially completed"

OF_VOLUMES = frozenset({"VolumeDataNotTaken", "VolumeDataNotRestored", "ClaimKeepsVolume"})
"""Reasons of errors that are about the data of volumes."""


def failure(error: FerryError, resource: Resource) -> str:
    """Why a task of a kind ended ``Failed``."""
    own = f"{error.reason}: {error}"
    literal = _literal(error, resource)
    return f"{literal}: {own}" if literal else own


def _literal(error: FerryError, resource: Resource) -> str:
    match error:
        case EncryptionRefused():
            return UPLOAD if resource.kind == "ApplicationBackup" else DOWNLOAD
        case VaultUnavailable():
            return VAULT
        case BackupExists():
            return EXISTS
    return ""


def worn_out(error: FerryError) -> str:
    """Of a task that its controllers died of."""
    return f"{ADDON}: {error.reason}: {error}"


def defect(error: Exception) -> str:
    """What a person is told of a fault of ours; the error's own text may hold anything, so it stays
    in the log.
    """
    what = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return f"{INTERNAL}: InternalError: {type(error).__name__}{what}, see the controller's log"


def result(final: Mapping[str, Any]) -> str:
    """A final status in a sentence, for an event."""
    if final["phase"] == "Failed":
        return str(final["message"])
    done = int((final.get("progress") or {}).get("itemsDone") or 0)
    counts = final.get("counts") or {}
    told = ", ".join(f"{count:,} {action}" for action, count in counts.items() if count)
    objects = told or f"{done:,} object{'' if done == 1 else 's'}"
    return f"{objects}; {final['message']}" if final.get("message") else objects


def ending(
    *, warnings: int, errors: int, first: str, reasons: Iterable[ReasonCount] = ()
) -> str | None:
    """The message of a task that ended: none for a clean one, else the counts and the first."""
    if not errors and not warnings:
        return None
    counts = [
        f"{count} {what}{'' if count == 1 else 's'}"
        for count, what in ((errors, "error"), (warnings, "warning"))
        if count
    ]
    text = f"{' and '.join(counts)}; the first: {first}" if first else " and ".join(counts)
    if not errors:
        return text
    of_volumes = sum(
        one.times for one in reasons if one.outcome == "error" and one.reason in OF_VOLUMES
    )
    return f"{VOLUMES if of_volumes == errors else OBJECTS}: {text}"
