"""The keys of a cluster's vaults, in the one Secret that holds them (``vault.keys``)."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeferry.controller.resources import SECRETS
from kubeferry.errors import Forbidden, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.objects import metadata, secret_data
from kubeferry.vault.keys import NO_KEY, SECRET, KeyRing, Trust, read_ring, ring_document


@dataclass(frozen=True, slots=True)
class KeySecret:
    """The Secret as it was read; ``version`` is empty where there is none."""

    namespace: str
    entries: Mapping[str, bytes] = field(repr=False)
    version: str

    @property
    def vaults(self) -> list[str]:
        """The vaults that have keys, sorted."""
        return sorted(self.entries)

    def ring(self, vault: str) -> KeyRing | None:
        """A vault's keys. Raises ``InvalidInput`` for what is none."""
        if vault not in self.entries:
            return None
        place = f"secret {self.namespace}/{SECRET}, vault {vault}"
        return read_ring(self.entries[vault], place=place)


async def load_trust(client: Client, vault: str, *, namespace: str, blind: bool = False) -> Trust:
    """What the backups of a vault are held against in this cluster.

    Who may not read the keys gets ``Forbidden``, or with ``blind`` a trust that says so. Raises
    ``InvalidInput`` for keys that are none: a vault whose keys are damaged is not one without.
    """
    try:
        ring = (await load_keys(client, namespace=namespace)).ring(vault)
    except Forbidden:
        if not blind:
            raise
        return Trust(unread=f"you may not read the Secret {namespace}/{SECRET}")
    return Trust(ring) if ring is not None else NO_KEY


async def load_keys(client: Client, *, namespace: str) -> KeySecret:
    """The keys of all vaults."""
    try:
        found = await client.get(SECRETS, SECRET, namespace=namespace)
    except NotFound:
        return KeySecret(namespace, {}, "")
    return KeySecret(namespace, secret_data(found), metadata(found)["resourceVersion"])


async def save_ring(client: Client, before: KeySecret, vault: str, ring: KeyRing | None) -> None:
    """Writes the keys of one vault, without a ring takes them away; other vaults' stay.

    Raises ``Conflict`` or ``AlreadyExists`` when somebody else has written since ``before``.
    """
    document = base64.b64encode(ring_document(ring)).decode() if ring is not None else None
    about = {"name": SECRET, "namespace": before.namespace}
    if not before.version:
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": about, "data": {vault: document}}
        await client.create(SECRETS, body, namespace=before.namespace)
        return
    patch = {"metadata": {"resourceVersion": before.version}, "data": {vault: document}}
    await client.patch(SECRETS, SECRET, patch, kind="merge", namespace=before.namespace)
