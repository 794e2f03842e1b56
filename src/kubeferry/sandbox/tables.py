"""Tables: what ``kubectl get`` prints, made by the server as a real one does.

Custom resources get the columns of their CRD, built-in kinds those of a real server where ``rows``
knows how to fill them, and otherwise name and age.
"""

from datetime import datetime
from typing import Any

from kubeferry.clock import parse_timestamp
from kubeferry.durations import format_age
from kubeferry.kube.objects import Object
from kubeferry.sandbox import rows
from kubeferry.sandbox.jsonpath import find
from kubeferry.sandbox.kinds import Column, Kind
from kubeferry.sandbox.storage import Entry

_NAME = Column("Name", "string", "name", 0)
_AGE = Column("Age", "string", "", 0)


def wanted(accept: str) -> bool:
    """Whether an Accept header asks for a Table before plain JSON."""
    return "as=Table" in accept.partition(",")[0] and "g=meta.k8s.io" in accept


def table(
    kind: Kind, entries: list[Entry], *, now: datetime, include: str, revision: str
) -> Object:
    """The Table of some objects; ``include`` is None, Metadata or Object."""
    columns, fill = _layout(kind)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": revision},
        "columnDefinitions": [
            {
                "name": column.name,
                "type": column.type,
                "format": column.format,
                "description": column.description,
                "priority": column.priority,
            }
            for column in columns
        ],
        "rows": [{"cells": fill(entry.object, now), **_shown(entry, include)} for entry in entries],
    }


def _layout(kind: Kind) -> tuple[tuple[Column, ...], rows.Fill]:
    if kind.custom:
        return kind.columns, lambda obj, now: [_cell(obj, column, now) for column in kind.columns]
    known = rows.FILLS.get(kind.table)
    if known is not None:
        return kind.columns, known
    return (_NAME, _AGE), lambda obj, now: [obj["metadata"]["name"], rows.age(obj, now)]


def _shown(entry: Entry, include: str) -> dict[str, Any]:
    if include == "None":
        return {"object": None}
    if include == "Object":
        return {"object": entry.object}
    partial = {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": entry.object["metadata"],
    }
    return {"object": partial}


def _cell(obj: Object, column: Column, now: datetime) -> Any:
    value = next(iter(find(obj, column.path)), None)
    if value is None:
        return None
    match column.type:
        case "date":
            try:
                return format_age((now - parse_timestamp(str(value))).total_seconds())
            except ValueError:
                return "<invalid>"
        case "string":
            if isinstance(value, bool):
                return "true" if value else "false"
            return value if isinstance(value, str) else str(value)
        case "integer":
            return value if isinstance(value, int) and not isinstance(value, bool) else None
        case "number":
            return value if isinstance(value, int | float) else None
        case "boolean":
            return value if isinstance(value, bool) else None
    return value
