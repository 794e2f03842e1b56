"""A plan as the manifests that it would write: on stdout, or each in a file of its own."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from kubeferry.cli.masking import holds_keys
from kubeferry.cli.output import counted, document, say, tidy
from kubeferry.cli.plan_summary import Tally
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.report import is_secret
from kubeferry.restore.waves import Step

_LONGEST = 180
"""Characters of a file's name, its end aside."""
_CLUSTER = "_cluster"
"""The folder of what is in no namespace, which no namespace can be called."""
Steps = Iterable[tuple[Step, Iterable[PlanItem]]]


def manifest_lines(steps: Steps, tally: Tally, *, show_secrets: bool) -> Iterator[str]:
    """The manifests as YAML documents, in the order of the restore; those that hold secret values
    only if asked for.

    What is left out is told on stderr at the end.
    """
    for item in _written(steps, tally, show_secrets):
        yield "---"
        yield document(tidy(item.object or {}), "yaml")


def write_manifests(steps: Steps, tally: Tally, folder: Path, *, show_secrets: bool) -> int:
    """Writes each manifest into ``folder/NAMESPACE/KIND.GROUP-NAME.yaml``; how many.

    Nobody else may read them if Secrets are among them. Raises ``InvalidInput`` for a folder that
    has something in it, or cannot be written to.
    """
    mode, written = 0o600 if show_secrets else 0o644, 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InvalidInput("is not empty", place=str(folder), remedy="name a new folder")
        for item in _written(steps, tally, show_secrets):
            _write(folder / file_of(item.target), item.object or {}, mode)
            written += 1
    except OSError as error:
        place = str(error.filename or folder)
        raise InvalidInput(f"cannot be written: {error.strerror}", place=place) from error
    return written


def _written(steps: Steps, tally: Tally, show_secrets: bool) -> Iterator[PlanItem]:
    """The items whose manifests are wanted."""
    hidden = Hidden()
    for _, items in tally.through(steps):
        for item in items:
            if item.object is None:
                continue
            if not show_secrets and is_secret(item):
                hidden.secrets += 1
            elif not show_secrets and holds_keys(item.object):
                hidden.others += 1
            else:
                yield item
    _tell(tally, hidden)


@dataclass(slots=True)
class Hidden:
    """What is left out because of its values: Secrets, and others that hold a storage's keys."""

    secrets: int = 0
    others: int = 0


def file_of(identity: Identity) -> Path:
    """Where a manifest is, below the folder: a path that leads nowhere else, and that every file
    system takes.
    """
    resource, namespace, name = identity
    return Path(_part(namespace) if namespace else _CLUSTER, f"{_part(f'{resource}-{name}')}.yaml")


def _part(text: str) -> str:
    quoted = quote(text, safe="")
    quoted = f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted
    if len(quoted) <= _LONGEST:
        return quoted
    return f"{quoted[:_LONGEST]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _write(path: Path, obj: Object, mode: int) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.exists():  # a file system that does not tell cases apart has another one there
        digest = hashlib.sha256(path.name.encode()).hexdigest()[:12]
        path = path.with_name(f"{path.stem}-{digest}.yaml")
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(opened, "w") as file:
        file.write(f"{document(tidy(obj), 'yaml')}\n")


def _tell(tally: Tally, hidden: Hidden) -> None:
    """What is not among the manifests."""
    actions = tally.actions
    if hidden.secrets:
        say(f"{counted(hidden.secrets, 'Secret')} left out: --show-secrets writes them, too")
    if hidden.others:
        what = counted(hidden.others, "object")
        say(f"{what} with keys of a storage left out: --show-secrets writes them, too")
    if actions["skip"]:
        say(f"{counted(actions['skip'], 'object')} left out; 'restore plan' says why")
    lost = actions["refuse"] + actions["fail"]
    if lost:
        say(f"{counted(lost, 'object')} cannot be restored; 'restore plan' says why")
