"""The pages and parts of pages that are made from the code; ``make golden`` writes them."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import click

from kubeferry import reasons
from kubeferry.api import crd, guard, restore, rights
from kubeferry.api.definition import GROUP, VERSION, Definition
from kubeferry.backup import related
from kubeferry.backup.generated import GENERATED, Generated
from kubeferry.cli import modifier_tests
from kubeferry.cli.command import EXIT_CODES
from kubeferry.cli.main import root
from kubeferry.cli.plan_schema import schema
from kubeferry.durations import PATTERN
from kubeferry.kube.objects import OLD_CLASS_ANNOTATION, POD_SPEC_PATHS
from kubeferry.restore.waves import LAST_STEP, STEPS
from kubeferry.transform.automatic.rules import RULES
from kubeferry.transform.automatic.upgrades.table import CONVERSIONS
from kubeferry.transform.automatic.upgrades.table import REMOVED as GONE
from kubeferry.transform.modifiers import protected
from kubeferry.transform.modifiers.schema import Version, json_schema
from kubeferry.transform.parameters.reference_places import REFERENCES

WIDTH = 100
"""Columns of the terminal whose help the page shows."""
_NOTICE = "<!-- made by `make golden` from {}: do not edit -->"


def commands_page() -> str:
    """docs/commands.md: the help of every command, as ``--help`` prints it at 100 columns."""
    lines = [
        _NOTICE.format("the commands' own help"),
        "# Commands",
        "",
        "What `--help` says. All of it is also `kubectl ferry ...`.",
        "",
    ]
    for path, _ in all_commands():
        title = " ".join(("kubeferry", *path))
        lines += [f"## {title}", "", "```text", help_text(path).rstrip(), "```", ""]
    return "\n".join(lines)


def modifier_schema(version: Version) -> str:
    """docs/schemas/modifier-v1.json and its like: what the rules of a version look like."""
    return f"{json.dumps(json_schema(version), indent=2)}\n"


def modifier_tests_schema() -> str:
    """docs/schemas/modifier-tests.json: what a file of tests for rules looks like."""
    return f"{json.dumps(modifier_tests.schema(), indent=2)}\n"


def plan_schema() -> str:
    """docs/plan.schema.json: what a line of a plan as JSON is."""
    return f"{json.dumps(schema(), indent=2)}\n"


def all_commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that lead to it, groups before their members."""

    def below(
        path: tuple[str, ...], command: click.Command
    ) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        yield path, command
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None, name
                yield from below((*path, name), found)

    yield from below((), root)


def root_context() -> click.Context:
    """What the program begins with, on a terminal of ``WIDTH`` columns."""
    settings: dict[str, Any] = {
        **root.context_settings,
        "terminal_width": WIDTH - 2,  # click keeps two columns free
        "info_name": "kubeferry",
    }
    return click.Context(root, **settings)


def help_text(path: tuple[str, ...]) -> str:
    """What ``kubeferry PATH --help`` prints."""
    context = root_context()
    for name in path:
        assert isinstance(context.command, click.Group)
        found = context.command.get_command(context, name)
        assert found is not None, name
        context = click.Context(found, info_name=name, parent=context)
    return "\n".join(line.rstrip() for line in context.get_help().splitlines())


def resources_page() -> str:
    """docs/custom-resources.md: every field of every definition."""
    lines = [
        _NOTICE.format("src/kubeferry/api"),
        "# Custom resources",
        "",
        f"Group `{GROUP}`, version `{VERSION}`, in the namespace `csdr`. `kubectl` and `kubeferry`",
        "refuse unknown fields.",
        "",
    ]
    for definition in crd.DEFINITIONS:
        lines += _resource(definition)
    return "\n".join(lines)


