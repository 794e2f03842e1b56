"""``kubeferry modifiers``: write rules, look at what they do, test them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kubeferry.cli.command import Command, connection_options, flags, names_option
from kubeferry.cli.completion import names_of

if TYPE_CHECKING:
    from kubeferry.cli.modifier_plans import Trial

F = TypeVar("F", bound=Callable[..., Any])
_PATH = click.Path(dir_okay=False, path_type=Path)


@click.group(no_args_is_help=True)
def modifiers() -> None:
    """Write modifier rules, check them, see what they do to a backup's objects."""


def trial_options(command: F) -> F:
    """Adds what the rules are tried on."""
    command = connection_options(command)
    for declarations, rest in (
        (
            ("--target-api",),
            {"type": _PATH, "metavar": "FILE", "help": "As of 'restore plan'."},
        ),
        (
            ("-f", "--file"),
            {
                "metavar": "FILE",
                "help": "A restore's manifest, with all else that changes objects.",
            },
        ),
        (
            ("--vault",),
            {
                "metavar": "NAME|URL",
                "shell_complete": names_of("LOCATIONS"),
                "help": "The vault the backup is in, as of 'restore plan'.",
            },
        ),
        (
            ("--offline",),
            {
                "type": _PATH,
                "metavar": "ARCHIVE",
                "help": "Try them on the backup in this file, NAME.tar.gz, and ask no cluster.",
            },
        ),
        (
            ("--from-backup", "--backup", "backup"),
            {
                "metavar": "NAME",
                "shell_complete": names_of("BACKUPS"),
                "help": "Try them on this backup.",
            },
        ),
    ):
        command = click.option(*declarations, **rest)(command)
    return command


def trial(options: dict[str, Any], rules: Path | None, *, needed: bool = True) -> "Trial":
    """What the options say. Raises ``click.UsageError``."""
    from kubeferry.cli.modifier_plans import Trial
    from kubeferry.cli.plan_sources import Sources

    offline, vault, file = options["offline"], options["vault"], options["file"]
    backup = options["backup"] or ""
    if offline is not None and vault is not None:
        raise click.UsageError("--offline and --vault do not go together")
    if file and backup:
        raise click.UsageError("--from-backup and -f do not go together: the manifest names it")
    if offline is not None and not file:
        backup = backup or offline.name.removesuffix(".tar.gz")
    if needed and not (backup or file):
        raise click.UsageError("--from-backup, --offline or -f is needed")
    return Trial(backup, file, Sources(offline, options["target_api"], vault, rules))


@modifiers.command(
    cls=Command,
    examples=(
        "modifiers lint rules.yaml",
        "modifiers lint rules.yaml --velero",
        "modifiers lint rules.yaml --from-backup shop-1",
        "modifiers lint rules.yaml --offline shop-1.tar.gz -o json",
    ),
)
@click.argument("rules", metavar="RULES", type=_PATH)
@click.option("--velero", is_flag=True, help="Also what behaves differently in Velero.")
@click.option("-o", "--output", type=click.Choice(["json"]), help="One JSON document.")
@trial_options
def lint(rules: Path, velero: bool, output: str | None, **options: Any) -> int:
    """Check a file of rules: a ConfigMap's manifest, or the rules alone.

    With a backup also which rules meet no object, and which fail. Exit code 0: nothing found. Exit
    code 1: something. Exit code 2: no restore takes these rules.
    """
    import asyncio

    from kubeferry.cli import modifier_lint

    said = trial(options, rules, needed=False)
    return asyncio.run(modifier_lint.lint(flags(), rules, said, velero=velero, output=output or ""))


@modifiers.command(
    cls=Command,
    examples=(
        "modifiers explain rules.yaml --object sts/web --from-backup shop-1",
        "modifiers explain rules.yaml --object pod/web-0 --offline shop-1.tar.gz",
    ),
)
@click.argument("rules", metavar="RULES", type=_PATH)
@click.option("--object", "one", metavar="KIND/NAME", required=True, help="sts/web.")
@names_option("--in-namespace", metavar="A,B", help="Only in these namespaces.")
@trial_options
def explain(rules: Path, one: str, in_namespace: tuple[str, ...], **options: Any) -> int:
    """Show what each rule makes of one object: which condition holds, what each operation does."""
    import asyncio

    from kubeferry.cli import modifier_explain

    said = trial(options, rules)
    return asyncio.run(
        modifier_explain.explain(flags(), rules, said, text=one, namespaces=in_namespace)
    )


@modifiers.command(
    "test",
    cls=Command,
    examples=("modifiers test rules.yaml --tests rules-test.yaml --offline shop-1.tar.gz",),
)
@click.argument("rules", metavar="RULES", type=_PATH)
@click.option(
    "--tests", metavar="FILE", type=_PATH, required=True, help="Objects, and what is expected."
)
@trial_options
def test_rules(rules: Path, tests: Path, **options: Any) -> int:
    """Test rules against a file of expectations. Exit code 1: something is otherwise."""
    import asyncio

    from kubeferry.cli import modifier_tests

    said = trial(options, rules)
    return asyncio.run(modifier_tests.run_tests(flags(), rules, tests, said))


@modifiers.command(
    cls=Command,
    examples=(
        "modifiers record sts/web --from-backup shop-1",
        "modifiers record sts/web -f restore.yaml --append rules.yaml",
    ),
)
@click.argument("one", metavar="KIND/NAME")
@names_option("--in-namespace", metavar="A,B", help="Only in these namespaces.")
@click.option("--modifiers", "rules", metavar="FILE", type=_PATH, help="Rules that act before.")
@click.option(
    "--append", metavar="FILE", type=_PATH, help="Write the rule behind these, new or not."
)
@trial_options
def record(
    one: str,
    in_namespace: tuple[str, ...],
    rules: Path | None,
    append: Path | None,
    **options: Any,
) -> int:
    """Edit an object as it would be restored, and get the rule that makes the same edit.

    The editor is KUBE_EDITOR's or EDITOR's. A workload's pods in the backup get a rule of their
    own. The rule is tried before it is printed.
    """
    import asyncio

    from kubeferry.cli import modifier_record

    said = trial(options, rules)
    return asyncio.run(
        modifier_record.record(flags(), said, text=one, namespaces=in_namespace, append=append)
    )


@modifiers.command(
    cls=Command,
    examples=("modifiers schema v2 > modifier-v2.json", "modifiers schema tests"),
)
@click.argument("which", metavar="v1|v2|tests", type=click.Choice(["v1", "v2", "tests"]))
def schema(which: Any) -> None:
    """Print the JSON schema of rules, or of a file of tests."""
    from kubeferry import codec
    from kubeferry.cli import modifier_tests
    from kubeferry.cli.output import emit
    from kubeferry.transform.modifiers.schema import json_schema

    found = modifier_tests.schema() if which == "tests" else json_schema(which)
    emit([codec.encode_pretty(found).decode().rstrip("\n")])
