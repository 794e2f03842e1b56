"""What is in a backup for people to read, as a tree or a table, and for programs. Pure.

Sizes are those of the objects' JSON, each once, in the version that the source preferred.

    shop                             2.6 KiB   2 objects
    ├── ConfigMap (v1)             812 B       1 object
    │   └── settings               812 B       2026-01-02T03:04:05Z

Holds the kinds of one namespace at a time, whatever an archive holds.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    labels = _labels(inventory)
    yield printable(f"Backup {source.backup} of vault {source.vault}")
    total = f"{counted(objects, 'object')} of {counted(len(labels), 'kind')}, {size_text(size)}"
    others = inventory.other_size()
    yield f"{total} + {size_text(others)} in other versions" if others else total
    longest_namespace, name = inventory.widths()
    kind = max(map(cells, labels.values()), default=0)
    longest = max(longest_namespace, len(CLUSTER_SCOPED), 4 + kind, 8 + name)
    room = min(longest, look.width - _SIZE - len("   2026-01-02T03:04:05Z"))
    for namespace, group in groupby(inventory.groups(), key=_NAMESPACE):
        found = [one for _, one in group]
        yield ""
        title = look.paint(printable(namespace) or CLUSTER_SCOPED, bold=True)
        yield from _lines(title, _sum(found), room, look)
        yield from _kind_lines(inventory, namespace, found, labels, room, look)


def _labels(inventory: Inventory) -> dict[str, str]:
    """What each group resource is called, with the versions that are there beside its own."""
    others = inventory.others()
    labels: dict[str, str] = {}
    for one in inventory.kinds():
        also = ", ".join(others.get(one.resource, ()))
        label = printable(one.label)
        labels[one.resource] = f"{label.removesuffix(')')}, also {also})" if also else label
    return labels


def _kind_lines(
    inventory: Inventory,
    namespace: str,
    kinds: Sequence[Kind],
    labels: Mapping[str, str],
    room: int,
    look: Look,
) -> Iterator[str]:
    middle, end, under, clear = look.branches
    for number, kind in enumerate(kinds, 1):
        branch, below = (end, clear) if number == len(kinds) else (middle, under)
        yield from _lines(f"{branch}{labels[kind.resource]}", _sum([kind]), room, look)
        found = inventory.objects(namespace=namespace, resource=kind.resource)
        for count, held in enumerate(found, 1):
            twig = end if count == kind.objects else middle
            right = f"{size_text(held.size):>{_SIZE}}   {printable(held.created) or NONE}"
            yield from _lines(f"{below}{twig}{printable(held.identity.name)}", right, room, look)


def _sum(kinds: Sequence[Kind]) -> str:
    objects, size = sum(one.objects for one in kinds), sum(one.size for one in kinds)
    return f"{size_text(size):>{_SIZE}}   {counted(objects, 'object')}"


def _lines(text: str, right: str, room: int, look: Look) -> Iterator[str]:
    """A text and what stands right of it, below it where they do not fit into one line."""
    if look.cells(text) + cells(right) <= look.width or look.cells(text) <= room:
        yield f"{text}{pad('', room - look.cells(text))}{right}"
    else:
        yield text
        yield f"{pad('', room)}{right}"


def table_lines(inventory: Inventory) -> Iterator[str]:
    """The backup as a table, an object a line."""
    namespace, name = inventory.widths()
    headings = ["NAMESPACE", "KIND", "NAME", f"{'SIZE':>{_SIZE}}", "CREATED"]
    # Known before the first line, so that the lines need not be held until the last.
    labels = _short_labels(inventory.kinds())
    kind = max((cells(label) for label in labels.values()), default=0)
    widths = [max(cells(NONE), namespace), kind, name, _SIZE]
    yield from table([headings], widths=widths)
    for held in inventory.objects():
        row = [
            printable(held.identity.namespace) or NONE,
            labels[held.identity.group_resource],
            printable(held.identity.name),
            f"{size_text(held.size):>{_SIZE}}",
            printable(held.created) or NONE,
        ]
        yield from table([row], widths=widths)


def _short_labels(kinds: Sequence[Kind]) -> dict[str, str]:
    """What each group resource is called: its Kind alone, where no other kind is called so."""
    called = Counter(one.kind for one in kinds)
    return {
        one.resource: printable(one.kind if called[one.kind] == 1 and one.kind else one.label)
        for one in kinds
    }


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
        "otherVersionsSize": inventory.other_size(),
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
