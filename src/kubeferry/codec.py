"""JSON through msgspec, and YAML with the scalar rules of Kubernetes.

JSON keeps integers of any size, and refuses what is not JSON. YAML reads as ``sigs.k8s.io/yaml``
does, so that a manifest means here what it means to kubectl: ``yes`` and ``on`` are booleans,
``0777`` is 511, ``1e3`` is a number, dates and ``12:30:45`` stay strings (ecosystem.md §4).
Duplicate keys are refused, aliases are bounded.
"""

import re
from collections.abc import Hashable, Iterator
from typing import Any, TypeVar

import msgspec
import yaml

from kubeferry.errors import InvalidInput

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
_sorted_encoder = msgspec.json.Encoder(order="sorted")
_MAX_NODES = 200_000
"""Nodes a YAML text may expand to, aliases counted each time they are used."""


def encode(value: object) -> bytes:
    """Compact JSON."""
    return _encoder.encode(value)


def encode_sorted(value: object) -> bytes:
    """Compact JSON with sorted keys: equal values give equal bytes."""
    return _sorted_encoder.encode(value)


def encode_pretty(value: object) -> bytes:
    """JSON with two spaces of indent and a final newline."""
    return msgspec.json.format(_encoder.encode(value), indent=2) + b"\n"


def decode(data: bytes | bytearray | memoryview | str | msgspec.Raw) -> Any:
    """JSON to dicts and lists. Raises ``msgspec.DecodeError`` for what is not JSON."""
    return _decoder.decode(data)


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


class _Loader(yaml.CSafeLoader):
    """CSafeLoader with Go's resolvers, duplicate keys refused."""


def _int(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node)).replace("_", "")
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    for prefix, base in (("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2), ("0B", 2)):
        if digits.startswith(prefix):
            return sign * int(digits[len(prefix) :], base)
    if len(digits) > 1 and digits.startswith("0"):
        return sign * int(digits, 8)
    return sign * int(digits)


def _float(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).replace("_", "").lower()
    if text.lstrip("+-") in (".inf", ".nan"):
        raise InvalidInput(f"{text!r} is no JSON number", place=_line(node))
    return float(text)


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _mapping(loader: yaml.CSafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise InvalidInput(
                "a key must be a scalar", place=f"line {key_node.start_mark.line + 1}"
            )
        key = _json_key(key)
        if key in result:
            raise InvalidInput(f"key {key!r} is there twice", place=_line(key_node))
        result[key] = loader.construct_object(value_node, deep=True)
    return result


def _json_key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)


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
_Loader.add_constructor(
    "tag:yaml.org,2002:bool",
    lambda loader, node: str(loader.construct_scalar(node)).lower() in _TRUE,  # type: ignore[arg-type]
)
_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def load_yaml_documents(text: str | bytes, *, place: str = "YAML") -> Iterator[Any]:
    """Each document of a YAML or JSON text, empty ones left out. Raises ``InvalidInput``."""
    try:
        loader = _Loader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                _bounded(node, place)
                document = loader.construct_document(node)
                if document is not None:
                    yield document
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InvalidInput(f"does not parse: {problem}", place=place) from error
    except InvalidInput as error:
        raise InvalidInput(error.problem, place=f"{place} {error.place}".strip()) from error


def load_yaml(text: str | bytes, *, place: str = "YAML") -> Any:
    """The first document of a YAML or JSON text, None if there is none. Raises ``InvalidInput``."""
    return next(load_yaml_documents(text, place=place), None)


def _bounded(node: yaml.Node | None, place: str) -> None:
    """Refuses a text whose aliases expand beyond reason (an alias bomb is a few lines long)."""
    sizes: dict[int, int] = {}

    def size(current: yaml.Node, path: frozenset[int]) -> int:
        key = id(current)
        if key in path:
            raise InvalidInput("an alias refers to itself", place=place)
        if key not in sizes:
            inside = path | {key}
            children: list[yaml.Node] = []
            if isinstance(current, yaml.MappingNode):
                children = [child for pair in current.value for child in pair]
            elif isinstance(current, yaml.SequenceNode):
                children = current.value
            sizes[key] = 1 + sum(size(child, inside) for child in children)
        return sizes[key]

    if node is not None and size(node, frozenset()) > _MAX_NODES:
        raise InvalidInput(f"expands to more than {_MAX_NODES} nodes", place=place)


class _Dumper(yaml.CSafeDumper):
    """Block style; what another reader would take for a number, a boolean or a date is quoted."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _string(dumper: yaml.CSafeDumper, value: str) -> yaml.ScalarNode:
    literal = "\n" in value and not any(line.endswith(" ") for line in value.split("\n"))
    style = "|" if literal else None
    if style is None and _AMBIGUOUS.match(value):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_AMBIGUOUS = re.compile(
    r"^(?:y|n|yes|no|on|off|true|false|null|~|[-+.]?[0-9][-+0-9_.:eExXa-fA-FT]*)$", re.IGNORECASE
)
_Dumper.add_representer(str, _string)


def dump_yaml(*documents: object) -> str:
    """YAML as kubectl prints it: two spaces, keys in their order, documents divided by ``---``."""
    return yaml.dump_all(
        documents,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=1 << 20,
    )
