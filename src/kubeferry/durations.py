"""Durations as Go and Kubernetes write them: ``720h0m0s``, ``1h30m``, ``500ms``."""

import re

from kubeferry.errors import InvalidInput

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")

PATTERN = r"^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$"
"""What a schema says of a duration that may not be negative."""

_LONGEST = 2**63 / 1e9
"""Seconds that Go's durations can hold: 292 years."""


def parse_duration(text: str) -> float:
    """Seconds of a Go duration. Raises ``ValueError`` for what is none, negative or too long."""
    if text == "0":
        return 0.0
    total, end = 0.0, 0
    for part in _PART.finditer(text):
        if part.start() != end:
            break
        total += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    if end != len(text) or not text:
        raise ValueError(f"{text!r} is no duration such as 720h0m0s")
    if total > _LONGEST:
        raise ValueError(f"{text!r} is longer than 292 years")
    return total


def read_duration(text: str, *, place: str, at_least: float = 0.0, zero: bool = False) -> float:
    """Seconds of a duration that a person wrote; ``zero`` allows 0 beside ``at_least`` and more.

    Raises ``InvalidInput`` naming the field.
    """
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise InvalidInput(str(error), place=place) from error
    if seconds < at_least and not (zero and seconds == 0.0):
        least = format_duration(at_least)
        raise InvalidInput(f"{text} is too short", place=place, remedy=f"{least} at least")
    return seconds


def format_duration(seconds: float) -> str:
    """Whole seconds as Go prints them: 5400 is ``1h30m0s``."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes}m{left}s"
    return f"{minutes}m{left}s" if minutes else f"{left}s"


def format_age(seconds: float) -> str:
    """An age as kubectl prints it in a column: ``18s``, ``3m18s``, ``5h``, ``12d``."""
    whole = max(0, int(seconds))
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d" if days < 730 else f"{days // 365}y"
