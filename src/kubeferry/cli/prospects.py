"""Whether a task could be created and begin: what its vault and the server say, without creating.

What stands in the way is an obstacle; what may not be asked is told as not looked at.
"""

from dataclasses import dataclass

from kubeferry.api.location import BackupLocation, annotated_vault
from kubeferry.api.metadata import Metadata, read
from kubeferry.cli.connection import Session
from kubeferry.cli.manifests import FIELD_MANAGER, Manifest
from kubeferry.controller.resources import LOCATIONS
from kubeferry.errors import AlreadyExists, ApiError, ApiLost, Forbidden, InvalidInput, NotFound
from kubeferry.kube.objects import metadata


@dataclass(frozen=True, slots=True)
class Prospects:
    """What speaks against a task (``obstacles``), and what could not be asked (``unasked``)."""

    obstacles: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()


NO_OBSTACLES = Prospects()


async def prospects(
    session: Session, manifest: Manifest, *, about: Metadata, vault: str
) -> Prospects:
    """Asks for the vault, and has the server try the manifest (``dryRun=All``).

    Raises ``ApiLost``.
    """
    obstacles: list[str] = []
    unasked: list[str] = []
    try:
        why = await vault_trouble(session, about, vault)
    except ApiLost:
        raise
    except ApiError as error:
        unasked.append(f"vault {vault}: {error.problem}")
    else:
        obstacles += [why] if why else []
    try:
        await session.client.create(
            manifest.resource,
            manifest.body,
            namespace=manifest.namespace,
            field_manager=FIELD_MANAGER,
            dry_run=True,
            field_validation="Strict",
        )
    except ApiLost:
        raise
    except AlreadyExists:
        name = metadata(manifest.body).get("name")
        obstacles.append(f"{manifest.namespace} has a {manifest.resource.kind} {name} already")
    except Forbidden as error:
        unasked.append(f"whether it may be created: {error.problem}")
    except NotFound:
        told = f"kubeferry's definitions or the namespace {manifest.namespace} are not here"
        obstacles.append(told)
    except ApiError as error:
        obstacles.append(f"the server refuses it: {error.problem}")
    return Prospects(tuple(obstacles), tuple(unasked))


async def vault_trouble(session: Session, about: Metadata, vault: str) -> str:
    """Why a vault cannot be used, as the cluster tells it; empty where nothing speaks against it.

    Raises ``ApiError`` where it may not be asked for.
    """
    try:
        found = read(
            await session.client.get(LOCATIONS, vault, namespace=session.namespace), BackupLocation
        )
    except NotFound:
        annotated = annotated_vault(about)
        if annotated is not None and annotated[0] == vault:
            return ""  # the task itself registers it
        return f"no vault is registered as {vault!r} in this cluster"
    if found.status.phase == "Unavailable":
        return f"vault {vault} is Unavailable: {found.status.message}"
    return ""


async def check_vault(session: Session, about: Metadata, vault: str) -> None:
    """Refuses a task whose vault is not there: it would fail at once, and its name be gone.

    Raises ``InvalidInput``. Who may not look goes on.
    """
    try:
        why = await vault_trouble(session, about, vault)
    except Forbidden:
        return
    if why.startswith("no vault"):
        raise InvalidInput(
            why,
            place="spec.storageLocation",
            remedy="'vault get' lists those there are, 'vault create' registers one",
        )
