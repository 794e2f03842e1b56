"""A plan as the manifests that it would write: on stdout, or each in a file of its own."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from kubeferry.cli.output import counted, document, say, tidy
from kubeferry.cli.plan_summary import Tally
from kubeferry.errors import InvalidInput
from kubeferry.restore.plan import PlanItem
from kubeferry.restore.report import is_secret
from kubeferry.restore.waves import Step

_CLUSTER = "_cluster"
"""The folder of what is in no namespace, which no namespace can be called."""
Steps = Iterable[tuple[Step, Iterable[PlanItem]]]


def manifest_lines(steps: Steps, tally: Tally, *, show_secrets: bool) -> Iterator[str]:
    """The manifests as YAML documents, in the order of the restore; Secrets only if asked for.

    What is left out is told on stderr at the end.
    """
    hidden = 0
    for _, items in tally.through(steps):
        for item in items:
            if item.object is None:
                continue
            if is_secret(item) and not show_secrets:
                hidden += 1
                continue
            yield "---"
            yield document(tidy(item.object), "yaml")
    _tell(tally, hidden)


def write_manifests(steps: Steps, tally: Tally, folder: Path, *, show_secrets: bool) -> int:
    """Writes each manifest into ``folder/NAMESPACE/KIND.GROUP-NAME.yaml``; how many.

    Nobody else may read them if Secrets are among them. Raises ``InvalidInput`` for a folder that
    has something in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InvalidInput("is not empty", place=str(folder), remedy="name a new folder")
    except OSError as error:
        raise InvalidInput(f"cannot be used: {error.strerror}", place=str(folder)) from error
    mode, hidden, written = 0o600 if show_secrets else 0o644, 0, 0
    for _, items in tally.through(steps):
        for item in items:
            if item.object is None:
                continue
            if is_secret(item) and not show_secrets:
                hidden += 1
                continue
            inside = folder / (item.target.namespace or _CLUSTER)
            inside.mkdir(exist_ok=True)
            name = f"{item.target.group_resource}-{quote(item.target.name, safe='')}.yaml"
            path = os.open(inside / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(path, "w") as file:
                file.write(document(tidy(item.object), "yaml").rstrip("\n") + "\n")
            written += 1
    _tell(tally, hidden)
    return written


def _tell(tally: Tally, hidden: int) -> None:
    """What is not among the manifests."""
    actions = tally.actions
    if hidden:
        say(f"{counted(hidden, 'Secret')} left out: --show-secrets writes them, too")
    if actions["skip"]:
        say(f"{counted(actions['skip'], 'object')} left out; 'restore plan' says why")
    lost = actions["refuse"] + actions["fail"]
    if lost:
        say(f"{counted(lost, 'object')} cannot be restored; 'restore plan' says why")
