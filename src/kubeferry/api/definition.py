"""What a custom resource of ours is called, and how it is shown and guarded."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

GROUP = "csdr.alibabacloud.com"
VERSION = "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"
NAMESPACE = "csdr"
"""Where our resources live unless the controller's settings say otherwise."""
ADMISSION = "admissionregistration.k8s.io"
GUARD = "kubeferry-guard-"
"""What the names of the guard's policies and of their bindings begin with (``guard``)."""

NAME_LENGTH = 200
"""A longer name would not fit the names of its files: ``<name>-csi-volumesnapshotcontents.json.gz``
and the like must stay below the 255 bytes of a file's name (velero.md §1.2)."""

SYNCED_FROM = f"{GROUP}/synced-from"
"""The annotation of a backup that appeared by sync, with the vault's name: no task to run."""

NOT_TOLD = f"{GROUP}/not-told"
"""The annotation of such a backup with what its vault says was asked for and its spec cannot: names
of fields."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``kubectl get``; ``wide`` ones are shown by ``-o wide`` alone."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule and what a person reads who breaks it.

    Rules keep to field access, ``has()``, ``size()``, comparisons, ``!``, ``&&`` and ``||``: what
    every API server since 1.25 evaluates cheaply, and the sandbox too.
    """

    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Definition:
    """One custom resource.

    ``rules`` are by the path of the value they are about, ``""`` for the object as a whole,
    ``spec.config`` for a part of it and ``spec.list[]`` for each item of a list.
    """

    type: type[msgspec.Struct]
    plural: str
    columns: tuple[Column, ...]
    rules: Mapping[str, tuple[Rule, ...]]

    @property
    def kind(self) -> str:
        """``ApplicationBackup``."""
        return self.type.__name__

    @property
    def singular(self) -> str:
        """``applicationbackup``."""
        return self.kind.lower()


AGE = Column("Age", ".metadata.creationTimestamp", "date")
PHASE = Column("Phase", ".status.phase")
TASK_COLUMNS = (
    PHASE,
    AGE,
    Column("Done", ".status.progress.itemsDone", "integer", wide=True),
    Column("Total", ".status.progress.totalItems", "integer", wide=True),
    Column("Warnings", ".status.warnings", "integer", wide=True),
    Column("Errors", ".status.errors", "integer", wide=True),
)
"""``NAME PHASE AGE``, as the ACK backup center prints a task (ack-backup-center.md §1.2)."""

FROZEN_ONCE_STARTED = Rule(
    "!has(oldSelf.status) || !has(oldSelf.status.phase) || self.spec == oldSelf.spec",
    "the spec of a task cannot change once it has started: create a new task",
)
