"""A plan as a unified diff: what ``patch`` would make of one side is the other."""

import difflib
from dataclasses import replace

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeferry.cli.plan_diff import diff_lines, sides_of, unified
from kubeferry.cli.plan_summary import Tally
from kubeferry.cli.plan_view import Look
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.existing import Verdict
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.waves import STEPS
from kubeferry.transform.change import MISSING, Cause, Change, Note
from kubeferry.transform.pipeline import RESTORE_LABEL
from tests.builders import Built, config_map, obj

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
SECRETS = Resource("", "v1", "secrets", "Secret", True)


def item(archived: Built, planned: Built, resource: Resource = CONFIG_MAPS) -> PlanItem:
    kind = resource.group_resource
    source, target = (
        Identity(kind, one["metadata"]["namespace"], one["metadata"]["name"])
        for one in (archived, planned)
    )
    return PlanItem(source, target, resource, "create", planned, archived=archived)


def lines(
    one: PlanItem, *, live: Built | None = None, full: bool = False, colour: bool = False
) -> list[str]:
    look = Look(full=full, colour=colour)
    body = live.json if live is not None else None
    return list(diff_lines([(STEPS[8], [one])], look, Tally(), live=lambda identity: body))


MENU = config_map("inn/menu", tea="3").meta(uid="1", resourceVersion="5")
MOVED = config_map("inn2/menu", tea="4").meta(labels={RESTORE_LABEL: "r"})


def test_an_object_to_create_is_compared_with_the_backups() -> None:
    assert lines(item(MENU, MOVED)) == [
        "# create ConfigMap inn/menu -> inn2/menu",
        "--- backup/configmaps/inn/menu",
        "+++ target/configmaps/inn2/menu",
        "@@ -2,6 +2,6 @@",
        " kind: ConfigMap",
        " metadata:",
        "   name: menu",
        "-  namespace: inn",
        "+  namespace: inn2",
        " data:",
        '-  tea: "3"',
        '+  tea: "4"',
    ]


def test_what_every_object_meets_alike_is_shown_in_full_alone() -> None:
    text = "\n".join(lines(item(MENU, MOVED), full=True))
    assert "-  uid: " in text
    assert "+    velero.io/restore-name: r" in text


def test_what_does_not_change_has_no_diff() -> None:
    assert lines(item(MENU, MENU)) == ["# create ConfigMap inn/menu"]


def test_what_is_left_out_is_one_line_with_its_reason() -> None:
    left_out = replace(
        item(MENU, MOVED), action="skip", object=None, why=Note("Identical", "is there")
    )
    assert lines(left_out) == ["# skip ConfigMap inn/menu: Identical: is there"]


def test_what_the_restore_adds_is_compared_with_nothing() -> None:
    added = replace(item(MENU, MOVED), archived=None)
    shown = lines(added)
    assert shown[1] == "--- /dev/null"
    assert shown[3].startswith("@@ -0,0 +1,")
    assert not [line for line in shown[3:] if line.startswith("-")]


def test_an_update_is_compared_with_what_is_there_and_keeps_what_others_wrote() -> None:
    live = config_map("inn2/menu", tea="2", own="x")
    patch = {"data": {"tea": "4"}, "metadata": {"resourceVersion": "7"}}
    verdict = Verdict("update", changes=(Change("/data/tea", "2", "4", Cause("parameter", "e")),))
    planned = replace(item(MENU, MOVED), action="update", present=replace(verdict, patch=patch))
    shown = lines(planned, live=live)
    assert shown[1:3] == ["--- target/configmaps/inn2/menu", "+++ target/configmaps/inn2/menu"]
    assert [line for line in shown[3:] if line[0] in "+-"] == ['-  tea: "2"', '+  tea: "4"']
    assert " " + "  own: x" in shown


def test_what_is_made_anew_is_compared_with_what_is_there() -> None:
    planned = replace(item(MENU, MOVED), action="recreate", present=Verdict("recreate"))
    there = sides_of(planned, lambda identity: config_map("inn2/menu", old="1").json)
    assert (there.old or {})["data"] == {"old": "1"}
    assert there.new == MOVED


def test_a_value_of_a_secret_is_said_to_change_and_not_shown() -> None:
    old = obj("v1/Secret", "inn/till").with_(data={"pin": "b2xk", "same": "c2FtZQ=="})
    new = obj("v1/Secret", "inn/till").with_(data={"pin": "bmV3", "same": "c2FtZQ=="})
    shown = lines(item(old, new, SECRETS))
    assert [line for line in shown[3:] if line[0] in "+-"] == [
        "-  pin: (masked)",
        "+  pin: (masked, changed)",
    ]


def test_a_value_that_a_rule_took_elsewhere_in_a_secret_is_not_shown() -> None:
    old = obj("v1/Secret", "inn/till").with_(data={"pin": "b2xk"})
    new = obj("v1/Secret", "inn/till").with_(data={"pin": "b2xk"}).annotate(copy="b2xk")
    change = Change("/metadata/annotations/copy", MISSING, "b2xk", Cause("modifier", "rule 1"))
    shown = lines(replace(item(old, new, SECRETS), changes=(change,)))
    assert "b2xk" not in "\n".join(shown)
    assert "+    copy: (masked)" in shown


def test_colours_change_no_character_and_a_terminal_obeys_no_value() -> None:
    evil = config_map("inn/menu", tea="a\x1b[2J\tb")
    plain = lines(item(MENU, evil))
    coloured = lines(item(MENU, evil), colour=True)
    assert "\x1b[2J" not in "".join(plain)
    assert [click.unstyle(line) for line in coloured] == plain
    assert "".join(coloured) != "".join(plain)


TEXTS = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=30)


@given(TEXTS, TEXTS)
def test_hunks_are_those_of_difflib_or_say_the_same(old: list[str], new: list[str]) -> None:
    """What is deleted and kept is the old text, what is added and kept the new one."""
    hunks = list(unified(old, new))
    known = list(difflib.unified_diff(old, new, lineterm=""))[2:]
    assert bool(hunks) == bool(known) == (old != new)
    assert _patched(old, hunks) == new


def _patched(old: list[str], hunks: list[str]) -> list[str]:
    """What ``patch`` makes of the text."""
    result: list[str] = []
    at = 0
    for line in hunks:
        if line.startswith("@@"):
            start, _, length = line.split()[1].removeprefix("-").partition(",")
            begin = int(start) - (length != "0")
            result += old[at:begin]
            at = begin
        elif line.startswith("+"):
            result.append(line[1:])
        else:
            assert old[at] == line[1:]
            at += 1
            if line.startswith(" "):
                result.append(line[1:])
    return result + old[at:]


@pytest.mark.parametrize("length", [10, 20_000])
def test_a_huge_change_is_one_replacement(length: int) -> None:
    old, new = [[f"{side} {number}" for number in range(length)] for side in "ab"]
    hunks = list(unified(["first", *old, "last"], ["first", *new, "last"]))
    assert hunks[0] == f"@@ -1,{length + 2} +1,{length + 2} @@"
    assert _patched(["first", *old, "last"], hunks) == ["first", *new, "last"]
