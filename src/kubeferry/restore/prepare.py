"""From an `ApplicationRestore` to a request: every parameter and rule compiled and checked.

All bad input is found here, before anything is read or written.
"""

import hashlib
from collections.abc import Mapping

from kubeferry import codec
from kubeferry.api.restore import ApplicationRestore, RestoreSpec
from kubeferry.durations import read_duration
from kubeferry.errors import InvalidInput, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource, reserved_namespaces
from kubeferry.restore.hooks import compile_hooks
from kubeferry.restore.parameters import compile_parameters
from kubeferry.restore.request import RestoreRequest
from kubeferry.restore.retrying import find_retried
from kubeferry.restore.selection import KindWords, compile_selection, compile_words
from kubeferry.restore.versions import PRIORITIES, Priorities, compile_priorities
from kubeferry.transform.automatic.rules import switched_off
from kubeferry.transform.change import Note
from kubeferry.transform.modifiers.rules import Modifiers, parse_modifiers
from kubeferry.transform.parameters import image_rows
from kubeferry.transform.parameters.image_rows import ImageRows
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.parameters.namespaces import check_mapping

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)


async def prepare(
    restore: ApplicationRestore,
    *,
    client: Client | None,
    namespace: str,
    modifier: Mapping[str, str] | None = None,
) -> RestoreRequest:
    """The request of a restore; ``namespace`` is where its ConfigMaps are.

    ``modifier`` is the data of a modifier's ConfigMap that is not in the cluster, in place of the
    one that the restore names. Without a ``client`` no cluster is asked.

    Raises ``InvalidInput`` and ``InvalidModifier`` with the field's path, the value and what is
    right.
    """
    spec = restore.spec
    reserved = reserved_namespaces(namespace)
    check_mapping(spec.namespace_mapping, reserved=reserved)
    selection = compile_selection(spec, reserved=reserved)
    parameters = compile_parameters(spec)
    off = switched_off(spec.automatic)
    hooks = compile_hooks(spec.hooks)
    rows, notes = image_rows.compile_rows([])
    priorities: Priorities = {}
    if client is not None:
        rows, notes = await read_image_rows(client, namespace)
        priorities = await read_priorities(client, namespace)
    modifiers, digest = None, ""
    if modifier is not None:
        modifiers, digest = compile_modifier(modifier, place="the modifier")
    elif spec.resource_modifier is not None:
        name = spec.resource_modifier.name
        modifiers, digest = await read_modifiers(_asked(client, "--modifiers"), name, namespace)
    retried = None
    if spec.retry_of:
        retried = await find_retried(
            restore,
            client=_asked(client, "a cluster"),
            namespace=namespace,
            modifier_digest=digest,
        )
    return RestoreRequest(
        name=restore.metadata.name,
        uid=restore.metadata.uid,
        backup=spec.backup_name,
        selection=selection,
        namespaces=spec.namespace_mapping,
        reserved=reserved,
        images=ImageMap(spec.image_registry_mapping, rows=rows),
        parameters=parameters,
        rewrite_service_names=spec.rewrite_service_names,
        preserve_node_ports=spec.preserve_node_ports,
        automatic_off=off,
        source_provider=spec.source_provider or "",
        target_provider=spec.target_provider or "",
        status=_status(spec),
        objects_only=spec.app_restore_only,
        modifiers=modifiers,
        modifier_digest=digest,
        rules_digest=rules_digest(spec, digest, rows, priorities),
        plan=spec.plan_digest,
        version_priorities=priorities,
        hooks=hooks,
        notes=tuple(notes),
        policy=spec.existing_resource_policy,
        ready_seconds=_seconds(spec.wait_for_ready),
        keeps_owners=spec.owner_references == "Restore",
        dry_run=spec.dry_run,
        retried=retried,
    )


_UNRULED = ("planDigest", "retryOf")
"""Fields of a spec that change nothing of what is done with an object."""


def rules_digest(spec: RestoreSpec, modifier: str, rows: ImageRows, priorities: Priorities) -> str:
    """SHA-256 of all that a person says of what is changed; ``modifier`` is that of its rules."""
    said = codec.to_builtins(spec)
    # What is not said is not counted: a field that a later version has changes nothing.
    filled = {
        key: value
        for key, value in said.items()
        if key not in _UNRULED and value not in (None, {}, [])
    }
    everything = [filled, modifier, rows.rows, priorities]
    return hashlib.sha256(codec.encode_sorted(everything)).hexdigest()


def _asked(client: Client | None, what: str) -> Client:
    if client is None:
        raise InvalidInput(
            "no cluster is asked, so what this names is not known",
            place="spec.resourceModifier" if what.startswith("-") else "spec.retryOf",
            remedy=f"give it {what}",
        )
    return client


def _seconds(wait_for_ready: str | None) -> float | None:
    if wait_for_ready is None:
        return None
    return read_duration(wait_for_ready, place="spec.waitForReady")


def _status(spec: RestoreSpec) -> KindWords | None:
    asked = spec.restore_status
    if asked is None:
        return None
    place = "spec.restoreStatus"
    return compile_words(asked.included_resources, asked.excluded_resources, place=place)


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
    return compile_modifier(found.get("data") or {}, place=f"configmap {namespace}/{name}")


def compile_modifier(data: Mapping[str, str], *, place: str) -> tuple[Modifiers, str]:
    """The rules in a ConfigMap's data, compiled, and the SHA-256 of that. Raises
    ``InvalidModifier``.
    """
    digest = hashlib.sha256(codec.encode_sorted(data)).hexdigest()
    return parse_modifiers(data, place=place), digest


async def read_image_rows(client: Client, namespace: str) -> tuple[ImageRows, list[Note]]:
    """The rows of the image-rename ConfigMap, if there is one, and what is to be told of them."""
    found = await client.list(CONFIG_MAPS, namespace=namespace, label_selector=image_rows.SELECTOR)
    return image_rows.compile_rows(found)


async def read_priorities(client: Client, namespace: str) -> Priorities:
    """The versions that a ConfigMap in kubeferry's namespace prefers; none without that."""
    try:
        found = await client.get(CONFIG_MAPS, PRIORITIES, namespace=namespace)
    except NotFound:
        return {}
    return compile_priorities(found.get("data") or {}, place=f"configmap {namespace}/{PRIORITIES}")
