"""Whether a request that failed may be sent again, and after how long. Pure.

- 429, and 503 with Retry-After: the server did not take the request; always.
- No connection: the request was never sent; always, unless this server never answered at all (then
  its address is wrong) or its certificate does not fit.
- A connection that broke, or a time-out of the server: the request may have been carried out; only
  what may be carried out twice. A create may, for its second attempt meets AlreadyExists.
- 500, 502, 503 and 504 (etcd changed its leader, a server is being replaced): the request may have
  been carried out. Writes that may be carried out twice, for as long as patience lasts; reads a few
  times, for an extension's server that is down answers so for long. A 500 that says InternalError
  is often an admission webhook that is down: a few times too.
- 403 of the authorizer from a server that was out of reach moments ago: it listens before it has
  read its roles; always, for ``RETURNING`` seconds.
"""

import random
import re
from dataclasses import dataclass
from typing import Literal

from kubeferry.errors import ApiError, ApiUnreachable, Forbidden, TooManyRequests

Repeat = Literal["read", "write", "never"]
"""What a second time means: a read; a write that ends the same; a write that must not be."""

RETURNING = 30.0
"""Seconds after a lost connection in which a server may not know its roles yet."""

_FIRST, _LONGEST = 0.1, 5.0
_FEW = 5
_UNWELL = frozenset({500, 502, 503, 504})
_STORE = "etcdserver"
"""What the message of a failure names that the API server's own store caused."""
_TOO_LARGE = "request is too large"
_AUTHORIZER = re.compile(r'User ".*" cannot \S+ (resource|path) ')
"""How the authorizer says no; an admission plugin, a quota for one, says it otherwise."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far a request has come: attempts made, seconds since the first, what the server did.

    ``answered`` is whether this server ever answered this client, ``lost`` how many seconds ago a
    connection to it last failed (None: never did).
    """

    count: int
    elapsed: float
    answered: bool
    lost: float | None = None


def is_overload(error: ApiError) -> bool:
    """Whether the server says that it is asked too much."""
    return isinstance(error, TooManyRequests) or (
        error.status == 503 and error.retry_after is not None
    )


def is_uncertain(error: ApiError) -> bool:
    """Whether the request may have been carried out all the same."""
    if isinstance(error, ApiUnreachable):
        return error.sent
    return error.status in (500, 502, 504) or (error.status == 503 and error.retry_after is None)


def is_returning(error: ApiError, lost: float | None) -> bool:
    """Whether a server says no only because it has just come back and not read its roles yet.

    ``lost`` is as in ``Attempt``.
    """
    is_authorizer = isinstance(error, Forbidden) and _AUTHORIZER.search(error.problem) is not None
    return is_authorizer and lost is not None and lost < RETURNING


def seconds_to_retry(
    error: ApiError, attempt: Attempt, *, repeat: Repeat, patience: float
) -> float | None:
    """How long to wait before the next attempt; None when the error is final."""
    pause = backoff(attempt.count) if error.retry_after is None else error.retry_after
    if attempt.elapsed + pause > patience or not _may_repeat(error, attempt, repeat):
        return None
    return pause


def _may_repeat(error: ApiError, attempt: Attempt, repeat: Repeat) -> bool:
    if is_overload(error):
        return True
    if isinstance(error, ApiUnreachable):
        if error.lasting or not attempt.answered:
            return False
        return not error.sent or repeat != "never"
    if is_returning(error, attempt.lost):
        return True
    if error.status not in _UNWELL or repeat == "never" or _TOO_LARGE in error.problem:
        return False
    if error.retry_after is not None:
        return True
    is_lasting = error.kubernetes_reason == "InternalError" and _STORE not in error.problem
    return (repeat == "write" and not is_lasting) or attempt.count < _FEW


def backoff(count: int) -> float:
    """Seconds to wait after ``count`` attempts: doubling from 0.1 to 5, a random half of it."""
    longest: float = min(_LONGEST, _FIRST * 2 ** min(count - 1, 16))
    return longest * (0.5 + random.random() / 2)
