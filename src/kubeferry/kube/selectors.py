"""Label and field selectors: read from their two written forms, matched against objects. Pure.

The API server's rules: ``!=`` and ``notin`` hold also where the label is missing; an empty
selector matches everything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import is_dns_subdomain
from kubeferry.kube.objects import at

Operator = Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]

_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_WORD = r"[^\s,=!<>()]"
_REQUIREMENT = re.compile(
    rf"""\s*(?:
        !\s*(?P<absent>{_WORD}+)
        | (?P<key>{_WORD}+) (?:
            \s*(?P<operator>==|=|!=|<|>)\s*(?P<value>{_WORD}*)
            | \s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\)
        )?
    )\s*(?P<end>,|$)""",
    re.VERBOSE,
)
_INTEGER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label; ``values`` are sorted, none for Exists and DoesNotExist."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet it."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
        if value is None or _INTEGER.fullmatch(value) is None:
            return False
        limit = int(self.values[0])
        return int(value) > limit if self.operator == "Gt" else int(value) < limit

    def __str__(self) -> str:
        match self.operator:
            case "Exists":
                return self.key
            case "DoesNotExist":
                return f"!{self.key}"
            case "Gt" | "Lt":
                return f"{self.key}{'>' if self.operator == 'Gt' else '<'}{self.values[0]}"
        if len(self.values) == 1:
            return f"{self.key}{'=' if self.operator == 'In' else '!='}{self.values[0]}"
        return f"{self.key} {self.operator.lower()} ({','.join(self.values)})"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements must hold. ``str`` gives the form of ``labelSelector=`` in a URL."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet every requirement."""
        for requirement in self.requirements:
            if requirement.operator == "In":  # nearly always, so without another call
                if labels.get(requirement.key) not in requirement.values:
                    return False
            elif not requirement.matches(labels):
                return False
        return True

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


def parse_selector(value: Mapping[str, Any], *, place: str = "labelSelector") -> LabelSelector:
    """The form of manifests: ``{"matchLabels": {...}, "matchExpressions": [...]}``.

    Raises ``InvalidInput`` with the place of the field: a field no selector has, an unknown
    operator, a key or value that no label can have, values where there may be none or none where
    there must be.
    """
    if not isinstance(value, Mapping):
        raise InvalidInput("must be a map of matchLabels and matchExpressions", place=place)
    for field in value:
        if field not in ("matchLabels", "matchExpressions"):
            raise InvalidInput(
                f"unknown field {field!r}",
                place=place,
                remedy="a selector has matchLabels and matchExpressions",
            )
    labels = value.get("matchLabels") or {}
    if not isinstance(labels, Mapping):
        raise InvalidInput("must be a map of label to value", place=f"{place}.matchLabels")
    requirements = [
        _requirement(key, "In", [labels[key]], f"{place}.matchLabels.{key}")
        for key in sorted(labels)
    ]
    expressions = value.get("matchExpressions") or []
    if not isinstance(expressions, list):
        raise InvalidInput("must be a list", place=f"{place}.matchExpressions")
    for index, expression in enumerate(expressions):
        requirements.append(_expression(expression, f"{place}.matchExpressions[{index}]"))
    return LabelSelector(tuple(requirements))


def parse_selector_text(text: str, *, place: str = "label selector") -> LabelSelector:
    """The form of a command line or URL: ``a=b,c!=d,e in (x,y),f notin (z),g,!h,i>1,j<2``.

    Raises ``InvalidInput``.
    """
    requirements: list[Requirement] = []
    position = 0
    more = bool(text.strip())
    while more:
        match = _REQUIREMENT.match(text, position)
        if match is None:
            raise InvalidInput(
                f"cannot read {text[position:].strip()!r}",
                place=place,
                remedy="write a=b, a!=b, a in (b,c), a notin (b,c), a or !a, divided by commas",
            )
        requirements.append(_text_requirement(match, place))
        position = match.end()
        more = match["end"] == ","
    return LabelSelector(tuple(requirements))


_OPERATORS: Mapping[str, Operator] = {
    "=": "In",
    "==": "In",
    "!=": "NotIn",
    ">": "Gt",
    "<": "Lt",
    "in": "In",
    "notin": "NotIn",
}


