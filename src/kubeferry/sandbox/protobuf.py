"""Bodies in Kubernetes' protobuf form, which some of kubectl's commands send (create namespace).

Read into what the same object is in JSON; the numbers of the fields are in ``data/protobuf.json``
(made by hack/sandbox_protobuf.py). Answers are always JSON, which those commands accept.
"""

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from kubeferry import codec
from kubeferry.clock import timestamp
from kubeferry.kube.objects import Object

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_META = "k8s.io.apimachinery.pkg."
_LONGEST_VARINT = 10


@cache
def _messages() -> dict[str, dict[str, list[str]]]:
    text = files("kubeferry.sandbox").joinpath("data/protobuf.json").read_bytes()
    read: dict[str, dict[str, list[str]]] = codec.decode(text)
    return read


@cache
def _by_kind() -> dict[tuple[str, str], str]:
    """Message names by the last part of the group's package with version, and kind."""
    found = {}
    for name in _messages():
        *package, version, kind = name.split(".")
        found[f"{package[-1]}/{version}", kind] = name
    return found


def read_object(body: bytes) -> Object:
    """The object in a body. Raises ``ValueError`` for what is none, or of an unknown kind."""
    if not body.startswith(_MAGIC):
        raise ValueError("the body does not begin as Kubernetes' protobuf does")
    envelope = dict(_fields(body[len(_MAGIC) :]))
    about = {number: _bytes(value).decode() for number, value in _fields(_bytes(envelope[1]))}
    api_version, kind = about.get(1, ""), about.get(2, "")
    name = _message_of(api_version, kind)
    obj = _message(_bytes(envelope.get(2, b"")), name) or {}
    return {"apiVersion": api_version, "kind": kind, **obj}


def _message_of(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    package = group.partition(".")[0] or "core"
    name = _by_kind().get((f"{package}/{version}", kind))
    if kind == "DeleteOptions":
        name = f"{_META}apis.meta.v1.DeleteOptions"
    if name is None or name not in _messages():
        raise ValueError(f"no kind {kind!r} of {api_version!r} is known in protobuf")
    return name


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field: an integer, or bytes."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        match key & 7:
            case 0:
                value, position = _varint(data, position)
                yield key >> 3, value
                continue
            case 1:
                size = 8
            case 2:
                size, position = _varint(data, position)
            case 5:
                size = 4
            case other:
                raise ValueError(f"wire type {other} is not used by Kubernetes")
        if position + size > len(data):
            raise ValueError("the body ends too early")
        yield key >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for index in range(_LONGEST_VARINT):
        if position + index >= len(data):
            break
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise ValueError("the body ends too early")


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")
    return value


def _message(data: bytes, name: str) -> Object:
    known = _messages()[name]
    result: Object = {}
    for number, value in _fields(data):
        if str(number) not in known:
            continue
        field, kind = known[str(number)]
        if kind.startswith("map<"):
            key, held = _pair(_bytes(value), kind)
            result.setdefault(field, {})[key] = held
        elif kind.endswith("[]"):
            result.setdefault(field, []).append(_value(value, kind[:-2]))
        elif kind.endswith("!"):
            result.update(_message(_bytes(value), kind[:-1]))
        else:
            read = _value(value, kind.removesuffix("?"))
            # Go writes every scalar that is no pointer, also one that nobody set.
            if kind.endswith("?") or not (read is None or read in ("", 0, False)):
                result[field] = read
    return result


def _pair(data: bytes, kind: str) -> tuple[str, Any]:
    of = kind[4:-1].partition(",")[2]
    entry = dict(_fields(data))
    return _bytes(entry.get(1, b"")).decode(), _value(entry.get(2, b""), of)


def _value(value: int | bytes, kind: str) -> Any:
    if isinstance(value, int):
        return bool(value) if kind == "bool" else _signed(value)
    if kind == "string":
        return value.decode()
    if kind == "bytes":
        return b64encode(value).decode()
    if kind.startswith(_META):
        special = _SPECIAL.get(kind.removeprefix(_META))
        if special is not None:
            return special(value)
    return _message(value, kind)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _time(data: bytes) -> str | None:
    seconds = dict(_fields(data)).get(1)
    if not isinstance(seconds, int):
        return None
    return timestamp(datetime.fromtimestamp(_signed(seconds), UTC))


def _quantity(data: bytes) -> str:
    return _bytes(dict(_fields(data)).get(1, b"0")).decode()


def _int_or_string(data: bytes) -> int | str:
    fields = dict(_fields(data))
    if fields.get(1):
        return _bytes(fields.get(3, b"")).decode()
    number = fields.get(2, 0)
    return _signed(number) if isinstance(number, int) else 0


def _raw(data: bytes) -> Any:
    return codec.decode(_bytes(dict(_fields(data)).get(1, b"null")))


_SPECIAL = {
    "apis.meta.v1.Time": _time,
    "apis.meta.v1.MicroTime": _time,
    "api.resource.Quantity": _quantity,
    "util.intstr.IntOrString": _int_or_string,
    "runtime.RawExtension": _raw,
    "apis.meta.v1.FieldsV1": _raw,
}
