"""JSON patch (RFC 6902) as evanphx/json-patch v5 applies it, which the API server and Velero use
(velero.md §4.6).

Beyond the RFC: negative indexes; ``test`` of a missing field holds when its value is null; ``copy``
without ``from`` copies the whole document. A patch is atomic: it applies whole or raises, and its
input is never changed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from kubeferry.errors import InvalidInput, PatchFailed, PatchTestFailed
from kubeferry.transform.patch.pointer import (
    MISSING,
    Tokens,
    child,
    describe,
    element_index,
    equal,
    format_pointer,
    insertion_index,
    lookup,
    open_path,
    parse_pointer,
)

OperationName = Literal["add", "remove", "replace", "test", "move", "copy"]
OPERATIONS: tuple[OperationName, ...] = get_args(OperationName)


class Edit(NamedTuple):
    """What one operation did: a resolved pointer, the value before and after (``MISSING``: none).

    ``number`` is the operation's, a ``move`` makes two edits, a ``test`` none.

    In a list, an edit without an old value inserted an element and one without a new value took one
    out.
    """

    pointer: str
    old: Any
    new: Any
    number: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with its pointers parsed; made by ``compile_operation``."""

    number: int
    name: OperationName
    path: Tokens
    source: Tokens | None
    value: Any
    parents: Tokens
    last: str
    parents_pointer: str


def compile_operation(
    number: int,
    name: str,
    path: str,
    *,
    source: str | None = None,
    value: Any = None,
    place: str = "patch",
) -> Operation:
    """Checks and parses one operation; ``number`` counts from 1 and tells it in messages.

    Raises ``InvalidInput``: an unknown name or no pointer.
    """
    if name not in OPERATIONS:
        raise InvalidInput(
            f"{name!r} is no operation", place=place, remedy=f"use one of {', '.join(OPERATIONS)}"
        )
    tokens = parse_pointer(path, place=f"{place}.path")
    origin = None
    if name in ("move", "copy"):
        if name == "move" and not source:
            raise InvalidInput("move needs from", place=f"{place}.from")
        origin = parse_pointer(source or "", place=f"{place}.from")
    return Operation(
        number,
        name,
        tokens,
        origin,
        value,
        tokens[:-1],
        tokens[-1] if tokens else "",
        format_pointer(tokens[:-1]),
    )


def compile_json_patch(
    operations: Sequence[Mapping[str, Any]], *, place: str = "patch"
) -> tuple[Operation, ...]:
    """A patch document: a list of ``{"op", "path", "value", "from"}``. Raises ``InvalidInput``."""
    if not isinstance(operations, list):
        raise InvalidInput("a JSON patch is a list of operations", place=place)
    compiled = []
    for index, operation in enumerate(operations):
        where = f"{place}[{index}]"
        if not isinstance(operation, Mapping):
            raise InvalidInput("an operation is a map", place=where)
        name, path, source = (operation.get(key) for key in ("op", "path", "from"))
        if not isinstance(name, str) or not isinstance(path, str):
            raise InvalidInput("an operation needs op and path", place=where)
        if source is not None and not isinstance(source, str):
            raise InvalidInput("from must be a text", place=where)
        if name in ("add", "replace") and "value" not in operation:
            raise InvalidInput(f"{name} needs a value", place=where)
        value = operation.get("value")
        compiled.append(
            compile_operation(index + 1, name, path, source=source, value=value, place=where)
        )
    return tuple(compiled)


def apply_operations(
    document: Any, operations: Sequence[Operation], edits: list[Edit] | None = None
) -> Any:
    """The document after all operations; what they did is appended to ``edits``.

    Raises ``PatchTestFailed`` for a test that does not hold, ``PatchFailed`` for all else, with the
    operation as place; ``edits`` is then to be thrown away.
    """
    record: list[Edit] = [] if edits is None else edits
    fresh: set[int] = set()
    for operation in operations:
        try:
            document = _APPLY[operation.name](document, operation, record, fresh)
        except PatchFailed as error:
            pointer = format_pointer(operation.path)
            raise type(error)(
                error.problem, place=f"patch {operation.number} ({operation.name} {pointer})"
            ) from error
    return document


