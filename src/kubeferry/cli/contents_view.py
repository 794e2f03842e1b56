"""What is in a backup for people to read, as a tree or a table, and for programs. Pure.

    shop                             2.6 KiB   2 objects
    ├── ConfigMap (v1)             812 B       1 object
    │   └── settings               812 B       2026-01-02T03:04:05Z

Holds the kinds of one namespace at a time, whatever an archive holds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from kubeferry import codec
from kubeferry.cli.output import NONE, cells, counted, json_items, pad, printable, size_text, table
from kubeferry.cli.plan_view import Look
from kubeferry.vault.inventory import Held, Inventory, Kind

CLUSTER_SCOPED = "cluster-scoped"
"""Stands where a namespace's name does."""
_SIZE = 10
_NAMESPACE = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Source:
    """Which backup is shown, and of which vault."""

    backup: str
    vault: str


def tree_lines(source: Source, inventory: Inventory, look: Look) -> Iterator[str]:
    """The backup as a tree: namespaces, kinds, objects with their sizes and dates."""
    objects, size = inventory.total()
    kinds = len(inventory.kinds())
    yield printable(
        f"Backup {source.backup} of vault {source.vault}: {counted(objects, 'object')} "
        f"of {counted(kinds, 'kind')}, {size_text(size)}"
    )
    longest_namespace, kind, name = inventory.widths()
    longest = max(longest_namespace, len(CLUSTER_SCOPED), 4 + kind, 8 + name)
    room = min(longest, look.width - _SIZE - len("   2026-01-02T03:04:05Z"))
    for namespace, group in groupby(inventory.groups(), key=_NAMESPACE):
        found = [one for _, one in group]
        yield ""
        title = look.paint(printable(namespace) or CLUSTER_SCOPED, bold=True)
        yield _line(title, _sum(found), room, look)
        yield from _kind_lines(inventory, namespace, found, room, look)


def _kind_lines(
    inventory: Inventory, namespace: str, kinds: Sequence[Kind], room: int, look: Look
) -> Iterator[str]:
    middle, end, under, clear = look.branches
    for number, kind in enumerate(kinds, 1):
        branch, below = (end, clear) if number == len(kinds) else (middle, under)
        yield _line(f"{branch}{printable(kind.label)}", _sum([kind]), room, look)
        found = inventory.objects(namespace=namespace, resource=kind.resource)
        for count, held in enumerate(found, 1):
            twig = end if count == kind.objects else middle
            right = f"{size_text(held.size):>{_SIZE}}   {printable(held.created) or NONE}"
            yield _line(f"{below}{twig}{printable(held.identity.name)}", right, room, look)


def _sum(kinds: Sequence[Kind]) -> str:
    objects, size = sum(one.objects for one in kinds), sum(one.size for one in kinds)
    return f"{size_text(size):>{_SIZE}}   {counted(objects, 'object')}"


def _line(text: str, right: str, room: int, look: Look) -> str:
    return f"{text}{pad('', room - look.cells(text))}{right}"


def table_lines(inventory: Inventory) -> Iterator[str]:
    """The backup as a table, an object a line."""
    namespace, kind, name = inventory.widths()
    headings = ["NAMESPACE", "KIND", "NAME", "SIZE", "CREATED"]
    # Known before the first line, so that the lines need not be held until the last.
    widths = [max(cells(NONE), namespace), kind, name, _SIZE]
    yield from table([headings], widths=widths)
    for held in inventory.objects():
        row = [
            printable(held.identity.namespace) or NONE,
            printable(_label(held)),
            printable(held.identity.name),
            size_text(held.size),
            printable(held.created) or NONE,
        ]
        yield from table([row], widths=widths)


def _label(held: Held) -> str:
    one = Kind(held.identity.group_resource, held.api_version, held.kind, 1, held.size)
    return one.label


def json_lines(source: Source, inventory: Inventory, notes: Iterable[str]) -> Iterator[str]:
    """The backup as one JSON document, an object a line; it only grows."""
    head = codec.encode(_head(source, inventory, notes)).decode()
    yield f'{head[:-1]},"items":['
    yield from json_items(map(_described, inventory.objects()))
    yield "]}"


def yaml_lines(source: Source, inventory: Inventory, notes: Iterable[str]) -> Iterator[str]:
    """What ``json_lines`` gives, as YAML."""
    yield codec.dump_yaml(_head(source, inventory, notes)).rstrip("\n")
    described = map(_described, inventory.objects())
    first = next(described, None)
    if first is None:
        yield "items: []"
        return
    yield "items:"
    yield codec.dump_yaml([first]).rstrip("\n")
    for one in described:
        yield codec.dump_yaml([one]).rstrip("\n")


def _head(source: Source, inventory: Inventory, notes: Iterable[str]) -> dict[str, Any]:
    objects, size = inventory.total()
    return {
        "backup": source.backup,
        "vault": source.vault,
        "objects": objects,
        "size": size,
        "kinds": [
            {
                "type": one.resource,
                "apiVersion": one.api_version,
                "kind": one.kind,
                "versions": inventory.versions(one.resource),
                "objects": one.objects,
                "size": one.size,
            }
            for one in inventory.kinds()
        ],
        "notes": list(notes),
    }


def _described(held: Held) -> dict[str, Any]:
    """An object as ``metadata/resources.json`` of an archive describes it."""
    resource, namespace, name = held.identity
    return {
        "name": name,
        "namespace": namespace,
        "type": resource,
        "apiVersion": held.api_version,
        "kind": held.kind,
        "size": held.size,
        "creationTimestamp": held.created,
    }
