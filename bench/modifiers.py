"""How fast many rules are: 1,000 of them over 10,000 objects, on one core.

Four sets of rules, each timed through the whole pipeline, decoded objects in and outcomes out:

- ``kinds``: the rules name a hundred kinds, ten each, by namespace and name;
- ``names``: all name one kind, each with a regular expression for one application's objects;
- ``searched``: the same with expressions that begin anywhere, so none can be told by its beginning;
- ``labels``: all name one kind, each with a label's value.

In ``names``, ``searched`` and ``labels`` each object meets one rule, which changes it. The time
without any rule is printed beside them.

    python -m bench.modifiers [--rules 1000] [--objects 10000]
"""

import argparse
import gc
import json
import time
from typing import Any

from bench.figures import Figure, print_table
from kubeferry.transform.modifiers.rules import Modifiers, parse_modifiers
from kubeferry.transform.pipeline import Pipeline, Rules, restore_labels

GOAL = 5.0
"""Seconds for 1,000 rules over 10,000 objects."""
_PATCH = [
    {"operation": "test", "path": "/spec/replicas", "value": "2"},
    {"operation": "replace", "path": "/spec/replicas", "value": "1"},
    {"operation": "add", "path": "/spec/template/metadata/labels/moved", "value": "yes"},
]


def deployment(index: int, rules: int) -> dict[str, Any]:
    """The Deployment of one of as many applications as there are rules."""
    app = f"app-{index % rules}"
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"{app}-{index}",
            "namespace": f"team-{index % 20}",
            "labels": {"app": app, "tier": "front"},
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": app}},
            "template": {
                "metadata": {"labels": {"app": app}},
                "spec": {"containers": [{"name": "web", "image": f"web:{index}"}]},
            },
        },
    }


def conditions(case: str, index: int) -> dict[str, Any]:
    """What one rule is for."""
    if case == "kinds":
        group = "apps" if index % 100 == 0 else f"g{index % 100}.example.com"
        return {
            "groupResource": f"deployments.{group}",
            "namespaces": [f"team-{index % 20}"],
            "resourceNameRegex": f"^app-{index}-",
        }
    name: dict[str, Any] = {"groupResource": "deployments.apps"}
    if case == "names":
        return {**name, "resourceNameRegex": f"^app-{index}-[0-9]+$"}
    if case == "searched":
        return {**name, "resourceNameRegex": f"p+.{index}-[0-9]+"}
    return {**name, "labelSelector": {"matchLabels": {"app": f"app-{index}"}}}


def modifiers(case: str, count: int) -> Modifiers:
    """The rules of a case, compiled."""
    rules = [{"conditions": conditions(case, index), "patches": _PATCH} for index in range(count)]
    text = json.dumps({"version": "v1", "resourceModifierRules": rules})
    return parse_modifiers({"modifier": text}, place="bench")


def seconds(rules: Modifiers | None, objects: list[dict[str, Any]]) -> tuple[float, int]:
    """The time of the pipeline over the objects, and how many a rule changed."""
    pipeline = Pipeline(Rules(modifiers=rules, labels=restore_labels("b", "r")))
    started = time.perf_counter()
    changed = sum(
        any(run.ended == "applied" for run in pipeline(obj, "deployments.apps").runs)
        for obj in objects
    )
    return time.perf_counter() - started, changed


def figures(rules: int = 1000, objects: int = 10_000) -> list[Figure]:
    """The seconds of each case against the goal."""
    documents = [deployment(index, rules) for index in range(objects)]
    gc.collect()
    gc.freeze()
    without, _ = seconds(None, documents)
    found = [Figure("modifiers: no rule", without, None, "at most", unit="s")]
    for case in ("kinds", "names", "searched", "labels"):
        started = time.perf_counter()
        compiled = modifiers(case, rules)
        compiling = time.perf_counter() - started
        taken, changed = seconds(compiled, documents)
        note = f"{changed:,} changed; compiled in {compiling:.2f} s"
        name = f"modifiers: {rules:,} rules, {case}"
        found.append(Figure(name, taken + compiling, GOAL, "at most", note, "s"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", type=int, default=1000)
    parser.add_argument("--objects", type=int, default=10_000)
    options = parser.parse_args()
    print_table(figures(options.rules, options.objects))


if __name__ == "__main__":
    main()
