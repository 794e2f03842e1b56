"""A backup as a cluster: its objects on a read-only API server of this machine, for kubectl.

The objects lie on disk in a spool and are read when somebody asks for them; memory holds their
names. They are shown as they were saved, in the versions they have in the archive.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from kubeferry import codec
from kubeferry.kube.names import Identity
from kubeferry.kube.objects import Object
from kubeferry.restore.spool import Spool
from kubeferry.sandbox.server import Sandbox
from kubeferry.sandbox.shelf import Shelf
from kubeferry.settings import Settings

_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


class Shown(NamedTuple):
    """One object as it is to be shown."""

    identity: Identity
    object: Object


@asynccontextmanager
async def browse(
    objects: Iterable[Shown], *, name: str, read_only: str, settings: Settings
) -> AsyncIterator[Sandbox]:
    """A running server with these objects; ``name`` is the cluster's, ``read_only`` what whoever
    writes is told. ``objects`` is consumed before it runs.

    Raises ``InvalidInput`` when there is no room on disk for them.
    """
    with Spool(parent=settings.spool_dir, limit=settings.spool_limit) as spool:
        sandbox = Sandbox(name=name, read_only=read_only)
        shelf = Shelf(sandbox.storage, sandbox.kinds)
        for identity, obj in objects:
            spool.add(identity, _ordered(obj))
        for _, body in spool.walk(_DEFINITIONS):
            shelf.define(codec.decode(body))
        for kind in spool.kinds():
            for identity, body in spool.walk(kind):
                shelf.put(identity, codec.decode(body), partial(_load, spool, identity))
        async with sandbox:
            yield sandbox


def _load(spool: Spool, identity: Identity) -> bytes:
    return spool.get(identity) or b""


def _ordered(obj: Object) -> bytes:
    """JSON that begins with kind and apiVersion, as a server's answers do."""
    begin = {"kind": obj["kind"], "apiVersion": obj["apiVersion"]}
    return codec.encode(begin | obj)
