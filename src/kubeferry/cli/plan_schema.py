"""What a line of ``restore plan -o json`` looks like: the types behind ``docs/plan.schema.json``.

They only grow: a program that knows today's fields goes on working.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

_WAVES = 8


class _Line(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    pass


class Identity(_Line):
    """Which object: its group resource (``statefulsets.apps``), namespace (empty for what is in no
    namespace) and name.
    """

    group_resource: str
    namespace: str
    name: str


class Change(_Line):
    """One field's change and its cause. Without ``old`` the field is new, without ``new`` it goes;
    without both the server's fields go, all at once. Values of Secrets are ``(masked)``.
    """

    pointer: Annotated[str, Meta(description="A JSON pointer (RFC 6901); empty: the object.")]
    mechanism: Literal["automatic", "parameter", "modifier"]
    rule: Annotated[str, Meta(description="An automatic rule, a parameter and its key, a rule.")]
    old: Any = UNSET
    new: Any = UNSET


class Note(_Line):
    """Something to be known of an object: a reason of docs/errors.md, and a sentence."""

    reason: str
    message: str


class Grant(_Line):
    """Rights, or more, that the object grants others."""

    what: str
    text: str


class Hook(_Line):
    """What is run in a restored pod, or waited for in it: ``command`` or ``initContainers``."""

    source: Literal["annotation", "spec"]
    hook: str
    waits_for: Identity | UnsetType = UNSET
    init_containers: list[str] | UnsetType = UNSET
    timeout: Annotated[float, Meta(description="Seconds.")] | UnsetType = UNSET
    container: str | UnsetType = UNSET
    command: list[str] | UnsetType = UNSET
    on_error: Literal["Continue", "Fail"] | UnsetType = UNSET
    exec_timeout: Annotated[float, Meta(description="Seconds.")] | UnsetType = UNSET
    wait_timeout: Annotated[float, Meta(description="Seconds.")] | UnsetType = UNSET
    wait_for_ready: bool | UnsetType = UNSET


class Item(_Line, tag_field="type", tag="item"):
    """One object of the backup, or one that the restore adds, in the order of the restore.

    ``reason`` and ``message`` say why it is not written. ``differences`` are edits of the object
    that is there already. ``images`` are those that a mapping gave it.
    """

    wave: Annotated[int, Meta(ge=1, le=_WAVES)]
    action: Literal["create", "update", "recreate", "skip", "refuse", "fail"]
    source: Identity
    target: Identity
    changes: list[Change]
    api_version: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    differences: list[Change] | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    notes: list[Note] | UnsetType = UNSET
    warnings: list[Note] | UnsetType = UNSET
    errors: list[Note] | UnsetType = UNSET
    grants: list[Grant] | UnsetType = UNSET
    images: list[str] | UnsetType = UNSET
    hooks: list[Hook] | UnsetType = UNSET


class Actions(_Line):
    """Objects by their action."""

    create: int
    update: int
    recreate: int
    skip: int
    refuse: int
    fail: int


class Reason(_Line):
    """How many objects are not written for a reason."""

    action: str
    reason: str
    count: int


class Rule(_Line):
    """What came of a modifier rule: ``objects`` met its conditions, it ``failed`` for some and was
    ``skipped`` by a ``test`` for some; ``operations`` were applied.
    """

    title: str
    objects: int
    operations: int
    failed: int
    skipped: int


class Summary(_Line, tag_field="type", tag="summary"):
    """The last line. ``images`` must be there before; ``grants`` counts what is granted, by sort;
    ``rollouts`` those that will follow.
    """

    objects: int
    actions: Actions
    warnings: int
    errors: int
    images: list[str]
    hooks: int
    reasons: list[Reason]
    rules: list[Rule]
    grants: dict[str, int]
    rollouts: int


Line = Item | Summary
"""One line of the output."""


def schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of a line; of what it does not name it says nothing."""
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of kubeferry restore plan -o json",
    }
    found: dict[str, Any] = about | _tidy(msgspec.json.schema(Line))
    return found


def _tidy(part: Any) -> Any:
    """Descriptions on one line, without what only OpenAPI knows or a newer version would break."""
    if isinstance(part, dict):
        kept = {key: value for key, value in part.items() if key != "discriminator"}
        if kept.get("additionalProperties") is False:
            del kept["additionalProperties"]
        if isinstance(kept.get("description"), str):
            kept["description"] = " ".join(kept["description"].replace("``", "`").split())
        return {key: _tidy(value) for key, value in kept.items()}
    return [_tidy(one) for one in part] if isinstance(part, list) else part
