"""A modifier ConfigMap's text to compiled rules (velero.md §4.1, §4.2).

Everything is checked here, before a restore starts: a rule that could never work is refused with
its number, the field, the reason and what would be right. Velero's reader is followed: field names
in any case, scalars turned into texts, JSON as well as YAML.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from kubeferry import codec
from kubeferry.errors import InvalidInput, InvalidModifier
from kubeferry.kube.globs import Glob, compile_glob
from kubeferry.kube.regex import compile_regex
from kubeferry.kube.selectors import LabelSelector, parse_selector
from kubeferry.transform.change import Cause, Note
from kubeferry.transform.modifiers.conditions import Conditions, Namespaces
from kubeferry.transform.modifiers.kinds import matches_nothing
from kubeferry.transform.modifiers.values import scalar_text, typed_value, whole_numbers
from kubeferry.transform.patch.json_patch import OPERATIONS, Operation, compile_operation

_PATCH_KINDS = ("patches", "mergePatches", "strategicPatches")


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule; ``title`` names it in messages and causes."""

    title: str
    conditions: Conditions
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Modifiers:
    """The rules of one ConfigMap, and what there is to say of them (once, not for each object)."""

    rules: tuple[Rule, ...]
    notes: tuple[Note, ...] = ()

    def for_kind(self, group_resource: str, formerly: str = "") -> tuple[Rule, ...]:
        """The rules whose groupResource matches, or matches what the kind was called before an
        API upgrade.
        """
        names = [name for name in (group_resource, formerly) if name]
        return tuple(
            rule
            for rule in self.rules
            if any(rule.conditions.group_resource.matches(name) for name in names)
        )


def parse_modifiers(
    data: Mapping[str, str], *, place: str, known: Collection[str] = ()
) -> Modifiers:
    """The rules in a ConfigMap's ``data``, which has exactly one key.

    ``place`` names the ConfigMap in messages; ``known`` are group resources beside the built-in
    ones. Raises ``InvalidModifier``.
    """
    if len(data) != 1:
        keys = ", ".join(sorted(data)) or "none"
        raise InvalidModifier(
            f"data has {len(data)} keys ({keys})",
            place=place,
            remedy="put all rules under exactly one key, such as modifier",
        )
    (text,) = data.values()
    with _modifier_errors():
        document = _fields(
            codec.load_yaml(text, place=place), ("version", "resourceModifierRules"), place
        )
        version = scalar_text(document.get("version"), place=f"{place} version")
        if version.lower() != "v1":
            raise InvalidModifier(
                f"version {version!r} is not known", place=place, remedy="write version: v1"
            )
        listed = _items(document.get("resourceModifierRules"), f"{place} resourceModifierRules")
        if not listed:
            raise InvalidModifier("has no rules", place=place, remedy="add resourceModifierRules")
        notes: list[Note] = []
        rules = tuple(
            _rule(number, rule, f"{place} rule {number}", known, notes)
            for number, rule in enumerate(listed, 1)
        )
    return Modifiers(rules, tuple(notes))


def _rule(number: int, value: Any, place: str, known: Collection[str], notes: list[Note]) -> Rule:
    fields = _fields(value, ("conditions", *_PATCH_KINDS), place)
    given = [kind for kind in _PATCH_KINDS if fields.get(kind)]
    for kind in given:
        if kind != "patches":
            raise InvalidModifier(
                f"{kind} are not supported yet",
                place=place,
                remedy="write the same as patches (add, remove, replace)",
            )
    if not given:
        raise InvalidModifier("changes nothing", place=place, remedy="add patches")
    conditions = _conditions(fields.get("conditions"), f"{place} conditions", known)
    title = f"rule {number} ({conditions.group_resource.pattern})"
    operations = tuple(
        _operation(index + 1, patch, title, f"{place} patches[{index}]", notes)
        for index, patch in enumerate(_items(fields["patches"], f"{place} patches"))
    )
    return Rule(title, conditions, operations)


def _conditions(value: Any, place: str, known: Collection[str]) -> Conditions:
    fields = _fields(
        value,
        ("groupResource", "namespaces", "resourceNameRegex", "labelSelector", "matches"),
        place,
    )
    regex = scalar_text(fields.get("resourceNameRegex"), place=f"{place}.resourceNameRegex")
    return Conditions(
        group_resource=_group_resource(
            scalar_text(fields.get("groupResource"), place=f"{place}.groupResource"),
            f"{place}.groupResource",
            known,
        ),
        namespaces=_namespaces(fields.get("namespaces"), f"{place}.namespaces"),
        name=compile_regex(regex, place=f"{place}.resourceNameRegex") if regex else None,
        labels=_selector(fields.get("labelSelector"), f"{place}.labelSelector"),
        matches=tuple(
            _match(index + 1, match, f"{place}.matches[{index}]")
            for index, match in enumerate(_items(fields.get("matches"), f"{place}.matches"))
        ),
    )


