"""Quantities, such as ``10Gi`` and ``500m``: what Kubernetes writes for sizes and shares. Pure."""

import re
from fractions import Fraction

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?:(?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<power>[+-]?[0-9]{1,2}))?"
)
_FACTORS = {
    **{suffix: Fraction(1000) ** power for power, suffix in enumerate("num", -3)},
    **{suffix: Fraction(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Fraction(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}


def parse_quantity(text: str) -> Fraction:
    """What a quantity stands for, exactly. Raises ``ValueError`` for what is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no quantity such as 10Gi")
    number = Fraction(match["number"]) * Fraction(10) ** int(match["power"] or 0)
    return number * _FACTORS[match["suffix"]] if match["suffix"] else number
