"""``modifiers test``: objects as they are expected to be after rules, for people's own CI."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.cli.command import Flags
from kubeferry.cli.masking import holds_keys, is_secret
from kubeferry.cli.modifier_plans import Trial, Tried, rules_of, tried
from kubeferry.cli.output import counted, emit, printable
from kubeferry.errors import InvalidInput, PatchFailed
from kubeferry.restore.plan_item import WRITING, PlanItem
from kubeferry.transform.modifiers.rule import Modifiers
from kubeferry.transform.patch.pointer import MISSING, equal, lookup, parse_pointer

FAILED = 1
_LONGEST = 80


class ExpectedField(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One field of the object that would be written: exactly one of ``equal``, ``absent`` and
    ``unchanged``, which compares it with the archive's.
    """

    path: str
    equal: Any = msgspec.UNSET
    absent: bool = False
    unchanged: bool = False


class Expected(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What becomes of an object.

    ``refused`` is the reason for which it is not written; ``rules`` are the numbers or names of
    all rules that it meets, in their order.
    """

    fields: list[ExpectedField] = []
    refused: str = ""
    rules: list[int | str] | None = None


class ObjectTest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One test: ``object`` is KIND/NAME, in all namespaces or in one, its source or target."""

    object: str
    expect: Expected
    namespace: str = ""


class Tests(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A file of tests."""

    tests: list[ObjectTest]


def schema() -> dict[str, Any]:
    """The JSON Schema of a file of tests."""
    return msgspec.json.schema(Tests)


def load_tests(path: Path) -> Tests:
    """The tests of a file. Raises ``InvalidInput`` with the field."""
    place = str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=place) from error
    found = codec.convert(codec.load_yaml(data, place=place), Tests, place=place)
    if not found.tests:
        raise InvalidInput("has no tests", place=place, remedy="write them below tests:")
    for number, test in enumerate(found.tests, 1):
        where = f"{place} test {number} ({test.object})"
        expect = test.expect
        if not expect.fields and not expect.refused and expect.rules is None:
            raise InvalidInput(
                "expects nothing", place=where, remedy="write fields, refused or rules"
            )
        if expect.fields and expect.refused:
            raise InvalidInput("what is refused has no fields", place=where)
        for one in expect.fields:
            parse_pointer(one.path, place=f"{where} path")
            said = (one.equal is not msgspec.UNSET) + one.absent + one.unchanged
            if said != 1:
                raise InvalidInput(
                    f"expects {said} things",
                    place=f"{where} {one.path}",
                    remedy="write one of equal, absent: true, unchanged: true",
                )
    return found


async def run_tests(flags: Flags, file: Path, tests: Path, trial: Trial) -> int:
    """Prints a line a test, and what is otherwise; the exit code is 1 if anything is."""
    rules = rules_of(file)
    todo = load_tests(tests).tests
    failed = 0
    lines: list[str] = []
    async with tried(flags, trial, rules) as plan:
        for test in todo:
            wrong = list(_wrong(plan, test, rules))
            failed += bool(wrong)
            lines.append(f"{'FAILED' if wrong else 'ok':6}  {_title(test)}")
            lines += (f"        {one}" for one in wrong)
    lines.append(f"{counted(len(todo), 'test')}, {failed} failed")
    emit(map(printable, lines))
    return FAILED if failed else 0


def _title(test: ObjectTest) -> str:
    return f"{test.namespace} {test.object}".lstrip()


def _wrong(plan: Tried, test: ObjectTest, rules: Modifiers) -> Iterator[str]:
    namespaces = (test.namespace,) if test.namespace else ()
    try:
        items = plan.items(test.object, namespaces)
    except InvalidInput as error:
        yield error.problem
        return
    for item in items:
        yield from (f"{item.source}: {one}" for one in _of_item(plan, item, test.expect, rules))


def _of_item(plan: Tried, item: PlanItem, expect: Expected, rules: Modifiers) -> Iterator[str]:
    if expect.rules is not None:
        yield from _rules(item, expect.rules, rules)
    why = f"{item.why.reason}: {item.why.message}" if item.why is not None else ""
    if expect.refused:
        if item.action in WRITING:
            yield f"it is not refused: {item.action}"
        elif item.why is None or item.why.reason != expect.refused:
            yield f"it is refused for something else: {why}"
        return
    if item.object is None:
        if expect.fields:
            yield f"it would not be written: {why or item.action}"
        return
    body = plan.planner.spool.get(item.source)
    archived = codec.decode_archived(body) if body is not None else {}
    secret = is_secret(item.source, item.object) or holds_keys(item.object)
    for one in expect.fields:
        found = _at(item.object, one.path)
        shown = _shown(found, secret=secret)
        if one.absent and found is not MISSING:
            yield f"{one.path} is there: {shown}"
        elif one.unchanged and not _same(found, _at(archived, one.path)):
            yield f"{one.path} is changed: {shown}"
        elif one.equal is not msgspec.UNSET and not _same(found, one.equal):
            yield f"{one.path} is {shown}, not {_shown(one.equal, secret=False)}"


def _rules(item: PlanItem, expected: Sequence[int | str], rules: Modifiers) -> Iterator[str]:
    numbers = {rule.number for rule in rules.rules}
    names = {_name(rule.title): rule.number for rule in rules.rules}
    wanted = []
    for one in expected:
        number = one if isinstance(one, int) else names.get(one)
        if number not in numbers:
            yield f"there is no rule {one}"
        wanted.append(number)
    met = [run.rule for run in item.rules]
    if sorted(met) != sorted(filter(None, wanted)):
        yield f"rules {', '.join(map(str, met)) or 'none'} meet it, not {expected}"


def _name(title: str) -> str:
    """The name in ``rule 3 NAME (KIND)``."""
    return title.rpartition(" (")[0].split(" ", 2)[-1] if title.count(" ") > 2 else ""


def _at(obj: Any, path: str) -> Any:
    try:
        return lookup(obj, parse_pointer(path).tokens)
    except PatchFailed:
        return MISSING


def _same(one: Any, other: Any) -> bool:
    return one is other or (MISSING not in (one, other) and equal(one, other))


def _shown(value: Any, *, secret: bool) -> str:
    if value is MISSING:
        return "missing"
    if secret:
        return "(masked)"
    text = codec.encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
