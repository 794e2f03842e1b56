"""``backup contents``: what is in a backup, or some objects of it, from its archive."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click
import msgspec

from kubeferry import codec
from kubeferry.cli.command import Flags, program
from kubeferry.cli.connection import Session, connect
from kubeferry.cli.contents_view import Source, json_lines, table_lines, tree_lines, yaml_lines
from kubeferry.cli.kindwords import KindWord, check_namespaces, is_inside, resolved
from kubeferry.cli.live import view
from kubeferry.cli.masking import is_secret, masked
from kubeferry.cli.output import document, emit, say, tidy
from kubeferry.cli.planning import look
from kubeferry.cli.stores import Opened, vault_of_backup
from kubeferry.errors import ArchiveDamaged, InvalidInput, ObjectMissing
from kubeferry.kube.names import Identity
from kubeferry.kube.near_names import did_you_mean
from kubeferry.kube.objects import Object
from kubeferry.restore.archive import limits_for
from kubeferry.restore.spool import Spool
from kubeferry.vault.inventory import Inventory
from kubeferry.vault.reader import ArchiveRead, read_archive
from kubeferry.vault.tarstream import Limits

_LISTED = Limits(total=64 << 30, remedy="it holds more than any list of it is worth: a bomb")
"""Of an archive whose objects are listed and not kept, a minute or two to unpack."""


@dataclass(frozen=True, slots=True)
class How:
    """What the options say: ``-o``, ``--kind``, ``--in-namespace``, ``--show-secrets``.

    ``kinds`` and ``namespaces`` narrow what is shown, where some are given.
    """

    output: str = ""
    kinds: Sequence[str] = ()
    namespaces: Sequence[str] = ()
    show_secrets: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """One ``KIND/NAME`` of the command line."""

    kind: KindWord
    name: str

    def __str__(self) -> str:
        return f"{self.kind.text}/{self.name}"


def parse_name(text: str) -> tuple[str, str]:
    """``deployment/web`` in its two parts. Raises ``click.UsageError`` for anything else."""
    kind, _, name = text.partition("/")
    inside, _, last = name.partition("/")
    if kind and inside and last and "/" not in last:
        raise click.UsageError(
            f"{text!r} names no object; write KIND/NAME and the namespace beside it: "
            f"{kind}/{last} --in-namespace {inside}"
        )
    if not (kind and name) or "/" in name:
        raise click.UsageError(f"{text!r} names no object; write KIND/NAME, such as deployment/web")
    return kind, name


async def contents(
    flags: Flags, name: str, objects: Sequence[str], *, vault: str | None, how: How
) -> None:
    """Prints what is in a backup, or those of its objects that are named.

    Raises ``BackupMissing``, ``ArchiveError``, ``ObjectMissing`` for a named object that is not in
    it, ``InvalidInput`` for a kind or namespace of which it holds nothing, ``VaultError``.
    """
    check_namespaces(how.namespaces)
    named = [parse_name(one) for one in objects]
    async with (
        connect(flags) as session,
        vault_of_backup(session, name, vault=vault) as opened,
    ):
        if named:
            words = await resolved(session.client, [kind for kind, _ in named])
            wanted = [Wanted(word, one) for word, (_, one) in zip(words, named, strict=True)]
            await _show_objects(session, opened, name, wanted, how)
        else:
            words = await resolved(session.client, how.kinds)
            await _show_list(opened, name, words, how)


async def _show_list(opened: Opened, name: str, words: Sequence[KindWord], how: How) -> None:
    with Inventory() as inventory:
        with view(f"contents of {name}") as shown:
            shown.update("reading the archive", 0, None)
            read = await read_archive(
                opened.store,
                name,
                spool=inventory.add,
                versions=inventory.add_version,
                limits=_LISTED,
            )
        _warn(read)
        idle = narrow(inventory, words, how.namespaces)
        for text in idle:
            say(f"warning: {text}")
        source = Source(name, opened.name)
        match how.output:
            case "table":
                emit(table_lines(inventory))
            case "json":
                emit(json_lines(source, inventory, read.notes))
            case "yaml":
                emit(yaml_lines(source, inventory, read.notes))
            case _:
                emit(tree_lines(source, inventory, look(full=False)))
    if idle:
        raise InvalidInput(
            idle[0], remedy=f"{program()} backup contents {name} lists what it holds"
        )


def narrow(inventory: Inventory, words: Sequence[KindWord], namespaces: Sequence[str]) -> list[str]:
    """Forgets what was not asked for; tells of which word or namespace there is nothing."""
    kinds = inventory.kinds()
    inside = {namespace for namespace, _ in inventory.groups()} - {""}
    known = [name for one in kinds for name in (one.resource, one.kind)]
    idle = [
        f"the backup holds nothing of kind {word.text}{did_you_mean(word.text, known)}"
        for word in words
        if not any(word.matches(one.resource, one.kind) for one in kinds)
    ]
    idle += [
        f"the backup holds nothing in namespace {text}{did_you_mean(text, inside)}"
        for text in namespaces
        if not any(is_inside(one, [text]) for one in inside)
    ]
    inventory.keep(
        namespaces=[one for one in inside if is_inside(one, namespaces)] if namespaces else None,
        resources=[
            one.resource
            for one in kinds
            if any(word.matches(one.resource, one.kind) for word in words)
        ]
        if words
        else None,
    )
    return idle


async def _show_objects(
    session: Session, opened: Opened, name: str, wanted: Sequence[Wanted], how: How
) -> None:
    names = {one.name for one in wanted}
    settings = session.settings
    with Spool(parent=settings.spool_dir, limit=settings.spool_limit) as spool:

        def keep(identity: Identity, body: bytes) -> None:
            inside = not how.namespaces or is_inside(identity.namespace, how.namespaces)
            if inside and identity.name in names:
                spool.add(identity, body)

        with view(f"contents of {name}") as shown:
            shown.update("reading the archive", 0, None)
            limits = limits_for(spool)
            read = await read_archive(opened.store, name, spool=keep, limits=limits)
        _warn(read)
        found = find(spool, wanted, backup=name)
        hidden: list[Identity] = []
        emit(object_lines(spool, found, how, hidden))
        if hidden:
            say("values of Secrets are masked: --show-secrets shows them")


def find(spool: Spool, wanted: Sequence[Wanted], *, backup: str) -> list[Identity]:
    """The objects that are wanted, in the order they were named.

    Raises ``ObjectMissing`` for one that is not there.
    """
    found: dict[Identity, None] = {}
    for one in wanted:
        mine = [
            spooled.identity
            for resource in spool.kinds()
            for spooled in spool.walk(resource)
            if spooled.identity.name == one.name and one.kind.matches(resource, _kind(spooled.body))
        ]
        if not mine:
            raise ObjectMissing(
                f"holds no {one}",
                place=f"backup {backup}",
                remedy=f"{program()} backup contents {backup} lists what it holds",
            )
        found.update(dict.fromkeys(mine))
    return list(found)


class _Kind(msgspec.Struct):
    kind: str = ""


_KINDS = codec.Decoder(_Kind)


def _kind(body: bytes) -> str:
    try:
        return _KINDS.decode(body).kind
    except msgspec.DecodeError:
        return ""


def object_lines(
    spool: Spool, found: Sequence[Identity], how: How, hidden: list[Identity]
) -> Iterator[str]:
    """The objects as YAML or JSON, values of Secrets masked unless they are asked for.

    What was masked is added to ``hidden``. Raises ``ArchiveDamaged`` for one that does not decode.
    """
    as_list = how.output == "json" and len(found) > 1
    if as_list:
        yield '{"apiVersion":"v1","kind":"List","metadata":{},"items":['
    for number, identity in enumerate(found):
        obj = _decoded(spool, identity)
        if not how.show_secrets and is_secret(identity, obj):
            obj = masked(identity, obj)
            hidden.append(identity)
        if as_list:
            yield codec.encode(tidy(obj)).decode() + ("," if number < len(found) - 1 else "")
            continue
        if number:
            yield "---"
        yield document(tidy(obj), "json" if how.output == "json" else "yaml")
    if as_list:
        yield "]}"


def _decoded(spool: Spool, identity: Identity) -> Object:
    try:
        obj = codec.decode_archived(spool.get(identity) or b"")
    except msgspec.DecodeError as error:
        raise ArchiveDamaged(f"does not decode: {error}", place=str(identity)) from error
    if not isinstance(obj, dict):
        raise ArchiveDamaged("is no object", place=str(identity))
    return obj


def _warn(read: ArchiveRead) -> None:
    for note in read.notes:
        say(f"warning: {note}")
