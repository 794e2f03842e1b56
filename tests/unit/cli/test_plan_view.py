from dataclasses import replace

import click
import pytest

from kubeferry.cli.plan_view import Look, draw, item_lines
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.existing import Verdict
from kubeferry.restore.heirs import Owner
from kubeferry.restore.hooks import ExecHook, InitWait, PodHook
from kubeferry.restore.plan_item import Action, PlanItem
from kubeferry.restore.waves import STEPS
from kubeferry.transform.change import MISSING, STRIPPED, Cause, Change, Note
from kubeferry.transform.existing import CAUSE
from kubeferry.transform.hook_annotations import ANNOTATION

MOVED = Change(
    "/metadata/namespace", "default", "default1", Cause("parameter", "namespaceMapping default")
)
LABEL = Change(
    "/metadata/labels/velero.io~1backup-name", MISSING, "b", Cause("automatic", "restore-labels")
)
KINDS = {
    "pods": Resource("", "v1", "pods", "Pod", True),
    "statefulsets.apps": Resource("apps", "v1", "statefulsets", "StatefulSet", True),
    "secrets": Resource("", "v1", "secrets", "Secret", True),
}


def modifier(rule: int, patch: int, name: str) -> Cause:
    return Cause("modifier", f"rule {rule} (statefulsets.apps): patch {patch} {name}")


def item(
    *changes: Change,
    kind: str = "statefulsets.apps",
    action: Action = "create",
    target: str = "default1",
    why: Note | None = None,
    warnings: tuple[Note, ...] = (),
    hooks: tuple[PodHook, ...] = (),
) -> PlanItem:
    return PlanItem(
        Identity(kind, "default", "web"),
        Identity(kind, target, "web"),
        KINDS.get(kind),
        action,
        {} if action == "create" else None,
        why,
        tuple(changes),
        warnings,
        hooks=hooks,
    )


def lines(plan_item: PlanItem, **look: bool) -> list[str]:
    return list(item_lines(plan_item, Look(**look), last=True))  # type: ignore[arg-type]


def test_the_heading_says_where_it_goes_and_which_parameter_moves_it() -> None:
    [line] = lines(item(STRIPPED, MOVED, LABEL))
    left, _, right = line.partition("   (")
    assert left.rstrip() == "└── create  StatefulSet default/web -> default1/web"
    assert right == "namespaceMapping)"
    assert len(line) == 100


def test_full_shows_what_every_object_meets_too() -> None:
    shown = [
        line.split("  (")[0].strip() for line in lines(item(STRIPPED, MOVED, LABEL), full=True)
    ]
    assert shown == [
        "└── create  StatefulSet default/web -> default1/web",
        "- status and what else only the server writes",
        "~ /metadata/namespace: default -> default1",
        "+ /metadata/labels/velero.io~1backup-name: b",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            Change("/spec/replicas", 2, 1, modifier(1, 2, "replace")),
            ["~ /spec/replicas: 2 -> 1", "(modifier rule 1, patch 2 replace)"],
            id="a field that changes",
        ),
        pytest.param(
            Change("/spec/volumeName", "pv", MISSING, Cause("automatic", "claim-volume")),
            ["- /spec/volumeName: pv", "(automatic: claim-volume)"],
            id="a field that goes",
        ),
        pytest.param(
            Change("/spec/affinity", MISSING, {}, modifier(1, 1, "add")),
            ["+ /spec/affinity: {}", "(modifier rule 1, patch 1 add)"],
            id="a field that comes, its value as JSON",
        ),
        pytest.param(
            Change("/spec/a", "1", 1, modifier(1, 1, "replace")),
            ['~ /spec/a: "1" -> 1', "(modifier rule 1, patch 1 replace)"],
            id="a text that looks like a number",
        ),
        pytest.param(
            Change("/a", "", "x\x1b[2J", modifier(1, 1, "replace")),
            ['~ /a: "" -> "x\\u001b[2J"', "(modifier rule 1, patch 1 replace)"],
            id="an empty text and one that would clear the terminal",
        ),
    ],
)
def test_a_short_change_takes_one_line(change: Change, expected: list[str]) -> None:
    _, line = lines(item(change))
    assert line.split() == " ".join(expected).split()
    assert len(line) == 100


def test_a_long_change_puts_old_and_new_below_each_other() -> None:
    old, new = "registry.one.example.com/team/" + "a" * 40, "registry.two.example.com/" + "b" * 40
    change = Change(
        "/spec/template/spec/containers/0/image",
        old,
        new,
        Cause("parameter", "imageRegistryMapping registry.one.example.com/team"),
    )
    _, *shown = lines(item(change))
    assert [line.strip() for line in shown] == [
        f"~ /spec/template/spec/containers/0/image:{' ' * 25}(imageRegistryMapping)",
        old,
        f"-> {new}",
    ]
    assert shown[0].index("/spec") < shown[1].index(old) == shown[2].index(new)


def test_a_huge_value_is_cut_and_told_so_unless_all_is_wanted() -> None:
    change = Change("/spec/key", "x" * 5000, MISSING, modifier(1, 1, "remove"))
    cut = lines(item(change))
    assert all(len(line) <= 100 for line in cut)
    assert " ".join(" ".join(cut).split()).endswith("... (5,000 characters)")
    assert sum(line.count("x") for line in lines(item(change), full=True)) == 5000


