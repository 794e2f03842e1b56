import click
import pytest

from kubeferry.cli.failure import innermost, show
from kubeferry.cli.output import say
from kubeferry.errors import InvalidInput, NotFound, VaultUnavailable


def shown(
    error: BaseException, capsys: pytest.CaptureFixture[str], *, verbose: bool = False
) -> tuple[int, str]:
    code = show(error, verbose=verbose, name="kubeferry")
    out, err = capsys.readouterr()
    assert out == ""
    return code, click.unstyle(err)


def test_an_error_of_ours_is_place_problem_and_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    error = InvalidInput("is wrong", place="spec.ttl", remedy="write 1h")
    assert shown(error, capsys) == (2, "error: spec.ttl: is wrong\nhint: write 1h\n")


def test_without_place_and_remedy_it_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(VaultUnavailable("no answer"), capsys) == (5, "error: no answer\n")


def test_of_a_group_the_error_of_ours_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    ours = NotFound("is not there")
    group = ExceptionGroup("", [ValueError("x"), ExceptionGroup("", [ours])])
    assert innermost(group) is ours
    assert shown(group, capsys) == (4, "error: is not there\n")


def test_a_fault_of_our_own_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    code, err = shown(KeyError("x"), capsys)
    assert code == 1
    assert err == "error: KeyError: 'x'\nhint: this is a fault of kubeferry's own; -v shows where\n"


def test_verbose_shows_where(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise InvalidInput("is wrong")
    except InvalidInput as error:
        code, err = shown(error, capsys, verbose=True)
    assert code == 2
    assert err.startswith("Traceback")
    assert err.endswith("error: is wrong\n")


def test_ctrl_c_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(KeyboardInterrupt(), capsys) == (130, "")


def test_what_a_terminal_would_obey_is_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    error = VaultUnavailable("said \x1b[2J\nand \x07", remedy="do\x1b[0m so")
    assert shown(error, capsys)[1] == "error: said \\x1b[2J\nand \\x07\nhint: do\\x1b[0m so\n"
    say("warning: \x1b[2J\nmore")
    assert capsys.readouterr().err == "warning: \\x1b[2J\nmore\n"
