from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kubeferry.journal import HookRun, Item, Journal
from kubeferry.kube.names import Identity, Resource
from kubeferry.report import Findings
from kubeferry.restore.apply import Result
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.report import KEPT, Recorder, change_line, journal_item
from kubeferry.restore.spool import Spool
from kubeferry.transform.change import MISSING, Cause, Change, Mechanism, Note, RuleRun
from kubeferry.transform.modifiers.counts import RuleCount
from kubeferry.transform.modifiers.rules import parse_modifiers

SECRETS = Resource("", "v1", "secrets", "Secret", True)
MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
LAST_APPLIED = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"

RULES = """version: v1
resourceModifierRules:
- conditions: {groupResource: configmaps}
  patches: [{operation: remove, path: /data/a}]
"""


def change(
    pointer: str, old: Any, new: Any, mechanism: Mechanism = "automatic", rule: str = "rule"
) -> Change:
    return Change(pointer, old, new, Cause(mechanism, rule))


@pytest.mark.parametrize(
    ("given", "secret", "shown"),
    [
        pytest.param(change("/data/a", "x", "y"), False, ("x", "y"), id="no Secret: shown"),
        pytest.param(
            change("/metadata/namespace", "a", "b", "parameter"), True, ("a", "b"),
            id="what is no value: shown",
        ),
        pytest.param(change("/data", {"k": "x"}, {}), True, None, id="all data"),
        pytest.param(change("/data/token", "x", "y"), True, None, id="one value"),
        pytest.param(
            change("/spec/csi/volumeAttributes/akSecret", "x", "y"), False, None,
            id="the key of a volume's object storage",
        ),
        pytest.param(change("/stringData/token", "x", "y"), True, None, id="one text"),
        pytest.param(change(LAST_APPLIED, "x", "y"), True, None, id="what repeats the values"),
        pytest.param(change("/metadata/annotations", {}, {"a": "x"}), True, None, id="all notes"),
        pytest.param(change("/metadata", {}, {"a": "x"}), True, None, id="all metadata"),
        pytest.param(change("", {}, {"data": "x"}), True, None, id="the whole object"),
        pytest.param(
            change("/metadata/labels/copied", "x", "y", "modifier"), True, None,
            id="where a modifier may have copied one to",
        ),
    ],
)  # fmt: skip
def test_values_of_secrets_are_masked(
    given: Change, secret: bool, shown: tuple[object, object] | None
) -> None:
    line = change_line(given, secret=secret)
    assert (line["old"], line["new"]) == (shown or ("(masked)", "(masked)"))
    assert (line["pointer"], line["rule"]) == (given.pointer, "rule")


def test_a_key_of_a_storage_is_masked_inside_a_value_too() -> None:
    volume = {"csi": {"driver": "d", "volumeAttributes": {"akId": "i", "akSecret": "s"}}}
    line = change_line(change("/spec/volumes", [volume], MISSING), secret=False)
    hidden = {"akId": "(masked)", "akSecret": "(masked)"}
    assert line["old"] == [{"csi": {"driver": "d", "volumeAttributes": hidden}}]


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        pytest.param(change("/a", MISSING, 1), {"new": 1}, id="added: no old value"),
        pytest.param(change("/a", 1, MISSING), {"old": 1}, id="removed: no new value"),
        pytest.param(change("/a", None, 1), {"old": None, "new": 1}, id="null is a value"),
        pytest.param(change("", MISSING, MISSING), {}, id="stripped: neither"),
    ],
)
def test_a_value_that_was_not_there_is_left_out(given: Change, fields: dict[str, object]) -> None:
    line = change_line(given, secret=False)
    assert {key: line[key] for key in ("old", "new") if key in line} == fields


def item(kind: str = "configmaps", name: str = "a", **fields: Any) -> PlanItem:
    source = Identity(kind, "shop", name)
    resource = SECRETS if kind == "secrets" else MAPS
    return PlanItem(source, source._replace(namespace="shop1"), resource, "create", {}, **fields)


def test_no_value_of_a_secret_reaches_the_journal() -> None:
    changed = (change("/data/password", "c2VjcmV0", "bmV3", "modifier"),)
    line = journal_item(Result(item("secrets", changes=changed), "created"))
    assert "c2VjcmV0" not in repr(line)
    assert "bmV3" not in repr(line)
    assert line.changes[0]["pointer"] == "/data/password"


