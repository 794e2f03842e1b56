"""JSON through msgspec, and YAML with the scalar rules of Kubernetes.

JSON keeps integers of any size, and refuses what is not JSON. YAML reads as ``sigs.k8s.io/yaml``
does, so that a manifest means here what it means to kubectl: ``yes`` and ``on`` are booleans,
``0777`` is 511, ``1e3`` is a number, dates and ``12:30:45`` stay strings (ecosystem.md §4).
Duplicate keys are refused.

Nobody vouches for what is decoded here. JSON is refused with ``msgspec.DecodeError`` whatever is
wrong with it, nesting that is too deep included: what decodes typed values elsewhere uses
``Decoder`` for that. A YAML text is bounded in bytes, depth and nodes before anything is built.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import yaml

from kubeferry.errors import InvalidInput

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
_sorted_encoder = msgspec.json.Encoder(order="sorted")
MAX_DEPTH = 500
"""Maps and lists inside each other in a document of an archive: deeper ones can be decoded, but not
be compared, copied and encoded again wherever that is done."""
MAX_ARCHIVED = 4 << 20
"""Bytes of an object of an archive. No API server takes more than 3 MiB; decoded, an object can be
some twenty times as large."""
MAX_YAML_DEPTH = 100
"""Maps and lists inside each other in a text that a person wrote."""
MAX_YAML_BYTES = 16 << 20
"""A ConfigMap has at most 1 MiB; a manifest of definitions may have more."""
_MAX_NODES = 200_000
"""Nodes a YAML document may expand to, aliases counted each time they are used."""
_MAX_DIGITS = 1000
"""Characters of a YAML number: Python reads at most 4300 decimal digits."""


def encode(value: object) -> bytes:
    """Compact JSON. Raises ``InvalidInput`` for what is nested too deeply, or is no JSON value."""
    try:
        return _encoder.encode(value)
    except RecursionError:
        raise InvalidInput(f"{_TOO_DEEP} to be written as JSON") from None
    except ValueError as error:  # half a character, a number of thousands of digits
        raise InvalidInput("holds what cannot be written as JSON") from error


def encode_sorted(value: object) -> bytes:
    """Compact JSON with sorted keys: equal values give equal bytes."""
    return _sorted_encoder.encode(value)


def encode_pretty(value: object) -> bytes:
    """JSON with two spaces of indent and a final newline."""
    return msgspec.json.format(_encoder.encode(value), indent=2) + b"\n"


Json = bytes | bytearray | memoryview | str | msgspec.Raw
"""What is decoded: the text of a JSON document."""


class Decoder(Generic[T]):
    """Decodes JSON as one type; whatever is wrong with it is a ``msgspec.DecodeError``.

    msgspec's own decoder raises ``RecursionError`` for what is nested too deeply and
    ``UnicodeError`` for what is no UTF-8.
    """

    def __init__(self, to: type[T]) -> None:
        self._decode: Callable[[Json], T] = msgspec.json.Decoder(to).decode

    def decode(self, data: Json) -> T:
        """The value. Raises ``msgspec.DecodeError``."""
        try:
            return self._decode(data)
        except (RecursionError, UnicodeError) as error:
            raise _unreadable(error) from None


def decode(data: Json) -> Any:
    """JSON to dicts and lists. Raises ``msgspec.DecodeError`` for what is not JSON."""
    try:
        return _decoder.decode(data)
    except (RecursionError, UnicodeError) as error:
        raise _unreadable(error) from None


def decode_archived(data: bytes) -> Any:
    """``decode`` for an object of an archive: at most ``MAX_DEPTH`` maps and lists deep, and
    ``MAX_ARCHIVED`` bytes long.

    Raises ``msgspec.DecodeError``.
    """
    if len(data) > MAX_ARCHIVED:
        raise msgspec.DecodeError(f"it has {len(data)} bytes, more than any API server takes")
    value = decode(data)
    # Few documents have so many maps and lists at all, so few are walked.
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        raise msgspec.DecodeError(_TOO_DEEP)
    return value


def is_deeper(value: object, limit: int) -> bool:
    """Whether more than ``limit`` maps and lists are inside each other."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


_TOO_DEEP = "is nested too deeply"


def _unreadable(error: RecursionError | UnicodeError) -> msgspec.DecodeError:
    deep = isinstance(error, RecursionError)
    return msgspec.DecodeError(_TOO_DEEP if deep else f"is no UTF-8: {error.args[-1]}")


