"""Two spools of objects side by side: what was added, removed, changed. Pure but for the spools.

Walks both in one order, so that memory holds one object of each, whatever they hold.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec

from kubeferry import codec
from kubeferry.cli.masking import is_secret, masked_difference
from kubeferry.errors import ArchiveDamaged
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object
from kubeferry.restore.spool import Spool, Spooled
from kubeferry.transform.comparison import compare
from kubeferry.transform.patch.differences import Difference

Verdict = Literal["added", "removed", "changed", "unread", "same"]
"""``unread``: it may be gone or new or not, as it could not be read on one side."""
UNREAD = "unread"
"""What the newer spool notes (``done``) of an object of which nobody knows whether it is there."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of one object; ``fields`` are those that differ, values of Secrets masked."""

    identity: Identity
    verdict: Verdict
    api_version: str = ""
    kind: str = ""
    fields: tuple[Difference, ...] = ()


Hides = Callable[[Identity], bool]
"""Whether an object that a side lacks may only not have been read there."""


def none_hidden(one: Identity) -> bool:
    """Of a side that was read whole."""
    return False


def compared(
    old: Spool,
    new: Spool,
    *,
    status: bool = False,
    old_hides: Hides = none_hidden,
    new_hides: Hides = none_hidden,
) -> Iterator[Compared]:
    """Every object of both, by kind, namespace and name; ``status`` says that it counts.

    Raises ``ArchiveDamaged`` for an object that has to be looked into and does not decode.
    """
    for resource in sorted({*old.kinds(), *new.kinds()}):
        before, after = old.walk(resource), new.walk(resource)
        one, other = next(before, None), next(after, None)
        while one is not None or other is not None:
            if other is None or (one is not None and one.identity < other.identity):
                assert one is not None
                is_hidden = new.done(one.identity) == UNREAD or new_hides(one.identity)
                yield _alone(one, "unread" if is_hidden else "removed")
                one = next(before, None)
            elif one is None or other.identity < one.identity:
                yield _alone(other, "unread" if old_hides(other.identity) else "added")
                other = next(after, None)
            else:
                yield _both(one, other, status=status)
                one, other = next(before, None), next(after, None)


def _alone(one: Spooled, verdict: Verdict) -> Compared:
    return _told(one.identity, verdict, decoded(one))


def _both(one: Spooled, other: Spooled, *, status: bool) -> Compared:
    if one.body == other.body:
        return _told(one.identity, "same", _head(one))
    old, new = decoded(one), decoded(other)
    found = compare(old, new, status=status)
    if not found:
        return _told(one.identity, "same", new)
    if is_secret(one.identity, old) or is_secret(other.identity, new):
        found = [masked_difference(one) for one in found]
    return _told(one.identity, "changed", new, tuple(found))


def _told(
    identity: Identity, verdict: Verdict, obj: Object, fields: tuple[Difference, ...] = ()
) -> Compared:
    api_version, kind = str(obj.get("apiVersion") or ""), str(obj.get("kind") or "")
    return Compared(identity, verdict, api_version, kind, fields)


class _Kind(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""


_KINDS = codec.Decoder(_Kind)


def head_of(one: Spooled) -> str:
    """Its Kind, empty where it does not decode."""
    return str(_head(one).get("kind") or "")


def _head(one: Spooled) -> Object:
    """What kind it is; nothing where it does not decode."""
    try:
        found = _KINDS.decode(one.body)
    except msgspec.DecodeError:
        return {}
    return {"apiVersion": found.api_version, "kind": found.kind}


def decoded(one: Spooled) -> Object:
    """The object of a body. Raises ``ArchiveDamaged``."""
    try:
        obj = codec.decode_archived(one.body)
    except msgspec.DecodeError as error:
        raise ArchiveDamaged(f"does not decode: {error}", place=str(one.identity)) from error
    if not isinstance(obj, dict):
        raise ArchiveDamaged("is no object", place=str(one.identity))
    return obj
