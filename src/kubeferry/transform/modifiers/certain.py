"""What a rule's paths alone tell: an operation that can do nothing but change a protected field is
refused before the restore starts. The rest is seen at the object (``protected``).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kubeferry.kube.globs import Glob
from kubeferry.kube.objects import CONTAINER_LISTS, POD_SPEC_PATHS
from kubeferry.transform.modifiers import protected
from kubeferry.transform.modifiers.protected import HANDLERS, Protected
from kubeferry.transform.patch.json_patch import Operation
from kubeferry.transform.patch.pointer import Pointer, Tokens, equal

_ANY = None
"""Stands for one token, whatever it is."""
_Shape = tuple[str | None, ...]

_IN_POD: tuple[_Shape, ...] = tuple(
    shape
    for field in CONTAINER_LISTS
    for shape in (
        (field, _ANY, "securityContext"),
        (field, _ANY, "ports", _ANY, "hostPort"),
    )
)
_PUT_IN_POD: tuple[_Shape, ...] = (
    *((field, "-") for field in CONTAINER_LISTS),
    ("volumes", _ANY, "hostPath"),
    ("volumes", _ANY, "projected"),
    *(
        (field, _ANY, *path, kind, "host")
        for field in CONTAINER_LISTS
        for path in HANDLERS
        for kind in ("httpGet", "tcpSocket")
    ),
)
"""What may be taken out, and not put in."""
_CLAIM_TEMPLATE: _Shape = ("spec", "volumeClaimTemplates", _ANY, "spec")


class Refusal(NamedTuple):
    """The field that an operation changes, as its path has it, and what to do instead."""

    path: str
    advice: str


def certainly_refused(group_resource: Glob, operation: Operation) -> Refusal | None:
    """What is refused of an operation of a JSON patch whatever the object is, or None."""
    for path, puts in _touched(operation):
        tokens = path.tokens
        for entry in _entries(group_resource):
            if tokens[: len(entry.path)] == entry.path:
                return Refusal(path.text, entry.advice)
        if not group_resource.literal:
            continue
        if group_resource.pattern == "statefulsets.apps" and _is_below(tokens, _CLAIM_TEMPLATE):
            return Refusal(path.text, protected.VOLUME_ADVICE)
        pod = POD_SPEC_PATHS.get(group_resource.pattern)
        if pod is None or tokens[: len(pod)] != pod:
            continue
        inside = tokens[len(pod) :]
        shapes = (*_IN_POD, *_PUT_IN_POD) if puts else _IN_POD
        if _is_protected_in_pod(inside) or any(_is_below(inside, shape) for shape in shapes):
            return Refusal(path.text, protected.SECURITY_ADVICE)
    return None


def _touched(operation: Operation) -> Iterator[tuple[Pointer, bool]]:
    """What it changes, and whether it puts something there."""
    if operation.name in ("add", "replace", "move", "copy"):
        yield operation.path, True
    elif operation.name in ("remove", "substitute"):
        yield operation.path, operation.name == "substitute"
    if operation.name == "move":
        yield operation.source, False


def _entries(group_resource: Glob) -> Iterable[Protected]:
    """The fields that are protected whole in all objects of a pattern."""
    yield from protected.EVERY_OBJECT
    if group_resource.literal:
        for entry in protected.BY_KIND:
            if entry.agree is equal and group_resource.pattern in entry.kinds:
                yield entry


def _is_protected_in_pod(inside: Tokens) -> bool:
    return any(
        entry.agree is equal and inside[: len(entry.path)] == entry.path
        for entry in protected.POD_SPEC
    )


def _is_below(tokens: Tokens, shape: _Shape) -> bool:
    """Whether the tokens begin with the shape."""
    return len(tokens) >= len(shape) and all(
        wanted is _ANY or wanted == token for wanted, token in zip(shape, tokens, strict=False)
    )
