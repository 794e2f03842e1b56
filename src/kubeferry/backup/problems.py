"""How failures of a backup are told."""

from collections.abc import Sequence

from kubeferry.errors import ApiError
from kubeferry.kube.names import Identity
from kubeferry.report import Problem

_NAMED = 3


def unread(
    error: ApiError, subject: Identity | str, *, where: Sequence[str] = (), version: str = ""
) -> Problem:
    """What is told of an object, or of a kind in some namespaces or in all, that could not be read.

    It is that namespace's problem where there is one alone.
    """
    if isinstance(subject, Identity):
        namespace = subject.namespace
    else:
        namespace = where[0] if len(where) == 1 else ""
    named = ", ".join(where[:_NAMED])
    if len(where) > _NAMED:
        named += f" and {len(where) - _NAMED} more namespaces"
    told = f"could not be read{' in ' if named else ''}{named}: {error.problem}"
    about = f"{subject} in {version}" if version else str(subject)
    return Problem("error", error.kubernetes_reason or error.reason, told, namespace, about)
