"""The plan in which modifier rules are tried: of a backup or an archive, for a target."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.command import Flags
from kubeferry.cli.creating import checked, ordered
from kubeferry.cli.manifests import load, placed
from kubeferry.cli.plan_object import find_object
from kubeferry.cli.plan_sources import (
    HERE,
    Sources,
    archive_of,
    modifier_data,
    shown_plan,
    surroundings_of,
)
from kubeferry.controller.resources import RESTORES
from kubeferry.restore.plan import Planner
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.prepare import compile_modifier, prepare
from kubeferry.restore.request import RestoreRequest
from kubeferry.transform.modifiers.rule import Modifiers

_UNNAMED = "plan"


@dataclass(frozen=True, slots=True)
class Trial:
    """What the options say: the backup, or the restore's manifest with all else that changes
    objects; ``sources.modifiers`` is the rules' file.
    """

    backup: str = ""
    file: str | None = None
    sources: Sources = HERE

    @property
    def has_archive(self) -> bool:
        """Whether there is anything to try rules on."""
        return bool(self.backup or self.file)


@dataclass(frozen=True, slots=True)
class Tried:
    """An open plan."""

    planner: Planner
    request: RestoreRequest

    def items(self, text: str, namespaces: tuple[str, ...] = ()) -> list[PlanItem]:
        """The objects that ``KIND/NAME`` means. Raises ``InvalidInput`` where there is none."""
        found = find_object(
            self.planner, text, namespaces=namespaces, selection=self.request.selection
        )
        return [item for _, items in found for item in items]


def rules_of(path: Path) -> Modifiers:
    """The rules of a file: a ConfigMap's manifest, or the rules alone. Raises ``InvalidInput``,
    ``InvalidModifier``.
    """
    return compile_modifier(_data(path), place=str(path))[0]


def _data(path: Path) -> Mapping[str, str]:
    return modifier_data(path) or {}


@asynccontextmanager
async def tried(flags: Flags, trial: Trial, modifiers: Modifiers | None) -> AsyncIterator[Tried]:
    """The plan with these rules; with None, those of the restore. Nothing is written.

    Raises what makes such a restore impossible.
    """
    if trial.file is not None:
        body, restore = load(trial.file, ApplicationRestore)
    else:
        restore = checked(ApplicationRestore, _UNNAMED, {"backupName": trial.backup})
        body = ordered(restore)
    sources = trial.sources
    data = modifier_data(sources.modifiers)
    async with AsyncExitStack() as stack:
        around = await stack.enter_async_context(surroundings_of(flags, sources))
        default = around.settings.namespace
        where = placed(RESTORES, body, given=flags.namespace, default=default).namespace
        request = await prepare(restore, client=around.client, namespace=where, modifier=data)
        archive = await stack.enter_async_context(
            archive_of(around, sources, backup=request.backup, task=restore.metadata)
        )
        request = replace(request, backup=archive.backup)
        if modifiers is not None:
            request = replace(request, modifiers=modifiers)
        planner = await stack.enter_async_context(
            shown_plan(request, target=around.target, store=archive.store, settings=around.settings)
        )
        yield Tried(planner, request)
