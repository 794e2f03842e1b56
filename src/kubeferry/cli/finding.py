"""One object of ours by its name; of one that is not there, where the names are."""

from kubeferry.cli.command import program
from kubeferry.cli.connection import Session
from kubeferry.cli.waiting import noun
from kubeferry.controller.resources import BACKUPS
from kubeferry.errors import BackupMissing, NotFound
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object


async def find(session: Session, resource: Resource, name: str) -> Object:
    """The object.

    Raises ``BackupMissing`` for a backup that the cluster does not know, as commands do that look
    into the vault, and ``NotFound`` for anything else.
    """
    try:
        return await session.client.get(resource, name, namespace=session.namespace)
    except NotFound as error:
        if error.details.get("name") != name:
            raise  # the kind is not there at all, or the namespace
        what = noun(resource)
        remedy = f"{program()} {what} get lists those there are"
        said = f"no {what} is called {name!r} in this cluster"
        if resource == BACKUPS:
            raise BackupMissing(said, remedy=remedy) from error
        raise NotFound(
            said, remedy=remedy, status=error.status, kubernetes_reason=error.kubernetes_reason
        ) from error
