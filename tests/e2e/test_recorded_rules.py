"""An object is edited as it would be restored, and the rule that makes the edit comes out."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kubeferry import codec
from kubeferry.cli.main import root
from tests.e2e.machine import EXAMPLES

ARCHIVE = ("--offline", str(EXAMPLES / "nginx-backup.tar.gz"))


def record(folder: Path, edit: str, *words: str) -> Result:
    """``edit`` is sed's."""
    editor = folder / "editor"
    editor.write_text(f'#!/bin/sh\nsed -i "{edit}" "$1"\n')
    editor.chmod(0o755)
    env = {"KUBECONFIG": "/none", "KUBE_EDITOR": str(editor)}
    words = ("modifiers", "record", *words, *ARCHIVE)
    return CliRunner().invoke(root, list(words), prog_name="kubeferry", env=env)


def test_the_rule_makes_the_edit_and_so_does_that_of_the_pods(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    edit = "s|mountPath: /usr.*|mountPath: /data|; s|^  replicas: 2|  replicas: 1|"
    done = record(tmp_path, edit, "sts/web", "--append", str(file))
    assert done.exit_code == 0, done.output
    rules = codec.load_yaml(file.read_text())["resourceModifierRules"]
    assert [(one["operation"], one["path"], one["value"]) for one in rules[0]["patches"]] == [
        ("replace", "/spec/replicas", "1"),
        ("replace", "/spec/template/spec/containers/0/volumeMounts/0/mountPath", "/data"),
    ]
    assert rules[1]["conditions"]["groupResource"] == "pods"
    tests = tmp_path / "tests.yaml"
    path = "/spec/containers/0/volumeMounts/0/mountPath"
    expect = {"rules": [2], "fields": [{"path": path, "equal": "/data"}]}
    tests.write_text(codec.dump_yaml({"tests": [{"object": "pod/web-1", "expect": expect}]}))
    words = ["modifiers", "test", str(file), "--tests", str(tests), *ARCHIVE]
    done = CliRunner().invoke(root, words, env={"KUBECONFIG": "/none"})
    assert done.exit_code == 0, done.output


def test_what_was_not_changed_gives_no_rule(tmp_path: Path) -> None:
    done = record(tmp_path, "s|nothing like this||", "sts/web")
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "nothing was changed" in done.stderr


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        pytest.param(
            "s|serviceName: nginx|serviceName: nginx\\n  template: {spec: {hostPID: true}}|",
            "twice",
            id="a field twice",
        ),
        pytest.param(
            "s|^      containers:|      hostPID: true\\n      containers:|",
            "changes /spec/template/spec/hostPID, which is protected",
            id="a protected field",
        ),
        pytest.param(
            "s|storage: 20Gi|storage: 30Gi|", "storage class conversion", id="a claim template"
        ),
        pytest.param(
            "s|velero.io/restore-name: plan|velero.io/restore-name: other|",
            "no modifier makes this change: /metadata/labels/velero.io~1restore-name",
            id="what comes after the rules",
        ),
        pytest.param("1,\\$d", "is no object", id="nothing left"),
    ],
)
def test_what_no_rule_can_do_is_refused_with_the_reason(
    tmp_path: Path, edit: str, said: str
) -> None:
    done = record(tmp_path, edit, "sts/web")
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert done.stdout == ""


def test_an_editor_that_fails_records_nothing(tmp_path: Path) -> None:
    done = record(tmp_path, "no command of sed", "sts/web")
    assert done.exit_code == 2
    assert "nothing is recorded" in done.stderr
