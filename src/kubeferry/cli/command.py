"""What all commands are made of: groups that load late, options that several share, exit codes.

A command's module imports click alone at its top; everything else is imported where it runs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

DIFFERS = 10
CUT_SHORT = 141
EXIT_CODES: Mapping[int, str] = {
    0: "done",
    1: "something went wrong that has no number of its own",
    2: "what was asked for cannot be: an option, a manifest, a modifier",
    3: "no usable kubeconfig, or a wrong KUBEFERRY_ setting",
    4: "the API server refused, or did not answer",
    5: "the vault cannot be used, or does not have the backup",
    6: "the archive is damaged, or not to be trusted",
    7: "the task that was waited for ended Failed",
    8: "the task that was waited for ended PartiallyFailed",
    9: "the work was interrupted and will be resumed",
    DIFFERS: "what was compared differs",
    130: "Ctrl-C",
    CUT_SHORT: "who read the output closed it, as head does",
}
"""Exit codes and what they tell a script; 1 to 9 are the ``exit_code`` of our errors."""


@dataclass(slots=True)
class Flags:
    """The options that every command knows; None where nothing was said."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    verbose: bool | None = None


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command that is loaded when it is used: ``module:attribute``, and its line in the help."""

    target: str
    help: str

    def load(self) -> click.Command:
        """The command itself."""
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is no command")
        return command


class LazyGroup(click.Group):
    """A group whose commands are loaded when they are used, listed in the order given."""

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order given."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Loads a command; None if there is none of that name."""
        found = self.lazy.get(cmd_name)
        return None if found is None else found.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command; suggests one for a name that is nearly right."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(
                error.command_name, possibilities=self.lazy, ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without loading one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self.lazy.items()])


class Command(click.Command):
    """A command with examples in its help; ``examples`` are lines without the program's name.

    A line that begins with ``#`` is a comment, one that begins with ``|`` is kept as it is.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples."""
        write_examples(self.examples, formatter, program=program(ctx))
        super().format_epilog(ctx, formatter)


def write_examples(
    examples: Iterable[str], formatter: click.HelpFormatter, *, program: str
) -> None:
    """The section ``Examples`` of a help text; nothing without examples."""
    lines = list(examples)
    if not lines:
        return
    with formatter.section("Examples"):
        for line in lines:
            text = line if line.startswith("#") else f"{program} {line}"
            formatter.write(f"{'':{formatter.current_indent}}{text}\n")


def program(ctx: click.Context | None = None) -> str:
    """What the person called us: ``kubeferry`` or ``kubectl ferry``."""
    found = ctx or click.get_current_context(silent=True)
    name = found.find_root().info_name if found is not None else None
    return name or "kubeferry"


def flags() -> Flags:
    """The shared options of the command that runs."""
    return click.get_current_context().ensure_object(Flags)


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None and param.name is not None:
        setattr(ctx.ensure_object(Flags), param.name, value)


def verbose_option(command: F) -> F:
    """Adds ``-v``."""
    return click.option(
        "-v",
        "--verbose",
        is_flag=True,
        default=None,
        expose_value=False,
        callback=_keep,
        help="Tell more; show the traceback of an error.",
    )(command)


def connection_options(command: F) -> F:
    """Adds the options that say which cluster and namespace; ``flags`` has them."""
    for declarations, metavar, text in (
        (("--kubeconfig",), "FILE", "The kubeconfig; else KUBECONFIG, ~/.kube/config, the pod's."),
        (("--context",), "NAME", "The kubeconfig's context; else its current one."),
        (
            ("-n", "--namespace"),
            "NAME",
            "Where kubeferry's resources are; else KUBEFERRY_NAMESPACE, csdr.",
        ),
    ):
        command = click.option(
            *declarations, metavar=metavar, expose_value=False, callback=_keep, help=text
        )(command)
    return verbose_option(command)


def names_option(*declarations: str, **rest: Any) -> Callable[[F], F]:
    """An option of names, given with commas, several times, or both: ``a,b`` or twice."""

    def split(
        ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
    ) -> tuple[str, ...]:
        return tuple(part.strip() for text in value for part in text.split(",") if part.strip())

    return click.option(*declarations, multiple=True, callback=split, **rest)


def mapping_option(*declarations: str, **rest: Any) -> Callable[[F], F]:
    """An option of pairs, ``a=b,c=d`` or several times; a dict."""

    def parse(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
        return parse_pairs(value, option=param.opts[0])

    return click.option(*declarations, multiple=True, callback=parse, **rest)


def parse_pairs(texts: Iterable[str], *, option: str) -> dict[str, str]:
    """``a=b`` pairs as a dict. Raises ``click.BadParameter`` for what is none, or said twice."""
    pairs: dict[str, str] = {}
    for text in texts:
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if not (key and equals and value):
                raise click.BadParameter(
                    f"{part!r} is no pair; write SOURCE=TARGET", param_hint=option
                )
            if pairs.setdefault(key, value) != value:
                raise click.BadParameter(
                    f"{key!r} is mapped twice, to {pairs[key]!r} and to {value!r}",
                    param_hint=option,
                )
    return pairs


def output_option(*formats: str, text: str) -> Callable[[F], F]:
    """Adds ``-o``; the parameter ``output`` is empty for what is printed by default."""

    def known(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
        return value or ""

    return click.option("-o", "--output", type=click.Choice(formats), callback=known, help=text)
