"""Quantities, such as ``10Gi`` and ``500m``: what Kubernetes writes for sizes and shares. Pure."""

import re
from fractions import Fraction

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?P<suffix>[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,2})?"
)
_DECIMAL = {
    suffix: Fraction(1000) ** power
    for suffix, power in zip("numkMGTPE", (-3, -2, -1, 1, 2, 3, 4, 5, 6), strict=True)
}
_BINARY = {f"{letter}i": Fraction(1024) ** power for power, letter in enumerate("KMGTPE", 1)}


def parse_quantity(text: str) -> Fraction:
    """What a quantity stands for, exactly. Raises ``ValueError`` for what is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no quantity such as 10Gi")
    number, suffix = Fraction(match["number"]), match["suffix"]
    if suffix is None:
        return number
    if suffix[0] in "eE" and len(suffix) > 1:
        return number * Fraction(10) ** int(suffix[1:])
    return number * (_BINARY[suffix] if suffix in _BINARY else _DECIMAL[suffix])
