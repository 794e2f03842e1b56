"""How an error ends a command: ``error:`` and ``hint:`` on stderr, and the exit code."""

import sys
import traceback

import click

from kubeferry.cli.output import printable
from kubeferry.errors import FerryError


def show(error: BaseException, *, verbose: bool, name: str) -> int:
    """Tells a person what went wrong and what to do about it; the exit code.

    ``verbose`` adds the traceback; ``name`` is what the program is called.
    """
    found = innermost(error)
    if verbose:
        traceback.print_exception(error, file=sys.stderr)
    match found:
        case FerryError():
            place = f"{found.place}: " if found.place else ""
            _write(f"{place}{found.problem}", found.remedy)
            return found.exit_code
        case click.exceptions.NoArgsIsHelpError():
            click.echo(found.format_message())
            return 0
        case click.UsageError():
            path = found.ctx.command_path if found.ctx is not None else name
            _write(_sentence(found.format_message()), f"see '{path} --help'")
            return found.exit_code
        case click.ClickException():
            _write(_sentence(found.format_message()), "")
            return 2 if isinstance(found, click.FileError) else found.exit_code
        case KeyboardInterrupt() | click.Abort():
            return 130
        case OSError():
            _write(str(found), "")
            return 1
    _write(
        f"{type(found).__name__}: {found}",
        "this is a fault of kubeferry's own" + ("" if verbose else "; -v shows where"),
    )
    return 1


def innermost(error: BaseException) -> BaseException:
    """The error of a group that says most: one of ours if there is any, else the first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    parts = [innermost(one) for one in error.exceptions]
    ours = [one for one in parts if isinstance(one, FerryError)]
    return (ours or parts)[0]


def _write(problem: str, hint: str) -> None:
    lines = [printable(line) for line in problem.strip().splitlines()] or [""]
    click.echo("\n".join([f"{_red('error:')} {lines[0]}", *lines[1:]]), err=True)
    if hint:
        click.echo(f"hint: {printable(hint)}", err=True)


def _red(text: str) -> str:
    return click.style(text, fg="red", bold=True)


def _sentence(message: str) -> str:
    """Click's message in our style: no capital first, no full stop at the end."""
    text = message.strip()
    if text[:1].isupper() and not text[1:2].isupper():
        text = text[0].lower() + text[1:]
    return text.removesuffix(".")
