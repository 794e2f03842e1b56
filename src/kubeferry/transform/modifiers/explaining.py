"""Why an object meets a rule, or does not: each condition by itself. Pure."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from kubeferry import codec
from kubeferry.errors import PatchFailed
from kubeferry.kube.objects import Object, metadata
from kubeferry.kube.selectors import LabelSelector, Requirement
from kubeferry.transform.modifiers.conditions import Conditions
from kubeferry.transform.modifiers.rule import Rule
from kubeferry.transform.patch.pointer import describe, lookup

_LONGEST = 60


class Condition(NamedTuple):
    """One condition: what it wants, whether it holds, and what there is instead."""

    wants: str
    holds: bool
    why: str = ""


def explain_conditions(
    rule: Rule, obj: Object, kinds: Collection[str], *, secret: bool
) -> Iterator[Condition]:
    """Each condition of a rule at an object as it enters the rules; ``kinds`` is what its kind is
    called, before and after an API upgrade. Of a ``secret`` object no values are told.
    """
    wanted = rule.conditions
    meta = metadata(obj)
    glob = wanted.group_resource
    holds = any(map(glob.matches, kinds))
    yield Condition(f"groupResource {glob.pattern}", holds, _is("", "it is", sorted(kinds)))
    namespace, labels, name = meta.get("namespace"), meta.get("labels") or {}, meta["name"]
    if wanted.namespaces is not None:
        names = [
            *sorted(wanted.namespaces.names),
            *(one.pattern for one in wanted.namespaces.globs),
        ]
        text = f"namespaces {', '.join(names)}"
        why = f"it is in {namespace}" if namespace else "it is in no namespace"
        yield Condition(text, wanted.namespaces.hold(namespace), why)
    if wanted.name is not None:
        holds = bool(wanted.name.search(name))
        yield Condition(f"resourceNameRegex {wanted.name.pattern}", holds, f"it is {name}")
    if wanted.labels is not None:
        for one in wanted.labels.requirements:
            value = labels.get(one.key)
            why = f"it is {value}" if one.key in labels else "it has no such label"
            yield Condition(_label_text(one), LabelSelector((one,)).matches(labels), why)
    yield from _matches(wanted, obj, secret=secret)


def _matches(wanted: Conditions, obj: Object, *, secret: bool) -> Iterator[Condition]:
    for test in wanted.matches:
        alone = Conditions(wanted.group_resource, matches=(test,))
        try:
            holds, why = alone.hold(obj, metadata(obj)), _found(obj, test.path.tokens, secret)
        except PatchFailed as error:
            holds, why = False, error.problem
        yield Condition(f"matches {test.path.text} = {_short(test.value)}", holds, why)
    for path, value in wanted.places:
        alone = Conditions(wanted.group_resource, places=((path, value),))
        try:
            places = path.places(obj, there=True)
            why = f"{len(places)} places have it" if places else "there is none"
        except PatchFailed as error:
            why = error.problem
        holds = alone.hold(obj, metadata(obj))
        if not holds and why.endswith("have it"):
            why = "none of its places has that value"
        yield Condition(f"matches {path.pointer.text} = {_short(value)}", holds, why)


def _is(nothing: str, words: str, values: list[str]) -> str:
    return f"{words} {', '.join(values)}" if values else nothing


def _label_text(one: Requirement) -> str:
    values = f" {', '.join(one.values)}" if one.values else ""
    return f"labelSelector {one.key} {one.operator}{values}"


def _found(obj: Object, tokens: tuple[str, ...], secret: bool) -> str:
    try:
        value = lookup(obj, tokens)
    except PatchFailed as error:
        return error.problem
    return f"it is {describe(value) if secret else _short(value)}"


def _short(value: Any) -> str:
    text = codec.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
