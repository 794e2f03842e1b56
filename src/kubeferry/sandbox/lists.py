"""Lists: selected, in the order of namespace and name, in pages that belong together.

The pages of one list show the objects as they were at its first page; the rest is kept until it is
asked for, and when too many newer lists were begun the continue token has expired (410). A list may
be asked for as it was at a revision (``resourceVersionMatch=Exact``), as far as the history goes.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import NamedTuple

from kubeferry import codec
from kubeferry.errors import InvalidInput
from kubeferry.kube.objects import Object, labels
from kubeferry.kube.selectors import parse_field_selector, parse_selector_text
from kubeferry.sandbox.answers import Refused, bad_request, expired
from kubeferry.sandbox.kinds import Kind, Kinds
from kubeferry.sandbox.storage import Entry, Storage
from kubeferry.sandbox.versions import convert

Selects = Callable[[Object], bool]


class Listed(NamedTuple):
    """One page: its objects, the list's revision, the token of the next page, how many are left."""

    entries: list[Entry]
    revision: int
    token: str
    remaining: int | None


def selection(kind: Kind, query: Mapping[str, str]) -> Selects | None:
    """What the query's selectors select; None selects everything. Raises ``Refused`` (400)."""
    by_label, by_field = query.get("labelSelector", ""), query.get("fieldSelector", "")
    if not by_label and not by_field:
        return None
    try:
        label_selector = parse_selector_text(by_label)
    except InvalidInput as error:
        raise bad_request(f"unable to parse requirement: {error.problem}") from error
    try:
        field_selector = parse_field_selector(by_field)
    except InvalidInput as error:
        raise bad_request(f"invalid field selector: {error.problem}") from error
    known = ("metadata.name", "metadata.namespace", *kind.selectable)
    for requirement in field_selector.requirements:
        if requirement.path not in known:
            raise _unknown_field(kind, requirement.path)

    def selects(obj: Object) -> bool:
        return label_selector.matches(labels(obj)) and field_selector.matches(obj)

    return selects


def _unknown_field(kind: Kind, path: str) -> Refused:
    if kind.selectable and not kind.custom:
        return bad_request(f"field label not supported: {path}")
    if kind.custom:
        return bad_request(f"field label not supported: {path}")
    return bad_request(
        f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )


def list_page(storage: Storage, kind: Kind, *, namespace: str, query: Mapping[str, str]) -> Listed:
    """One page of a list. Raises ``Refused``: a selector, token or limit that cannot be."""
    selects = selection(kind, query)
    limit = _number(query, "limit")
    token = query.get("continue", "")
    if token:
        if query.get("resourceVersion") not in (None, "", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        return _next_page(storage, token, limit)
    wanted = _number(query, "resourceVersion")
    if wanted > storage.revision:
        raise _too_large(wanted, storage.revision)
    revision, entries = storage.revision, storage.entries(kind.table, namespace)
    if wanted and query.get("resourceVersionMatch") == "Exact":
        then = storage.entries_at(kind.table, namespace, wanted)
        if then is None:
            raise expired("The resourceVersion for the provided list is too old.")
        revision, entries = wanted, iter(then)
    found = [entry for entry in entries if selects is None or selects(entry.object)]
    if not limit or len(found) <= limit:
        return Listed(found, revision, "", None)
    return _cut(storage, found, limit, revision, counted=selects is None)


def _too_large(wanted: int, current: int) -> Refused:
    return Refused(
        504,
        "Timeout",
        f"Too large resource version: {wanted}, current: {current}",
        details={
            "causes": [
                {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            ],
            "retryAfterSeconds": 1,
        },
    )


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name) or "0"
    if not text.isdecimal():
        raise bad_request(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def _cut(
    storage: Storage, found: list[Entry], limit: int, revision: int, *, counted: bool
) -> Listed:
    rest = found[limit:]
    if not rest or not limit:
        return Listed(found, revision, "", None)
    label = secrets.token_hex(8)
    storage.keep_snapshot(label, rest, revision)
    about = {"v": "meta.k8s.io/v1", "rv": revision, "start": label, "counted": counted}
    token = urlsafe_b64encode(codec.encode(about)).decode().rstrip("=")
    return Listed(found[:limit], revision, token, len(rest) if counted else None)


def _next_page(storage: Storage, token: str, limit: int) -> Listed:
    try:
        about = codec.decode(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        label, counted = about["start"], about["counted"]
    except (ValueError, KeyError, TypeError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    kept = storage.take_snapshot(label)
    if kept is None:
        raise expired(
            "The provided continue parameter is too old to display a consistent list result. You "
            "can start a new list without the continue parameter, or use the continue token in "
            "this response to retrieve the remainder of the results. Continuing with the provided "
            "token results in an inconsistent list - objects that were created, modified, or "
            "deleted between the time the first chunk was returned and now may show up in the list."
        )
    revision, entries = kept
    return _cut(storage, entries, limit, revision, counted=counted)


def item_json(kind: Kind, entry: Entry, kinds: Kinds) -> bytes:
    """An object as a GET in this version answers it."""
    stored = kinds.storage(kind)
    if stored is kind or entry.object["apiVersion"] == kind.resource.api_version:
        return entry.raw
    return codec.encode(convert(entry.copy(), stored, kind))


def list_json(kind: Kind, page: Listed, kinds: Kinds) -> bytes:
    """A list's answer. Items of built-in kinds leave kind and apiVersion out, as real ones do."""
    about: dict[str, object] = {"resourceVersion": str(page.revision)}
    if kind.custom:
        about["continue"] = page.token
    if page.token:
        about["continue"] = page.token
        if page.remaining is not None:
            about["remainingItemCount"] = page.remaining
    head = (
        f'{{"kind":"{kind.list_kind}","apiVersion":"{kind.resource.api_version}","metadata":'
    ).encode()
    items = (item_json(kind, entry, kinds) for entry in page.entries)
    if not kind.custom:
        skipped = len(kind.prefix)
        items = (b"{" + item[skipped:] for item in items)
    return head + codec.encode(about) + b',"items":[' + b",".join(items) + b"]}\n"
