"""What the pages say is what the code does: nothing is missing, nothing is made up."""

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import click
import pytest

from kubeferry import codec, errors
from kubeferry.api import crd
from kubeferry.api.backup import ApplicationBackup
from kubeferry.api.location import ANNOTATION, BackupLocation, annotated_vault
from kubeferry.api.metadata import Metadata, read
from kubeferry.api.restore import ApplicationRestore
from kubeferry.backup.kinds import NEVER_KINDS
from kubeferry.backup.policies import ACTIONS, CONDITIONS, parse_policies
from kubeferry.backup.select import EXCLUDE_LABEL
from kubeferry.cli.modifier_tests import Tests as ModifierTests
from kubeferry.controller import phrases
from kubeferry.controller.vaults import CREDENTIAL_SECRETS
from kubeferry.durations import format_duration
from kubeferry.kube.names import RESERVED_NAMESPACES
from kubeferry.settings import Settings
from kubeferry.transform.automatic.finished import NEVER_RESTORED
from kubeferry.transform.automatic.metadata import SERVER_FIELDS
from kubeferry.transform.automatic.rules import RULES
from kubeferry.transform.modifiers.operations import OPERATIONS_V2
from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.modifiers.schema import VERSIONS
from kubeferry.transform.modifiers.variables import NAMES as VARIABLES
from tests.docs import generate, pages

SOURCE = pages.ROOT / "src" / "kubeferry"
LINKING = [
    *pages.PAGES,
    pages.ROOT / "CONTRIBUTING.md",
    *sorted((pages.DOCS / "decisions").glob("*.md")),
]
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{block.number}")
    for page in pages.PAGES
    for block in pages.blocks(page)
    if block.language == "yaml"
]
REPORTING = frozenset({"Note", "Problem", "Outcome", "_problem", "tell", "_tell", "_warn"})
"""Who is given the reason of an object, first or second."""
KINDS = {one.__name__: one for one in (ApplicationBackup, ApplicationRestore, BackupLocation)}


def text(page: str) -> str:
    return (pages.DOCS / page).read_text()


@pytest.mark.parametrize(
    "page", [pytest.param(page, id=str(page.relative_to(pages.ROOT))) for page in LINKING]
)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in pages.links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in pages.anchors(target), link


@pytest.mark.parametrize(
    ("page", "make"),
    [
        pytest.param("commands.md", generate.commands_page, id="commands"),
        pytest.param("custom-resources.md", generate.resources_page, id="custom resources"),
        *(
            pytest.param(
                f"schemas/modifier-{version}.json",
                partial(generate.modifier_schema, version),
                id=f"the schema of modifiers {version}",
            )
            for version in VERSIONS
        ),
        pytest.param(
            "schemas/modifier-tests.json",
            generate.modifier_tests_schema,
            id="the schema of tests for modifiers",
        ),
        pytest.param("plan.schema.json", generate.plan_schema, id="the schema of a plan"),
    ],
)
def test_a_generated_page_is_up_to_date(
    page: str, make: Callable[[], str], update_golden: bool
) -> None:
    path = pages.DOCS / page
    if update_golden:
        path.write_text(make())
    assert path.read_text() == make(), "make golden writes it anew"


@pytest.mark.parametrize(
    ("page", "name", "make"),
    [
        pytest.param("selection.md", "generated", generate.generated_objects, id="by others"),
        pytest.param("backups.md", "related", generate.related_objects, id="related objects"),
        pytest.param("errors.md", "exit-codes", generate.exit_codes, id="exit codes"),
        pytest.param("errors.md", "task-reasons", generate.task_reasons, id="reasons of tasks"),
        pytest.param("errors.md", "object-reasons", generate.object_reasons, id="of objects"),
        pytest.param("restores.md", "waves", generate.waves, id="waves"),
        pytest.param("restores.md", "automatic-rules", generate.automatic_rules, id="rules"),
        pytest.param("restores.md", "api-upgrades", generate.api_upgrades, id="API upgrades"),
        pytest.param("restores.md", "references", generate.references, id="references"),
        pytest.param("modifiers.md", "protected", generate.protected_fields, id="protected fields"),
        pytest.param("permissions.md", "controller", generate.controller_rights, id="its rights"),
        pytest.param("security.md", "guard", generate.guarded, id="the guard"),
        pytest.param("permissions.md", "people", generate.rights_of_people, id="people's rights"),
    ],
)
def test_a_generated_part_is_up_to_date(
    page: str, name: str, make: Callable[[], str], update_golden: bool
) -> None:
    path = pages.DOCS / page
    if update_golden:
        path.write_text(pages.with_generated(path, name, make()))
    assert pages.generated(path, name) == make(), "make golden writes it anew"


