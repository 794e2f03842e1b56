"""The operations of version v2: those of a JSON patch on paths that stand for many places,
``substitute``, and an ``add`` that makes its missing parents.
"""

from functools import partial
from typing import Any

import msgspec

from kubeferry.errors import InvalidInput, PatchFailed, PatchTestFailed
from kubeferry.transform.modifiers.paths import PathPattern
from kubeferry.transform.modifiers.variables import Substitution
from kubeferry.transform.patch.edits import Cause, Change
from kubeferry.transform.patch.json_patch import (
    LONGEST,
    OPERATIONS,
    Operation,
    Run,
    compile_operation,
    copied,
    put,
    take,
)
from kubeferry.transform.patch.pointer import (
    Pointer,
    child,
    describe,
    element_index,
    format_pointer,
    lookup,
    open_path,
    pointer_of,
)

OPERATIONS_V2 = (*OPERATIONS, "substitute")
_FEW = 1000
"""Places that are never too many."""
_MOST_WORK = 401_000_000
"""Elements that one operation may copy, in about a second: each of 20,000 of a list."""
_MUST_BE_THERE = frozenset({"remove", "replace", "substitute"})


def operation_v2(
    number: int,
    name: str,
    path: Pointer | PathPattern,
    *,
    source: Pointer | PathPattern,
    value: Any,
    create_parents: bool,
    cause: Cause,
    place: str,
) -> Operation:
    """One operation; the value of ``substitute`` is a ``Substitution``. Raises ``InvalidInput``
    for what can never work.
    """
    written, taken = _pointer(path), _pointer(source)
    if create_parents and name != "add":
        raise InvalidInput("only add makes parents", place=f"{place}.createParents")
    if name == "substitute":
        run: Run = _substitute
        plain = Operation(number, name, written, taken, value, cause, run)
    else:
        plain = compile_operation(
            number, name, written.text, source=taken.text, value=value, cause=cause, place=place
        )
        run = _add_with_parents if create_parents else plain.run
    if name in ("move", "copy"):
        for one, field in ((path, "path"), (source, "from")):
            if isinstance(one, PathPattern) and one.has_every:
                raise InvalidInput(
                    f"{name} needs one place, * is many",
                    place=f"{place}.{field}",
                    remedy="name the element: [name=web]",
                )
        if isinstance(path, PathPattern) or isinstance(source, PathPattern):
            run = partial(_carry, path, source, name == "move")
    elif isinstance(path, PathPattern):
        if name == "add" and path.ends_in_pattern:
            raise InvalidInput(
                "add puts something new, this names what is there",
                place=f"{place}.path",
                remedy="write - to append, or replace",
            )
        run = partial(_everywhere, path, run, create_parents)
    return msgspec.structs.replace(plain, run=run)


def _pointer(path: Pointer | PathPattern) -> Pointer:
    return path.pointer if isinstance(path, PathPattern) else path


def _everywhere(
    path: PathPattern,
    run: Run,
    makes: bool,
    document: Any,
    operation: Operation,
    changes: list[Change],
) -> Any:
    """The operation at each place of the path; from the end on where that takes elements out."""
    try:
        must_be_there = operation.name in _MUST_BE_THERE
        places = path.places(document, there=must_be_there, makes=makes)
    except PatchFailed as error:
        if operation.name == "test":
            raise PatchTestFailed(error.problem) from error
        raise
    if len(places) > _FEW:
        _check_work(document, places)
    for place in reversed(places) if operation.name == "remove" else places:
        document = run(document, msgspec.structs.replace(operation, path=place), changes)
    return document


def _check_work(document: Any, places: list[Pointer]) -> None:
    """Each place copies what is on its way, which for a long list grows by the square. Raises
    ``PatchFailed`` where that would keep the others waiting.
    """
    work = 0
    for place in places:
        here = document
        for token in place.tokens:
            if not isinstance(here, (dict, list)):
                break
            work += len(here)
            try:
                here = child(here, token)
            except PatchFailed:  # what is missing is the operation's affair
                break
        if work > _MOST_WORK:
            raise PatchFailed(f"its path stands for {len(places)} places, which are too many")


def _carry(
    path: Pointer | PathPattern,
    source: Pointer | PathPattern,
    is_move: bool,
    document: Any,
    operation: Operation,
    changes: list[Change],
) -> Any:
    """``move`` and ``copy`` where a path names an element."""
    origin = _one_place(source, document)
    if is_move:
        document, value = take(document, origin, changes, operation.cause)
    else:
        value = copied(document, origin)
    target = _one_place(path, document)
    return put(document, msgspec.structs.replace(operation, path=target), value, changes)


def _one_place(path: Pointer | PathPattern, document: Any) -> Pointer:
    if isinstance(path, Pointer):
        return path
    places = path.places(document, there=False)
    if len(places) != 1:
        raise PatchFailed(f"{path.pointer.text} names {len(places)} places")
    return places[0]


def _substitute(document: Any, operation: Operation, changes: list[Change]) -> Any:
    """A pattern that is not in the text leaves it as it is."""
    path = operation.path
    old = lookup(document, path.tokens)
    if not isinstance(old, str):
        raise PatchFailed(f"substitute changes texts, here is {describe(old)}")
    replace: Substitution = operation.value
    new = replace(old, LONGEST)
    if new == old:
        return document
    document, container = open_path(document, path.parents)
    key: Any = path.last
    where = path.text
    if isinstance(container, list):
        key = element_index(key, len(container))
        where = path.element(key)
    container[key] = new
    changes.append(Change(where, old, new, operation.cause))
    return document


def _add_with_parents(document: Any, operation: Operation, changes: list[Change]) -> Any:
    """``add`` where a parent that is missing, or null, becomes a map; ``-`` begins a list."""
    path = operation.path
    here = document
    for depth, token in enumerate(path.parents):
        if isinstance(here, dict) and here.get(token) is None:
            made = operation.value
            for inner in reversed((*path.parents[depth + 1 :], path.last)):
                if inner.isdecimal():
                    raise PatchFailed(
                        f"there is no {token!r}, and {inner} may be a key or an index",
                        remedy="write - to begin a list",
                    )
                made = [made] if inner == "-" else {inner: made}
            missing = pointer_of(format_pointer(path.parents[: depth + 1]))
            return put(document, msgspec.structs.replace(operation, path=missing), made, changes)
        here = child(here, token)
    return put(document, operation, operation.value, changes)