def apply_json_patch(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """Applies a patch document. Raises ``InvalidInput`` for a malformed one, else
    ``PatchFailed``.
    """
    return apply_operations(document, compile_json_patch(operations))


def _add(document: Any, operation: Operation, edits: list[Edit], fresh: set[int]) -> Any:
    return _put(document, operation, operation.value, edits, fresh)


def _put(
    document: Any, operation: Operation, value: Any, edits: list[Edit], fresh: set[int]
) -> Any:
    """``add``, and the second half of ``move`` and ``copy``."""
    if not operation.path:
        return _whole(document, value, edits, operation.number)
    document, container = open_path(document, operation.parents, fresh)
    key = operation.last
    if isinstance(container, dict):
        edits.append(
            Edit(_at(operation, key), container.get(key, MISSING), value, operation.number)
        )
        container[key] = value
    else:
        index = insertion_index(key, len(container))
        edits.append(Edit(f"{operation.parents_pointer}/{index}", MISSING, value, operation.number))
        container.insert(index, value)
    return document


def _remove(document: Any, operation: Operation, edits: list[Edit], fresh: set[int]) -> Any:
    return _take(document, operation.path, edits, fresh, operation.number)[0]


def _take(
    document: Any, path: Tokens, edits: list[Edit], fresh: set[int], number: int
) -> tuple[Any, Any]:
    """The document without what is at the path, and that."""
    if not path:
        raise PatchFailed("the whole document cannot be taken out")
    document, container = open_path(document, path[:-1], fresh)
    if isinstance(container, dict):
        if path[-1] not in container:
            raise PatchFailed(f"there is no field {path[-1]!r}")
        old = container.pop(path[-1])
        edits.append(Edit(format_pointer(path), old, MISSING, number))
    else:
        index = element_index(path[-1], len(container))
        old = container.pop(index)
        edits.append(Edit(format_pointer((*path[:-1], str(index))), old, MISSING, number))
    return document, old


def _replace(document: Any, operation: Operation, edits: list[Edit], fresh: set[int]) -> Any:
    if not operation.path:
        return _whole(document, operation.value, edits, operation.number)
    document, container = open_path(document, operation.parents, fresh)
    key: Any = operation.last
    if isinstance(container, list):
        key = element_index(key, len(container))
    elif key not in container:
        raise PatchFailed(f"there is no field {key!r}")
    edits.append(Edit(_at(operation, str(key)), container[key], operation.value, operation.number))
    container[key] = operation.value
    return document


def _test(document: Any, operation: Operation, edits: list[Edit], fresh: set[int]) -> Any:
    container = lookup(document, operation.parents)
    if not operation.path:
        value = document
    elif isinstance(container, dict):
        value = container.get(operation.last)
    else:
        value = child(container, operation.last)
    if not equal(value, operation.value):
        raise PatchTestFailed("the value there is another one")
    return document


def _move(document: Any, operation: Operation, edits: list[Edit], fresh: set[int]) -> Any:
    document, value = _take(document, operation.source or (), edits, fresh, operation.number)
    return _put(document, operation, value, edits, fresh)


def _copy(document: Any, operation: Operation, edits: list[Edit], fresh: set[int]) -> Any:
    value = lookup(document, operation.source or ())
    # From here on the value hangs in two places, so neither may be changed in place.
    fresh.clear()
    return _put(document, operation, value, edits, fresh)


def _whole(document: Any, value: Any, edits: list[Edit], number: int) -> Any:
    if not isinstance(value, (dict, list)):
        raise PatchFailed(f"a document cannot be {describe(value)}")
    edits.append(Edit("", document, value, number))
    return value


def _at(operation: Operation, key: str) -> str:
    return f"{operation.parents_pointer}{format_pointer((key,))}"


_APPLY: Mapping[OperationName, Callable[[Any, Operation, list[Edit], set[int]], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "test": _test,
    "move": _move,
    "copy": _copy,
}
