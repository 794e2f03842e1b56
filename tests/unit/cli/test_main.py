import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from kubeferry import __version__, errors
from kubeferry.cli.command import CUT_SHORT, DIFFERS, EXIT_CODES, Lazy
from kubeferry.cli.main import COMMANDS, root


def run(*args: str, name: str = "kubeferry", **rest: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(root, list(args), prog_name=name, **rest)  # type: ignore[arg-type]
    return result.exit_code, result.stdout, result.stderr


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            for name in command.list_commands(ctx):
                found = command.get_command(ctx, name)
                assert found is not None
                yield from leaves(found, (*path, name))
    yield path


PATHS = sorted(set(leaves(root)))


def test_help_imports_nothing_that_is_slow() -> None:
    code = (
        "import sys\n"
        "from kubeferry.cli.main import root\n"
        "try:\n    root.main(['--help'])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "slow = {'aiohttp', 'msgspec', 'rich', 'obstore', 'yaml', 'asyncio', 're2'}\n"
        "sys.exit(f'imported: {slow & set(sys.modules)}' if slow & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage:")


@pytest.mark.parametrize("noun", ["vault", "backup", "restore", "install", "controller"])
def test_a_nouns_help_imports_nothing_that_is_slow_either(noun: str) -> None:
    code = (
        "import sys\n"
        "from kubeferry.cli.main import root\n"
        f"try:\n    root.main([{noun!r}, '--help'])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "slow = {'aiohttp', 'msgspec', 'rich', 'obstore', 'yaml', 'asyncio', 're2'}\n"
        "sys.exit(f'imported: {slow & set(sys.modules)}' if slow & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_list_can_be_loaded(name: str) -> None:
    assert isinstance(COMMANDS[name].load(), click.Command)


def test_a_lazy_command_that_is_no_command_is_found_out() -> None:
    with pytest.raises(TypeError, match="is no command"):
        Lazy("kubeferry.cli.main:COMMANDS", "").load()


@pytest.mark.parametrize("path", PATHS, ids=[" ".join(path) or "root" for path in PATHS])
def test_every_command_has_help_that_fits_a_line_of_a_list(path: tuple[str, ...]) -> None:
    code, out, _ = run(*path, "--help")
    assert code == 0
    assert out.startswith(f"Usage: {' '.join(('kubeferry', *path))} ")
    assert "TODO" not in out
    assert not [line for line in out.splitlines() if len(line) > 100]


@pytest.mark.parametrize("path", PATHS, ids=[" ".join(path) or "root" for path in PATHS])
def test_every_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    command: click.Command = root
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    bare = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert bare == []


def test_started_by_kubectl_the_help_says_kubectl() -> None:
    _, out, _ = run("backup", "create", "--help", name="kubectl ferry")
    assert out.startswith("Usage: kubectl ferry backup create")
    assert "\n  kubectl ferry backup create shop-1 --vault vault" in out
    assert "kubeferry backup" not in out


def test_without_arguments_the_help_is_shown_and_nothing_failed() -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    assert out.startswith("Usage: kubeferry")


def test_every_exit_code_of_our_errors_is_in_the_help() -> None:
    kinds = [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.FerryError)
    ]
    assert {kind.exit_code for kind in kinds} == set(EXIT_CODES) - {0, DIFFERS, 130, CUT_SHORT}
    _, out, _ = run("--help")
    for code, text in EXIT_CODES.items():
        assert f"  {code:<3}  {text}" in out


@pytest.mark.parametrize(
    ("args", "message", "hint"),
    [
        pytest.param(
            ["bakcup"],
            "error: no such command 'bakcup'. Did you mean 'backup'?",
            "hint: see 'kubeferry --help'",
            id="a command that is nearly right is suggested",
        ),
        pytest.param(
            ["backup", "create", "--no-volume", "v"],
            "error: no such option '--no-volume'. Did you mean '--no-volume-data'?",
            "hint: see 'kubeferry backup create --help'",
            id="so is an option",
        ),
        pytest.param(
            ["backup", "create", "--vault", "v"],
            "error: give it a NAME, or a manifest with -f",
            "hint: see 'kubeferry backup create --help'",
            id="a name is needed",
        ),
        pytest.param(
            ["backup", "create", "a"],
            "error: --vault is needed (or a manifest with -f)",
            "hint: see 'kubeferry backup create --help'",
            id="a vault is needed",
        ),
        pytest.param(
            ["backup", "create", "a", "-f", "x.yaml", "--ttl", "1h"],
            "error: --ttl cannot be given beside -f; write it into the manifest",
            "hint: see 'kubeferry backup create --help'",
            id="a file and options do not go together",
        ),
        pytest.param(
            ["backup", "create", "a", "--vault", "v", "--wait", "--dry-run", "client"],
            "error: --wait and --dry-run do not go together",
            "hint: see 'kubeferry backup create --help'",
            id="nothing can be waited for that was not created",
        ),
        pytest.param(
            ["restore", "plan", "--from-backup", "b", "--namespace-mapping", "a"],
            "error: invalid value for --namespace-mapping: 'a' is no pair; write SOURCE=TARGET",
            "hint: see 'kubeferry restore plan --help'",
            id="a mapping is a pair",
        ),
        pytest.param(
            ["backup", "create", "a", "--vault", "v", "--ttl", "30 days"],
            "error: invalid value for '--ttl': '30 days' is no duration such as 720h0m0s",
            "hint: see 'kubeferry backup create --help'",
            id="a ttl is a duration",
        ),
        pytest.param(
            ["backup", "download", "a", "-o", "x", "--output-dir", "y"],
            "error: --output and --output-dir do not go together",
            "hint: see 'kubeferry backup download --help'",
            id="a file or a folder",
        ),
    ],
)
def test_wrong_use_is_told_in_two_lines(args: list[str], message: str, hint: str) -> None:
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert err.splitlines() == [message, hint]


def test_bad_input_names_object_field_and_value() -> None:
    code, _, err = run("backup", "create", "A_b", "--vault", "v v", "--dry-run", "client")
    assert code == 2
    assert err.startswith("error: ApplicationBackup A_b: spec.storageLocation: ")


def test_no_kubeconfig_is_a_configuration_error() -> None:
    code, _, err = run("backup", "get", "--kubeconfig", "/nowhere/config")
    assert code == 3
    assert "/nowhere/config" in err
    assert "Traceback" not in err


def test_an_unknown_setting_is_a_configuration_error() -> None:
    code, _, err = run("backup", "get", env={"KUBEFERRY_NAMESPCE": "x"})
    assert code == 3
    assert "KUBEFERRY_NAMESPCE" in err


def test_verbose_shows_where_it_failed() -> None:
    code, _, err = run("backup", "get", "--kubeconfig", "/nowhere/config", "-v")
    assert code == 3
    assert "Traceback" in err
    assert "\nerror: " in err


def test_the_shared_options_may_stand_before_the_command_too() -> None:
    code, _, err = run("--kubeconfig", "/nowhere/config", "backup", "get")
    assert code == 3
    assert "/nowhere/config" in err


def test_version() -> None:
    assert run("version") == (0, f"kubeferry {__version__}\n", "")
    assert run("version", "--short") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_asks_kubeferry(shell: str) -> None:
    code, out, _ = run("completion", shell)
    assert code == 0
    assert f"_KUBEFERRY_COMPLETE={shell}_complete" in out


def test_completion_without_a_cluster_offers_nothing_and_fails_not() -> None:
    env = {
        "_KUBEFERRY_COMPLETE": "bash_complete",
        "COMP_WORDS": "kubeferry backup describe a",
        "COMP_CWORD": "3",
        "KUBECONFIG": "/nowhere/config",
    }
    code, out, err = run(env=env)
    assert (code, out.strip(), err) == (0, "", "")


def test_completion_of_a_command() -> None:
    env = {
        "_KUBEFERRY_COMPLETE": "bash_complete",
        "COMP_WORDS": "kubeferry back",
        "COMP_CWORD": "1",
    }
    assert run(env=env)[:2] == (0, "plain,backup\n")
