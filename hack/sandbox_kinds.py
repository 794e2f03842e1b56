"""Prints src/kubeferry/sandbox/data/kinds.json: what a real API server serves, as a table.

    python hack/sandbox_kinds.py --server https://127.0.0.1:6443 --token TOKEN > kinds.json

Taken over: the resources of its discovery that can be listed (with the subresources the sandbox
serves), the OpenAPI schemas they are made of without their descriptions, and the columns of
``kubectl get``. One line an entry, so that the next Kubernetes version shows as a readable
difference.
"""

import argparse
import json
import ssl
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

LEFT_OUT = {"componentstatuses"}
SUBRESOURCES = {"status", "scale", "finalize", "approval"}
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
Fetch = Callable[..., Any]


def fetcher(server: str, token: str) -> Fetch:
    """GETs a path of the server as JSON; its certificate is not checked (it is on this machine)."""
    context = ssl._create_unverified_context()

    def fetch(path: str, *, accept: str = "application/json") -> Any:
        headers = {"Authorization": f"Bearer {token}", "Accept": accept}
        request = urllib.request.Request(server + path, headers=headers)
        with urllib.request.urlopen(request, context=context) as answer:
            return json.load(answer)

    return fetch


def resources(fetch: Fetch) -> list[dict[str, Any]]:
    """One entry a resource and version, preferred versions first within a group."""
    found = []
    for root in ("/api", "/apis"):
        for group in fetch(root, accept=DISCOVERY)["items"]:
            name = group["metadata"].get("name", "")
            for version in group["versions"]:
                for one in version["resources"]:
                    if "list" not in one["verbs"] or one["resource"] in LEFT_OUT:
                        continue
                    kept = (sub["subresource"] for sub in one.get("subresources", []))
                    entry = {
                        "group": name,
                        "version": version["version"],
                        "plural": one["resource"],
                        "singular": one["singularResource"],
                        "kind": one["responseKind"]["kind"],
                        "namespaced": one["scope"] == "Namespaced",
                        "verbs": one["verbs"],
                        "shortNames": one.get("shortNames", []),
                        "categories": one.get("categories", []),
                        "subresources": sorted(SUBRESOURCES.intersection(kept)),
                    }
                    table = fetch(collection(entry), accept=TABLE)
                    entry["columns"] = [
                        [c["name"], c["type"], c["format"], c["priority"]]
                        for c in table["columnDefinitions"]
                    ]
                    found.append(entry)
    return found


def collection(entry: dict[str, Any]) -> str:
    """The path of a resource's list over all namespaces."""
    root = f"/apis/{entry['group']}" if entry["group"] else "/api"
    return f"{root}/{entry['version']}/{entry['plural']}"


def schemas(fetch: Fetch, kinds: list[dict[str, Any]]) -> dict[str, Any]:
    """The schemas of the kinds and of all they refer to, without descriptions."""
    everything: dict[str, Any] = {}
    for path in sorted({collection(kind).rsplit("/", 1)[0] for kind in kinds}):
        everything.update(fetch(f"/openapi/v3{path}")["components"]["schemas"])
    wanted = {(kind["group"], kind["version"], kind["kind"]) for kind in kinds}
    queue = [
        name
        for name, schema in everything.items()
        for gvk in schema.get("x-kubernetes-group-version-kind", [])
        if (gvk["group"], gvk["version"], gvk["kind"]) in wanted
    ]
    kept: dict[str, Any] = {}
    while queue:
        name = queue.pop()
        if name not in kept:
            kept[name] = without_descriptions(everything[name])
            queue.extend(references(kept[name]))
    return dict(sorted(kept.items()))


def without_descriptions(value: Any) -> Any:
    """The value without texts called description (a property of that name is a map and stays)."""
    if isinstance(value, dict):
        return {
            key: without_descriptions(inner)
            for key, inner in value.items()
            if not (key == "description" and isinstance(inner, str))
        }
    return [without_descriptions(inner) for inner in value] if isinstance(value, list) else value


def references(value: Any) -> list[str]:
    """The names of the schemas it refers to."""
    if isinstance(value, dict):
        here = [value["$ref"].rpartition("/")[2]] if isinstance(value.get("$ref"), str) else []
        return here + [name for inner in value.values() for name in references(inner)]
    return (
        [name for inner in value for name in references(inner)] if isinstance(value, list) else []
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--token", required=True)
    chosen = parser.parse_args()
    fetch = fetcher(chosen.server, chosen.token)
    kinds = resources(fetch)
    version = fetch("/version")

    def line(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"))

    parts = ",\n".join(line(kind) for kind in kinds)
    named = ",\n".join(f"{line(name)}:{line(body)}" for name, body in schemas(fetch, kinds).items())
    about = {key: version[key] for key in ("major", "minor", "gitVersion")}
    sys.stdout.write(
        f'{{"version":{line(about)},\n"resources":[\n{parts}\n],\n"schemas":{{\n{named}\n}}}}\n'
    )


if __name__ == "__main__":
    main()
