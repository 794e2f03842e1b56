"""Rules are checked, explained and tested on an archive's file; no cluster is asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kubeferry import codec
from kubeferry.cli.main import root
from tests.e2e.machine import EXAMPLES

RULES = EXAMPLES / "03-resource-modifier.yaml"
ARCHIVE = ("--offline", str(EXAMPLES / "nginx-backup.tar.gz"))


def ferry(*words: str, **rest: Any) -> Result:
    return CliRunner().invoke(
        root, ["modifiers", *words], prog_name="kubeferry", env={"KUBECONFIG": "/none"}, **rest
    )


def rules(folder: Path, *patches: dict[str, Any], kind: str = "statefulsets.apps") -> str:
    path = folder / "rules.yaml"
    rule = {"conditions": {"groupResource": kind}, "patches": list(patches)}
    path.write_text(codec.dump_yaml({"version": "v1", "resourceModifierRules": [rule]}))
    return str(path)


def test_rules_that_do_what_they_say_have_no_findings() -> None:
    done = ferry("lint", str(RULES), "--velero", *ARCHIVE)
    assert done.exit_code == 0, done.output
    assert "rule 1 (statefulsets.apps): 1 object, 2 operations applied" in done.stdout


def test_a_rule_that_meets_nothing_is_found(tmp_path: Path) -> None:
    patch = {"operation": "replace", "path": "/spec/replicas", "value": "1"}
    file = rules(tmp_path, patch, kind="deployments.apps")
    assert ferry("lint", file).exit_code == 0
    done = ferry("lint", file, *ARCHIVE, "-o", "json")
    assert done.exit_code == 1, done.output
    assert json.loads(done.stdout)["findings"] == [
        {"reason": "RuleMatchesNothing", "message": "rule 1 (deployments.apps): no object meets it"}
    ]


def test_a_kind_that_nobody_has_is_found_with_what_was_meant(tmp_path: Path) -> None:
    kind = "volumesnapshotclass.snapshot.storage.k8s.io"
    patch = {"operation": "replace", "path": "/driver", "value": "a"}
    done = ferry("lint", rules(tmp_path, patch, kind=kind), *ARCHIVE)
    assert done.exit_code == 1, done.output
    assert "! RuleKindUnknown: " in done.stdout
    assert "did you mean volumesnapshotclasses.snapshot.storage.k8s.io?" in done.stdout


def test_a_rule_that_fails_is_found_with_its_object(tmp_path: Path) -> None:
    done = ferry("lint", rules(tmp_path, {"operation": "remove", "path": "/spec/none"}), *ARCHIVE)
    assert done.exit_code == 1, done.output
    assert "! ModifierFailed: rule 1" in done.stdout
    assert "(statefulsets.apps default/web)" in done.stdout


def test_what_only_works_here_is_found_for_velero(tmp_path: Path) -> None:
    patch = {"operation": "replace", "path": "/spec/replicas", "value": "True"}
    file = rules(tmp_path, patch)
    assert ferry("lint", file).exit_code == 0
    done = ferry("lint", file, "--velero")
    assert done.exit_code == 1
    assert "ValueNotForVelero" in done.stdout


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param("statefulset", "did you mean statefulsets.apps?", id="a kind"),
    ],
)
def test_rules_that_no_restore_takes_end_with_2(tmp_path: Path, kind: str, said: str) -> None:
    file = rules(tmp_path, {"operation": "remove", "path": "/spec/none"}, kind=kind)
    done = ferry("lint", file)
    assert done.exit_code == 2
    assert f"{file} rule 1" in done.stderr
    assert said in done.stderr
    done = ferry("lint", file, "-o", "json")
    assert done.exit_code == 2
    [finding] = json.loads(done.stdout)["findings"]
    assert finding["reason"] == "InvalidModifier"
    assert said in finding["message"]


def test_an_object_is_explained_condition_by_condition() -> None:
    done = ferry("explain", str(RULES), "--object", "pod/web-0", *ARCHIVE)
    assert done.exit_code == 0, done.output
    assert [line.strip() for line in done.stdout.splitlines() if "rule" in line] == [
        "rule 1 (statefulsets.apps): not for this object",
        "rule 2 (pods): applied",
    ]
    assert "    groupResource statefulsets.apps: does not hold: it is pods\n" in done.stdout
    assert "    patch 2 replace /spec/containers/0/volumeMounts/0/mountPath: done\n" in done.stdout


def test_an_operation_that_fails_says_why(tmp_path: Path) -> None:
    file = rules(
        tmp_path,
        {"operation": "replace", "path": "/spec/replicas", "value": "1"},
        {"operation": "remove", "path": "/spec/none"},
    )
    done = ferry("explain", file, "--object", "sts/web", *ARCHIVE)
    assert "rule 1 (statefulsets.apps): failed, so nothing of it is done" in done.stdout
    assert "    patch 2 remove /spec/none: there is no field 'none'\n" in done.stdout


def test_what_does_not_get_to_the_rules_says_why() -> None:
    done = ferry("explain", str(RULES), "--object", "sa/default", *ARCHIVE)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("expect", "wrong"),
    [
        pytest.param({"rules": [1]}, "", id="the rules that meet it"),
        pytest.param({"rules": [2]}, "rules 1 meet it, not [2]", id="other rules"),
        pytest.param({"rules": [7]}, "there is no rule 7", id="no such rule"),
        pytest.param({"refused": "ProtectedField"}, "it is not refused: create", id="not refused"),
        *(
            pytest.param({"fields": [field]}, wrong, id=f"{field}")
            for field, wrong in (
                ({"path": "/spec/template/spec/affinity/nodeAffinity", "absent": True}, ""),
                ({"path": "/spec/replicas", "unchanged": True}, ""),
                ({"path": "/spec/replicas", "equal": 2}, ""),
                ({"path": "/spec/replicas", "equal": 3}, "/spec/replicas is 2, not 3"),
                ({"path": "/spec/replicas", "absent": True}, "/spec/replicas is there: 2"),
                ({"path": "/metadata/uid", "unchanged": True}, "/metadata/uid is changed: missing"),
            )
        ),
    ],
)
def test_objects_are_as_expected_or_the_test_fails(
    tmp_path: Path, expect: dict[str, Any], wrong: str
) -> None:
    file = tmp_path / "tests.yaml"
    file.write_text(codec.dump_yaml({"tests": [{"object": "sts/web", "expect": expect}]}))
    done = ferry("test", str(RULES), "--tests", str(file), *ARCHIVE)
    assert done.exit_code == (1 if wrong else 0), done.output
    assert (f": {wrong}\n" in done.stdout) if wrong else done.stdout.startswith("ok ")


def test_what_a_rule_makes_refused_may_be_expected(tmp_path: Path) -> None:
    patch = {"operation": "copy", "from": "/spec/template", "path": "/spec"}
    file = tmp_path / "tests.yaml"
    expect = {"refused": "ProtectedField", "rules": [1]}
    tests = {"tests": [{"object": "sts/web", "namespace": "default", "expect": expect}]}
    file.write_text(codec.dump_yaml(tests))
    done = ferry("test", rules(tmp_path, patch), "--tests", str(file), *ARCHIVE)
    assert done.exit_code == 0, done.output


def test_an_object_that_is_not_there_is_a_failed_test(tmp_path: Path) -> None:
    file = tmp_path / "tests.yaml"
    file.write_text(codec.dump_yaml({"tests": [{"object": "sts/webb", "expect": {"rules": [1]}}]}))
    done = ferry("test", str(RULES), "--tests", str(file), *ARCHIVE)
    assert done.exit_code == 1
    assert "did you mean web?" in done.stdout


@pytest.mark.parametrize("which", ["v1", "v2", "tests"])
def test_schemas_are_printed(which: str) -> None:
    done = ferry("schema", which)
    assert done.exit_code == 0
    assert isinstance(json.loads(done.stdout), dict)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("explain", str(RULES), "--object", "sts/web"), id="no backup"),
        pytest.param(("lint", str(RULES), *ARCHIVE, "--vault", "v"), id="two places"),
        pytest.param(("lint", str(RULES), "--backup", "b", "-f", "r.yaml"), id="two backups"),
    ],
)
def test_options_that_do_not_fit_are_a_usage_error(words: tuple[str, ...]) -> None:
    done = ferry(*words)
    assert done.exit_code == 2
    assert "see 'kubeferry modifiers" in done.stderr
