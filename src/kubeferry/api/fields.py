"""What the types of our resources are made of, with what a schema says of each."""

from typing import Annotated

from msgspec import Meta, Struct

from kubeferry.durations import PATTERN

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

Duration = Annotated[str, Meta(pattern=PATTERN, max_length=64)]
"""A Go duration that is not negative, such as ``720h0m0s``."""

Namespace = Annotated[str, Meta(pattern=f"^{_LABEL}$", max_length=63)]
"""The name of a namespace: an RFC 1123 label."""

NamespaceOrAll = Annotated[str, Meta(pattern=rf"^(\*|{_LABEL})$", max_length=63)]
"""The name of a namespace, or ``*``."""

_NAMESPACE_PART = r"([-a-z0-9?]|\[[-a-z0-9]+\])"
_PATTERN = rf"\*?({_NAMESPACE_PART}\*?)+"
"""No two stars in a row, and more than a star."""
NAMESPACE_PATTERN = f"^{_PATTERN}$"
NAMESPACE_PATTERN_OR_ALL = rf"^(\*|{_PATTERN})$"

NamespacePattern = Annotated[str, Meta(pattern=NAMESPACE_PATTERN, max_length=253)]
"""The name of a namespace, or a glob for some (velero.md §2.1)."""

NamespacePatternOrAll = Annotated[str, Meta(pattern=NAMESPACE_PATTERN_OR_ALL, max_length=253)]
"""The same, or ``*``."""

KIND_WORD = r"^[-A-Za-z0-9.*?!,{}\[\]\\]+$"
KindWord = Annotated[str, Meta(pattern=KIND_WORD, max_length=253)]
"""A kind as people write it (``deploy``, ``Deployment``, ``deployments.apps``), or a glob."""

ObjectName = Annotated[str, Meta(pattern=rf"^{_LABEL}(\.{_LABEL})*$", min_length=1, max_length=253)]
"""The name of an object: an RFC 1123 subdomain."""

BUCKET = "^[A-Za-z0-9]([.]?[A-Za-z0-9_-])*[.]?[A-Za-z0-9]$"
"""No two dots in a row; 3 to 63 characters."""
REGION = "^([A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?)?$"
_CONTROL = r"\x00-\x1f\x7f-\xa0"
_CHARACTER = rf"[^/\\{_CONTROL}]"
_PART = rf"([.]?[^./\\{_CONTROL}]{_CHARACTER}*|[.][.]{_CHARACTER}+)"
PREFIX = rf"^[/\\]*({_PART}([/\\]+{_PART})*[/\\]*)?$"
"""Folders divided by slashes or backslashes, none of them ``.`` or ``..``, nothing unprintable."""

Bucket = Annotated[str, Meta(pattern=BUCKET, min_length=3, max_length=63)]
"""The name of a bucket."""

Prefix = Annotated[str, Meta(pattern=PREFIX, max_length=512)]
"""A folder in a bucket; empty is the bucket's root."""

Region = Annotated[str, Meta(pattern=REGION, max_length=64)]
"""A region, or empty."""

KMS_KEY_ID = "^[A-Za-z0-9][A-Za-z0-9:/_.-]*$"
"""An id, an alias or an ARN: nothing that a header could not hold."""

MEANINGS = {
    repr(KMS_KEY_ID): "the id, alias or ARN of a key",
    repr(BUCKET): "the name of a bucket: 3 to 63 letters, digits, '-', '_' and '.'",
    repr(REGION): "a region such as cn-beijing",
    repr(PREFIX): "folder names divided by /, without . and ..",
    repr(PATTERN): "a duration such as 720h0m0s",
    repr(f"^{_LABEL}$"): "the name of a namespace: lower-case letters, digits and hyphens",
    repr(rf"^(\*|{_LABEL})$"): "the name of a namespace, or *",
    repr(NAMESPACE_PATTERN): "the name of a namespace, or a pattern with * ? and [abc]",
    repr(NAMESPACE_PATTERN_OR_ALL): "the name of a namespace, a pattern with * ? and [abc], or *",
    repr(KIND_WORD): "a kind such as deploy or deployments.apps, or a pattern such as *.apps",
    repr(rf"^{_LABEL}(\.{_LABEL})*$"): "a name: lower-case letters, digits, hyphens and dots",
}
"""What a person reads in place of a pattern."""

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC seconds; ``clock.timestamp`` writes it."""

Count = Annotated[int, Meta(ge=0, extra_json_schema={"format": "int64"})]
"""How many, or how many bytes."""


class Tolerant(Struct, rename="camel", omit_defaults=True, frozen=True):
    """A part in which unknown fields are passed over: a newer version may have written them."""


class Strict(Tolerant, forbid_unknown_fields=True, frozen=True):
    """A part in which an unknown field is refused: a person wrote it and means something by it."""


class Progress(Tolerant, kw_only=True, omit_defaults=False, frozen=True):
    """How far a task is."""

    items_done: Annotated[Count, Meta(description="Objects that are through.")] = 0
    total_items: Annotated[Count, Meta(description="Objects there are to do, as far as known.")] = 0
