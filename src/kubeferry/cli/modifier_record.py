"""``modifiers record``: an object as it would be restored, edited by a person, and the rule that
makes the same edit.
"""

import asyncio
import os
import re
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeferry import codec
from kubeferry.cli.command import Flags
from kubeferry.cli.masking import holds_keys, is_secret
from kubeferry.cli.modifier_plans import Trial, Tried, tried
from kubeferry.cli.output import emit, say
from kubeferry.errors import InvalidInput, InvalidModifier
from kubeferry.kube.objects import Object, labels
from kubeferry.kube.selectors import parse_selector
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.prepare import compile_modifier
from kubeferry.transform.change import Change
from kubeferry.transform.modifiers.counts import WORKLOADS
from kubeferry.transform.modifiers.recording import (
    TEMPLATE,
    pods_selector,
    recorded_edits,
    recorded_pods_rule,
    recorded_rule,
    same_edits,
    template_edits,
)
from kubeferry.transform.modifiers.rule import Modifiers

_ITEM = re.compile(r"^( *)- conditions:", re.MULTILINE)
_HEAD = (
    "# This is what the restore would write. Change it, save it, and leave the editor:\n"
    "# the rule that makes the same change is printed.\n"
)


@dataclass(frozen=True, slots=True)
class _Taken:
    """The object before the edit, and its pods, by name."""

    item: PlanItem
    object: Object
    pods: Mapping[str, Object]
    modifiers: Modifiers | None


async def record(
    flags: Flags, trial: Trial, *, text: str, namespaces: tuple[str, ...], append: Path | None
) -> int:
    """Opens the editor, then prints or appends the rule, which was tried.

    Raises ``InvalidInput`` where no rule makes the edit, ``InvalidModifier`` for what is protected.
    """
    async with tried(flags, trial, None) as plan:
        taken = _take(plan, text, namespaces)
    edited = await _edited(taken.object)
    edits = recorded_edits(taken.object, edited)
    if not edits:
        say("nothing was changed, so there is no rule")
        return 0
    rules = [recorded_rule(taken.item.source, edits)]
    below = template_edits(edits)
    whole = any(one.pointer in ("", "/spec", TEMPLATE) for one in edits)
    if taken.pods and below and not whole:
        rules.append(recorded_pods_rule(taken.item.source, taken.object, below))
    async with tried(flags, trial, _joined(taken.modifiers, rules)) as plan:
        _prove(plan, taken, edited)
        if len(rules) > 1:
            unfit = _unfit(plan, taken, below)
            if unfit:
                say(f"warning: there is no rule for pods: it would do something else to {unfit}")
                rules.pop()
    if append is None:
        emit([_text(rules).rstrip("\n")])
    else:
        try:
            append_rules(append, rules)
        except (InvalidInput, OSError):
            emit([_text(rules).rstrip("\n")])  # the work in the editor is not lost
            raise
        say(f"appended to {append}")
    return 0


def _take(plan: Tried, text: str, namespaces: tuple[str, ...]) -> _Taken:
    items = plan.items(text, namespaces)
    if len(items) > 1:
        raise InvalidInput(
            f"means {len(items)} objects", place=text, remedy="say where: --in-namespace"
        )
    item = items[0]
    if item.object is None:
        why = f"{item.why.reason}: {item.why.message}" if item.why is not None else item.action
        raise InvalidInput(
            f"would not be written: {why}",
            place=text,
            remedy="where it is there already, plan without the cluster: --offline, --target-api",
        )
    if is_secret(item.source, item.object) or holds_keys(item.object):
        raise InvalidModifier(
            "holds secret values, which a modifier cannot change",
            place=text,
            remedy="change it after the restore",
        )
    pods = _pods(plan, item) if item.source.group_resource in WORKLOADS else {}
    return _Taken(item, item.object, pods, plan.request.modifiers)


def _pods(plan: Tried, workload: PlanItem) -> dict[str, Object]:
    """The pods of a workload that would be restored, by name, which begins with its own."""
    found: dict[str, Object] = {}
    namespace, prefix = workload.source.namespace, f"{workload.source.name}-"
    selector = parse_selector(pods_selector(workload.source.group_resource, workload.object or {}))
    for spooled in plan.planner.spool.namesakes_of("pods", namespace, prefix):
        item = plan.planner.item(spooled)
        if item.object is not None and selector.matches(labels(item.object)):
            found[item.source.name] = item.object
    return found


