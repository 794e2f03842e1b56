"""The time, handed in so that tests can stop it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the time now, in UTC."""


def utc_now() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC seconds, as Kubernetes writes it: ``2026-01-02T03:04:05Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """What ``timestamp`` or any RFC 3339 writer wrote. Raises ``ValueError``."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:  # a day before the first year or after the last, in UTC
        raise ValueError(f"{text!r} is no time that can be") from error
