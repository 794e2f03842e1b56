from pathlib import Path

import pytest
from aiohttp import web

from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity
from kubeferry.restore.classes import CLASSES, check_storage_classes, read_classes
from kubeferry.restore.spool import Spool
from kubeferry.transform.change import Note
from kubeferry.transform.parameters.claim_conversions import Conversion, compile_conversions
from kubeferry.transform.parameters.table import Parameters
from tests.unit.kube.servers import Handler, serving, status

ASKED = Parameters(
    storage_classes={"a": "fast", "b": "fast", "c": "archived"},
    conversions=compile_conversions([Conversion("shop", "data", "other")]),
)


async def checked(folder: Path, handler: Handler) -> tuple[list[Note], list[str]]:
    """What is told, and which classes were asked for; ``archived`` is in the backup."""
    with Spool(parent=folder) as spool:
        spool.add(Identity(CLASSES.group_resource, "", "archived"), b"{}")
        async with serving(handler) as server, server.client() as client:
            notes = await check_storage_classes(client, ASKED, spool)
    return notes, [request.path.rpartition("/")[2] for request in server.requests]


async def test_each_class_is_asked_for_once_and_one_of_the_backup_never(tmp_path: Path) -> None:
    async def there(request: web.Request) -> web.StreamResponse:
        return web.json_response({"metadata": {"name": "x"}})

    assert await checked(tmp_path, there) == ([], ["fast", "other"])


async def test_one_that_is_nowhere_is_refused_with_its_field(tmp_path: Path) -> None:
    async def one_missing(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/fast"):
            return web.json_response({"metadata": {"name": "fast"}})
        return status(404, "NotFound")

    with pytest.raises(InvalidInput, match="storageclass other not exists") as caught:
        await checked(tmp_path, one_missing)
    assert caught.value.place == "spec.convertedarg[0].convertToStorageClassType"


async def test_who_may_not_ask_is_told_what_is_not_known(tmp_path: Path) -> None:
    async def forbidden(request: web.Request) -> web.StreamResponse:
        return status(403, "Forbidden")

    notes, _ = await checked(tmp_path, forbidden)
    assert [note.reason for note in notes] == ["TargetUnread", "TargetUnread"]
    assert notes[0].message == (
        "spec.storageClassMapping.a: whether there is a storage class fast is not known"
    )


async def classes(folder: Path, handler: Handler, *names: Identity) -> tuple[object, int]:
    """The classes of a backup with these objects, and how many requests that took."""
    body = b'{"provisioner": "alicloud/disk"}'
    with Spool(parent=folder) as spool:
        for name in names:
            spool.add(name, body)
        async with serving(handler) as server, server.client() as client:
            return await read_classes(client, spool), len(server.requests)


CLAIM = Identity("persistentvolumeclaims", "shop", "data")
OLD = Identity(CLASSES.group_resource, "", "old")


async def two(request: web.Request) -> web.StreamResponse:
    items = [{"metadata": {"name": "fast"}, "provisioner": "p"}, {"metadata": {"name": "bare"}}]
    return web.json_response({"items": items})


async def test_classes_are_those_of_target_and_backup_as_they_will_be(tmp_path: Path) -> None:
    found, _ = await classes(tmp_path, two, CLAIM, OLD)
    assert found == {"old": "diskplugin.csi.alibabacloud.com", "fast": "p", "bare": ""}


async def test_without_claims_no_class_is_asked_for(tmp_path: Path) -> None:
    assert await classes(tmp_path, two, OLD) == (None, 0)


async def test_classes_that_may_not_be_read_are_not_known(tmp_path: Path) -> None:
    async def forbidden(request: web.Request) -> web.StreamResponse:
        return status(403, "Forbidden")

    found, _ = await classes(tmp_path, forbidden, CLAIM)
    assert found is None
