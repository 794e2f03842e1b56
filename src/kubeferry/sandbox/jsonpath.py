"""The JSONPath of printer columns: fields, indexes, ``[*]`` and ``[?(@.type=="Ready")]``."""

import re
from collections.abc import Iterator
from typing import Any

_STEP = re.compile(
    r"""\.(?P<field>(?:[^.\[\]\\]|\\.)+)
      | \[(?P<index>-?\d+)\]
      | \[(?P<all>\*)\]
      | \[['"](?P<key>[^'"]*)['"]\]
      | \[\?\(\s*@\.(?P<path>[\w.]+)\s*==\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')\s*\)\]
    """,
    re.VERBOSE,
)


def find(value: Any, path: str) -> Iterator[Any]:
    """What is at a path; a path that is not understood finds nothing."""
    values, position = [value], 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            return
        position = step.end()
        values = [found for one in values for found in _step(one, step)]
    yield from values


def _step(value: Any, step: re.Match[str]) -> Iterator[Any]:
    name = step["field"] if step["field"] is not None else step["key"]
    if name is not None:
        name = re.sub(r"\\(.)", r"\1", name)
        if isinstance(value, dict) and name in value:
            yield value[name]
    elif not isinstance(value, list):
        return
    elif step["index"] is not None:
        index = int(step["index"])
        if -len(value) <= index < len(value):
            yield value[index]
    elif step["all"]:
        yield from value
    else:
        wanted = step["double"] if step["double"] is not None else step["single"]
        for item in value:
            if next(find(item, "." + step["path"]), None) == wanted:
                yield item
