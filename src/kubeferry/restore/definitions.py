"""What the archive's own definitions will serve once they are restored."""

import msgspec

from kubeferry.kube.names import Resource
from kubeferry.restore.spool import Spool
from kubeferry.restore.waves import DEFINITIONS


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
    found: dict[tuple[str, str], Resource] = {}
    for spooled in spool.walk(DEFINITIONS):
        try:
            spec = _DECODER.decode(spooled.body).spec
        except msgspec.DecodeError:
            continue
        for version in spec.versions or [_Version(spec.version)]:
            if version.served:
                resource = Resource(
                    group=spec.group,
                    version=version.name,
                    plural=spec.names.plural,
                    kind=spec.names.kind,
                    namespaced=spec.scope == "Namespaced",
                )
                found[resource.api_version, resource.kind] = resource
    return found
