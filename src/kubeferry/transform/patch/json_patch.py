"""JSON patch (RFC 6902) as evanphx/json-patch v5 applies it, which the API server and Velero use
(velero.md §4.6).

Beyond the RFC: negative indexes; ``test`` of a missing field holds when its value is null; ``copy``
without ``from`` copies the whole document. A patch is atomic: it applies whole or raises, and its
input is never changed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec

from kubeferry.errors import InvalidInput, PatchFailed, PatchTestFailed
from kubeferry.transform.patch.pointer import (
    MISSING,
    Pointer,
    child,
    describe,
    element_index,
    equal,
    insertion_index,
    lookup,
    open_path,
    parse_pointer,
)

OperationName = Literal["add", "remove", "replace", "test", "move", "copy"]
OPERATIONS: tuple[OperationName, ...] = get_args(OperationName)


class Edit(msgspec.Struct, frozen=True):
    """What one operation did: a resolved pointer, the value before and after (``MISSING``: none).

    ``number`` is the operation's; a ``move`` makes two edits, a ``test`` none. In a list, an edit
    without an old value inserted an element and one without a new value took one out.
    """

    pointer: str
    old: Any
    new: Any
    number: int


class Operation(msgspec.Struct, frozen=True):
    """One operation with its pointers parsed; made by ``compile_operation``."""

    number: int
    name: OperationName
    path: Pointer
    source: Pointer
    value: Any


def compile_operation(
    number: int,
    name: str,
    path: str,
    *,
    source: str = "",
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
    if name == "move" and not source:
        raise InvalidInput("move needs from", place=f"{place}.from")
    return Operation(
        number,
        name,
        parse_pointer(path, place=f"{place}.path"),
        parse_pointer(source, place=f"{place}.from"),
        value,
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
            compile_operation(index + 1, name, path, source=source or "", value=value, place=where)
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
    for operation in operations:
        try:
            document = _APPLY[operation.name](document, operation, record)
        except PatchFailed as error:
            where = f"patch {operation.number} ({operation.name} {operation.path.text})"
            raise type(error)(error.problem, place=where) from error
    return document


def apply_json_patch(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """Applies a patch document.

    Raises ``InvalidInput`` for a malformed one, ``PatchFailed`` for one that does not fit.
    """
    return apply_operations(document, compile_json_patch(operations))


def _add(document: Any, operation: Operation, edits: list[Edit]) -> Any:
    return _put(document, operation, operation.value, edits)


def _put(document: Any, operation: Operation, value: Any, edits: list[Edit]) -> Any:
    """``add``, and the second half of ``move`` and ``copy``."""
    path = operation.path
    if not path.text:
        return _whole(document, value, edits, operation.number)
    document, container = open_path(document, path.parents)
    key = path.last
    if isinstance(container, dict):
        old = container.get(key, MISSING)
        edits.append(Edit(path.text, old, value, operation.number))
        container[key] = value
    else:
        index = insertion_index(key, len(container))
        edits.append(Edit(path.element(index), MISSING, value, operation.number))
        container.insert(index, value)
    return document


def _remove(document: Any, operation: Operation, edits: list[Edit]) -> Any:
    return _take(document, operation.path, edits, operation.number)[0]


def _take(document: Any, path: Pointer, edits: list[Edit], number: int) -> tuple[Any, Any]:
    """The document without what is at the path, and that."""
    if not path.text:
        raise PatchFailed("the whole document cannot be taken out")
    document, container = open_path(document, path.parents)
    key = path.last
    if isinstance(container, dict):
        if key not in container:
            raise PatchFailed(f"there is no field {key!r}")
        old = container.pop(key)
        edits.append(Edit(path.text, old, MISSING, number))
    else:
        index = element_index(key, len(container))
        old = container.pop(index)
        edits.append(Edit(path.element(index), old, MISSING, number))
    return document, old


def _replace(document: Any, operation: Operation, edits: list[Edit]) -> Any:
    path = operation.path
    if not path.text:
        return _whole(document, operation.value, edits, operation.number)
    document, container = open_path(document, path.parents)
    key: Any = path.last
    where = path.text
    if isinstance(container, list):
        key = element_index(key, len(container))
        where = path.element(key)
    elif key not in container:
        raise PatchFailed(f"there is no field {key!r}")
    edits.append(Edit(where, container[key], operation.value, operation.number))
    container[key] = operation.value
    return document


def _test(document: Any, operation: Operation, edits: list[Edit]) -> Any:
    path = operation.path
    container = lookup(document, path.parents)
    if not path.text:
        value = document
    elif isinstance(container, dict):
        value = container.get(path.last)
    else:
        value = child(container, path.last)
    if not equal(value, operation.value):
        raise PatchTestFailed("the value there is another one")
    return document


def _move(document: Any, operation: Operation, edits: list[Edit]) -> Any:
    document, value = _take(document, operation.source, edits, operation.number)
    return _put(document, operation, value, edits)


def _copy(document: Any, operation: Operation, edits: list[Edit]) -> Any:
    value = lookup(document, operation.source.tokens)
    return _put(document, operation, value, edits)


def _whole(document: Any, value: Any, edits: list[Edit], number: int) -> Any:
    if not isinstance(value, (dict, list)):
        raise PatchFailed(f"a document cannot be {describe(value)}")
    edits.append(Edit("", document, value, number))
    return value


_APPLY: Mapping[OperationName, Callable[[Any, Operation, list[Edit]], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "test": _test,
    "move": _move,
    "copy": _copy,
}
