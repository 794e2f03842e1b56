"""Prints src/kubeferry/sandbox/data/protobuf.json: the fields' numbers in Kubernetes' protobuf form.

    python hack/sandbox_protobuf.py $(go list -m -f '{{.Dir}}' k8s.io/api k8s.io/apimachinery \
        k8s.io/apiextensions-apiserver k8s.io/kube-aggregator) > protobuf.json

Taken over: for each message that a kind of kinds.json is made of, its fields as
``number: [JSON name, type]``; a type ends in ``[]`` for a list and is ``map<key,value>`` for a map.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

KINDS = Path(__file__).parent.parent / "src/kubeferry/sandbox/data/kinds.json"
MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^  (?:(optional|repeated) )?(map<[^>]+>|[.\w]+) (\w+) = (\d+);", re.MULTILINE)


def messages(folder: Path) -> dict[str, Any]:
    """All messages of the proto files below a folder, by their full names."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("generated.proto")):
        text = path.read_text()
        package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)
        assert package is not None
        for name, body in MESSAGE.findall(text):
            found[f"{package[1]}.{name}"] = {
                number: [field, full(kind, package[1]) + ("[]" if how == "repeated" else "")]
                for how, kind, field, number in FIELD.findall(body)
            }
    return found


def full(kind: str, package: str) -> str:
    """A type with its package, scalars aside."""
    if kind.startswith("map<"):
        key, value = kind[4:-1].split(",")
        return f"map<{key.strip()},{full(value.strip(), package)}>"
    if kind.startswith("."):
        return kind[1:]
    return kind if kind in SCALARS else f"{package}.{kind}"


SCALARS = {"string", "bytes", "bool", "int32", "int64", "double"}


def main() -> None:
    """Prints the table."""
    everything: dict[str, Any] = {}
    for folder in sys.argv[1:]:
        everything.update(messages(Path(folder)))
    roots = {
        name.replace("io.k8s.", "k8s.io.", 1)
        for name, schema in json.loads(KINDS.read_text())["schemas"].items()
        if "x-kubernetes-group-version-kind" in schema
    }
    queue = [name for name in everything if name in roots or suffix(name) in map(suffix, roots)]
    kept: dict[str, Any] = {}
    while queue:
        name = queue.pop()
        if name in kept or name not in everything:
            continue
        kept[name] = everything[name]
        for _, kind in kept[name].values():
            queue.append(kind.removesuffix("[]").rpartition(",")[2].removesuffix(">"))
    lines = (f"{json.dumps(name)}:{json.dumps(kept[name], separators=(',', ':'))}" for name in sorted(kept))
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


def suffix(name: str) -> str:
    """The last three parts: group, version, kind."""
    return ".".join(name.split(".")[-3:])


if __name__ == "__main__":
    main()
