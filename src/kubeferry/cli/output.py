"""What commands print: tables as kubectl prints them, YAML, JSON, names. Pure but for ``emit``.

Tables have three spaces between columns and go to stdout; what is said about them goes to stderr.
Machine output has no colour and no truncation.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import click

from kubeferry import codec
from kubeferry.api.definition import Column
from kubeferry.clock import parse_timestamp
from kubeferry.durations import format_age
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at, metadata

NONE = "<none>"
_UNUSUAL = re.compile("[^\x00-\u02ff\u2500-\u257f]")
"""What may take no cell or two; letters and the lines of a tree take one."""


def columns_for(columns: Sequence[Column], output: str) -> list[Column]:
    """The columns of a table: the wide ones with ``-o wide`` alone."""
    return [column for column in columns if output == "wide" or not column.wide]


def headings(columns: Sequence[Column]) -> list[str]:
    """``NAME`` and the columns' names as a table's first line has them."""
    return ["NAME", *(column.name.upper() for column in columns)]


def row(obj: Object, columns: Sequence[Column], *, now: datetime) -> list[str]:
    """An object's line of a table."""
    return [str(metadata(obj).get("name", "")), *(cell(obj, one, now=now) for one in columns)]


def cell(obj: Object, column: Column, *, now: datetime) -> str:
    """What a column says of an object, ``<none>`` for what is missing.

    A ``date`` is shown as an age, a ``deadline`` as what is left until it, ``bytes`` as a size, and
    of a task's status, ``duration``, how long it took or has been going on. Of ``patterns`` none
    means all. The phase of a dry run says that it is one.
    """
    value = at(obj, tuple(column.path.strip(".").split(".")))
    if value is None or value == "" or value == []:
        return "*" if column.type == "patterns" else NONE
    shown = _SHOWN.get(column.type)
    if shown is not None:
        try:
            return shown(value, now)
        except (ValueError, TypeError):
            return printable(str(value))
    if column.name == "Phase" and at(obj, ("spec", "dryRun")):
        return f"{printable(str(value))} (dry run)"
    if isinstance(value, list):
        return printable(",".join(str(one) for one in value))
    return printable(str(value))


def _age(value: Any, now: datetime) -> str:
    return format_age((now - parse_timestamp(str(value))).total_seconds())


def _left(value: Any, now: datetime) -> str:
    left = (parse_timestamp(str(value)) - now).total_seconds()
    return format_age(left) if left > 0 else "expired"


def _took(status: Any, now: datetime) -> str:
    started, ended = (status.get(key) for key in ("startTimestamp", "completionTimestamp"))
    if not started:
        return NONE
    until = parse_timestamp(ended) if ended else now
    return format_age((until - parse_timestamp(started)).total_seconds())


_SHOWN: Mapping[str, Callable[[Any, datetime], str]] = {
    "date": _age,
    "deadline": _left,
    "duration": _took,
    "bytes": lambda value, now: size_text(int(value)),
}
"""How a column's value is shown, by the column's type; others are shown as they are."""


def table(rows: Iterable[Sequence[str]], *, widths: list[int] | None = None) -> list[str]:
    """Lines with three spaces between columns.

    ``widths`` carries the columns' widths from one call to the next, for a table that grows.
    """
    lines = [list(one) for one in rows]
    known = widths if widths is not None else []
    for line in lines:
        known.extend([0] * (len(line) - len(known)))
        for index, text in enumerate(line):
            known[index] = max(known[index], cells(text))
    return ["   ".join(map(pad, line, known)).rstrip() for line in lines]


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if not _UNUSUAL.search(text):
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def pad(text: str, width: int) -> str:
    """The text with spaces up to a width in cells."""
    return text + " " * max(0, width - cells(text))


def printable(text: str) -> str:
    """The text without what a terminal would obey: control characters are written out."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def tidy(obj: Object) -> Object:
    """The object without ``managedFields``, which nobody wants to read."""
    about = metadata(obj)
    if "managedFields" not in about:
        return obj
    kept = {key: value for key, value in about.items() if key != "managedFields"}
    return {**obj, "metadata": kept}


def full_name(resource: Resource, obj: Object) -> str:
    """``applicationbackup.csdr.alibabacloud.com/shop-1``, as kubectl names an object."""
    singular = resource.kind.lower()
    kind = f"{singular}.{resource.group}" if resource.group else singular
    return f"{kind}/{metadata(obj).get('name', '')}"


def document(value: object, output: str) -> str:
    """A value as JSON or YAML, without the last newline."""
    if output == "json":
        return codec.encode_pretty(value).decode().rstrip("\n")
    return codec.dump_yaml(value).rstrip("\n")


def listed(objects: Sequence[Object], *, single: bool) -> object:
    """One object as it is, several as a ``List``, as kubectl gives them."""
    tidied = [tidy(obj) for obj in objects]
    if single and len(tidied) == 1:
        return tidied[0]
    return {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": tidied}


def json_items(values: Iterable[object]) -> Iterator[str]:
    """The inside of a JSON list: each value on a line, a comma after all but the last."""
    before = ""
    for value in values:
        if before:
            yield f"{before},"
        before = codec.encode(value).decode()
    if before:
        yield before


def emit(lines: Iterable[str]) -> None:
    """Prints lines to stdout, many at a time: each write is flushed."""
    left = iter(lines)
    while batch := list(islice(left, 200)):
        click.echo("\n".join(batch))


def say(text: str) -> None:
    """Tells a person something, on stderr."""
    click.echo("\n".join(map(printable, text.split("\n"))), err=True)


def size_text(count: int) -> str:
    """Bytes for people: ``812 B``, ``3.4 KiB``, ``1.2 GiB``."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def counted(count: int, noun: str) -> str:
    """``1 object``, ``2 objects``, ``1,234 objects``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def fields(pairs: Iterable[tuple[str, object]]) -> list[str]:
    """``Label:   value`` lines of a description; pairs without a value are left out.

    A value that is a list takes a line for each of its texts.
    """
    shown = [(f"{label}:", value) for label, value in pairs if value not in (None, "", [], ())]
    width = max((len(label) for label, _ in shown), default=0) + 2
    lines: list[str] = []
    for label, value in shown:
        texts = value if isinstance(value, (list, tuple)) else [value]
        for index, text in enumerate(texts):
            lines.append(f"{label if index == 0 else '':{width}}{printable(str(text))}")
    return lines


def pairs_text(mapping: Mapping[str, str]) -> list[str]:
    """A mapping as lines ``a -> b``."""
    return [f"{key} -> {value}" for key, value in mapping.items()]
