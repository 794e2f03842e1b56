"""Kinds that the target serves only once workloads of the restore run: they come last.

* what an APIService of the archive serves: the target does not know these kinds yet
* custom resources that a webhook of the archive converts: none can be created in a version that is
  not the stored one before it answers

Where the Service behind it is not restored nobody waits: the API server says what is wrong.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import msgspec

from kubeferry import codec
from kubeferry.kube.names import Identity, Resource, is_dns_label, split_api_version
from kubeferry.restore.spool import Spool
from kubeferry.restore.waves import DEFINITIONS

API_SERVICES = "apiservices.apiregistration.k8s.io"


class _Service(msgspec.Struct):
    namespace: str = ""
    name: str = ""


class _ApiServiceSpec(msgspec.Struct):
    group: str = ""
    version: str = ""
    service: _Service | None = None


class _ApiService(msgspec.Struct):
    spec: _ApiServiceSpec


class _Client(msgspec.Struct):
    service: _Service | None = None


class _Webhook(msgspec.Struct, rename="camel"):
    client_config: _Client | None = None


class _Conversion(msgspec.Struct):
    strategy: str = "None"
    webhook: _Webhook | None = None


class _DefinitionSpec(msgspec.Struct):
    conversion: _Conversion | None = None


class _Definition(msgspec.Struct):
    spec: _DefinitionSpec


class _Head(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str


_API_SERVICE = codec.Decoder(_ApiService)
_DEFINITION = codec.Decoder(_Definition)
_HEAD = codec.Decoder(_Head)


@dataclass(frozen=True, slots=True)
class ServedLater:
    """``kinds`` are group resources of the archive; ``resources`` those of them that no definition
    describes, by ``apiVersion`` and kind.
    """

    kinds: frozenset[str] = frozenset()
    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)

    def of(self, kinds: Collection[str]) -> "ServedLater":
        """Those of these kinds: a retry has fewer of them than the backup."""
        return replace(self, kinds=self.kinds.intersection(kinds))


def served_later(spool: Spool) -> ServedLater:
    """Finds them in the spool, after the selection."""
    extended = set(_extended(spool))
    resources: dict[tuple[str, str], Resource] = {}
    kinds = set(_converted(spool))
    for kind in spool.kinds():
        plural, _, group = kind.partition(".")
        first = next(spool.walk(kind), None)
        if first is None or not any(group == one for one, _ in extended):
            continue
        try:
            head = _HEAD.decode(first.body)
        except msgspec.DecodeError:
            continue  # the plan says what is wrong with it
        version = split_api_version(head.api_version)[1]
        if (group, version) in extended and is_dns_label(plural) and is_dns_label(version):
            is_namespaced = bool(first.identity.namespace)
            resources[head.api_version, head.kind] = Resource(
                group, version, plural, head.kind, namespaced=is_namespaced
            )
            kinds.add(kind)
    return ServedLater(frozenset(kinds), resources)


def _extended(spool: Spool) -> Iterator[tuple[str, str]]:
    """Group and version of each APIService whose Service comes, too."""
    for _, body in spool.walk(API_SERVICES):
        try:
            spec = _API_SERVICE.decode(body).spec
        except msgspec.DecodeError:
            continue
        if spec.group and _comes(spool, spec.service):
            yield spec.group, spec.version


def _converted(spool: Spool) -> Iterator[str]:
    """Kinds whose definition and the Service that converts them come, too."""
    for identity, body in spool.walk(DEFINITIONS):
        try:
            conversion = _DEFINITION.decode(body).spec.conversion
        except msgspec.DecodeError:
            continue
        webhook = conversion.webhook if conversion is not None else None
        client = webhook.client_config if webhook is not None else None
        is_by_webhook = conversion is not None and conversion.strategy == "Webhook"
        if is_by_webhook and client is not None and _comes(spool, client.service):
            yield identity.name


def _comes(spool: Spool, service: _Service | None) -> bool:
    return service is not None and spool.has(Identity("services", service.namespace, service.name))
