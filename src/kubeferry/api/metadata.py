"""The metadata of our resources, and reading an object as one of our types.

Metadata is read tolerantly, the API server keeps it in order; a spec is not: a field that this
version does not know is refused, for what a person writes is never ignored in silence. A status is
written as a merge patch, so what a type leaves out is not lost.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec import Struct, field

from kubeferry import codec
from kubeferry.api.definition import API_VERSION
from kubeferry.api.fields import MEANINGS, Tolerant
from kubeferry.errors import InvalidInput

_PATH = re.compile(r" - at `(?:key in )?\$\.?(?P<path>[^`]*)`$")
_STEP = re.compile(r"\[(?P<index>\d+)\]|(?P<key>[^.\[\]]+)")
_REGEX = re.compile(r"Expected `str` matching regex (?P<pattern>.+)$")
_SHOWN = 80
"""Characters of a bad value that a message may repeat."""


class Metadata(Tolerant, kw_only=True, frozen=True):
    """What we read of an object's metadata."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    finalizers: list[str] = field(default_factory=list)


R = TypeVar("R", bound=Struct)


def read(obj: Mapping[str, Any], to: type[R]) -> R:
    """An object of the API server, or of a manifest, as one of our resources.

    Raises ``InvalidInput`` whose place is the object and the field's path, for example
    ``ApplicationBackup csdr/nginx-backup: spec.ttl``.
    """
    kind = to.__name__
    place = f"{kind} {_name(obj)}".rstrip()
    if obj.get("kind") != kind or obj.get("apiVersion") != API_VERSION:
        raise InvalidInput(
            f"is {obj.get('apiVersion')} {obj.get('kind')}",
            place=place,
            remedy=f"what is expected is {API_VERSION} {kind}",
        )
    return convert(obj, to, place=place)


def convert(value: object, to: type[R], *, place: str) -> R:
    """A decoded value as one of our types; ``InvalidInput`` names the field below ``place``."""
    try:
        return codec.convert(value, to, place=place)
    except InvalidInput as error:
        raise _explained(error, value) from error.__cause__


def manifest(resource: Struct) -> dict[str, Any]:
    """A resource as an object to send or to print: ``kind`` first, no defaults."""
    body: dict[str, Any] = codec.to_builtins(resource)
    return {"apiVersion": API_VERSION, "kind": type(resource).__name__, **body}


def status_patch(status: Struct, before: Struct | None) -> dict[str, Any]:
    """A JSON merge patch that turns the status ``before`` (None: there was none) into ``status``.

    Empty when nothing changed. A field that went back to its default is deleted by null.
    """
    new = codec.to_builtins(status)
    old = codec.to_builtins(before) if before is not None else {}
    patch = _merge_patch(old, new)
    return {"status": patch} if patch else {}


def _merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7386: what turns ``old`` into ``new``; a map inside a map is patched, not replaced."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inside = _merge_patch(before, value)
            if inside:
                patch[key] = inside
        elif key not in old or before != value:
            patch[key] = value
    return patch


def _name(obj: Mapping[str, Any]) -> str:
    metadata = obj.get("metadata")
    if not isinstance(metadata, Mapping):
        return ""
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not isinstance(name, str):
        return ""
    return f"{namespace}/{name}" if isinstance(namespace, str) and namespace else name


def _explained(error: InvalidInput, given: object) -> InvalidInput:
    """Moves the path that msgspec appends into the place, shows the value, names a pattern."""
    problem = error.problem
    match = _PATH.search(problem)
    path = ""
    if match is not None:
        problem, path = problem[: match.start()], match["path"]
    regex = _REGEX.match(problem)
    if regex is not None:
        problem = f"expected {MEANINGS.get(regex['pattern'], regex['pattern'])}"
    value = _value_at(given, path)
    if isinstance(value, str | int | float) and path and len(repr(value)) <= _SHOWN:
        problem = f"is {value!r}: {problem}"
    place = f"{error.place}: {path}" if path else error.place
    return InvalidInput(problem, place=place, remedy=error.remedy)


def _value_at(value: Any, path: str) -> object:
    """What is at msgspec's path; None where it does not say which key (``[...]``)."""
    if "[...]" in path:
        return None
    for step in _STEP.finditer(path):
        try:
            value = value[int(step["index"])] if step["index"] else value[step["key"]]
        except (KeyError, IndexError, TypeError):
            return None
    return value