def test_every_option_is_in_the_commands_page() -> None:
    told = text("commands.md")
    for path, command in generate.all_commands():
        section = told.partition(f"## {' '.join(('kubeferry', *path))}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            assert all(option in section for option in parameter.opts if option.startswith("-"))


def test_every_example_of_the_help_can_be_said() -> None:
    for path, command in generate.all_commands():
        for example in getattr(command, "examples", ()):
            words = shlex.split(example.partition(" | ")[0].partition(" > ")[0])
            assert tuple(words[: len(path)]) == path, example
            context = generate.root_context()
            command.make_context(path[-1], words[len(path) :], parent=context)


def test_every_field_of_a_custom_resource_is_described() -> None:
    for definition in crd.DEFINITIONS:
        for part in ("spec", "status"):
            for path, schema in _leaves(crd.schema(definition)["properties"][part], part):
                assert schema.get("description"), f"{definition.kind} {path} says nothing"


def _leaves(schema: dict[str, object], path: str) -> Iterator[tuple[str, dict[str, object]]]:
    properties = schema.get("properties")
    assert isinstance(properties, dict)
    for name, part in properties.items():
        yield f"{path}.{name}", part
        if "properties" in part:
            yield from _leaves(part, f"{path}.{name}")


def test_every_setting_is_documented_with_its_default() -> None:
    rows = re.findall(r"^\| `KUBEFERRY_(\w+)` \| (.*?) \|", text("settings.md"), re.MULTILINE)
    told = {name.lower(): default for name, default in rows}
    known = set(Settings.__dataclass_fields__) - {"endpoints"}
    assert {name for name in told if not name.startswith("endpoint_")} == known
    defaults = Settings()
    for name, default in (
        ("namespace", defaults.namespace),
        ("sync_period", format_duration(defaults.sync_period)),
        ("max_tasks", str(defaults.max_tasks)),
    ):
        assert told[name] == f"`{default}`"
    Settings.from_environ(
        {f"KUBEFERRY_{name.upper()}": "https://x.example" for name in told if "endpoint_" in name}
    )


def test_who_may_run_it_is_said_of_every_command() -> None:
    told = {name.partition(" --")[0] for name in pages.first_cells(pages.DOCS / "permissions.md")}
    commands = [
        " ".join(path)
        for path, command in generate.all_commands()
        if not isinstance(command, click.Group)
    ]
    assert [name for name in commands if name not in told] == []


def test_every_reason_of_an_error_is_documented() -> None:
    known = {
        one.reason
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.FerryError)
    }
    told = pages.first_cells(pages.DOCS / "errors.md")
    assert known <= told
    assert told <= known | _reasons_of_objects(), "documented, but nothing says so"


def test_every_message_of_the_ack_backup_center_is_documented() -> None:
    literals = {
        value for name, value in vars(phrases).items() if name.isupper() and isinstance(value, str)
    }
    assert len(literals) == 8
    told = text("errors.md")
    assert [one for one in sorted(literals) if f"`{one}" not in told] == []


def test_every_reason_of_an_object_is_documented() -> None:
    assert _reasons_of_objects() <= pages.first_cells(pages.DOCS / "errors.md")


