"""The image-rename ConfigMap: rows ``old,new`` that replace parts of image names, tags included
(velero.md §3.7 ``change-image-name``, ack-backup-center.md §2.2.2).

A ConfigMap that ``SELECTOR`` finds in kubeferry's namespace applies to every restore until it
is removed. A row's ``old`` may be any part of a name, and all its occurrences become ``new``. Where
several rows fit, the longest ``old`` wins, once (in Velero whichever comes first, at random). What
the restore's own ``imageRegistryMapping`` maps, no row changes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubeferry.errors import InvalidInput
from kubeferry.kube.objects import Object, metadata
from kubeferry.transform.change import Cause, Note

SELECTOR = "velero.io/plugin-config,velero.io/change-image-name=RestoreItemAction"
"""The labels by which the ConfigMap is found."""
CAUSE = "changeImageName"


class Row(NamedTuple):
    """One row: its key in the ConfigMap, what is replaced, and by what."""

    key: str
    old: str
    new: str


class ImageRows:
    """Rows, ready to be asked."""

    def __init__(self, rows: Sequence[Row] = ()) -> None:
        self._rows = sorted(rows, key=lambda row: (-len(row.old), row.old, row.key))

    @property
    def rows(self) -> tuple[Row, ...]:
        """All of them, the longest old name first."""
        return tuple(self._rows)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def rename(self, image: str) -> tuple[str, Cause] | None:
        """The new name and the cause, or None if no row changes it."""
        for row in self._rows:
            if row.old in image:
                new = image.replace(row.old, row.new)
                return None if new == image else (new, Cause("parameter", f"{CAUSE} {row.key}"))
        return None


NONE = ImageRows()


def compile_rows(found: Sequence[Object]) -> tuple[ImageRows, list[Note]]:
    """The rows of the ConfigMaps that were found, and what is to be known of them.

    Raises ``InvalidInput`` for more than one ConfigMap and for a row without a new name. A row
    without a comma is passed over, as in Velero, with a warning.
    """
    if not found:
        return NONE, []
    places = sorted(f"configmap {_name(one)}" for one in found)
    if len(places) > 1:
        raise InvalidInput(
            f"{len(places)} ConfigMaps rename images: {', '.join(places)}",
            place=places[0],
            remedy="keep one; which of them to follow cannot be known",
        )
    data: Mapping[str, Any] = found[0].get("data") or {}
    rows: list[Row] = []
    notes: list[Note] = []
    for key, value in sorted(data.items()):
        row = _row(key, value, f"{places[0]} data.{key}")
        if row is None:
            text = f"the row {key!r} of {places[0]} has no comma and changes nothing: write old,new"
            notes.append(Note("ImageRowIgnored", text))
        else:
            rows.append(row)
    if rows:
        text = f"{places[0]} applies to every restore until it is removed"
        notes.append(Note("ImagesRenamed", text))
    return ImageRows(rows), notes


def _row(key: str, value: object, place: str) -> Row | None:
    old, comma, new = (part.strip() for part in str(value).partition(","))
    if not comma:
        return None
    if not old or not new:
        raise InvalidInput(
            f"{value!r} has an empty side", place=place, remedy="write old,new, or remove the row"
        )
    return Row(key, old, new)


def _name(obj: Object) -> str:
    meta = metadata(obj)
    return f"{meta.get('namespace')}/{meta.get('name')}"
