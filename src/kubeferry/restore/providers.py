"""Which providers the backup and the target are of: what the source's provider alone can make true
is adapted where the target is of another one (``transform/automatic/clouds``).

The target's nodes are asked for only where the backup is known to be of a provider.
"""

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice

import msgspec

from kubeferry import codec
from kubeferry.errors import Forbidden
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource
from kubeferry.restore.spool import Spool
from kubeferry.restore.survey import UNREAD
from kubeferry.transform.automatic.clouds.detection import KINDS, Seen, providers, signs
from kubeferry.transform.automatic.clouds.table import clouds
from kubeferry.transform.change import Note

NODES = Resource("", "v1", "nodes", "Node", namespaced=False)
_LOOKED_AT = 2000
"""Objects of a kind of the archive that are looked at."""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Providers:
    """``left`` are those of the backup that the target is not of; ``node_labels`` the labels of
    the target's nodes with their values, None where they are not known.
    """

    left: tuple[str, ...] = ()
    node_labels: Mapping[str, frozenset[str]] | None = None
    notes: tuple[Note, ...] = ()


async def find_providers(
    client: Client | None, spool: Spool, *, source: str, target: str
) -> Providers:
    """Looks at the backup in the spool, whole, and at the target's nodes, if there is a client.

    ``source`` and ``target`` are what the restore says they are, empty where it says nothing.
    """
    of = {source: "sourceProvider"} if source else providers(_signs(spool))
    if not of or set(of) == {target}:
        return Providers()
    nodes = await _read_nodes(client) if client is not None else None
    found = {target: "targetProvider"} if target else providers(nodes.signs) if nodes else {}
    if not found:
        text = (
            f"the backup is of {_titles(of)}; of which provider the target is is not known: say "
            "spec.targetProvider, and what only the former has is adapted"
        )
        return Providers(notes=(Note(UNREAD if nodes is None else "ProviderUnknown", text),))
    left = tuple(sorted(set(of) - set(found)))
    if not left:
        return Providers()
    text = f"the backup is of {_titles(of)}, the target of {_titles(found)}"
    labels = nodes.labels if nodes else None
    return Providers(left, labels or None, (Note("OtherProvider", text),))


def _titles(found: Mapping[str, str]) -> str:
    """The providers, each with how it is known."""
    return " and ".join(f"{clouds()[name].title} ({sign})" for name, sign in found.items())


def _signs(spool: Spool) -> Iterator[Seen]:
    for kind in KINDS:
        for spooled in islice(spool.walk(kind), _LOOKED_AT):
            try:
                obj = codec.decode_archived(spooled.body)
                found = [*signs(kind, obj)]
            except (msgspec.DecodeError, AttributeError, TypeError):
                continue  # the plan says what is wrong with it
            yield from found


@dataclass(frozen=True, slots=True)
class _Nodes:
    signs: list[Seen]
    labels: dict[str, frozenset[str]]


async def _read_nodes(client: Client) -> _Nodes | None:
    """What the target's nodes tell; None where they may not be read."""
    seen: list[Seen] = []
    labels: dict[str, set[str]] = {}
    try:
        async with aclosing(client.pages(NODES, limit=_PAGE)) as pages:
            async for page in pages:
                for raw in page.items:
                    node = codec.decode(raw)
                    seen += signs("nodes", node)
                    for key, value in (node["metadata"].get("labels") or {}).items():
                        labels.setdefault(key, set()).add(value)
    except Forbidden:
        return None
    return _Nodes(seen, {key: frozenset(values) for key, values in labels.items()})
