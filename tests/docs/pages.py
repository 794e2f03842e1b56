"""The pages that people read, taken apart: fenced blocks, what is said of them, tables, links.

A comment before a block says how it is tested; without one its commands run in every test:

    <!-- not run: why -->     no test can run it
    <!-- real: why -->        it needs a real cluster or storage: ``make test-real`` runs it

A block ``text`` right after it shows what its last command prints.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

_FENCE = re.compile(r"^```(?P<language>[a-z]*)$")
_COMMENT = re.compile(r"^<!-- (?P<text>.*) -->$")
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
SHELL = frozenset({"sh", "console"})


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its lines, the number of the first one (from 1), the comment above it."""

    language: str
    lines: tuple[str, ...]
    number: int
    mark: str = ""

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    language: str | None = None
    start, mark, held = 0, "", ""
    lines: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if language is not None:
            if line == "```":
                found.append(Block(language, tuple(lines), start, held))
                language, held = None, ""
            else:
                lines.append(line)
        elif fence := _FENCE.match(line):
            language, start, lines, held, mark = fence["language"], number + 1, [], mark, ""
        elif comment := _COMMENT.match(line):
            mark = comment["text"]
        elif line:
            mark = ""
    assert language is None, f"{page.name}: a block is not closed"
    return found


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page and what the page says that it prints (None: nothing is said)."""

    text: str
    line: int
    mark: str
    expected: tuple[str, ...] | None = None


def commands(page: Path) -> Iterator[Command | Block]:
    """The commands of a page, in order, and the files (YAML blocks that begin with their name)."""
    found = blocks(page)
    for block, after in zip_longest(found, found[1:]):
        if block.language == "console":
            yield from _console(block)
        elif block.language == "sh":
            *first, last = _logical(block)
            for text, line in first:
                yield Command(text, line, block.mark)
            end = block.number + len(block.lines)
            told = after is not None and after.language == "text" and after.number <= end + 3
            yield Command(*last, block.mark, after.lines if told else None)
        elif block.language == "yaml" and file_name(block):
            yield block


def _console(block: Block) -> Iterator[Command]:
    starts = [index for index, line in enumerate(block.lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        printed = block.lines[start + 1 : end]
        text = block.lines[start].removeprefix("$ ")
        yield Command(text, block.number + start, block.mark, printed or None)


def _logical(block: Block) -> Iterator[tuple[str, int]]:
    """The commands of a block of lines: those that end in a backslash go on."""
    text, start = "", 0
    for number, line in enumerate(block.lines, block.number):
        if not text and (not line.strip() or line.startswith("#")):
            continue
        start = start or number
        if line.endswith("\\"):
            text += line[:-1]
            continue
        yield text + line, start
        text, start = "", 0


def file_name(block: Block) -> str:
    """The file a YAML block is to be saved as, which its first line names; else empty."""
    first = block.lines[0] if block.lines else ""
    match = re.fullmatch(r"# ([a-z0-9-]+\.yaml)", first)
    return match[1] if match else ""


def links(page: Path) -> Iterator[str]:
    """The targets of a page's links outside of blocks."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for match in _LINK.finditer(text):
        yield match["target"]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^a-z0-9 _-]", "", heading["text"].lower()).replace(" ", "-")
        for heading in _HEADING.finditer(page.read_text())
    }


def first_cells(page: Path) -> set[str]:
    """What is in backquotes in the first cell of each table row of a page."""
    rows = [line for line in page.read_text().splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])}


def generated(page: Path, name: str) -> str:
    """The part of a page between ``<!-- generated: name -->`` and ``<!-- end -->``."""
    text = page.read_text()
    begin = f"<!-- generated: {name} -->\n"
    assert begin in text, f"{page.name} has no part {name}"
    return text.partition(begin)[2].partition("<!-- end -->")[0]


def with_generated(page: Path, name: str, part: str) -> str:
    """The page with that part replaced."""
    before, begin, rest = page.read_text().partition(f"<!-- generated: {name} -->\n")
    return f"{before}{begin}{part}<!-- end -->{rest.partition('<!-- end -->')[2]}"
