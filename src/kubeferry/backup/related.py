"""What a selected object needs beside it: a claim its volume, a custom resource its definition.

A volume is put beside its bound claim, or Velero would restore a claim that points at nothing
(velero.md §1.5). While volume data is not built, each bound claim is recorded in the backup's
volumeinfo as skipped; where its data was asked for, that is an error: `Completed` means complete.
"""

from collections.abc import AsyncGenerator, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.errors import ApiError, ApiUnreachable, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, labels, metadata
from kubeferry.vault.commit import skipped_volume

CLAIMS = "persistentvolumeclaims"
VOLUMES = "persistentvolumes"
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
NOT_TAKEN = "kubeferry takes no volume data yet"
NOT_ASKED = "volume data was not asked for"
_MANY = 50


class _ClaimSpec(msgspec.Struct, rename="camel"):
    volume_name: str = ""


class _ClaimStatus(msgspec.Struct):
    phase: str = ""


class _ClaimMetadata(msgspec.Struct):
    name: str
    namespace: str


class _Claim(msgspec.Struct):
    metadata: _ClaimMetadata
    spec: _ClaimSpec = msgspec.field(default_factory=_ClaimSpec)
    status: _ClaimStatus = msgspec.field(default_factory=_ClaimStatus)


_CLAIMS = msgspec.json.Decoder(_Claim)


@dataclass(frozen=True, slots=True)
class BoundClaim:
    """A claim that is bound to a volume, so that there is data behind it."""

    namespace: str
    name: str
    volume: str


def bound_claim(raw: msgspec.Raw | bytes) -> BoundClaim | None:
    """The claim if it is bound, else None."""
    claim = _CLAIMS.decode(raw)
    if claim.status.phase != "Bound" or not claim.spec.volume_name:
        return None
    return BoundClaim(claim.metadata.namespace, claim.metadata.name, claim.spec.volume_name)


def volume_info(claim: BoundClaim, *, asked: bool, volume: Object | None) -> dict[str, Any]:
    """The claim's entry in ``<backup>-volumeinfo.json.gz`` (velero.md §1.2)."""
    spec: dict[str, Any] = (volume or {}).get("spec") or {}
    return skipped_volume(
        claim=claim.name,
        namespace=claim.namespace,
        volume=claim.volume,
        reason=NOT_TAKEN if asked else NOT_ASKED,
        reclaim_policy=spec.get("persistentVolumeReclaimPolicy", ""),
        labels=labels(volume or {}),
    )


async def volumes(client: Client, resource: Resource, names: Collection[str]) -> dict[str, Object]:
    """The named volumes as far as they exist: a few are asked for one by one, many are listed.

    Raises ``ApiError``.
    """
    found: dict[str, Object] = {}
    if len(names) > _MANY:
        async for page in client.pages(resource):
            for raw in page.items:
                volume = codec.decode(raw)
                if metadata(volume)["name"] in names:
                    found[metadata(volume)["name"]] = volume
        return found
    for name in sorted(names):
        try:
            found[name] = await client.get(resource, name)
        except NotFound:
            continue
    return found


async def definitions(
    client: Client, resource: Resource, archived: Iterable[str]
) -> AsyncGenerator[tuple[str, Object | ApiError], None]:
    """The definition of each archived kind that has one, or why it could not be had.

    ``archived`` are group resources, which are the definitions' names. Raises ``ApiUnreachable``.
    """
    for name in sorted(archived):
        if "." not in name:
            continue
        try:
            yield name, await client.get(resource, name)
        except NotFound:
            continue
        except ApiUnreachable:
            raise
        except ApiError as error:
            yield name, error