def _namespaces(value: Any, place: str) -> Namespaces | None:
    globs = [
        compile_glob(scalar_text(text, place=f"{place}[{index}]"), place=f"{place}[{index}]")
        for index, text in enumerate(_items(value, place))
    ]
    if not globs:
        return None
    names = frozenset(glob.pattern for glob in globs if glob.literal)
    return Namespaces(names, tuple(glob for glob in globs if not glob.literal))


def _group_resource(text: str, place: str, known: Collection[str]) -> Glob:
    if not text:
        raise InvalidModifier(
            "is missing", place=place, remedy="write <plural>.<group>, such as statefulsets.apps"
        )
    if text == "namespaces":
        raise InvalidModifier(
            "Namespace objects are never modified",
            place=place,
            remedy="rename them with namespaceMapping",
        )
    glob = compile_glob(text, separator=".", place=place)
    problem = matches_nothing(glob, known)
    if problem:
        raise InvalidModifier(
            problem, place=place, remedy="write <plural>.<group>, as kubectl api-resources has it"
        )
    return glob


def _selector(value: Any, place: str) -> LabelSelector | None:
    if not value:
        return None
    fields = _fields(value, ("matchLabels", "matchExpressions"), place)
    labels = fields.get("matchLabels") or {}
    if isinstance(labels, dict):
        fields["matchLabels"] = {
            key: scalar_text(text, place=f"{place}.matchLabels.{key}")
            for key, text in labels.items()
        }
    expressions = []
    for index, one in enumerate(
        _items(fields.get("matchExpressions"), f"{place}.matchExpressions")
    ):
        where = f"{place}.matchExpressions[{index}]"
        expression = _fields(one, ("key", "operator", "values"), where)
        values = _items(expression.get("values"), f"{where}.values")
        expression["values"] = [scalar_text(text, place=f"{where}.values") for text in values]
        expressions.append(expression)
    fields["matchExpressions"] = expressions
    return parse_selector(fields, place=place)


def _match(number: int, value: Any, place: str) -> Operation:
    fields = _fields(value, ("path", "value"), place)
    path = _path(fields.get("path"), f"{place}.path")
    text = scalar_text(fields.get("value"), place=f"{place}.value")
    wanted = typed_value(text, place=f"{place}.value").value
    return compile_operation(number, "test", path, value=wanted, place=place)


def _operation(number: int, value: Any, title: str, place: str, notes: list[Note]) -> Operation:
    fields = _fields(value, ("operation", "path", "from", "value"), place)
    name = scalar_text(fields.get("operation"), place=f"{place}.operation").lower()
    if name not in OPERATIONS:
        raise InvalidModifier(
            f"{name!r} is no operation" if name else "is missing",
            place=f"{place}.operation",
            remedy=f"use one of {', '.join(OPERATIONS)}",
        )
    typed = typed_value(
        scalar_text(fields.get("value"), place=f"{place}.value"), place=f"{place}.value"
    )
    if typed.note and name in ("add", "replace", "test"):
        notes.append(Note("ValueNotForVelero", f"{place}.value: {typed.note}"))
    return compile_operation(
        number,
        name,
        _path(fields.get("path"), f"{place}.path"),
        source=scalar_text(fields.get("from"), place=f"{place}.from"),
        value=typed.value if name == "test" else whole_numbers(typed.value),
        cause=Cause("modifier", f"{title}: patch {number} {name}"),
        place=place,
    )


def _path(value: Any, place: str) -> str:
    path = scalar_text(value, place=place)
    if not path:
        raise InvalidModifier(
            "is missing", place=place, remedy="write a JSON pointer, such as /spec/replicas"
        )
    return path


def _fields(value: Any, names: tuple[str, ...], place: str) -> dict[str, Any]:
    """A map's fields under their right names; None is an empty map."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidModifier(f"must be a map with {', '.join(names)}", place=place)
    right = {name.lower(): name for name in names}
    fields: dict[str, Any] = {}
    for key, inner in value.items():
        name = right.get(key.lower())
        if name is None:
            close = get_close_matches(key.lower(), right, n=1) or [
                one for one in right if one.startswith(key.lower())
            ]
            raise InvalidModifier(
                f"unknown field {key!r}",
                place=place,
                remedy=f"did you mean {right[close[0]]}?"
                if close
                else f"it has {', '.join(names)}",
            )
        if name in fields:
            raise InvalidModifier(f"field {name!r} is there twice", place=place)
        fields[name] = inner
    return fields


def _items(value: Any, place: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidModifier("must be a list", place=place)
    return value


@contextmanager
def _modifier_errors() -> Iterator[None]:
    """What the parts of a rule refuse is refused as the modifier's."""
    try:
        yield
    except InvalidModifier:
        raise
    except InvalidInput as error:
        raise InvalidModifier(error.problem, place=error.place, remedy=error.remedy) from error