def _resource(definition: Definition) -> Iterator[str]:
    schema = crd.schema(definition)
    yield from (f"## {definition.kind}", "", schema["description"], "")
    columns = ", ".join(
        f"{column.name.upper()}{' (wide)' if column.wide else ''}" for column in definition.columns
    )
    yield from (f"`kubectl -n csdr get {definition.singular}` shows NAME, {columns}.", "")
    for part in ("spec", "status"):
        yield from ("| field | type | default | meaning |", "|---|---|---|---|")
        yield from _fields(schema["properties"][part], part)
        yield ""
    rules = [rule.message for rules in definition.rules.values() for rule in rules]
    yield "Also checked by the API server:"
    yield ""
    yield from (f"* {message}" for message in rules)
    yield ""


def _fields(schema: dict[str, Any], path: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, part in schema["properties"].items():
        where = f"{path}.{name}"
        default = "required" if name in required else _default(part)
        meaning = f"{part.get('description', '')}{_limits(part)}".replace("|", "\\|")
        yield f"| `{where}` | {_type(part)} | {default} | {meaning} |"
        inner = part.get("items", part)
        if "properties" in inner:
            yield from _fields(inner, where if inner is part else f"{where}[]")


def _default(part: dict[str, Any]) -> str:
    default = part.get("default")
    if default is None or default == {}:
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _type(part: dict[str, Any]) -> str:
    if "enum" in part:
        return " ".join(f"`{one}`" for one in part["enum"])
    if part["type"] == "array":
        return f"list of {_type(part['items']) or 'objects'}"
    if part["type"] == "object" and "properties" not in part:
        return "map of text to text"
    if part.get("pattern") == PATTERN:
        return "duration"
    words = {"object": "", "string": "text", "boolean": "true or false"}
    words |= {"integer": "number", "number": "number"}
    return {"date-time": "time"}.get(part.get("format", ""), words[part["type"]])


def _limits(part: dict[str, Any]) -> str:
    found = [
        text.format(part[key])
        for key, text in (
            ("maxLength", "at most {} characters"),
            ("maxItems", "at most {}"),
            ("maxProperties", "at most {}"),
        )
        if part.get(key) and part.get("pattern") != PATTERN
    ]
    return f" ({', '.join(found)})" if found else ""


def exit_codes() -> str:
    """The table of exit codes."""
    rows = (f"| {code} | {text} |\n" for code, text in EXIT_CODES.items())
    return "| code | meaning |\n|---|---|\n" + "".join(rows)


def task_reasons() -> str:
    """docs/errors.md: why a command or a task fails."""
    rows = (f"| `{one.name}` | {one.what} | {one.advice} |\n" for one in reasons.OF_TASKS)
    return "| reason | what happened | what to do |\n|---|---|---|\n" + "".join(rows)


def object_reasons() -> str:
    """docs/errors.md: what is told of one object."""
    lines = ["| reason | level | what happened | what to do |", "|---|---|---|---|"]
    lines += [
        f"| `{one.name}` | {one.level} | {one.what} | {one.advice} |" for one in reasons.OF_OBJECTS
    ]
    return "\n".join(lines) + "\n"


def automatic_rules() -> str:
    """docs/restores.md: the automatic rules that can be switched off."""
    rows = (f"| `{name}` | {text} |\n" for name, text in RULES.items())
    return "| automatic rule | what it does |\n|---|---|\n" + "".join(rows)


def api_upgrades() -> str:
    """docs/restores.md: what is converted, and what is gone."""
    rows = [
        (entry.kind, ", ".join(f"`{one}`" for one in entry.sources), f"`{entry.targets[0]}`")
        for entry in CONVERSIONS
    ]
    lines = ["| kind | from | to |", "|---|---|---|"]
    by_kind: dict[str, list[tuple[str, str]]] = {}
    for kind, sources, target in rows:
        by_kind.setdefault(kind, []).append((sources, target))
    for kind, pairs in by_kind.items():
        for target in dict.fromkeys(target for _, target in pairs):
            sources = ", ".join(one for one, to in pairs if to == target)
            lines.append(f"| {kind} | {sources} | {target} |")
    lines += ["", "| kind that is gone | versions | what to do |", "|---|---|---|"]
    lines += [
        f"| {gone.kind} | {', '.join(f'`{one}`' for one in gone.sources)} | {gone.advice} |"
        for gone in GONE
    ]
    return "\n".join([*lines, ""])


def waves() -> str:
    """The table of a restore's waves."""
    kinds: dict[tuple[int, str], list[str]] = {}
    for step in STEPS:
        found = kinds.setdefault((step.wave, step.title), [])
        found += [f"`{kind}`" for kind in step.kinds] or ["everything else"]
    kinds[LAST_STEP.wave, LAST_STEP.title] = [
        "what an APIService of the backup serves, custom resources that a webhook of it converts"
    ]
    rows = (
        f"| {wave} | {title} | {', '.join(found)} |\n" for (wave, title), found in kinds.items()
    )
    return "| wave | what | kinds |\n|---|---|---|\n" + "".join(rows)


def guarded() -> str:
    """The table of what the guard keeps to administrators."""
    rows = [
        f"| `{one.plural}`{' in its namespace' if one.at_home else ''} | {door.said} | "
        f"{door.instead} |\n"
        for one in guard.GUARDED
        for door in one.doors
    ]
    return "| of | guarded, for | who is no administrator |\n|---|---|---|\n" + "".join(rows)


def generated_objects() -> str:
    """The table of what others generate."""
    rows = (f"| {_objects(one)} | {one.made_by} |\n" for one in GENERATED)
    return "| left out | made by |\n|---|---|\n" + "".join(rows)


def _objects(one: Generated) -> str:
    """The objects of a rule, as a person recognises them."""
    marks = [f"the name {_either(one.names)}"] if one.names else []
    for label, values in one.labels.items():
        written = [f"{label}={value}" for value in sorted(values)] or [label]
        marks.append(f"the label {_either(written)}")
    marks += [f"the type `{one.secret_type}`"] if one.secret_type else []
    marks += [f"the field manager `{one.manager}`"] if one.manager else []
    kinds = ", ".join(f"`{kind}`" for kind in one.kinds)
    return f"{kinds} with {' or '.join(marks)}" if marks else kinds


def _either(words: Iterable[str]) -> str:
    *rest, last = (f"`{word}`" for word in words)
    return f"{', '.join(rest)} or {last}" if rest else last


_BY_TRACE = {
    related.ROLE_BINDINGS: f"`{related.ACCOUNTS}`",
    related.CLUSTER_ROLE_BINDINGS: f"`{related.ACCOUNTS}`",
    related.SNAPSHOT_CLASSES: f"`{related.STORAGE_CLASSES}`",
}
"""Whose object makes one of these kinds come in; what is new in ``SEEKERS`` is a KeyError here."""


def related_objects() -> str:
    """The table of what an object brings in."""
    named: dict[tuple[str, ...], list[str]] = {}
    for kind, rule in related.RULES.items():
        named.setdefault(rule.kinds, []).append(f"`{kind}`")
    rows = [(", ".join(sources), _targets(kinds)) for kinds, sources in named.items()]
    naming: dict[str, list[str]] = {}
    for kind in sorted(related.SEEKERS):
        naming.setdefault(_BY_TRACE[kind], []).append(kind)
    rows += [
        (source, f"{_targets(kinds)} that are for them") for source, kinds in sorted(naming.items())
    ]
    rows += [
        ("any custom resource", f"its definition, of `{related.DEFINITIONS}`"),
        ("anything in a namespace", "its Namespace object"),
    ]
    lines = (f"| {source} | {targets} |\n" for source, targets in rows)
    return "| an object of | brings in |\n|---|---|\n" + "".join(lines)


def _targets(kinds: Iterable[str]) -> str:
    of_volumes = {related.SECRETS: " of its volumes"}
    return ", ".join(f"`{kind}`{of_volumes.get(kind, '')}" for kind in kinds)


def references() -> str:
    """The table of what follows a namespace mapping."""
    spec = crd.schema(restore.DEFINITION)["properties"]["spec"]["properties"]
    switches = spec["references"]["properties"]
    rows: list[str] = []
    for name, listed in REFERENCES.items():
        kinds = {kind for places in listed for kind in places.kinds}
        if set(POD_SPEC_PATHS) <= kinds:
            kinds = kinds - set(POD_SPEC_PATHS) | {"pods and pod templates"}
        told = ", ".join(f"`{kind}`" if " " not in kind else kind for kind in sorted(kinds))
        rows.append(f"| `{name}` | {switches[name]['description']} | {told} |\n")
    return "| `references` | what | in |\n|---|---|---|\n" + "".join(rows)


_VOLUME_ANNOTATIONS = ", ".join(f"`{one}`" for one in protected.VOLUME_ANNOTATIONS)
_COMPARED = {
    "equal": "all of it",
    "_claim_templates": "names and specs; labels and annotations are free, but for "
    f"`{OLD_CLASS_ANNOTATION}`",
    "_volumes": "no volume may come in but of `configMap`, `secret`, `downwardAPI`, `emptyDir`, "
    "`persistentVolumeClaim`, `csi` or `ephemeral`, nor differ; taking one out is free",
    "_claims": f"the claims of `ephemeral` volumes stay: their specs, and `{OLD_CLASS_ANNOTATION}`",
    "_containers": "no container may come in, `securityContext`, `hostPort` and `host` of probes "
    "and handlers stay; taking one out is free",
    "_volume_annotations": f"{_VOLUME_ANNOTATIONS} alone",
    "_aggregation": "`rbac.authorization.k8s.io/aggregate-to-*` alone",
    "_profiles": "AppArmor's and seccomp's alone: `container.apparmor.security.beta.kubernetes.io/"
    "*` and their like",
}
"""What a comparison of ``protected`` looks at; one that is new there is a KeyError here."""


def protected_fields() -> str:
    """The table of what a modifier must not change."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    groups = (
        ("every object", protected.EVERY_OBJECT),
        ("", protected.BY_KIND),
        ("pods and pod templates", protected.POD_SPEC),
        ("metadata of pods and pod templates", protected.POD_METADATA),
    )
    for title, entries in groups:
        for entry in entries:
            what = title or ", ".join(f"`{kind}`" for kind in sorted(entry.kinds))
            key = (what, _COMPARED[entry.agree.__name__], entry.advice)
            rows.setdefault(key, []).append(f"`{'.'.join(entry.path)}`")
    lines = ["| in | field | compared | why, and what to do |", "|---|---|---|---|"]
    for (what, compared, advice), fields in rows.items():
        lines.append(f"| {what} | {', '.join(fields)} | {compared} | {advice} |")
    return "\n".join(lines) + "\n"


def controller_rights() -> str:
    """The table of what the controller may do."""
    home = "its namespace"
    return _rights((("everywhere", rights.EVERYWHERE), (home, rights.AT_HOME)), "where")


def rights_of_people() -> str:
    """The table of what the roles for people allow."""
    return _rights(tuple(rights.PEOPLE.items()), "role")


def _rights(groups: tuple[tuple[str, tuple[rights.Rule, ...]], ...], title: str) -> str:
    lines = [f"| {title} | verbs | group | resources | why |", "|---|---|---|---|---|"]
    for where, rules in groups:
        for rule in rules:
            group = f"`{rule.group}`" if rule.group else "core"
            of = ", ".join(f"`{name}`" for name in rule.resources)
            of += "".join(f" named `{name}`" for name in rule.names)
            reasons: dict[str, list[str]] = {}
            for verb, why in rule.reasons.items():
                reasons.setdefault(why, []).append(f"`{verb}`")
            lines += [
                f"| {where} | {', '.join(verbs)} | {group} | {of} | {why} |"
                for why, verbs in reasons.items()
            ]
    return "\n".join(lines) + "\n"