def _text_requirement(match: re.Match[str], place: str) -> Requirement:
    if match["absent"]:
        return _requirement(match["absent"], "DoesNotExist", [], place)
    if match["operator"]:
        return _requirement(match["key"], _OPERATORS[match["operator"]], [match["value"]], place)
    if match["set"]:
        values = [part.strip() for part in match["values"].split(",")]
        return _requirement(match["key"], _OPERATORS[match["set"]], values, place)
    return _requirement(match["key"], "Exists", [], place)


def _expression(value: object, place: str) -> Requirement:
    if not isinstance(value, Mapping):
        raise InvalidInput("must be a map of key, operator and values", place=place)
    for field in value:
        if field not in ("key", "operator", "values"):
            raise InvalidInput(
                f"unknown field {field!r}", place=place, remedy="it has key, operator and values"
            )
    operator = value.get("operator")
    if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        raise InvalidInput(
            f"{operator!r} is no operator",
            place=f"{place}.operator",
            remedy="use In, NotIn, Exists or DoesNotExist",
        )
    values = value.get("values") or []
    if not isinstance(values, list):
        raise InvalidInput("must be a list", place=f"{place}.values")
    return _requirement(value.get("key"), cast(Operator, operator), values, place)


def _requirement(key: object, operator: Operator, values: list[Any], place: str) -> Requirement:
    if not isinstance(key, str) or not is_label_key(key):
        raise InvalidInput(
            f"{key!r} cannot be a label's key",
            place=place,
            remedy="write name or prefix/name, the name of at most 63 letters, digits, - _ and .",
        )
    if operator in ("Exists", "DoesNotExist"):
        if values:
            raise InvalidInput(f"{operator} takes no values", place=place)
    elif not values:
        raise InvalidInput(f"{operator} needs values", place=place)
    for value in values:
        if not isinstance(value, str) or not is_label_value(value):
            raise InvalidInput(
                f"{value!r} cannot be a label's value",
                place=place,
                remedy="write a text of at most 63 letters, digits, - _ and . (in quotes in YAML)",
            )
        if operator in ("Gt", "Lt") and _INTEGER.fullmatch(value) is None:
            raise InvalidInput(f"{value!r} is no whole number", place=place)
    return Requirement(key, operator, tuple(sorted(set(values))))


def is_label_key(key: str) -> bool:
    """Whether it can be a label's or annotation's key: ``name`` or ``prefix/name``."""
    prefix, slash, name = key.rpartition("/")
    return _NAME.fullmatch(name) is not None and (not slash or is_dns_subdomain(prefix))


def is_label_value(value: str) -> bool:
    """Whether it can be a label's value; the empty text can."""
    return not value or _NAME.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One field that must, or must not, have a value; ``path`` is its dotted path."""

    path: str
    equal: bool
    value: str

    def matches(self, obj: Mapping[str, Any]) -> bool:
        """Whether the object meets it; a missing field counts as the empty text."""
        return (_field_text(at(obj, tuple(self.path.split(".")))) == self.value) is self.equal


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """All requirements must hold. Which fields a kind can be selected by is the server's affair."""

    requirements: tuple[FieldRequirement, ...] = ()

    def matches(self, obj: Mapping[str, Any]) -> bool:
        """Whether the object meets every requirement."""
        return all(requirement.matches(obj) for requirement in self.requirements)


_FIELD_TERM = re.compile(r"((?:[^\\,=!]|\\.)+?)(!=|==|=)((?:[^\\,=]|\\[\\,=])*)")


def parse_field_selector(text: str, *, place: str = "field selector") -> FieldSelector:
    r"""``metadata.name=a,status.phase!=b``; in a value ``\,``, ``\=`` and ``\\`` are literal.

    Raises ``InvalidInput``.
    """
    requirements: list[FieldRequirement] = []
    position = 0
    while position < len(text):
        match = _FIELD_TERM.match(text, position)
        if match is None or text[match.end() : match.end() + 1] not in ("", ","):
            raise InvalidInput(
                f"cannot read {text[position:]!r}",
                place=place,
                remedy="write field=value,field!=value",
            )
        path, operator, value = match.groups()
        plain = re.sub(r"\\(.)", r"\1", value)
        requirements.append(FieldRequirement(path.strip(), operator != "!=", plain))
        position = match.end() + 1
    return FieldSelector(tuple(requirements))


def _field_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
