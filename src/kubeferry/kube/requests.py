"""How requests are spelled: queries, patch types, and what errors call a request. Pure."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal
from urllib.parse import urlencode

import msgspec

from kubeferry import codec
from kubeferry.kube.names import Resource
from kubeferry.kube.pages import ListRequest
from kubeferry.kube.transport import JSON

HEADS = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{JSON}"
"""The Accept header of a list of metadata alone."""
PatchKind = Literal["json", "merge", "strategic", "apply"]
CONTENT_TYPES: Mapping[PatchKind, str] = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "apply": "application/apply-patch+yaml",
}
"""The Content-Type of each patch."""


def list_request(
    resource: Resource,
    namespace: str,
    label_selector: str,
    field_selector: str,
    resource_version: str = "",
    *,
    heads: bool = False,
) -> ListRequest:
    """The list of a collection, with its selectors, as it was at a version if one is given.

    ``heads`` asks for the objects' metadata alone; a server that cannot sends them whole.
    """
    given = {"labelSelector": label_selector, "fieldSelector": field_selector}
    query = urlencode({key: value for key, value in given.items() if value})
    path = resource.path(namespace)
    target = f"{path}?{query}" if query else path
    place = place_of("list", resource, namespace, "")
    return ListRequest(resource, target, place, resource_version, HEADS if heads else JSON)


@lru_cache(maxsize=256)
def write_query(
    field_manager: str = "",
    dry_run: bool = False,
    field_validation: str = "",
    *,
    force: bool = False,
) -> str:
    """The query of a write, with its question mark; empty when there is none.

    Remembered, because the creates of a restore all have the same.
    """
    given: dict[str, str] = {}
    if field_manager:
        given["fieldManager"] = field_manager
    if dry_run:
        given["dryRun"] = "All"
    if field_validation:
        given["fieldValidation"] = field_validation
    if force:
        given["force"] = "true"
    return f"?{urlencode(given)}" if given else ""


def place_of(verb: str, resource: Resource, namespace: str, name: str) -> str:
    """What is asked for, as errors say it: ``create configmaps default/web``."""
    subject = f"{namespace}/{name}" if namespace and name else namespace or name
    return f"{verb} {resource.group_resource} {subject}".rstrip()


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    generate_name: str = ""


class _Named(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_named = codec.Decoder(_Named)


def name_in(data: bytes) -> str:
    """What a create was for, looked at only when it failed."""
    try:
        about = _named.decode(data).metadata
    except msgspec.DecodeError:
        return ""
    return about.name or about.generate_name
