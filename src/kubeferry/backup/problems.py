"""How failures of a backup are told."""

from collections.abc import Sequence

from kubeferry.errors import ApiError
from kubeferry.report import Problem

_NAMED = 3


def unread(error: ApiError, subject: str, *, where: Sequence[str] = ()) -> Problem:
    """What is told of something that could not be read, in some namespaces or in all."""
    named = ", ".join(where[:_NAMED])
    if len(where) > _NAMED:
        named += f" and {len(where) - _NAMED} more namespaces"
    told = f"could not be read{' in ' if named else ''}{named}: {error.problem}"
    return Problem("error", error.kubernetes_reason or error.reason, told, "", subject)
