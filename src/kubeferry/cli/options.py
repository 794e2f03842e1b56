"""Options that the nouns' commands share: names, ``-f``, ``--dry-run``, ``--wait``, ``get``'s."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from kubeferry.cli.command import connection_options, output_option
from kubeferry.cli.completion import names_of

F = TypeVar("F", bound=Callable[..., Any])


def get_options(kind: str) -> Callable[[F], F]:
    """Everything ``get`` takes; ``kind`` is ``BACKUPS``, ``RESTORES`` or ``LOCATIONS``."""

    def add(command: F) -> F:
        command = connection_options(command)
        command = click.option(
            "--no-headers",
            "headers",
            is_flag=True,
            flag_value=False,
            default=True,
            help="Leave out the table's first line.",
        )(command)
        command = click.option(
            "-w", "--watch", is_flag=True, help="Then show each change, until Ctrl-C."
        )(command)
        command = output_option(
            "wide", "json", "yaml", "name", text="More columns, the objects as they are, or names."
        )(command)
        return click.argument(
            "names", nargs=-1, metavar="[NAME]...", shell_complete=names_of(kind)
        )(command)

    return add


def create_options(command: F) -> F:
    """What every ``create`` takes beside its own options."""
    return _create_options(
        command,
        click.option(
            "--dry-run",
            type=click.Choice(["client", "server"]),
            callback=lambda ctx, param, value: value or "",
            help="Create nothing: show the manifest (client), or have it checked too (server).",
        ),
    )


def preview_or_create_options(command: F) -> F:
    """The same for a noun whose dry run shows what it would do: ``--dry-run`` alone."""
    return _create_options(
        command,
        click.option(
            "--dry-run",
            is_flag=False,
            flag_value="contents",
            type=click.Choice(["contents", "client", "server"]),
            callback=lambda ctx, param, value: value or "",
            help="Create nothing: show what would be in it, or with =client the manifest, with "
            "=server also have that checked.",
        ),
    )


def _create_options(command: F, dry_run: Callable[[F], F]) -> F:
    command = connection_options(command)
    command = output_option("json", "yaml", "name", text="Print what was created in this form.")(
        command
    )
    command = _waiting(dry_run(command))
    return click.option(
        "-f",
        "--file",
        metavar="FILE",
        help="Create what this manifest says (- for stdin), in place of options.",
    )(command)


def wait_options(command: F) -> F:
    """``--wait``, ``--timeout`` and ``-o`` of a command that creates a task."""
    command = output_option("json", "yaml", "name", text="Print what was created in this form.")(
        command
    )
    return _waiting(command)


def _waiting(command: F) -> F:
    command = click.option(
        "--timeout",
        metavar="DURATION",
        callback=_seconds,
        help="With --wait: give up after so long, for example 30m; the task goes on.",
    )(command)
    return click.option(
        "--wait", is_flag=True, help="Wait for the end; the exit code tells which it was."
    )(command)


def name_argument(kind: str) -> Callable[[F], F]:
    """One name of an object that exists."""
    return click.argument("name", metavar="NAME", shell_complete=names_of(kind))


def vault_option(command: F) -> F:
    """``--vault`` of commands that read a backup the cluster may not know."""
    return click.option(
        "--vault",
        metavar="NAME",
        shell_complete=names_of("LOCATIONS"),
        help="The vault it is in; else the cluster is asked.",
    )(command)


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    from kubeferry.durations import parse_duration

    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx=ctx, param=param) from error


def duration_text(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """An option's duration, checked and kept as it was written."""
    _seconds(ctx, param, value)
    return value