def test_values_of_secrets_are_masked() -> None:
    change = Change("/data/password", "b2xk", "bmV3", modifier(1, 1, "replace"))
    text = "\n".join(lines(item(STRIPPED, change, kind="secrets"), full=True))
    assert "/data/password: (masked) -> (masked)" in text
    assert "b2xk" not in text
    assert "bmV3" not in text


def test_what_is_left_out_says_why_on_its_line() -> None:
    left_out = item(kind="endpoints", action="skip", why=Note("NeverRestored", "never restored"))
    [line] = lines(left_out)
    assert line.startswith("└── skip    endpoints default/web: never restored   ")
    assert line.endswith("(NeverRestored)")


def test_what_cannot_be_created_says_why_below() -> None:
    why = Note("KindNotServed", " ".join(["word"] * 30))
    heading, *below = lines(item(kind="widgets.example.com", action="fail", why=why))
    assert heading == "└── fail    widgets.example.com default/web"
    assert below[0].strip().startswith("! KindNotServed: word word")
    assert all(len(line) <= 100 for line in below)
    assert " ".join(" ".join(below).split()).count("word") == 30


def test_warnings_of_an_object_that_is_created_are_below_its_changes() -> None:
    shown = lines(item(MOVED, warnings=(Note("Odd", "look at it"),)))
    assert shown[-1].strip() == "! Odd: look at it"


def test_what_is_to_be_known_and_no_warning_has_a_mark_of_its_own() -> None:
    noted = replace(item(), notes=(Note("RolloutFollows", "its pods are replaced"),))
    assert lines(noted)[-1] == "            i RolloutFollows: its pods are replaced"


def test_hooks_of_a_pod_come_after_its_changes_with_who_asked_for_them() -> None:
    added = Change(
        "/spec/initContainers", MISSING, [{"name": "a"}], Cause("parameter", "hooks migrate")
    )
    hooks = (
        InitWait("migrate", ("a",), 60.0),
        ExecHook("migrate", "main", ("sh", "-c", "x\x1b[2J")),
        ExecHook(ANNOTATION, "main", ("true",)),
    )
    _, *shown = lines(item(MOVED, added, kind="pods", hooks=hooks))
    assert [" ".join(line.split()) for line in shown] == [
        '+ /spec/initContainers: [{"name": "a"}] (hooks migrate)',
        "* wait for the end of a: 1m0s (hook migrate)",
        '* run in main: ["sh", "-c", "x\\u001b[2J"] (hook migrate)',
        '* run in main: ["true"] (annotation)',
    ]


def test_a_command_in_a_pod_of_a_stateful_set_waits_for_the_pod_that_stays() -> None:
    owner = Owner(KINDS["statefulsets.apps"], "web")
    hooks = (InitWait("g", ("a",), 60.0), ExecHook("g", "main", ("true",)))
    _, *shown = lines(replace(item(MOVED, kind="pods", hooks=hooks), owner=owner))
    assert [" ".join(line.split()) for line in shown] == [
        "* wait for the end of a: 1m0s (hook g)",
        '* run in main, once StatefulSet web keeps the pod: ["true"] (hook g)',
    ]


def test_steps_of_one_wave_share_a_heading_and_the_last_object_closes_the_branch() -> None:
    pods, sets = STEPS[9], STEPS[10]
    assert pods.wave == sets.wave
    shown = list(draw([(pods, [item(), item()]), (sets, [item()]), (STEPS[11], [item()])], Look()))
    assert [line[:3] for line in shown] == ["", "Wav", "├──", "├──", "└──", "", "Wav", "└──"]
    assert shown[1] == "Wave 5  pods"


def test_a_plan_without_objects_draws_nothing() -> None:
    assert list(draw([(STEPS[0], [])], Look())) == []


def test_colours_change_no_character() -> None:
    change = Change("/spec/replicas", 2, 1, modifier(1, 2, "replace"))
    steps = [(STEPS[11], [item(MOVED, change), item(action="refuse", why=Note("A", "b"))])]
    plain, coloured = list(draw(steps, Look())), list(draw(steps, Look(colour=True)))
    assert "\x1b[" in "".join(coloured)
    assert [click.unstyle(line) for line in coloured] == plain


def test_a_terminal_without_unicode_gets_ascii() -> None:
    steps = [(STEPS[11], [item(MOVED), item(MOVED)])]
    assert "".join(draw(steps, Look(unicode=False))).isascii()


REPLICAS = Change("/spec/replicas", 5, 2, CAUSE)


def there(action: Action, *differences: Change, why: Note | None = None) -> PlanItem:
    """An item of which there is one already."""
    verdict = Verdict("skip" if action == "skip" else "update", why, tuple(differences))
    return replace(item(STRIPPED, MOVED, action=action, why=why), present=verdict)


def test_an_update_shows_what_changes_in_the_object_that_is_there() -> None:
    head, change = lines(there("update", REPLICAS))
    assert head.startswith("└── update  StatefulSet default/web -> default1/web")
    assert change.strip() == "~ /spec/replicas: 5 -> 2"


def test_what_is_left_as_it_is_shows_what_differs() -> None:
    head, *_, change = lines(there("skip", REPLICAS, why=Note("Differs", "is there")))
    assert head.startswith("└── skip    StatefulSet default/web: is there")
    assert change.strip() == "~ /spec/replicas: 5 -> 2"


def test_of_many_differences_the_first_are_shown() -> None:
    many = [Change(f"/spec/{number}", 1, 2, CAUSE) for number in range(11)]
    shown = lines(there("update", *many))
    assert shown[-1].strip() == "and 3 more; --full shows them"
    assert len(lines(there("update", *many), full=True)) > len(shown)
