"""Whether the storage classes that a restore's parameters name are there, or come with it."""

from collections.abc import Iterator, Mapping

import msgspec

from kubeferry import codec
from kubeferry.errors import Forbidden, InvalidInput, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.spool import Spool
from kubeferry.restore.survey import UNREAD
from kubeferry.transform.automatic.disks import KINDS
from kubeferry.transform.automatic.flexvolume import DRIVERS
from kubeferry.transform.change import Note
from kubeferry.transform.parameters.claim_conversions import PLACE as CONVERSIONS
from kubeferry.transform.parameters.storage_classes import PLACE as MAPPING
from kubeferry.transform.parameters.table import Parameters


class _Class(msgspec.Struct):
    provisioner: str = ""


_CLASS = codec.Decoder(_Class)

CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)


async def check_storage_classes(client: Client, parameters: Parameters, spool: Spool) -> list[Note]:
    """Raises ``InvalidInput`` for a class that neither the target nor the backup has.

    Returns what could not be found out: who plans a restore may not have the right to ask.
    """
    known: set[str] = set()
    notes: list[Note] = []
    for place, name in named_classes(parameters):
        if name in known or spool.has(Identity(CLASSES.group_resource, "", name)):
            continue
        try:
            await client.get(CLASSES, name)
        except NotFound as error:
            raise InvalidInput(
                f"storageclass {name} not exists",
                place=place,
                remedy="create it in the target, or name one of kubectl get storageclass",
            ) from error
        except Forbidden:
            text = f"{place}: whether there is a storage class {name} is not known"
            notes.append(Note(UNREAD, text))
        known.add(name)
    return notes


async def read_classes(client: Client, spool: Spool) -> Mapping[str, str] | None:
    """The storage classes that the target has or gets, each with its provisioner as it will be;
    None where they may not be read, or no claim needs one.
    """
    if not any(next(iter(spool.names(kind)), None) for kind in KINDS):
        return None
    found: dict[str, str] = {}
    for spooled in spool.walk(CLASSES.group_resource):
        try:
            archived = _CLASS.decode(spooled.body)
        except msgspec.DecodeError:
            continue  # the plan says what is wrong with it
        provisioner = archived.provisioner
        found[spooled.identity.name] = DRIVERS.get(provisioner, provisioner)
    try:
        for one in await client.list(CLASSES):
            found[one["metadata"]["name"]] = one.get("provisioner", "")
    except Forbidden:
        return None
    return found


def named_classes(parameters: Parameters) -> Iterator[tuple[str, str]]:
    """Each class that the parameters name, with the field that names it."""
    for source, target in parameters.storage_classes.items():
        yield f"{MAPPING}.{source}", target
    for index, one in enumerate(parameters.conversions.values()):
        if one.storage_class:
            yield f"{CONVERSIONS}[{index}].convertToStorageClassType", one.storage_class