async def _edited(obj: Object) -> Object:
    """The object as a person leaves it. Raises ``InvalidInput``."""
    editor = os.environ.get("KUBE_EDITOR") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="kubeferry-record-") as folder:
        path = Path(folder) / "object.yaml"
        path.write_text(_HEAD + codec.dump_yaml(obj))
        try:
            process = await asyncio.create_subprocess_exec(*shlex.split(editor), str(path))
        except OSError as error:
            raise InvalidInput(
                f"the editor {editor!r} cannot be run: {error.strerror}",
                place="KUBE_EDITOR",
                remedy="set KUBE_EDITOR or EDITOR",
            ) from error
        code = await process.wait()
        if code:
            raise InvalidInput(f"the editor ended with {code}: nothing is recorded", place=editor)
        edited = codec.load_yaml(path.read_bytes(), place="the edited object")
    if not isinstance(edited, dict):
        raise InvalidInput("is no object", place="the edited object")
    return edited


def _joined(modifiers: Modifiers | None, rules: Sequence[Mapping[str, Any]]) -> Modifiers:
    """The rules there are, and then those that are recorded."""
    recorded, _ = compile_modifier({"modifier": _text(rules)}, place="the recorded rules")
    if modifiers is None:
        return recorded
    return Modifiers((*modifiers.rules, *recorded.rules), modifiers.notes, modifiers.version)


def _prove(plan: Tried, taken: _Taken, edited: Object) -> None:
    """With the rule the object is as it was edited.

    Raises ``InvalidInput``, and ``InvalidModifier`` for a protected field.
    """
    body = plan.planner.spool.get(taken.item.source)
    outcome = None
    if body is not None:
        archived = codec.decode_archived(body)
        outcome = plan.planner.pipeline(archived, taken.item.source.group_resource)
    if outcome is not None and outcome.refused is not None:
        raise InvalidModifier(outcome.refused.message, place=str(taken.item.source))
    [item] = [
        one
        for one in plan.items(
            f"{taken.item.source.group_resource}/{taken.item.source.name}",
            (taken.item.source.namespace,) if taken.item.source.namespace else (),
        )
        if one.source == taken.item.source
    ]
    left = recorded_edits(item.object or {}, edited)
    if left:
        raise InvalidInput(
            f"no modifier makes this change: {', '.join(one.pointer for one in left[:3])}",
            place=str(taken.item.source),
            remedy="namespace, labels of the restore, owners and status come after the modifiers",
        )


def _unfit(plan: Tried, taken: _Taken, below: Sequence[Change]) -> str:
    """The first pod to which its rule does something else than the edit, empty for none."""
    after = _pods(plan, taken.item)
    for name, before in taken.pods.items():
        if name not in after or not same_edits(recorded_edits(before, after[name]), below):
            return f"pod {name}"
    return ""


def _text(rules: Sequence[Mapping[str, Any]]) -> str:
    return codec.dump_yaml({"version": "v1", "resourceModifierRules": list(rules)})


def append_rules(path: Path, rules: Sequence[Mapping[str, Any]]) -> None:
    """Writes rules behind those of a file, whose lines stay as they are; a new one has them alone.

    Raises ``InvalidInput`` for a file into which they cannot be written so.
    """
    if not path.exists():
        path.write_text(_text(rules))
        return
    old = path.read_text()
    found = _ITEM.findall(old)
    indent = found[-1] if found else ""
    lines = codec.dump_yaml(list(rules)).splitlines()
    end = "" if old.endswith("\n") else "\n"
    new = old + end + "".join(f"{indent}{line}\n" for line in lines)
    try:
        before, after = _rules_in(old, path), _rules_in(new, path)
    except InvalidInput:
        before, after = [], []
    if not before or after != [*before, *rules]:
        raise InvalidInput(
            "its rules are not the end of it, or not of version v1: nothing is appended",
            place=str(path),
            remedy="leave --append out and put the rule where it belongs",
        )
    path.write_text(new)


def _rules_in(text: str, path: Path) -> list[Any]:
    """The rules of version v1 in a manifest, or in a file of rules alone."""
    [document] = codec.load_yaml_documents(text, place=str(path))
    if isinstance(document, dict) and document.get("kind") == "ConfigMap":
        [data] = (document.get("data") or {}).values()
        document = codec.load_yaml(data, place=str(path))
    if not isinstance(document, dict) or document.get("version") != "v1":
        raise InvalidInput("is no v1", place=str(path))
    return list(document.get("resourceModifierRules") or [])
