"""Each folder here is one rule of the transform: objects before, rules if it needs any, objects and
changes after.

``before.yaml`` holds archived objects and ``rules.yaml`` the restore's parameters. ``after.yaml``
and ``changes.yaml`` are compared; ``make golden`` writes them anew, to be read before they are
committed.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from kubeferry import codec
from kubeferry.api.metadata import convert
from kubeferry.api.restore_hooks import RestoreHooks
from kubeferry.restore.hooks import compile_hooks
from kubeferry.sandbox.kinds import builtin_kinds
from kubeferry.transform.automatic.rules import RULES, switched_off
from kubeferry.transform.automatic.upgrades.conversion import ServedKind, group_resource_of
from kubeferry.transform.automatic.upgrades.table import CONVERSIONS, REMOVED
from kubeferry.transform.change import MISSING, STRIPPED, Change, Outcome, apply_changes
from kubeferry.transform.facts import Facts
from kubeferry.transform.modifiers.apply import Task
from kubeferry.transform.modifiers.rules import parse_modifiers
from kubeferry.transform.parameters.annotation_overwrites import compile_overwrites
from kubeferry.transform.parameters.claim_conversions import Conversion, compile_conversions
from kubeferry.transform.parameters.image_places import compile_paths
from kubeferry.transform.parameters.image_rows import compile_rows
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.parameters.service_names import ServiceNames
from kubeferry.transform.parameters.table import Parameters
from kubeferry.transform.pipeline import Pipeline, Rules, restore_labels

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/before.yaml"))
SERVED = frozenset(
    ServedKind(kind.resource.api_version, kind.resource.kind) for kind in builtin_kinds()
)
"""What the newest Kubernetes serves; ``served`` in ``rules.yaml`` names more."""
NAMES = {
    (api_version, entry.kind): group_resource_of(entry.plural, api_version)
    for entry in (*CONVERSIONS, *REMOVED)
    for api_version in (*entry.sources, *getattr(entry, "targets", ()))
} | {
    (one.resource.api_version, one.resource.kind): one.resource.group_resource
    for one in builtin_kinds()
}


def pipeline(case: Path) -> Pipeline:
    path = case / "rules.yaml"
    rules: dict[str, Any] = codec.load_yaml(path.read_text()) if path.exists() else {}
    modifier = rules.get("resourceModifier")
    hooks = convert(rules.get("hooks", {}), RestoreHooks, place="hooks")
    return Pipeline(
        Rules(
            namespaces=rules.get("namespaceMapping", {}),
            images=ImageMap(
                rules.get("imageRegistryMapping", {}),
                rows=compile_rows(rules.get("imageRenames", []))[0],
            ),
            parameters=parameters(rules),
            modifiers=parse_modifiers({"modifier": modifier}, place="modifier")
            if modifier
            else None,
            labels=restore_labels("nginx-backup", "nginx-restore"),
            facts=facts(rules),
            init_hooks=compile_hooks(hooks).init,
            task=Task("nginx-backup", "nginx-restore"),
        )
    )


def parameters(rules: dict[str, Any]) -> Parameters:
    """The parameters beside the mappings of namespaces and images, as a restore's spec has them;
    ``services`` are those of the backup, ``namespace/name``.
    """
    mapping = rules.get("namespaceMapping", {})
    services = [tuple(one.split("/")) for one in rules.get("services", ())]
    return Parameters(
        image_paths=compile_paths(rules.get("imagePaths", {})),
        references_off=frozenset(
            name for name, on in rules.get("references", {}).items() if not on
        ),
        service_names=ServiceNames(mapping, services) if rules.get("rewriteServiceNames") else None,
        storage_classes=rules.get("storageClassMapping", {}),
        conversions=compile_conversions(
            Conversion(
                one["namespace"],
                one["persistentVolumeClaim"],
                one.get("convertToStorageClassType", ""),
                tuple(one.get("convertToAccessModes", ())),
                one.get("convertToCapacity", ""),
            )
            for one in rules.get("convertedarg", ())
        ),
        service_annotations=compile_overwrites(
            rules.get("overwriteServiceAnnotations", {}), place="services"
        ),
        ingress_annotations=compile_overwrites(
            rules.get("overwriteIngressAnnotations", {}), place="ingresses"
        ),
        skip_privileged=rules.get("privilegedResources") == "Skip",
    )


def facts(rules: dict[str, Any]) -> Facts:
    more = {ServedKind(*text.split(" ")) for text in rules.get("served", ())}
    lacks = {ServedKind(*text.split(" ")) for text in rules.get("notServed", ())}
    return Facts(
        restored_volumes=frozenset(rules.get("restoredVolumes", ())),
        served=(SERVED | more) - lacks,
        preserve_node_ports=rules.get("preserveNodePorts"),
        off=switched_off(rules.get("automatic", {})),
        left=tuple(rules.get("left", ())),
        node_labels={key: frozenset(values) for key, values in rules["nodeLabels"].items()}
        if "nodeLabels" in rules
        else None,
        classes=rules.get("storageClasses"),
        class_mapping=rules.get("storageClassMapping", {}),
        converted_claims=parameters(rules).conversions,
        fallback_class=rules.get("fallbackStorageClass", ""),
        fallback_shared_class=rules.get("fallbackSharedStorageClass", ""),
    )


def group_resource(obj: dict[str, Any]) -> str:
    """What the archive calls the kind; folders ``custom-*`` have kinds that are not built in."""
    kind, group = obj["kind"].lower(), obj["apiVersion"].rpartition("/")[0]
    plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
    return NAMES.get((obj["apiVersion"], obj["kind"])) or f"{plural}.{group}"


def shown(outcome: Outcome) -> dict[str, Any]:
    """What became of an object, without the changes."""
    notes = {
        "skipped": outcome.skipped,
        "refused": outcome.refused,
        "errors": outcome.errors,
        "warnings": outcome.warnings,
    }
    told = {
        key: [
            f"{one.reason}: {one.message}" for one in (note if isinstance(note, list) else [note])
        ]
        for key, note in notes.items()
        if note
    }
    return told if outcome.object is None else {**told, "object": outcome.object}


def line(change: Change) -> dict[str, Any]:
    values = {"old": change.old, "new": change.new}
    return {
        "pointer": change.pointer,
        **{key: value for key, value in values.items() if value is not MISSING},
        "cause": f"{change.cause.mechanism}: {change.cause.rule}",
    }


def compare(path: Path, documents: list[Any], *, update: bool) -> None:
    if update:
        path.write_text(codec.dump_yaml(*documents))
    assert documents == list(codec.load_yaml_documents(path.read_text()))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_before_becomes_after(case: Path, update_golden: bool) -> None:
    transform = pipeline(case)
    objects = list(codec.load_yaml_documents((case / "before.yaml").read_text()))
    outcomes = [transform(obj, group_resource(obj)) for obj in objects]
    after = [shown(outcome) for outcome in outcomes]
    compare(case / "after.yaml", after, update=update_golden)
    changes = [
        {"of": obj["metadata"]["name"], "changes": [line(one) for one in outcome.changes]}
        for obj, outcome in zip(objects, outcomes, strict=True)
    ]
    compare(case / "changes.yaml", changes, update=update_golden)
    # The law of the record: the object before and its changes make the object after.
    for obj, outcome in zip(objects, outcomes, strict=True):
        if outcome.object is not None:
            assert outcome.changes[0] is STRIPPED
            assert apply_changes(obj, outcome.changes) == outcome.object


TOLD = {"old-api-named": "OldApiNamed", "cloud-specific": "ProviderSpecific"}
"""Rules that change nothing: the warnings they give."""


@pytest.mark.parametrize("rule", RULES)
def test_every_automatic_rule_has_a_golden_folder(rule: str) -> None:
    if rule in TOLD:
        assert any(f"{TOLD[rule]}: " in (case / "after.yaml").read_text() for case in CASES)
    else:
        cause = re.compile(rf"automatic: {rule}(?![-\w])")
        assert any(cause.search((case / "changes.yaml").read_text()) for case in CASES)
