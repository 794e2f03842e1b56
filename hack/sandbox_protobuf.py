"""Prints src/kubeferry/sandbox/data/protobuf.json: field numbers of Kubernetes' protobuf form.

    python hack/sandbox_protobuf.py $(go list -m -f '{{.Dir}}' k8s.io/api k8s.io/apimachinery \
        k8s.io/apiextensions-apiserver k8s.io/kube-aggregator) > protobuf.json

Taken over: for each message that a kind of kinds.json is made of, its fields as
``number: [JSON name, type]``; a type ends in ``[]`` for a list and is ``map<key,value>`` for a map.
It ends in ``?`` where Go has a pointer, so that zero is a value, and in ``!`` where Go embeds the
struct, so that its fields are the holder's own; both are read from the Go types beside.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

KINDS = Path(__file__).parent.parent / "src/kubeferry/sandbox/data/kinds.json"
MESSAGE = re.compile(r"^message (\w+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
TAG = re.compile(r"^\s+(?:\w+\s+)?(\*?)[\w.]+\s+`json:\"([^\"]*)\" .*?name=(\w+)", re.MULTILINE)
FIELD = re.compile(r"^  (?:(optional|repeated) )?(map<[^>]+>|[.\w]+) (\w+) = (\d+);", re.MULTILINE)


def messages(folder: Path) -> dict[str, Any]:
    """All messages of the proto files below a folder, by their full names."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("generated.proto")):
        text = path.read_text()
        package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)
        assert package is not None
        marks = go_marks(path.parent)
        for name, body in MESSAGE.findall(text):
            found[f"{package[1]}.{name}"] = {
                number: [
                    field,
                    full(kind, package[1])
                    + ("[]" if how == "repeated" else marks.get((name, field), "")),
                ]
                for how, kind, field, number in FIELD.findall(body)
            }
    return found


def go_marks(folder: Path) -> dict[tuple[str, str], str]:
    """``?`` for scalars that are pointers, ``!`` for what is embedded, by message and field."""
    marks = {}
    for path in folder.glob("*.go"):
        if path.name.startswith("generated"):
            continue
        for struct, body in STRUCT.findall(path.read_text()):
            for pointer, json_name, field in TAG.findall(body):
                if json_name == ",inline":
                    marks[struct, field] = "!"
                elif pointer:
                    marks[struct, field] = "?"
    return marks


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
    suffixes = {suffix(name) for name in roots}
    queue = [name for name in everything if suffix(name) in suffixes]
    queue.append("k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions")
    kept: dict[str, Any] = {}
    while queue:
        name = queue.pop()
        if name in kept or name not in everything:
            continue
        kept[name] = everything[name]
        for _, kind in kept[name].values():
            queue.append(kind.rstrip("[]?!").rpartition(",")[2].removesuffix(">"))
    lines = (
        f"{json.dumps(name)}:{json.dumps(kept[name], separators=(',', ':'))}"
        for name in sorted(kept)
    )
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


def suffix(name: str) -> str:
    """The last three parts: group, version, kind."""
    return ".".join(name.split(".")[-3:])


if __name__ == "__main__":
    main()
