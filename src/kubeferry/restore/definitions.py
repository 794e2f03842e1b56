"""What the archive's own definitions will serve once they are restored.

An archive is not trusted: what a definition says becomes part of URLs, so it is taken only as far
as the API server would take it.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from kubeferry import codec
from kubeferry.kube.names import Resource, is_dns_label, is_dns_subdomain
from kubeferry.kube.objects import Object
from kubeferry.restore.spool import Spool
from kubeferry.restore.waves import DEFINITIONS

T = TypeVar("T")


class _Names(msgspec.Struct):
    plural: str
    kind: str


class _Version(msgspec.Struct):
    name: str
    served: bool = True


class _Spec(msgspec.Struct):
    group: str
    scope: str
    names: _Names
    version: str = ""
    versions: list[_Version] = []


class _Definition(msgspec.Struct):
    spec: _Spec


_DECODER = codec.Decoder(_Definition)


def defined_resources(spool: Spool) -> dict[tuple[str, str], Resource]:
    """The resources of the archive's definitions, by ``apiVersion`` and kind.

    A definition that is none is passed over here; the API server says what is wrong with it. Each
    is called as the ``group_resource`` of what it defines.
    """
    return {
        (resource.api_version, resource.kind): resource
        for spooled in spool.walk(DEFINITIONS)
        for resource in _resources(_DECODER.decode, spooled.body)
        if resource.group_resource == spooled.identity.name
    }


def served_resources(definition: Object) -> list[Resource]:
    """The resources of one definition, one a served version."""
    return _resources(partial(msgspec.convert, type=_Definition), definition)


def _resources(read: Callable[[T], _Definition], given: T) -> list[Resource]:
    try:
        spec = read(given).spec
    except msgspec.DecodeError:
        return []
    if "." not in spec.group or not is_dns_subdomain(spec.group):
        return []
    if not is_dns_label(spec.names.plural):
        return []
    return [
        Resource(
            group=spec.group,
            version=version.name,
            plural=spec.names.plural,
            kind=spec.names.kind,
            namespaced=spec.scope == "Namespaced",
        )
        for version in spec.versions or [_Version(spec.version)]
        if version.served and is_dns_label(version.name)
    ]
