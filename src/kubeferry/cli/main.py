"""The root of the commands, and the entry point of ``kubeferry`` and of ``kubectl ferry``."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, NoReturn

import click

from kubeferry.cli.command import (
    CUT_SHORT,
    EXIT_CODES,
    Flags,
    Lazy,
    LazyGroup,
    connection_options,
    program,
    write_examples,
)

COMMANDS = {
    "vault": Lazy("kubeferry.cli.vault:vault", "Where backups are kept: register, look, remove."),
    "backup": Lazy("kubeferry.cli.backup:backup", "Take backups, look at them, download them."),
    "restore": Lazy(
        "kubeferry.cli.restore:restore", "Plan a restore to see what it would change, then do it."
    ),
    "why": Lazy("kubeferry.cli.asking:why", "Tell which fields of an object a restore changed."),
    "modifiers": Lazy(
        "kubeferry.cli.modifiers:modifiers", "Check, explain, test and record modifier rules."
    ),
    "demo": Lazy("kubeferry.cli.demo:demo", "Watch a whole migration on this machine, no cluster."),
    "install": Lazy(
        "kubeferry.cli.install:install", "Print what a cluster needs, for kubectl apply -f -."
    ),
    "uninstall": Lazy(
        "kubeferry.cli.uninstall:uninstall", "Remove kubeferry from a cluster; backups stay."
    ),
    "crds": Lazy("kubeferry.cli.install:crds", "Print the custom resource definitions alone."),
    "controller": Lazy(
        "kubeferry.cli.controller:controller", "Run the controller that does the work."
    ),
    "completion": Lazy("kubeferry.cli.completion:completion", "Print a shell's completion script."),
    "version": Lazy("kubeferry.cli.version:version", "Print the version."),
}

EXAMPLES = (
    "demo",
    "backup create shop-1 --vault vault --include-namespaces shop --wait",
    "restore plan --from-backup shop-1 --namespace-mapping shop=shop-test",
    "restore create shop-test --from-backup shop-1 --namespace-mapping shop=shop-test --wait",
)


class _ReaderGone(Exception):
    """Who read our output (``| head``) has closed it."""


class Root(LazyGroup):
    """The root group: turns every error into a message and an exit code; ends the process."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Runs the command of the arguments; always raises ``SystemExit``."""
        flags = Flags()
        name = prog_name or "kubeferry"
        try:
            code = super().main(
                args,
                prog_name=name,
                complete_var=complete_var or "_KUBEFERRY_COMPLETE",
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                obj=flags,
                **extra,
            )
        except _ReaderGone:
            # Nothing more can be written, not even what is buffered.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(CUT_SHORT)
        except (Exception, KeyboardInterrupt) as error:
            from kubeferry.cli.failure import show

            sys.exit(show(error, verbose=bool(flags.verbose), name=name))
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; click would take a reader that went away for an error of ours."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise _ReaderGone from error
        return result

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the examples and the exit codes."""
        write_examples(EXAMPLES, formatter, program=program(ctx))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), text) for code, text in EXIT_CODES.items()])


@click.group(
    cls=Root,
    lazy=COMMANDS,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Back up the applications of a Kubernetes cluster and restore them anywhere, adapted on "
    "the way: other namespaces, other image registries, any field a rule names. A restore can be "
    "planned first; the plan shows every change and its cause, and writes nothing.",
)
@connection_options
def root() -> None:
    """Every command's parent."""


def run() -> NoReturn:
    """The entry point; called as ``kubectl-ferry`` it speaks of itself as ``kubectl ferry``."""
    if os.getpid() == 1:
        # A container's first process gets no signal that it has no handler for.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    called = PurePath(sys.argv[0]).name
    root.main(prog_name="kubectl ferry" if called.startswith("kubectl-ferry") else "kubeferry")