def _reasons_of_objects() -> set[str]:
    """The reasons in the code: what ``Note``, ``Problem`` and ``kubernetes_reason`` are given."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        if "sandbox" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        named = _named(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
            given = node.args[:2] if name in REPORTING else []
            given += [key.value for key in node.keywords if key.arg == "kubernetes_reason"]
            found |= set(_texts(given, named))
    return {one for one in found if re.fullmatch(r"[A-Z][A-Za-z]+", one)}


def _named(tree: ast.Module) -> dict[str, str]:
    """The texts that a module gives names to, itself or by another module of ours."""
    named: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kubeferry."):
            path = SOURCE.parent.joinpath(*str(node.module).split(".")).with_suffix(".py")
            if path.exists():
                given = _own(ast.parse(path.read_text()))
                named |= {one.name: given[one.name] for one in node.names if one.name in given}
    return named | _own(tree)


def _own(tree: ast.Module) -> dict[str, str]:
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def _texts(nodes: list[ast.expr], named: dict[str, str]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Name) and node.id in named:
            yield named[node.id]
        elif isinstance(node, ast.IfExp):
            yield from _texts([node.body, node.orelse], named)


def test_every_automatic_cause_is_documented() -> None:
    causes = {
        node.args[1].value
        for path in (SOURCE / "transform").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Cause"
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value == "automatic"
        and isinstance(node.args[1], ast.Constant)
    }
    assert {
        one for one in causes if one not in RULES and f"`{one}`" not in text("restores.md")
    } == (set())


@pytest.mark.parametrize(
    ("page", "names"),
    [
        pytest.param("backups.md", RESERVED_NAMESPACES, id="reserved namespaces"),
        pytest.param("backups.md", NEVER_KINDS, id="kinds never archived"),
        pytest.param("selection.md", ACTIONS, id="actions of a volume policy"),
        pytest.param("selection.md", CONDITIONS, id="conditions of a volume policy"),
        pytest.param("backups.md", [f"{EXCLUDE_LABEL}=true"], id="the excluding label"),
        pytest.param("restores.md", NEVER_RESTORED, id="kinds never restored"),
        pytest.param("restores.md", SERVER_FIELDS, id="metadata that goes"),
        pytest.param("modifiers.md", OPERATIONS_V2, id="operations"),
        pytest.param("modifiers.md", [f"${{{one}}}" for one in VARIABLES], id="variables"),
        pytest.param("vaults.md", CREDENTIAL_SECRETS, id="Secrets with keys"),
        pytest.param("vaults.md", [ANNOTATION], id="the vault's annotation"),
    ],
)
def test_a_page_names_them_all(page: str, names: list[str]) -> None:
    told = text(page)
    assert [name for name in names if f"`{name}`" not in told and f"{name}:" not in told] == []


@pytest.mark.parametrize("block", BLOCKS)
def test_a_manifest_of_a_page_is_right(block: pages.Block) -> None:
    for found in codec.load_yaml_documents(block.text, place=f"line {block.number}"):
        assert isinstance(found, dict)
        if "tests" in found:
            assert codec.convert(found, ModifierTests, place="page").tests
        elif found.get("kind") in KINDS:
            read(found, KINDS[found["kind"]])
        elif found.get("kind") == "ConfigMap" and "volumePolicies" in str(found["data"]):
            assert parse_policies(found["data"], place="page").volumes
        elif found["metadata"].get("namespace") == "shop":
            assert found["metadata"]["name"], "an object of the application"
        elif found.get("kind") == "ConfigMap":
            assert parse_modifiers(found["data"], place="page").notes == ()
        else:
            about = Metadata(name="task", annotations=found["metadata"]["annotations"])
            assert annotated_vault(about) is not None


def test_a_block_that_is_not_run_says_why() -> None:
    for page in pages.PAGES:
        for block in pages.blocks(page):
            if block.language in pages.SHELL and block.mark:
                kind, _, why = block.mark.partition(": ")
                assert kind in ("real", "not run"), f"{page.name}:{block.number}: {block.mark}"
                assert why, f"{page.name}:{block.number}"


def test_every_command_stands_in_a_block_that_is_run() -> None:
    """What looks like a command in another block would be run by nobody."""
    for page in pages.PAGES:
        for block in pages.blocks(page):
            if block.language not in pages.SHELL and page.name != "commands.md":
                for line in block.lines:
                    assert not line.startswith(("$ ", "kubeferry ", "kubectl ", "make ")), line
