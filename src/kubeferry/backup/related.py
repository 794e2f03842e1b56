"""What a selected object needs beside it: a claim its volume, a custom resource its definition.

A volume is put beside its bound claim, or Velero would restore a claim that points at nothing
(velero.md §1.5). While volume data is not built, each bound claim is recorded in the backup's
volumeinfo as skipped; where its data was asked for, that is an error: `Completed` means complete.
"""

from collections.abc import AsyncGenerator, Collection, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from kubeferry import codec
from kubeferry.backup.collect import sound_head
from kubeferry.errors import ApiError, ApiLost, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, at, labels, metadata
from kubeferry.kube.pages import decode_object
from kubeferry.vault.commit import skipped_volume
from kubeferry.vault.sidefiles import NOT_ASKED, NOT_TAKEN

CLAIMS = "persistentvolumeclaims"
VOLUMES = "persistentvolumes"
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
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


_CLAIMS = codec.Decoder(_Claim)


@dataclass(frozen=True, slots=True)
class BoundClaim:
    """A claim that is bound to a volume, so that there is data behind it."""

    namespace: str
    name: str
    volume: str


def bound_claim(raw: msgspec.Raw | bytes) -> BoundClaim | None:
    """The claim if it is bound, else None. Raises ``msgspec.DecodeError`` for what is no claim."""
    claim = _CLAIMS.decode(raw)
    if claim.status.phase != "Bound" or not claim.spec.volume_name:
        return None
    return BoundClaim(claim.metadata.namespace, claim.metadata.name, claim.spec.volume_name)


class VolumeFacts(NamedTuple):
    """What a volume's entry in ``volumeinfo`` says of it."""

    reclaim_policy: str = ""
    labels: dict[str, str] = {}  # noqa: RUF012 - never written to


def volume_facts(volume: Object) -> VolumeFacts:
    """The facts of a volume."""
    policy = at(volume, ("spec", "persistentVolumeReclaimPolicy"))
    return VolumeFacts(policy if isinstance(policy, str) else "", labels(volume))


def volume_info(claim: BoundClaim, *, asked: bool, volume: VolumeFacts | None) -> dict[str, Any]:
    """The claim's entry in ``<backup>-volumeinfo.json.gz`` (velero.md §1.2)."""
    facts = volume or VolumeFacts()
    return skipped_volume(
        claim=claim.name,
        namespace=claim.namespace,
        volume=claim.volume,
        reason=NOT_TAKEN if asked else NOT_ASKED,
        reclaim_policy=facts.reclaim_policy,
        labels=facts.labels,
    )


async def claims(
    client: Client, resource: Resource, namespace: str, names: Iterable[str]
) -> AsyncGenerator[tuple[str, Object | ApiError], None]:
    """The named claims as far as they exist and stay, or why one could not be had.

    Raises ``ApiLost``.
    """
    for name in names:
        try:
            claim = await client.get(resource, name, namespace=namespace)
        except NotFound:
            continue
        except ApiLost:
            raise
        except ApiError as error:
            yield name, error
        else:
            if not metadata(claim).get("deletionTimestamp"):
                yield name, claim


async def volumes(
    client: Client, resource: Resource, names: Collection[str]
) -> AsyncGenerator[Object, None]:
    """The named volumes as far as they exist: a few are asked for one by one, many are listed."""
    if len(names) > _MANY:
        async with aclosing(client.pages(resource)) as pages:
            async for page in pages:
                for raw in page.items:
                    if sound_head(raw).metadata.name in names:
                        yield decode_object(bytes(raw), VOLUMES)
        return
    for name in sorted(names):
        try:
            yield await client.get(resource, name)
        except NotFound:
            continue


async def definitions(
    client: Client, resource: Resource, archived: Iterable[str]
) -> AsyncGenerator[tuple[str, Object | ApiError], None]:
    """The definition of each archived kind that has one, or why it could not be had.

    ``archived`` are group resources, which are the definitions' names. Raises ``ApiLost``.
    """
    for name in sorted(archived):
        if "." not in name:
            continue
        try:
            yield name, await client.get(resource, name)
        except NotFound:
            continue
        except ApiLost:
            raise
        except ApiError as error:
            yield name, error
