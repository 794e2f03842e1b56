"""restoreStatus: which objects get the status that they had in the backup, and how (velero.md §3.4
step 17).

A status belongs to the controllers of the target; so it is left out, unless its kind is asked for.
An object's annotation says otherwise for it alone. It is written once the object was created, in a
request of its own. Whatever goes wrong with it is a warning: the object is there.
"""

from collections.abc import Collection
from typing import Any

from kubeferry.errors import ApiError, ApiLost, Forbidden, NotFound
from kubeferry.kube.client import Client
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.objects import Object, annotations
from kubeferry.transform.change import MISSING, Cause, Change, Note

ANNOTATION = "velero.io/restore-status"
"""``true`` or ``false``; anything else says nothing."""
NOT_RESTORED = "StatusNotRestored"

_CAUSE = Cause("parameter", "restoreStatus")


def status_change(archived: Object, kind: str, kinds: Collection[str]) -> Change | None:
    """The change that gives an object its status back, None if it gets none.

    ``kinds`` are the kinds asked for.
    """
    said = annotations(archived).get(ANNOTATION)
    wanted = said == "true" or (said != "false" and kind in kinds)
    status = archived.get("status")
    if not wanted or not isinstance(status, dict) or not status:
        return None
    return Change("/status", MISSING, status, _CAUSE)


def upgraded(archived: Object, made: Object) -> Note | None:
    """Why a status does not fit, None if it does: another version has another status."""
    before, after = archived.get("apiVersion"), made.get("apiVersion")
    if before == after:
        return None
    return Note(NOT_RESTORED, f"its status is of {before}, the object is of {after} now")


async def restore_status(
    client: Client, resource: Resource, target: Identity, status: Any, *, field_manager: str
) -> Note | None:
    """Writes the status of an object that was just created; a note says why that failed."""
    try:
        await client.patch(
            resource,
            target.name,
            {"status": status},
            kind="merge",
            namespace=target.namespace,
            subresource="status",
            field_manager=field_manager,
        )
    except ApiLost:
        raise
    except NotFound:
        return Note(NOT_RESTORED, "objects of this kind have no status of their own")
    except Forbidden as error:
        right = f"patch on {resource.group_resource}/status"
        return Note(NOT_RESTORED, f"{error.problem}; give the controller {right}")
    except ApiError as error:
        return Note(NOT_RESTORED, error.problem)
    return None
