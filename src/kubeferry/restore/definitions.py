"""What the archive's own definitions will serve once they are restored."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from kubeferry.kube.names import Resource
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


_DECODER = msgspec.json.Decoder(_Definition)


def defined_resources(spool: Spool) -> dict[tuple[str, str], Resource]:
    """The resources of the archive's definitions, by ``apiVersion`` and kind.

    A definition that is none is passed over here; the API server says what is wrong with it.
    """
    return {
        (resource.api_version, resource.kind): resource
        for spooled in spool.walk(DEFINITIONS)
        for resource in _resources(_DECODER.decode, spooled.body)
    }


def served_resources(definition: Object) -> list[Resource]:
    """The resources of one definition, one a served version."""
    return _resources(partial(msgspec.convert, type=_Definition), definition)


def _resources(read: Callable[[T], _Definition], given: T) -> list[Resource]:
    try:
        spec = read(given).spec
    except msgspec.DecodeError:
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
        if version.served
    ]
