"""``kubectl ferry why``: which field of a live object a restore changed, from what, and why.

Who wrote the object is in its managed fields; what that restore did is in its journal, in the
vault. What the object has now is compared with that: somebody may have changed it since.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from kubeferry import codec
from kubeferry.api.metadata import read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.command import Flags, program
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.output import emit, printable, say
from kubeferry.cli.plan_view import (
    Look,
    change_lines,
    is_common,
    marked_lines,
    shown_change,
    value_text,
)
from kubeferry.cli.planning import look
from kubeferry.cli.stores import vault_of_backup
from kubeferry.controller.resources import RESTORES
from kubeferry.errors import InvalidInput, PatchFailed
from kubeferry.journal import Item
from kubeferry.kube.names import Identity, Resource, label_value
from kubeferry.kube.objects import Object, metadata
from kubeferry.restore.chronicle import Chronicle
from kubeferry.restore.report import MASKED, WRITTEN, without_keys
from kubeferry.transform.patch.pointer import MISSING, lookup, pointer_of
from kubeferry.transform.pipeline import RESTORE_LABEL
from kubeferry.vault.restores import find_restore_folder

_MANAGER = "kubeferry-"
_UPDATES = "-update"


@dataclass(frozen=True, slots=True)
class Told:
    """A change as the journal has it, and what the object has there now.

    ``now`` is None where that is what the restore wrote, or cannot be known: of what was taken out
    of a list, and of Secrets' values. A later change of the same field is compared in its place.
    """

    change: Mapping[str, Any]
    now: Any = None


async def why(flags: Flags, text: str, *, full: bool, output: str) -> None:
    """Prints it. ``flags.namespace`` is the object's.

    Raises ``InvalidInput`` for what is no object that a restore wrote, or whose restore or journal
    is gone, ``NotFound``.
    """
    async with connect(replace(flags, namespace=None)) as session:
        resource, live = await _live(session, text, flags.namespace or "default")
        restores = await _restores(session, live, place=text)
        found = [(one, await _told(session, one, resource, live)) for one in restores]
    told = [(restore, item) for restore, item in found if item is not None]
    if not told:
        names = ", ".join(one.metadata.name for one in restores)
        raise InvalidInput(
            f"the journal of restore {names} tells nothing of it",
            place=text,
            remedy="it carries the restore's label, and was written by somebody else",
        )
    for restore, item in told:
        changes = list(compared(item, live))
        if output == "json":
            emit([_json(restore, item, changes)])
        else:
            emit(lines(restore, item, changes, look(full=full)))


async def _live(session: Session, text: str, namespace: str) -> tuple[Resource, Object]:
    word, slash, name = text.partition("/")
    resource = (await session.client.discover()).resolve(word) if slash and name else None
    if resource is None:
        raise InvalidInput(
            "names no object that the cluster has",
            place=text,
            remedy="write KIND/NAME, such as deployment/web",
        )
    where = namespace if resource.namespaced else ""
    return resource, await session.client.get(resource, name, namespace=where)


async def _restores(session: Session, live: Object, *, place: str) -> list[ApplicationRestore]:
    """Those that wrote the object, as its managed fields have it, the first one first; else those
    of its label. Raises ``InvalidInput`` for an object that none wrote.
    """
    label = (metadata(live).get("labels") or {}).get(RESTORE_LABEL)
    managers = {
        str(entry.get("manager")).removeprefix(_MANAGER).removesuffix(_UPDATES)
        for entry in metadata(live).get("managedFields") or []
        if str(entry.get("manager")).startswith(_MANAGER)
    }
    listed = await session.client.list(RESTORES, namespace=session.namespace)
    known = [read(one, ApplicationRestore) for one in listed]
    found = [one for one in known if one.metadata.uid in managers]
    found = found or [one for one in known if label and label_value(one.metadata.name) == label]
    if not found:
        problem = f"its restore {label!r} is not there" if label else "no restore wrote it"
        raise InvalidInput(
            problem, place=place, remedy=f"{program()} restore get lists the restores there are"
        )
    return sorted(found, key=lambda one: one.metadata.creation_timestamp)


async def _told(
    session: Session, restore: ApplicationRestore, resource: Resource, live: Object
) -> Item | None:
    """What a restore's journal tells of an object, None if nothing."""
    about = restore.metadata
    target = Identity(
        resource.group_resource,
        str(metadata(live).get("namespace") or ""),
        str(metadata(live).get("name")),
    )
    with ExitStack() as stack:
        backup = restore.spec.backup_name
        async with vault_of_backup(session, backup, task=about) as opened:
            folder = await find_restore_folder(opened.store, about.name, about.uid)
            if folder is None:
                return None
            chronicle = stack.enter_context(Chronicle())
            await chronicle.read(opened.store, folder, uid=about.uid)
        for file in chronicle.unproven:
            say(f"warning: {file} is not sealed with the vault's key: anybody may have written it")
        mine = [one for one in chronicle.items() if tuple(one.target) == target]
        written = [one for one in mine if one.action in WRITTEN]
        return next(iter(written or mine), None)


