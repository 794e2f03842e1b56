"""From an `ApplicationBackup` to a request: every field compiled and checked.

All bad input is found here, before anything is listed or written. The controller and a command that
only wants to know what would be taken both begin here.
"""

from typing import Any

from kubeferry import codec
from kubeferry.api.backup import ApplicationBackup, BackupSpec
from kubeferry.backup.hooks import compile_hooks
from kubeferry.backup.policies import Policies, parse_policies
from kubeferry.backup.request import BackupRequest
from kubeferry.backup.selection import read_selection
from kubeferry.durations import read_duration
from kubeferry.errors import InvalidInput, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Resource, reserved_namespaces
from kubeferry.vault.metadata import FILTERS, OWN_FILTERS, SourceCluster

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
SHORTEST_TTL = 1.0
"""Seconds; a backup that has expired when it is done could never be restored."""


async def prepare(
    backup: ApplicationBackup,
    *,
    client: Client,
    namespace: str,
    cluster: SourceCluster = SourceCluster(),  # noqa: B008 - frozen
) -> BackupRequest:
    """The request of a backup; ``namespace`` is where its ConfigMap is.

    Raises ``InvalidInput`` with the field's path, the value and what is right; ``ApiError``.
    """
    spec = backup.spec
    ttl = read_duration(spec.ttl, place="spec.ttl", at_least=SHORTEST_TTL)
    policies = None
    if spec.resource_policy is not None:
        policies = await _policies(client, spec.resource_policy.name, namespace)
    return BackupRequest(
        name=backup.metadata.name,
        uid=backup.metadata.uid,
        location=spec.storage_location,
        selection=read_selection(spec, reserved=reserved_namespaces(namespace), policies=policies),
        all_versions=spec.all_versions,
        asked=_asked(spec),
        ttl=ttl,
        cluster=cluster,
        hooks=compile_hooks(spec.hooks),
    )


async def _policies(client: Client, name: str, namespace: str) -> Policies:
    try:
        found = await client.get(CONFIG_MAPS, name, namespace=namespace)
    except NotFound as error:
        raise InvalidInput(
            f"there is no ConfigMap {namespace}/{name}",
            place="spec.resourcePolicy.name",
            remedy="create it before the backup",
        ) from error
    return parse_policies(found.get("data") or {}, place=f"configmap {namespace}/{name}")


def _asked(spec: BackupSpec) -> dict[str, Any]:
    """What of the spec says which objects; where Velero has a field the name is the same.

    What another version of kubeferry might have another default for is there in any case.
    """
    given = codec.to_builtins(spec)
    given |= {
        "backupType": spec.backup_type,
        "generatedObjects": spec.generated_objects,
        "allVersions": spec.all_versions,
        "pvBackup": codec.to_builtins(spec.pv_backup)
        | {"defaultPvBackup": spec.pv_backup.default_pv_backup},
    }
    return {name: given[name] for name in (*FILTERS, *OWN_FILTERS) if name in given}
