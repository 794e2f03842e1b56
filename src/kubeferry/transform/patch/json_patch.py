"""JSON patch (RFC 6902) as evanphx/json-patch v5 applies it, which the API server and Velero use
(velero.md §4.6).

Beyond the RFC: negative indexes; ``test`` of a missing field holds when its value is null; ``copy``
without ``from`` copies the whole document. A patch is atomic: it applies whole or raises, and its
input is never changed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from kubeferry.errors import InvalidInput, PatchFailed, PatchTestFailed
from kubeferry.transform.patch.edits import Cause, Change
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

OPERATIONS = ("add", "remove", "replace", "test", "move", "copy")
_NO_CAUSE = Cause("modifier", "")
LONGEST = 3 << 20
"""What an API server takes at once, in bytes. A copy of more could never be written, and copies of
copies double with each."""


class Operation(msgspec.Struct, frozen=True):
    """One operation with its pointers parsed; made by ``compile_operation``.

    ``run`` gives the document after the operation and appends what it did to the changes; ``name``
    is one of ``OPERATIONS``, or that of another kind of operation which runs beside these.
    """

    number: int
    name: str
    path: Pointer
    source: Pointer
    value: Any
    cause: Cause
    run: "Run"


Run = Callable[[Any, Operation, list[Change]], Any]


def compile_operation(
    number: int,
    name: str,
    path: str,
    *,
    source: str = "",
    value: Any = None,
    cause: Cause = _NO_CAUSE,
    place: str = "patch",
) -> Operation:
    """Checks and parses one operation; ``number`` counts from 1 and tells it in messages.

    ``cause`` becomes that of the changes it makes.

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
        cause,
        _RUN[name],
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
    document: Any, operations: Sequence[Operation], changes: list[Change] | None = None
) -> Any:
    """The document after all operations; what they did is appended to ``changes``.

    A ``move`` makes two changes, a ``test`` none. Raises ``PatchTestFailed`` for a test that does
    not hold, ``PatchFailed`` for all else, with the operation as place; ``changes`` is then as it
    was.
    """
    record: list[Change] = [] if changes is None else changes
    before = len(record)
    for operation in operations:
        try:
            document = operation.run(document, operation, record)
        except PatchFailed as error:
            del record[before:]
            what = f"{operation.name} {operation.path.text}".rstrip()
            where = f"patch {operation.number} ({what})"
            raise type(error)(error.problem, place=where) from error
    return document


def apply_json_patch(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """Applies a patch document.

    Raises ``InvalidInput`` for a malformed one, ``PatchFailed`` for one that does not fit.
    """
    return apply_operations(document, compile_json_patch(operations))


def _add(document: Any, operation: Operation, changes: list[Change]) -> Any:
    return put(document, operation, operation.value, changes)


def put(document: Any, operation: Operation, value: Any, changes: list[Change]) -> Any:
    """``add``, and the second half of ``move`` and ``copy``: the value at the operation's path.
    Raises ``PatchFailed``.
    """
    path = operation.path
    if not path.text:
        return _whole(document, value, changes, operation.cause)
    document, container = open_path(document, path.parents)
    key = path.last
    if isinstance(container, dict):
        old = container.get(key, MISSING)
        _record(changes, path.text, old, value, operation.cause)
        container[key] = value
    else:
        index = insertion_index(key, len(container))
        changes.append(Change(path.element(index), MISSING, value, operation.cause))
        container.insert(index, value)
    return document


def _remove(document: Any, operation: Operation, changes: list[Change]) -> Any:
    return take(document, operation.path, changes, operation.cause)[0]


def take(document: Any, path: Pointer, changes: list[Change], cause: Cause) -> tuple[Any, Any]:
    """The document without what is at the path, and that. Raises ``PatchFailed``."""
    if not path.text:
        raise PatchFailed("the whole document cannot be taken out")
    document, container = open_path(document, path.parents)
    key = path.last
    if isinstance(container, dict):
        if key not in container:
            raise PatchFailed(f"there is no field {key!r}")
        old = container.pop(key)
        changes.append(Change(path.text, old, MISSING, cause))
    else:
        index = element_index(key, len(container))
        old = container.pop(index)
        changes.append(Change(path.element(index), old, MISSING, cause))
    return document, old


def _replace(document: Any, operation: Operation, changes: list[Change]) -> Any:
    path = operation.path
    if not path.text:
        return _whole(document, operation.value, changes, operation.cause)
    document, container = open_path(document, path.parents)
    key: Any = path.last
    where = path.text
    if isinstance(container, list):
        key = element_index(key, len(container))
        where = path.element(key)
    elif key not in container:
        raise PatchFailed(f"there is no field {key!r}")
    _record(changes, where, container[key], operation.value, operation.cause)
    container[key] = operation.value
    return document


def _test(document: Any, operation: Operation, changes: list[Change]) -> Any:
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


def _move(document: Any, operation: Operation, changes: list[Change]) -> Any:
    document, value = take(document, operation.source, changes, operation.cause)
    return put(document, operation, value, changes)


def _copy(document: Any, operation: Operation, changes: list[Change]) -> Any:
    return put(document, operation, copied(document, operation.source), changes)


def copied(document: Any, source: Pointer) -> Any:
    """The value that is copied. Raises ``PatchFailed`` for one that no object can hold."""
    value = lookup(document, source.tokens)
    weight, todo = 0, [value]
    while todo:
        one = todo.pop()
        weight += len(one) if isinstance(one, (str, list, dict)) else 1
        if weight > LONGEST:
            raise PatchFailed(f"what would be copied has more than {LONGEST} bytes")
        if isinstance(one, dict):
            todo += (*one, *one.values())
        elif isinstance(one, list):
            todo += one
    return value


def _record(changes: list[Change], pointer: str, old: Any, new: Any, cause: Cause) -> None:
    """Records a change, unless the value was there already."""
    if old != new or not equal(old, new):
        changes.append(Change(pointer, old, new, cause))


def _whole(document: Any, value: Any, changes: list[Change], cause: Cause) -> Any:
    if not isinstance(value, (dict, list)):
        raise PatchFailed(f"a document cannot be {describe(value)}")
    changes.append(Change("", document, value, cause))
    return value


_RUN: Mapping[str, Run] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "test": _test,
    "move": _move,
    "copy": _copy,
}
