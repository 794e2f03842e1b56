"""The patches of a rule, from their text to operations."""

from dataclasses import dataclass, field
from typing import Any

from kubeferry import codec
from kubeferry.errors import InvalidModifier
from kubeferry.kube.regex import compile_pattern
from kubeferry.transform.change import Cause, Note
from kubeferry.transform.modifiers.operations import operation_v2
from kubeferry.transform.modifiers.paths import PathPattern, compile_path
from kubeferry.transform.modifiers.reading import fields, items
from kubeferry.transform.modifiers.schema import Version, fields_of, operations_of
from kubeferry.transform.modifiers.values import scalar_text, typed_value, whole_numbers
from kubeferry.transform.modifiers.variables import compile_substitution, compile_value
from kubeferry.transform.patch.documents import merge_operation, strategic_operation
from kubeferry.transform.patch.json_patch import Operation, compile_operation
from kubeferry.transform.patch.pointer import Pointer, parse_pointer

_NEED_VALUE = frozenset({"add", "replace"})


@dataclass(frozen=True, slots=True)
class Format:
    """The version that is read, and what there is to note of what was read."""

    version: Version
    notes: list[Note] = field(default_factory=list)

    def value(self, given: dict[str, Any], place: str, *, needed: bool = True) -> Any:
        """The ``value`` of a match or an operation: a text that is typed (v1), or as YAML has it.

        What Velero would not understand is noted if it is ``needed``. Raises ``InvalidInput``.
        """
        if self.version != "v1":
            return given.get("value")
        typed = typed_value(scalar_text(given.get("value"), place=place), place=place)
        if typed.note and needed:
            self.notes.append(Note("ValueNotForVelero", f"{place}: {typed.note}"))
        return typed.value


def json_patch(value: Any, title: str, place: str, format_: Format) -> tuple[Operation, ...]:
    """The operations of ``patches``. Raises ``InvalidInput``."""
    read = _operation_v1 if format_.version == "v1" else _operation_v2
    return tuple(
        read(index + 1, one, title, f"{place}[{index}]", format_)
        for index, one in enumerate(items(value, place))
    )


def document_patches(
    kind: str, value: Any, title: str, place: str, format_: Format
) -> tuple[Operation, ...]:
    """The operations of ``mergePatches`` or ``strategicPatches``. Raises ``InvalidInput``."""
    compiled = []
    for index, one in enumerate(items(value, place)):
        where = f"{place}[{index}]"
        given = fields(one, fields_of("documentPatch", format_.version), where)
        patch = _patch_data(given.get("patchData"), f"{where}.patchData", format_.version)
        make, name = (
            (merge_operation, "merge")
            if kind == "mergePatches"
            else (strategic_operation, "strategic")
        )
        cause = Cause("modifier", f"{title}: patch {index + 1} {name}")
        compiled.append(make(index + 1, patch, cause))
    return tuple(compiled)


def _patch_data(data: Any, place: str, version: Version) -> Any:
    if version == "v1" or not isinstance(data, dict):
        data = codec.load_yaml(scalar_text(data, place=place), place=place)
    if not isinstance(data, dict):
        raise InvalidModifier(
            "a patch of a whole object is a map", place=place, remedy="write it as YAML or JSON"
        )
    patch = whole_numbers(data)
    return compile_value(patch, place=place) if version != "v1" else patch


def name_of_operation(given: dict[str, Any], place: str, version: Version) -> str:
    """The operation's name, in lower case. Raises ``InvalidModifier``."""
    name = scalar_text(given.get("operation"), place=f"{place}.operation").lower()
    names = operations_of(version)
    if name not in names:
        raise InvalidModifier(
            f"{name!r} is no operation" if name else "is missing",
            place=f"{place}.operation",
            remedy="it is one of version v2"
            if name in operations_of("v2")
            else f"use one of {', '.join(names)}",
        )
    return name


def _operation_v1(number: int, value: Any, title: str, place: str, format_: Format) -> Operation:
    given = fields(value, fields_of("patch", "v1"), place)
    name = name_of_operation(given, place, "v1")
    typed = format_.value(given, f"{place}.value", needed=name in ("add", "replace", "test"))
    return compile_operation(
        number,
        name,
        path_text(given.get("path"), f"{place}.path"),
        source=scalar_text(given.get("from"), place=f"{place}.from"),
        value=typed if name == "test" else whole_numbers(typed),
        cause=Cause("modifier", f"{title}: patch {number} {name}"),
        place=place,
    )


def _operation_v2(number: int, value: Any, title: str, place: str, format_: Format) -> Operation:
    given = fields(value, fields_of("patch", "v2"), place)
    name = name_of_operation(given, place, "v2")
    for one, names in _ONLY_FOR.items():
        if one in given and name not in names:
            raise InvalidModifier(
                f"is for {', '.join(sorted(names))}, not for {name}", place=f"{place}.{one}"
            )
    if name in _NEED_VALUE and "value" not in given:
        raise InvalidModifier("is missing", place=f"{place}.value", remedy="null is a value too")
    parents = given.get("createParents")
    if not isinstance(parents, bool | None):
        raise InvalidModifier("must be true or false", place=f"{place}.createParents")
    return operation_v2(
        number,
        name,
        compile_path(path_text(given.get("path"), f"{place}.path"), place=f"{place}.path"),
        source=_source(given, place),
        value=_value_v2(name, given, place),
        create_parents=bool(parents),
        cause=Cause("modifier", f"{title}: patch {number} {name}"),
        place=place,
    )


_ONLY_FOR = {
    "value": frozenset({"add", "replace", "test"}),
    "from": frozenset({"move", "copy"}),
    "createParents": frozenset({"add"}),
    "pattern": frozenset({"substitute"}),
    "replacement": frozenset({"substitute"}),
}


def _source(given: dict[str, Any], place: str) -> Pointer | PathPattern:
    text = scalar_text(given.get("from"), place=f"{place}.from")
    return compile_path(text, place=f"{place}.from") if text else parse_pointer("")


def _value_v2(name: str, given: dict[str, Any], place: str) -> Any:
    if name != "substitute":
        value = compile_value(given.get("value"), place=f"{place}.value")
        return value if name == "test" else whole_numbers(value)
    expression = scalar_text(given.get("pattern"), place=f"{place}.pattern")
    if not expression:
        raise InvalidModifier("is missing", place=f"{place}.pattern", remedy="write what to find")
    return compile_substitution(
        compile_pattern(expression, place=f"{place}.pattern"),
        scalar_text(given.get("replacement"), place=f"{place}.replacement"),
        place=f"{place}.replacement",
    )


def path_text(value: Any, place: str) -> str:
    """A path's text. Raises ``InvalidInput`` where there is none."""
    path = scalar_text(value, place=place)
    if not path:
        raise InvalidModifier(
            "is missing", place=place, remedy="write a JSON pointer, such as /spec/replicas"
        )
    return path
