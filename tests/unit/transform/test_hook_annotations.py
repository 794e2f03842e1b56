from typing import Any

import pytest

from kubeferry.transform.hook_annotations import HookAnnotations, parse_command

PREFIX = "x.hook/"


def told(**given: Any) -> HookAnnotations:
    keys = {f"{PREFIX}{key.replace('_', '-')}": value for key, value in given.items()}
    return HookAnnotations({"metadata": {"annotations": {"app": "a", **keys}}}, PREFIX)


def test_a_pod_without_such_annotations_says_nothing() -> None:
    assert not HookAnnotations({}, PREFIX)
    assert not told()
    assert not told(command="", container="")


def test_what_is_said_is_read() -> None:
    given = told(command='["a", "b"]', container="b", timeout="1m", on_error="Fail", ready="T")
    given.only(("command", "container", "timeout", "on-error", "ready"), needed="command")
    assert given
    assert (given.command(), given.container(["a", "b"])) == (("a", "b"), "b")
    assert (given.seconds("timeout"), given.on_error(), given.is_true("ready")) == (
        60,
        "Fail",
        True,
    )
    assert given.problems == []


def test_what_is_not_said_has_a_default() -> None:
    given = told(command="a", timeout="")
    assert (given.container(["a", "b"]), given.on_error()) == ("a", "Continue")
    assert (given.seconds("timeout"), given.is_true("ready"), given.text("x")) == (0.0, False, "")
    assert given.problems == []


def test_everything_that_is_wrong_is_told_with_its_key() -> None:
    given = told(
        container="c", timeout="5h", on_error="fail", ready="yes", comand="a", command='["a'
    )
    given.only(("command", "container", "timeout", "on-error", "ready", "image"), needed="image")
    assert (given.command(), given.container(["a", "b"])) == ((), "c")
    assert (given.seconds("timeout"), given.on_error(), given.is_true("ready")) == (
        (0.0, "Continue", False)
    )
    assert [one.partition(": the command")[0] for one in given.problems] == [
        "x.hook/comand is no annotation of a hook; there are command, container, timeout, "
        "on-error, ready, image",
        "x.hook/image is missing",
        "x.hook/command",
        "x.hook/container: the pod has no container 'c'; there are a, b",
        "x.hook/timeout: 5h is too long; 4h0m0s at most",
        "x.hook/on-error is 'fail'; write Continue or Fail",
        "x.hook/ready is 'yes'; write true or false",
    ]


@pytest.mark.parametrize("value", [1, True, None, ["a"], {}])
def test_what_is_no_text_is_wrong(value: Any) -> None:
    given = told(command=value)
    assert given
    assert given.command() == ()
    assert given.problems == ["x.hook/command is no text"]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        pytest.param('["sh", "-c", "a b"]', ("sh", "-c", "a b"), id="a JSON list"),
        pytest.param("/bin/sync", ("/bin/sync",), id="a program"),
        pytest.param("sync all", ("sync all",), id="no shell divides words"),
    ],
)
def test_a_command_of_an_annotation(text: str, command: tuple[str, ...]) -> None:
    assert parse_command(text) == command


@pytest.mark.parametrize("text", ["", "  ", "[", "[]", "[1]", '["a"', "[ -f /x ]"])
def test_a_command_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="command"):
        parse_command(text)
