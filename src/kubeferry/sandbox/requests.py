"""What a request asks for: its path taken apart, its body read."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from kubeferry import codec
from kubeferry.errors import FerryError
from kubeferry.sandbox import answers, protobuf
from kubeferry.sandbox.kinds import Kind, Kinds
from kubeferry.sandbox.writes import Write


class Target(NamedTuple):
    """What a path names: a kind, and as far as given a namespace, a name and a subresource."""

    kind: Kind
    namespace: str
    name: str
    subresource: str


def split_path(path: str) -> list[str]:
    """The decoded parts of a path."""
    return [unquote(part) for part in path.strip("/").split("/")] if path.strip("/") else []


def find_target(parts: list[str], kinds: Kinds) -> Target | None:
    """What the parts after /api or /apis name, None where nothing is served."""
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3 and kinds.get(group, version, rest[2]):
        namespace, rest = rest[1], rest[2:]
    kind = kinds.get(group, version, rest[0])
    if kind is None or len(rest) > 3:
        return None
    if bool(namespace) and not kind.resource.namespaced:
        return None
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and subresource not in kind.resource.subresources:
        return None
    if name and kind.resource.namespaced and not namespace:
        return None
    return Target(kind, namespace, name, subresource)


def read_body(body: bytes, content_type: str, kind: Kind) -> Any:
    """A body as JSON or YAML. Raises ``Refused``."""
    form = content_type.partition(";")[0].strip()
    if form in ("application/yaml", "application/x-yaml"):
        try:
            return codec.load_yaml(body)
        except FerryError as error:
            raise answers.bad_request(f"error decoding YAML: {error}") from error
    if form == protobuf.CONTENT_TYPE:
        try:
            return protobuf.read_object(body)
        except (ValueError, KeyError) as error:
            raise answers.bad_request(f"error decoding protobuf: {error}") from error
    if form not in ("", "application/json", "application/octet-stream"):
        raise answers.unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml"
        )
    try:
        read = codec.decode(body)
    except ValueError as error:
        why = f"couldn't get version/kind; json parse error: {error}"
        raise _unrecognized(kind, body, why) from error
    if kind.custom and isinstance(read, dict):
        for field, name in (("kind", "Kind"), ("apiVersion", "apiVersion")):
            if not read.get(field):
                text = body.decode("utf-8", "replace")
                raise _unrecognized(kind, body, f"Object '{name}' is missing in '{text}'")
    return read


def _unrecognized(kind: Kind, body: bytes, why: str) -> answers.Refused:
    start = body[:30].decode("utf-8", "replace") + (" ..." if len(body) > 30 else "")
    return answers.bad_request(
        f"the object provided is unrecognized (must be of type {kind.resource.kind}): {why} "
        f"({start})"
    )


def read_write(
    query: Mapping[str, str], user_agent: str, *, subresource: str, form: str = ""
) -> Write:
    """How a request wants to write. Raises ``Refused`` for options that cannot be."""
    dry_run = query.get("dryRun", "")
    if dry_run not in ("", "All"):
        raise answers.invalid(
            "meta.k8s.io",
            "CreateOptions",
            "",
            [
                answers.Cause(
                    "FieldValueNotSupported",
                    f'Unsupported value: ["{dry_run}"]: supported values: "All"',
                    "dryRun",
                )
            ],
        )
    manager = query.get("fieldManager", "")
    if form == "apply" and not manager:
        raise answers.invalid(
            "meta.k8s.io",
            "PatchOptions",
            "",
            [answers.required("fieldManager", "is required for apply patch")],
        )
    return Write(
        manager=(manager or user_agent.partition("/")[0] or "unknown")[:128],
        subresource=subresource,
        dry_run=dry_run == "All",
        validation=query.get("fieldValidation") or "Warn",
        force=query.get("force") in ("true", "1"),
    )
