r"""What a rule's ``value``, which is always a text, stands for (velero.md §4.5).

==============================  ====================================================
the text                        the value
==============================  ====================================================
empty                           the empty text
``"..."`` in quotes             the text inside, with JSON escapes
``null``                        null
``true`` / ``false``            the boolean
begins with ``{`` or ``[``      that JSON; refused if it is none
a JSON number                   the number
anything else                   the text itself, with JSON escapes (``a\nb`` has a newline)
==============================  ====================================================

Velero assembles its patch by pasting the text into JSON. Where that happens to make no JSON
(``True``, ``007``, a quote or a newline inside) its rule fails for every object; here the text is
taken as it is, with a note that says so.
"""

import re
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from kubeferry import codec
from kubeferry.errors import InvalidInput

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_GO_FLOAT = re.compile(
    r"[-+]?(?:(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|0[xX][0-9a-fA-F_.]+[pP][-+]?[0-9]+|inf|infinity|nan)",
    re.IGNORECASE,
)
_FAILS_IN_VELERO = "Velero fails a rule with this value; here it is the text itself"


class Typed(NamedTuple):
    """The value, and a note where Velero would not have understood the text (else empty)."""

    value: Any
    note: str = ""


def typed_value(text: str, *, place: str) -> Typed:
    """The value that a text stands for. Raises ``InvalidInput`` for broken JSON."""
    if not text:
        return Typed("")
    if text.startswith('"') and text.endswith('"'):
        return _string(text[1:-1])
    if text == "null":
        return Typed(None)
    if text in ("true", "false"):
        return Typed(text == "true")
    if text.startswith(("{", "[")):
        return Typed(_json(text, place))
    if _NUMBER.fullmatch(text):
        return Typed(_json(text, place))
    if text.lower() in ("true", "false") or _GO_FLOAT.fullmatch(text):
        return Typed(text, _FAILS_IN_VELERO)
    return _string(text)


def _json(text: str, place: str) -> Any:
    try:
        value = codec.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidInput(
            f"is not JSON: {error}",
            place=place,
            remedy='write valid JSON, or put the text in quotes: "\\"[text]\\""',
        ) from error
    if codec.is_deeper(value, codec.MAX_YAML_DEPTH):
        raise InvalidInput(
            f"more than {codec.MAX_YAML_DEPTH} maps and lists are inside each other", place=place
        )
    return value


def _string(inside: str) -> Typed:
    try:
        return Typed(codec.decode(f'"{inside}"'))
    except msgspec.DecodeError:
        return Typed(inside, _FAILS_IN_VELERO)


def whole_numbers(value: Any) -> Any:
    """The value as it ends in an object: Go writes a float without a fraction, ``1e3``, as 1000."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, list):
        return [whole_numbers(element) for element in value]
    if isinstance(value, dict):
        return {key: whole_numbers(element) for key, element in value.items()}
    return value


def scalar_text(value: object, *, place: str) -> str:
    """A YAML scalar where the format wants a text, as Velero's reader turns it (velero.md §4.1).

    Raises ``InvalidInput`` for a map or a list.
    """
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _go_float(value)
    raise InvalidInput(
        "must be a text, not a map or a list",
        place=place,
        remedy="write it as JSON in quotes, such as '{\"a\": 1}'",
    )


def _go_float(value: float) -> str:
    """A float as Go's shortest ``'g'`` format writes it: ``2.5``, ``1000``, ``1e+06``."""
    number = Decimal(repr(value)).normalize()
    power = number.adjusted()
    if -4 <= power < 6:
        return f"{number:f}"
    sign, digits, _ = number.as_tuple()
    rest = "".join(map(str, digits[1:]))
    return f"{'-' if sign else ''}{digits[0]}{f'.{rest}' if rest else ''}e{power:+03d}"
