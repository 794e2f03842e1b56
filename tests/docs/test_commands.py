"""Every command of every page is run, and what it prints is what the page shows.

Here on sandboxes, without kubectl: of its commands ``kubectl apply -f FILE`` is done by the test,
and what needs more than that is run by ``tests/real/test_docs.py``.
"""

import re
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kubeferry.cli.plan_summary import plan_lines
from kubeferry.cli.plan_view import Look
from kubeferry.local.demo import run_demo
from tests.docs import generate, pages
from tests.docs.shell import PROGRAMS, Shell, agree, run_and_compare
from tests.docs.world import World, world

_APPLY = re.compile(r"kubectl apply -f (?P<file>[a-z0-9-]+\.yaml)")
WORLDS: dict[str, Callable[[World], Awaitable[None]]] = {
    "README.md": World.seed,
    "backups.md": World.shop,
    "plans.md": World.shop,
    "restores.md": World.shop,
    "modifiers.md": World.shop,
    "hooks.md": World.database,
    "browse.md": World.shop,
}
WITH_COMMANDS = [
    pytest.param(page, id=page.name) for page in pages.PAGES if list(pages.commands(page))
]


@pytest.mark.parametrize("page", WITH_COMMANDS)
async def test_the_commands_of_a_page_do_what_it_shows(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    todo = [one for one in pages.commands(page) if not getattr(one, "mark", "")]
    if not any(isinstance(one, pages.Command) for one in todo):
        return
    async with world(tmp_path) as started:
        prepare = WORLDS.get(page.name)
        if prepare is not None:
            await prepare(started)
        environ = {
            "KUBECONFIG": str(started.kubeconfig),
            "KUBEFERRY_LOCAL_ROOT": str(started.root),
        }
        shell = Shell(folder, environ)
        for one in todo:
            if isinstance(one, pages.Block):
                (folder / pages.file_name(one)).write_text(one.text)
            elif apply := _APPLY.fullmatch(one.text):
                await started.apply(folder / apply["file"])
            else:
                assert "kubectl" not in one.text, f"line {one.line}: mark it real"
                await run_and_compare(shell, one)


@pytest.mark.parametrize(
    ("printed", "shown", "same"),
    [
        pytest.param("a\nb\n", ["a", "b"], True, id="the same lines agree"),
        pytest.param("a\nb\n", ["a"], False, id="a line too many does not"),
        pytest.param("a\n", ["a", "b"], False, id="a line too few does not"),
        pytest.param("a\nx\ny\nb\n", ["a", "...", "b"], True, id="dots stand for lines"),
        pytest.param("a\nx\nc\n", ["a", "...", "b"], False, id="but not for what comes after"),
        pytest.param("web   3s\n", ["web  18s"], True, id="ages and spaces differ from run to run"),
        pytest.param("web Failed 3s\n", ["web Completed 3s"], False, id="phases do not"),
    ],
)
def test_what_is_printed_is_compared_with_what_is_shown(
    printed: str, shown: list[str], same: bool
) -> None:
    assert agree(printed, shown) is same


async def test_the_demo_prints_the_plan_that_the_readme_shows() -> None:
    [sample] = [one for one in pages.commands(pages.ROOT / "README.md") if _is_plan(one)]
    assert isinstance(sample, pages.Command)
    assert sample.expected is not None
    shown = [line for line in sample.expected if line != "..."]
    end = next(index for index, line in enumerate(shown) if line.startswith("Summary")) + 1
    printed: list[str] = []
    await run_demo(printed.append, lambda steps: plan_lines(steps, Look()))
    rest = iter(printed)
    assert [line for line in shown[:end] if line not in rest] == []


def _is_plan(one: pages.Command | pages.Block) -> bool:
    return isinstance(one, pages.Command) and "restore plan -f" in one.text


def test_the_help_of_the_commands_page_is_what_the_program_prints() -> None:
    words = ("restore", "plan")
    done = subprocess.run(
        [PROGRAMS / "kubeferry", *words, "--help"],
        env={"COLUMNS": str(generate.WIDTH), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.rstrip() == generate.help_text(words)