def compared(item: Item, live: Object) -> Iterator[Told]:
    """Each change of one field with what is there now."""
    if item.action not in WRITTEN:
        yield from (Told(change) for change in item.changes)
        return
    last = {change["pointer"]: number for number, change in enumerate(item.changes)}
    for number, change in enumerate(item.changes):
        pointer = change["pointer"]
        is_last = last[pointer] == number and bool(pointer)
        stays = is_last and not any(_shifts(one, pointer) for one in item.changes[number + 1 :])
        yield Told(change, _now(change, live) if stays else None)


def _shifts(later: Mapping[str, Any], pointer: str) -> bool:
    """Whether a later change puts an element into a list on the way, or takes one out: what a
    pointer says is another place then.
    """
    where = pointer_of(later["pointer"])
    moved = ("old" in later) != ("new" in later) and (where.last.isdecimal() or where.last == "-")
    parents = where.text.rpartition("/")[0]
    return moved and pointer.startswith(f"{parents}/")


def _now(change: Mapping[str, Any], live: Object) -> Any:
    """What is there now, if it is not what was written; None for what is."""
    written = change.get("new", MISSING)
    if MASKED in (written, change.get("old")):
        return None
    pointer = pointer_of(change["pointer"])
    try:
        container = lookup(live, pointer.parents)
        found = lookup(live, pointer.tokens)
    except PatchFailed:
        return None if written is MISSING or pointer.last == "-" else MISSING
    if isinstance(container, list) and "old" not in change:
        return None if any(_has(one, written) for one in container) else MISSING
    if written is MISSING:  # in a list another element is there now
        return None if isinstance(container, list) else without_keys(found)
    return None if _has(found, written) else without_keys(found)


def _has(found: Any, written: Any) -> bool:
    """Whether all that was written is there, as far as that is shown: a server adds its
    defaults.
    """
    if written == MASKED:
        return True
    if isinstance(found, dict) and isinstance(written, dict):
        return all(key in found and _has(found[key], one) for key, one in written.items())
    if isinstance(found, list) and isinstance(written, list):
        return len(found) == len(written) and all(map(_has, found, written))
    return bool(found == written)


def lines(
    restore: ApplicationRestore, item: Item, changes: Sequence[Told], look: Look
) -> Iterator[str]:
    """What a restore did with the object, for people."""
    source, target = (
        "/".join(part for part in one[1:] if part) for one in (item.source, item.target)
    )
    kind = item.kind.rpartition("/")[2] or item.source[0]
    yield printable(f"{kind} {target}")
    came = f"{item.action} by restore {restore.metadata.name}, from {source} of backup"
    yield printable(f"  {came} {restore.spec.backup_name}")
    if item.reason:
        yield from marked_lines(f"{item.reason}: {item.message}", "  ", look, fg="yellow")
    shown = [one for one in changes if look.full or not is_common(dict(one.change))]
    if not shown:
        yield "  nothing of it was changed but what every object gets"
    for one in shown:
        yield from change_lines(shown_change(dict(one.change), look), "  ", look)
        if one.now is MISSING:
            yield from marked_lines("since then it was taken out", "      ", look, fg="yellow")
        elif one.now is not None:
            now = f"since then it was changed: {value_text(one.now, look)}"
            yield from marked_lines(now, "      ", look, fg="yellow")


def _json(restore: ApplicationRestore, item: Item, changes: Iterable[Told]) -> str:
    told = [
        {**one.change, **_since(one.now)} if one.now is not None else dict(one.change)
        for one in changes
    ]
    line = {
        "type": "why",
        "restore": restore.metadata.name,
        "backup": restore.spec.backup_name,
        "action": item.action,
        "source": list(item.source),
        "target": list(item.target),
        "changes": told,
    }
    return codec.encode(line).decode()


def _since(now: Any) -> dict[str, Any]:
    return {"changedSince": True, **({} if now is MISSING else {"now": now})}