@pytest.mark.parametrize(
    ("result", "problems"),
    [
        pytest.param(Result(item(), "created"), [], id="created: nothing to tell"),
        pytest.param(
            Result(item(), "failed", Note("Invalid", "is bad")), [("error", "Invalid", "is bad")],
            id="failed: an error",
        ),
        pytest.param(
            Result(item(), "refused", Note("Protected", "no")), [("error", "Protected", "no")],
            id="refused: an error",
        ),
        pytest.param(
            Result(item(), "skipped", Note("Exists", "is there")),
            [("warning", "Exists", "is there")],
            id="there already: a warning",
        ),
        pytest.param(
            Result(item("namespaces"), "skipped", Note("Exists", "is there")), [],
            id="a namespace that is there: nothing",
        ),
        pytest.param(
            Result(item("serviceaccounts", "default"), "skipped", Note("Exists", "is there")), [],
            id="the default account: nothing",
        ),
        pytest.param(
            Result(item(), "skipped", Note("Completed", "has ended")), [],
            id="left out by a rule: nothing",
        ),
        pytest.param(
            Result(
                item(warnings=(Note("W", "w"),), errors=(Note("ModifierFailed", "e"),)), "created"
            ),
            [("warning", "W", "w"), ("error", "ModifierFailed", "e")],
            id="what was found while it was planned",
        ),
    ],
)  # fmt: skip
def test_what_a_person_is_told(result: Result, problems: list[tuple[str, str, str]]) -> None:
    assert [tuple(one) for one in journal_item(result).problems] == problems


def test_images_must_exist_for_what_was_created_alone() -> None:
    planned = item(images=("x:1",))
    assert journal_item(Result(planned, "created")).images == ["x:1"]
    assert journal_item(Result(planned, "skipped", Note("Exists", ""))).images == []


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as opened:
        yield opened


class Stored:
    def __init__(self) -> None:
        self.files: dict[int, bytes] = {}
        self.time = 0.0

    async def put(self, number: int, data: bytes) -> None:
        self.files[number] = data

    def recorder(self, spool: Spool, findings: Findings, *, total: int = 3) -> Recorder:
        journal = Journal(self.put, first=1, now=lambda: self.time)
        return Recorder(journal=journal, spool=spool, reporter=findings, total=total)


async def test_what_came_of_rules_is_counted_from_an_earlier_runs_lines_too(spool: Spool) -> None:
    modifiers = parse_modifiers({"m": RULES}, place="m")
    recorder = Stored().recorder(spool, Findings())
    await recorder(Result(item(rules=(RuleRun(1, "applied", 2),)), "created"))
    earlier = journal_item(Result(item(name="b", rules=(RuleRun(1, "failed", 0),)), "created"))
    recorder.resume(msgspec.json.decode(msgspec.json.encode(earlier), type=Item))
    assert recorder.rules.counts(modifiers) == (RuleCount("rule 1 (configmaps)", 2, 2, 1, 0),)


async def test_results_are_counted_and_told(spool: Spool) -> None:
    findings = Findings()
    recorder = Stored().recorder(spool, findings)
    await recorder(Result(item(images=("x:1",)), "created"))
    await recorder(Result(item(name="b"), "failed", Note("Invalid", "is bad")))
    assert recorder.counts == {"created": 1, "failed": 1}
    assert recorder.target_images == {"x:1"}
    [problem] = findings.problems
    assert (problem.namespace, problem.subject) == ("shop", "configmaps shop1/b")


BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", True)
BOUND = {"roleRef": {"kind": "ClusterRole", "name": "edit"}, "subjects": []}


def binding(name: str, obj: dict[str, Any] | None = None, **fields: Any) -> PlanItem:
    source = Identity("rolebindings.rbac.authorization.k8s.io", "shop", name)
    target = source._replace(namespace="shop1")
    return PlanItem(source, target, BINDINGS, "create", BOUND if obj is None else obj, **fields)


async def test_what_was_granted_is_in_the_journal_and_the_first_of_it_at_hand(
    spool: Spool,
) -> None:
    recorder = Stored().recorder(spool, Findings())
    line = journal_item(Result(binding("b"), "created"))
    assert line.grants == [("binding", "ClusterRole edit to nobody")]
    for number in range(KEPT + 1):
        await recorder(Result(binding(f"b-{number}"), "created"))
    await recorder(Result(binding("c"), "skipped", Note("Identical", "")))
    await recorder(Result(item("configmaps"), "created"))
    assert recorder.grants == {"binding": KEPT + 1}
    assert len(recorder.granted) == KEPT
    subject = "rolebindings.rbac.authorization.k8s.io shop1/b-0"
    assert tuple(recorder.granted[0]) == ("binding", subject, "ClusterRole edit to nobody")


