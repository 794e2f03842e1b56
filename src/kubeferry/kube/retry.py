"""Whether a request that failed may be sent again, and after how long. Pure.

- 429, and 503 with Retry-After: the server did not take the request; always.
- No connection: the request was never sent; always, unless this server never answered at all (then
  its address is wrong) or its certificate does not fit.
- A connection that broke, or a time-out of the server: the request may have been carried out; only
  what may be carried out twice. A create may, for its second attempt meets AlreadyExists.
- A gateway's 502, 503 and 504: reads, a few times.
"""

import random
from dataclasses import dataclass
from typing import Literal

from kubeferry.errors import ApiError, ApiUnreachable, TooManyRequests

Repeat = Literal["read", "write", "never"]
"""What a second time means: a read; a write that ends the same; a write that must not be."""

_FIRST, _LONGEST = 0.1, 5.0
_GATEWAY_TRIES = 5


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far a request has come: attempts made, seconds since the first, what the server did.

    ``answered`` is whether this server ever answered this client.
    """

    count: int
    elapsed: float
    answered: bool


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
    if error.status in (500, 504) and error.retry_after is not None:
        return repeat != "never"
    return error.status in (502, 503, 504) and repeat == "read" and attempt.count < _GATEWAY_TRIES


def backoff(count: int) -> float:
    """Seconds to wait after ``count`` attempts: doubling from 0.1 to 5, a random half of it."""
    longest: float = min(_LONGEST, _FIRST * 2 ** min(count - 1, 16))
    return longest * (0.5 + random.random() / 2)
