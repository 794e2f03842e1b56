"""From an `ApplicationRestore` to a request: every parameter and rule compiled and checked.

All bad input is found here, before anything is read or written.
"""

import hashlib

from kubeferry import codec
from kubeferry.api.restore import ApplicationRestore
from kubeferry.errors import InvalidInput, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource, reserved_namespaces
from kubeferry.restore.hooks import compile_hooks
from kubeferry.restore.request import RestoreRequest
from kubeferry.transform.modifiers.rules import Modifiers, parse_modifiers
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.parameters.namespaces import check_mapping

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)


async def prepare(
    restore: ApplicationRestore, *, client: Client, namespace: str, resumed: bool = False
) -> RestoreRequest:
    """The request of a restore; ``namespace`` is where its ConfigMap is.

    Raises ``InvalidInput`` and ``InvalidModifier`` with the field's path, the value and what is
    right.
    """
    spec = restore.spec
    reserved = reserved_namespaces(namespace)
    check_mapping(spec.namespace_mapping, reserved=reserved)
    hooks = compile_hooks(spec.hooks)
    modifiers, digest = None, ""
    if spec.resource_modifier is not None:
        modifiers, digest = await read_modifiers(client, spec.resource_modifier.name, namespace)
    return RestoreRequest(
        name=restore.metadata.name,
        uid=restore.metadata.uid,
        backup=spec.backup_name,
        namespaces=spec.namespace_mapping,
        reserved=reserved,
        images=ImageMap(spec.image_registry_mapping),
        modifiers=modifiers,
        modifier_digest=digest,
        hooks=hooks,
        resumed=resumed,
    )


async def read_modifiers(client: Client, name: str, namespace: str) -> tuple[Modifiers, str]:
    """The rules of a ConfigMap, compiled, and the SHA-256 of its data as read."""
    try:
        found = await client.get(CONFIG_MAPS, name, namespace=namespace)
    except NotFound as error:
        raise InvalidInput(
            f"there is no ConfigMap {namespace}/{name}",
            place="spec.resourceModifier.name",
            remedy="create it before the restore",
        ) from error
    data = found.get("data") or {}
    digest = hashlib.sha256(codec.encode_sorted(data)).hexdigest()
    return parse_modifiers(data, place=f"configmap {namespace}/{name}"), digest
