"""What ``uninstall`` is about to do, for a person to decide upon. Pure."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubeferry.cli.installed import Contents, Found, Installed
from kubeferry.cli.output import counted, printable
from kubeferry.controller.frozen import FINALIZER
from kubeferry.controller.resources import LOCATIONS
from kubeferry.kube.objects import at

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Removal:
    """What is going to be removed.

    Attributes:
        contents: what people keep in the namespace.
        keeps_home: whether the namespace stays; None leaves it to whether anything is in it.
    """

    installed: Installed
    contents: Contents
    keeps_home: bool | None

    @property
    def takes_home(self) -> bool:
        """Whether the namespace goes."""
        if self.installed.home is None or self.keeps_home:
            return False
        return self.keeps_home is False or not (self.contents.objects or self.contents.unknown)

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to remove."""
        return self.installed.is_nothing and not self.takes_home


def summary(removal: Removal, *, cluster: str) -> Iterator[str]:
    """What goes, what stays and what is to be thought of, for a person to decide upon."""
    installed = removal.installed
    yield printable(f"To be removed from cluster {cluster}:")
    if installed.deployment is not None:
        yield f"  {installed.deployment} and its pods"
    if installed.definitions:
        counts = _counts(installed)
        yield f"  {', '.join(counts) or 'no vaults and no tasks'}, with their definitions"
    yield from (f"  {one}" for one in installed.rest)
    if removal.takes_home:
        yield f"  {installed.home}"
        if removal.contents.objects:
            yield "    with what people keep in it:"
            yield from _listed(removal.contents.objects, indent=6)
    yield from staying(removal)


def warnings(removal: Removal) -> Iterator[str]:
    """What would be cut short."""
    for one in removal.installed.running():
        phase = at(one.object, ("status", "phase"))
        yield printable(f"warning: {one} is {phase}: it will not be finished")
    yield from frozen(removal.installed.instances)


def staying(removal: Removal) -> Iterator[str]:
    """What is not removed, and why."""
    installed = removal.installed
    lines = [
        f"  all backups in vault {one.name} ({_where(one)})"
        for one in installed.instances
        if one.resource == LOCATIONS
    ]
    lines += [f"  {one}, which is not kubeferry's" for one in installed.strangers]
    if installed.home is not None and not removal.takes_home:
        lines.append(f"  {installed.home}{_why_home_stays(removal)}")
        lines += _listed(removal.contents.objects, indent=4)
    if lines:
        yield "What stays:"
        yield from map(printable, lines)


def _why_home_stays(removal: Removal) -> str:
    if removal.contents.objects:
        return ", for people keep in it:"
    if removal.contents.unknown and not removal.keeps_home:
        unknown = ", ".join(removal.contents.unknown)
        return f", for what is in it cannot be told: {unknown} does not answer"
    return ""


def _where(vault: Found) -> str:
    spec = vault.object.get("spec") or {}
    storage = spec.get("objectStorage") or {}
    path = "/".join(filter(None, (storage.get("bucket"), storage.get("prefix"))))
    return f"{spec.get('provider')} {path}"


def _counts(installed: Installed) -> list[str]:
    counts: dict[str, int] = {}
    for one in installed.instances:
        counts[one.resource.kind] = counts.get(one.resource.kind, 0) + 1
    return [counted(count, kind) for kind, count in counts.items()]


def _listed(objects: Iterable[Found], *, indent: int) -> list[str]:
    """The names of objects, a line each; of many the first ones."""
    names = sorted(str(one) for one in objects)
    lines = [f"{'':{indent}}{name}" for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        lines.append(f"{'':{indent}}and {len(names) - _SHOWN} more")
    return lines


def frozen(instances: Iterable[Found]) -> Iterator[str]:
    """Of each backup that left applications frozen: the commands that are due in their pods."""
    for one in instances:
        pending = at(one.object, ("status", "pendingHooks")) or ()
        due = [hook for hook in pending if not hook.get("problem")]
        if due or FINALIZER in one.finalizers:
            yield printable(f"warning: {one} leaves applications frozen, for its post hooks:")
        for hook in due:
            where = f"-n {hook.get('namespace')} exec {hook.get('pod')} -c {hook.get('container')}"
            yield printable(f"  kubectl {where} -- {shlex.join(hook.get('command') or ())}")
