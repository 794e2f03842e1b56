"""A modifier ConfigMap's text to compiled rules (velero.md §4.1, §4.2).

Everything is checked here, before a restore starts: a rule that could never work is refused with
its number, the field, the reason and what would be right. Velero's reader is followed: field names
in any case, scalars turned into texts, JSON as well as YAML. Version v2 is read the same way, but
its values are what YAML has.
"""

from collections.abc import Collection, Mapping
from typing import Any

from kubeferry import codec
from kubeferry.errors import InvalidModifier
from kubeferry.kube.globs import Glob, compile_glob
from kubeferry.kube.regex import compile_regex
from kubeferry.kube.selectors import LabelSelector, parse_selector
from kubeferry.transform.change import RuleRun
from kubeferry.transform.modifiers.certain import certainly_refused
from kubeferry.transform.modifiers.conditions import Conditions, Namespaces
from kubeferry.transform.modifiers.kinds import is_built_in, matches_nothing
from kubeferry.transform.modifiers.patches import Format, document_patches, json_patch, path_text
from kubeferry.transform.modifiers.paths import PathPattern, compile_path
from kubeferry.transform.modifiers.reading import fields, items, modifier_errors
from kubeferry.transform.modifiers.rule import Modifiers, OnError, Rule
from kubeferry.transform.modifiers.schema import (
    ON_ERROR,
    PATCH_KINDS,
    VERSIONS,
    Version,
    fields_of,
)
from kubeferry.transform.modifiers.values import scalar_text
from kubeferry.transform.modifiers.variables import has_variables
from kubeferry.transform.patch.json_patch import Operation, compile_operation

__all__ = ["Modifiers", "Rule", "parse_modifiers"]


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
    with modifier_errors():
        document = fields(codec.load_yaml(text, place=place), fields_of("document", "v1"), place)
        format_ = Format(_version(document.get("version"), place))
        listed = items(document.get("resourceModifierRules"), f"{place} resourceModifierRules")
        if not listed:
            raise InvalidModifier("has no rules", place=place, remedy="add resourceModifierRules")
        rules = tuple(
            _rule(number, rule, f"{place} rule {number}", known, format_)
            for number, rule in enumerate(listed, 1)
        )
        _check_names(listed, place)
    return Modifiers(rules, tuple(format_.notes), format_.version)


def _version(value: Any, place: str) -> Version:
    text = scalar_text(value, place=f"{place} version")
    for version in VERSIONS:
        if text.lower() == version:
            return version
    raise InvalidModifier(
        f"version {text!r} is not known", place=place, remedy="write version: v1, or v2"
    )


def _rule(number: int, value: Any, place: str, known: Collection[str], format_: Format) -> Rule:
    given = fields(value, fields_of("rule", format_.version), place)
    kinds = [kind for kind in PATCH_KINDS if given.get(kind)]
    if not kinds:
        raise InvalidModifier("changes nothing", place=place, remedy="add patches")
    if len(kinds) > 1:
        raise InvalidModifier(
            f"has {' and '.join(kinds)}", place=place, remedy="make a rule of each"
        )
    conditions = _conditions(given.get("conditions"), f"{place} conditions", known, format_)
    name = scalar_text(given.get("name"), place=f"{place} name")
    pattern = conditions.group_resource.pattern
    title = f"rule {number} {name} ({pattern})" if name else f"rule {number} ({pattern})"
    where = f"{place} {kinds[0]}"
    operations: tuple[Operation, ...]
    if kinds[0] == "patches":
        operations = json_patch(given["patches"], title, where, format_)
        for index, operation in enumerate(operations):
            refused = certainly_refused(conditions.group_resource, operation)
            if refused is not None:
                raise InvalidModifier(
                    f"changes {refused.path}, which is protected",
                    place=f"{where}[{index}]",
                    remedy=refused.advice,
                )
    else:
        operations = document_patches(kinds[0], given[kinds[0]], title, where, format_)
    if kinds[0] == "strategicPatches":
        _check_strategic(conditions.group_resource, where)
    return Rule(
        title,
        conditions,
        operations,
        number,
        _on_error(given.get("onError"), f"{place} onError"),
        any(has_variables(one.value) for one in operations),
        RuleRun(number, "applied", sum(one.name != "test" for one in operations)),
    )


