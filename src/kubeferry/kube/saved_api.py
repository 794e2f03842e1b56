"""What an API server serves, saved in a file for those who plan without it, and the newest
Kubernetes known, which is such a file.

``kubectl api-resources`` prints something of the same kind, without versions that are not
preferred: that is read, too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec

from kubeferry import codec
from kubeferry.errors import InvalidInput
from kubeferry.kube.discovery import Discovery
from kubeferry.kube.names import Resource, split_api_version

_COLUMNS = ("NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND")
_ALL = frozenset({"create", "delete", "get", "list", "patch", "update", "watch"})


@dataclass(frozen=True, slots=True)
class SavedApi:
    """What a server of this version serves; ``version`` is empty where it is not known."""

    version: str
    discovery: Discovery


class _Saved(msgspec.Struct):
    version: str
    resources: list[Resource]


_SAVED = codec.Decoder(_Saved)


def save(version: str, discovery: Discovery) -> bytes:
    """The file's content: JSON, a line for each resource."""
    lines = [
        msgspec.json.encode(one, order="deterministic").decode() for one in discovery.all_versions
    ]
    about = codec.encode(version).decode()
    listed = ",\n".join(lines)
    return f'{{"version":{about},"resources":[\n{listed}\n]}}\n'.encode()


def load(data: bytes, *, place: str) -> SavedApi:
    """What ``save`` or ``kubectl api-resources`` wrote. Raises ``InvalidInput``."""
    if data.lstrip()[:1] == b"{":
        try:
            saved = _SAVED.decode(data)
        except msgspec.DecodeError as error:
            raise _unknown(place, str(error)) from error
        return SavedApi(saved.version, Discovery(all_versions=tuple(saved.resources)))
    resources = tuple(_printed(data.decode(errors="replace"), place))
    return SavedApi("", Discovery(all_versions=resources))


def _printed(text: str, place: str) -> Iterator[Resource]:
    """The table that ``kubectl api-resources`` prints."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or tuple(lines[0].split()[: len(_COLUMNS)]) != _COLUMNS:
        raise _unknown(place, "its first line has not the columns of kubectl api-resources")
    begins = [match.start() for match in re.finditer(r"\S+", lines[0])]
    for number, line in enumerate(lines[1:], 2):
        cells = [line[a:b].strip() for a, b in zip(begins, [*begins[1:], None], strict=True)]
        name, short, api_version, namespaced, kind = cells[: len(_COLUMNS)]
        if not (name and api_version and kind):
            raise _unknown(place, f"line {number} is none of its table")
        group, version = split_api_version(api_version)
        yield Resource(
            group=group,
            version=version,
            plural=name,
            kind=kind,
            namespaced=namespaced == "true",
            verbs=_ALL,
            short_names=tuple(short.split(",")) if short else (),
        )


def _unknown(place: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"holds no saved API: {why}",
        place=place,
        remedy="save one with 'kubeferry restore target-api > FILE', or kubectl api-resources > "
        "FILE",
    )


@cache
def newest_known() -> SavedApi:
    """The newest Kubernetes that kubeferry was made with: its built-in kinds."""
    data = files("kubeferry.kube").joinpath("data/kubernetes.json").read_bytes()
    return load(data, place="kubernetes.json")