async def test_a_note_is_told_and_is_no_problem(spool: Spool) -> None:
    findings = Findings()
    recorder = Stored().recorder(spool, findings)
    noted = item(notes=(Note("RolloutFollows", "its pods are replaced"),))
    assert journal_item(Result(noted, "created")).notes == [
        ("RolloutFollows", "its pods are replaced")
    ]
    assert journal_item(Result(noted, "failed", Note("Invalid", ""))).notes == []
    await recorder(Result(noted, "created"))
    assert recorder.notes == ["configmaps shop1/a: its pods are replaced"]
    assert recorder.reasons == {("note", "RolloutFollows"): 1}
    assert (findings.warnings, findings.errors) == (0, 0)


async def test_why_objects_were_not_written_is_counted(spool: Spool) -> None:
    recorder = Stored().recorder(spool, Findings())
    for name in "ab":
        await recorder(Result(item(name=name), "skipped", Note("Identical", "")))
    await recorder(Result(item(name="c"), "failed", Note("Forbidden", "")))
    assert recorder.reasons == {("skipped", "Identical"): 2, ("failed", "Forbidden"): 1}


async def test_what_was_told_can_be_corrected(spool: Spool) -> None:
    findings, stored = Findings(), Stored()
    recorder = stored.recorder(spool, findings)
    await recorder(Result(item(), "created"))
    told = journal_item(Result(item(), "created"))
    lost = msgspec.structs.replace(
        told, action="failed", reason="Gone", problems=[("error", "Gone", "is gone")]
    )
    await recorder.correct(lost, was="created")
    assert +recorder.counts == {"failed": 1}
    assert recorder.reasons == {("failed", "Gone"): 1}
    assert list(recorder.resources()) == [("v1/ConfigMap", "shop1/a(failed)")]
    assert findings.errors == 1


async def test_a_file_of_the_journal_is_stored_when_it_is_due(spool: Spool) -> None:
    stored = Stored()
    recorder = stored.recorder(spool, Findings())
    await recorder(Result(item(), "created"))
    assert stored.files == {}
    stored.time = 11.0
    await recorder(Result(item(name="b"), "created"))
    assert list(stored.files) == [1]


def test_what_an_earlier_run_did_counts_once(spool: Spool) -> None:
    recorder = Stored().recorder(spool, Findings())
    line = Item(
        source=("configmaps", "shop", "a"),
        target=("configmaps", "shop1", "a"),
        action="created",
        images=["x:1"],
    )
    recorder.resume(line)
    recorder.resume(line)
    assert recorder.counts == {"created": 1}
    assert recorder.target_images == {"x:1"}
    assert spool.done(Identity("configmaps", "shop", "a")) == "created"


def hook_run(number: int = 0, **fields: Any) -> HookRun:
    source, target = ("pods", "shop", "web"), ("pods", "shop1", "web")
    return HookRun(source=source, target=target, number=number, hook="h", **fields)


FAILED = {"outcome": "failed", "reason": "HookFailed", "message": "exit code 1"}


async def test_hooks_are_counted_apart_from_objects_and_a_failed_one_is_an_error(
    spool: Spool,
) -> None:
    findings = Findings()
    recorder = Stored().recorder(spool, findings)
    await recorder(Result(item(), "created"))
    await recorder.hook(hook_run())
    await recorder.hook(hook_run(1, **FAILED))
    assert recorder.counts == {"created": 1}
    assert recorder.hooks == {"done": 1, "failed": 1}
    [problem] = findings.problems
    assert (problem.level, problem.reason, problem.message) == (
        ("error", "HookFailed", "exit code 1")
    )
    assert (problem.namespace, problem.subject) == ("shop", "pods shop1/web")


async def test_a_hook_s_line_is_stored_sooner_than_an_object_s(spool: Spool) -> None:
    stored = Stored()
    recorder = stored.recorder(spool, Findings())
    await recorder.hook(hook_run())
    await recorder.store_due()
    assert stored.files == {}
    stored.time = 1.0
    await recorder.store_due()
    assert list(stored.files) == [1]


def test_a_hook_of_an_earlier_run_counts_once_and_is_told_again(spool: Spool) -> None:
    findings = Findings()
    recorder = Stored().recorder(spool, findings)
    for _ in range(2):
        recorder.resume(hook_run(**FAILED))
    assert recorder.counts == {}
    assert recorder.hooks == {"failed": 1}
    assert len(findings.problems) == 1
    assert spool.hooks_done(Identity("pods", "shop1", "web")) == 1