def convert(value: object, to: type[T], *, place: str) -> T:
    """A decoded value as one of our types; a mismatch is an ``InvalidInput`` naming the field."""
    try:
        return msgspec.convert(value, to)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error), place=place) from error


def to_builtins(value: object) -> Any:
    """One of our types to dicts and lists, as JSON would have it."""
    return msgspec.to_builtins(value, str_keys=True)


_TRUE = frozenset({"y", "yes", "true", "on"})
_FALSE = frozenset({"n", "no", "false", "off"})


class _Loader(yaml.CSafeLoader):
    """CSafeLoader with Go's resolvers, JSON's types alone, duplicate keys refused."""


def _bool(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> bool:
    text = str(loader.construct_scalar(node)).lower()
    if text not in _TRUE | _FALSE:
        raise _no(node, "boolean")
    return text in _TRUE


def _int(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> int:
    text = _number_text(loader, node)
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    try:
        for prefix, base in (("0x", 16), ("0o", 8), ("0b", 2)):
            if digits.startswith(prefix):
                return sign * int(digits[len(prefix) :], base)
        if len(digits) > 1 and digits.startswith("0"):
            return sign * int(digits, 8)
        return sign * int(digits)
    except ValueError:
        raise _no(node, "whole number") from None


def _float(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> float:
    try:
        value = float(_number_text(loader, node))
    except ValueError:  # .inf and .nan too
        raise _no(node, "JSON number") from None
    if not math.isfinite(value):
        raise _no(node, "JSON number")
    return value


def _number_text(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> str:
    text = str(loader.construct_scalar(node))
    if len(text) > _MAX_DIGITS:
        raise InvalidInput(f"a number of {len(text)} characters is too long", place=_line(node))
    return text.replace("_", "").lower()


def _no(node: yaml.ScalarNode, what: str) -> InvalidInput:
    return InvalidInput(f"{node.value[:80]!r} is no {what}", place=_line(node))


def _line(node: yaml.Node | yaml.Event) -> str:
    mark = node.start_mark
    return f"line {mark.line + 1}" if mark else ""


def _mapping(loader: yaml.CSafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise InvalidInput("is no map", place=_line(node))
    own = {id(key_node) for key_node, _ in node.value}
    loader.flatten_mapping(node)  # what ``<<`` brings comes first, and the map's own keys win
    result: dict[str, Any] = {}
    seen: set[str] = set()
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise InvalidInput("a key must be a scalar", place=_line(key_node))
        key = _json_key(loader.construct_object(key_node, deep=True))
        if id(key_node) in own:
            if key in seen:
                raise InvalidInput(f"key {key!r} is there twice", place=_line(key_node))
            seen.add(key)
        result[key] = loader.construct_object(value_node, deep=True)
    return result


def _json_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)


def _unknown_tag(loader: yaml.CSafeLoader, node: yaml.Node) -> object:
    tag = node.tag.replace("tag:yaml.org,2002:", "!!")
    raise InvalidInput(f"the tag {tag} stands for nothing in JSON", place=_line(node))


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    (
        "tag:yaml.org,2002:bool",
        r"^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$",
        "yYnNtTfFoO",
    ),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    (
        "tag:yaml.org,2002:int",
        r"^[-+]?(?:0b[01_]+|0o?[0-7_]+|0|[1-9][0-9_]*|0[xX][0-9a-fA-F_]+)$",
        "-+0123456789",
    ),
    (
        "tag:yaml.org,2002:float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
        r"|\.(?:nan|NaN|NAN))$",
        "-+0123456789.",
    ),
    ("tag:yaml.org,2002:merge", r"^(?:<<)$", "<"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))
_TAG = "tag:yaml.org,2002:"
_Loader.yaml_constructors = {
    f"{_TAG}null": yaml.CSafeLoader.yaml_constructors[f"{_TAG}null"],
    f"{_TAG}bool": _bool,
    f"{_TAG}int": _int,
    f"{_TAG}float": _float,
    f"{_TAG}str": yaml.CSafeLoader.yaml_constructors[f"{_TAG}str"],
    f"{_TAG}seq": yaml.CSafeLoader.yaml_constructors[f"{_TAG}seq"],
    f"{_TAG}map": _mapping,
    None: _unknown_tag,
}


def load_yaml_documents(text: str | bytes, *, place: str = "YAML") -> Iterator[Any]:
    """Each document of a YAML or JSON text, empty ones left out. Raises ``InvalidInput``."""
    try:
        if len(text) > MAX_YAML_BYTES:
            raise InvalidInput(f"is bigger than {MAX_YAML_BYTES >> 20} MiB")
        _check_bounds(text)
        loader = _Loader(text)
        try:
            while loader.check_node():
                document = loader.construct_document(loader.get_node())
                if document is not None:
                    yield document
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InvalidInput(f"does not parse: {problem}", place=place) from error
    except UnicodeEncodeError as error:
        raise InvalidInput("has a character that is none", place=place) from error
    except InvalidInput as error:
        raise InvalidInput(error.problem, place=f"{place} {error.place}".strip()) from error


def load_yaml(text: str | bytes, *, place: str = "YAML") -> Any:
    """The first document of a YAML or JSON text, None if there is none. Raises ``InvalidInput``."""
    return next(load_yaml_documents(text, place=place), None)


class _Extent(NamedTuple):
    """How big a part of a document is: its nodes, aliases expanded, and how deep it goes."""

    nodes: int
    depth: int


def _check_bounds(text: str | bytes) -> None:
    """Refuses what is nested too deeply or expands beyond reason, from the parser's events alone.

    The composer builds nodes by recursion in C, which ends the process where the stack ends; and
    an alias bomb is a few lines long.
    """
    anchors: dict[str, _Extent | None] = {}
    open_anchors: list[str | None] = []
    extents = [_Extent(0, 0)]
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            extents.append(_Extent(1, 0))
            open_anchors.append(event.anchor)
            if event.anchor:
                anchors[event.anchor] = None
            inner = _Extent(0, 0)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            nodes, depth = extents.pop()
            inner = _Extent(nodes, depth + 1)
            anchor = open_anchors.pop()
            if anchor:
                anchors[anchor] = inner
        elif isinstance(event, yaml.ScalarEvent):
            inner = _Extent(1, 0)
            if event.anchor:
                anchors[event.anchor] = inner
        elif isinstance(event, yaml.AliasEvent):
            known = anchors.get(event.anchor or "", _Extent(1, 0))  # an unknown one is told later
            if known is None:
                raise InvalidInput("an alias refers to itself", place=_line(event))
            inner = known
        else:
            if isinstance(event, yaml.DocumentStartEvent):
                anchors.clear()
                extents = [_Extent(0, 0)]
            continue
        outer = extents[-1]
        extents[-1] = _Extent(outer.nodes + inner.nodes, max(outer.depth, inner.depth))
        if len(extents) - 1 + inner.depth > MAX_YAML_DEPTH:
            limit = f"more than {MAX_YAML_DEPTH} maps and lists are inside each other"
            raise InvalidInput(limit, place=_line(event))
        if extents[-1].nodes > _MAX_NODES:
            raise InvalidInput(f"expands to more than {_MAX_NODES} nodes", place=_line(event))


class _Dumper(yaml.CSafeDumper):
    """Block style; what another reader would take for a number, a boolean or a date is quoted."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class _PlainDumper(yaml.SafeDumper):
    """The same without libyaml."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _string(dumper: yaml.representer.BaseRepresenter, value: str) -> yaml.ScalarNode:
    literal = "\n" in value and not any(line.endswith(" ") for line in value.split("\n"))
    style = "|" if literal else None
    if style is None and _AMBIGUOUS.match(value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_AMBIGUOUS = re.compile(
    r"^(?:y|n|yes|no|on|off|true|false|null|~|[-+.]?[0-9][-+0-9_.:eExXa-fA-FT]*)$", re.IGNORECASE
)
_Dumper.add_representer(str, _string)
_PlainDumper.add_representer(str, _string)
_RARE = re.compile("[\x85\u2028\u2029\ufeff]|\\\\(?:[NLP]|uFEFF)")
_ESCAPED = re.compile(r"\\U[0-9A-F]{8}")


def dump_yaml(*documents: object) -> str:
    """YAML as kubectl prints it: two spaces, keys in their order, documents divided by ``---``."""
    text = _dumped(documents, _Dumper)
    # libyaml escapes what is beyond the basic plane, such as emoji; yaml's own emitter, slower,
    # does not; but it does not know its way with rare ends of lines.
    is_plain = _ESCAPED.search(text) and not _RARE.search(text)
    return _dumped(documents, _PlainDumper) if is_plain else text


def _dumped(documents: Sequence[object], dumper: type[Any]) -> str:
    text: str = yaml.dump_all(
        documents,
        Dumper=dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=1 << 20,
    )
    return text