def _check_strategic(group_resource: Glob, place: str) -> None:
    """A custom resource's lists have no merge keys that anybody knows."""
    if group_resource.literal and not is_built_in(group_resource.pattern):
        raise InvalidModifier(
            f"{group_resource.pattern} is a custom resource, which knows no strategic patches",
            place=place,
            remedy="write mergePatches or patches",
        )


def _on_error(value: Any, place: str) -> OnError:
    text = scalar_text(value, place=place)
    choices: tuple[OnError, ...] = ("record", "skipObject", "abort")
    for one in choices:
        if text.lower() == one.lower():
            return one
    if text:
        raise InvalidModifier(
            f"{text!r} is none", place=place, remedy=f"use one of {', '.join(ON_ERROR)}"
        )
    return "record"


def _check_names(listed: list[Any], place: str) -> None:
    """Two rules of one name could not be told apart in a report."""
    first: dict[str, int] = {}
    for number, rule in enumerate(listed, 1):
        for key, value in rule.items():
            if key.lower() != "name" or value is None:
                continue
            name = scalar_text(value, place=place)
            if name in first:
                raise InvalidModifier(
                    f"rule {first[name]} has the name {name!r} too", place=f"{place} rule {number}"
                )
            first[name] = number


def _conditions(value: Any, place: str, known: Collection[str], format_: Format) -> Conditions:
    given = fields(value, fields_of("conditions", format_.version), place)
    regex = scalar_text(given.get("resourceNameRegex"), place=f"{place}.resourceNameRegex")
    tests = []
    places: list[tuple[PathPattern, Any]] = []
    for index, match in enumerate(items(given.get("matches"), f"{place}.matches")):
        one = _match(index + 1, match, f"{place}.matches[{index}]", format_)
        if isinstance(one, Operation):
            tests.append(one)
        else:
            places.append(one)
    return Conditions(
        group_resource=_group_resource(
            scalar_text(given.get("groupResource"), place=f"{place}.groupResource"),
            f"{place}.groupResource",
            known,
        ),
        namespaces=_namespaces(given.get("namespaces"), f"{place}.namespaces"),
        name=compile_regex(regex, place=f"{place}.resourceNameRegex") if regex else None,
        labels=_selector(given.get("labelSelector"), f"{place}.labelSelector", format_.version),
        matches=tuple(tests),
        places=tuple(places),
    )


def _match(
    number: int, value: Any, place: str, format_: Format
) -> Operation | tuple[PathPattern, Any]:
    given = fields(value, fields_of("match", format_.version), place)
    path = path_text(given.get("path"), f"{place}.path")
    wanted = format_.value(given, f"{place}.value")
    if format_.version != "v1":
        compiled = compile_path(path, place=f"{place}.path")
        if isinstance(compiled, PathPattern):
            return compiled, wanted
    return compile_operation(number, "test", path, value=wanted, place=place)


def _namespaces(value: Any, place: str) -> Namespaces | None:
    globs = [
        compile_glob(scalar_text(text, place=f"{place}[{index}]"), place=f"{place}[{index}]")
        for index, text in enumerate(items(value, place))
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


def _selector(value: Any, place: str, version: Version) -> LabelSelector | None:
    if not value:
        return None
    given = fields(value, fields_of("labelSelector", version), place)
    labels = given.get("matchLabels") or {}
    if isinstance(labels, dict):
        given["matchLabels"] = {
            key: scalar_text(text, place=f"{place}.matchLabels.{key}")
            for key, text in labels.items()
        }
    expressions = []
    for index, one in enumerate(items(given.get("matchExpressions"), f"{place}.matchExpressions")):
        where = f"{place}.matchExpressions[{index}]"
        expression = fields(one, fields_of("matchExpression", version), where)
        values = items(expression.get("values"), f"{where}.values")
        expression["values"] = [scalar_text(text, place=f"{where}.values") for text in values]
        expressions.append(expression)
    given["matchExpressions"] = expressions
    return parse_selector(given, place=place)
