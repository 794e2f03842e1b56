"""The vaults of a cluster: found by name, registered by an annotation, opened with credentials."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from kubeferry.api.location import ANNOTATION, BackupLocation, LocationSpec, annotated_vault
from kubeferry.api.metadata import Metadata, manifest, read
from kubeferry.controller.resources import LOCATIONS, SECRETS
from kubeferry.controller.vaultkeys import load_trust
from kubeferry.errors import (
    AlreadyExists,
    ArchiveError,
    BackupMissing,
    FerryError,
    Forbidden,
    InvalidInput,
    NotFound,
    VaultError,
    VaultMismatch,
    VaultUnavailable,
    first_error,
)
from kubeferry.kube.client import Client
from kubeferry.kube.objects import Object, secret_data
from kubeferry.settings import Settings
from kubeferry.vault.credentials import credentials_from_secret
from kubeferry.vault.locations import Credentials, Location, open_store
from kubeferry.vault.metadata import BackupFacts, load_backup
from kubeferry.vault.places import normal_prefix
from kubeferry.vault.store import Store

CREDENTIAL_SECRETS = ("alibaba-addon-secret", "cloud-credentials")
"""Secrets of our namespace that may hold the storage's keys, in the order they are looked at."""


async def open_registered(
    client: Client,
    name: str,
    *,
    settings: Settings,
    credentials: Credentials | None,
    blind: bool = False,
) -> Store:
    """The store of a registered vault.

    Raises ``InvalidInput`` when no such vault is registered, and what ``open_location`` raises.
    """
    try:
        found = await client.get(LOCATIONS, name, namespace=settings.namespace)
    except NotFound as error:
        raise InvalidInput(
            f"no vault is registered as {name!r} in this cluster",
            place=f"{LOCATIONS.group_resource} {settings.namespace}/{name}",
            remedy=f"create a BackupLocation of that name, or put the annotation {ANNOTATION} "
            "on the task",
        ) from error
    return await open_location(
        client,
        read(found, BackupLocation),
        settings=settings,
        credentials=credentials,
        blind=blind,
    )


async def open_location(
    client: Client,
    location: BackupLocation,
    *,
    settings: Settings,
    credentials: Credentials | None,
    blind: bool = False,
) -> Store:
    """The store of a vault, with the access keys of its Secrets, else the given ones.

    Who may not read Secrets (a person with the operator's role) has access keys of their own, and
    with ``blind`` goes on without the vault's keys: ``Store.trust`` says so.

    Raises ``InvalidInput`` when the vault's keys are damaged, ``VaultUnavailable`` without an
    access key, ``Forbidden``.
    """
    name, namespace = location.metadata.name, settings.namespace
    keys = None
    if location.spec.provider != "local":
        try:
            keys = await find_credentials(client, namespace=namespace) or credentials
        except Forbidden as error:
            if credentials is None:
                error.remedy = "give the storage's keys by the environment: AWS_ACCESS_KEY_ID ..."
                raise
            keys = credentials
        if keys is None:
            raise VaultUnavailable(
                "no credentials for the storage",
                place=f"vault {name}",
                remedy="put access-key-id and access-key-secret into the Secret "
                f"{namespace}/{CREDENTIAL_SECRETS[0]}, or a credentials file as "
                f"'cloud' into {namespace}/{CREDENTIAL_SECRETS[1]}",
            )
    trust = await load_trust(client, name, namespace=namespace, blind=blind)
    return open_store(
        to_location(name, location.spec), credentials=keys, settings=settings, trust=trust
    )


def to_location(name: str, spec: LocationSpec) -> Location:
    """A vault's facts as the vault floor wants them."""
    return Location(
        name=name,
        provider=spec.provider,
        bucket=spec.object_storage.bucket,
        prefix=spec.object_storage.prefix,
        region=spec.config.region,
        network=spec.config.network,
        endpoint=spec.config.endpoint,
        encryption=spec.config.server_side_encryption or "",
        kms_key_id=spec.config.kms_key_id,
    )


async def find_credentials(client: Client, *, namespace: str) -> Credentials | None:
    """The storage's keys from the first of the Secrets that exists, None without one.

    Raises ``InvalidInput`` when it holds no keys.
    """
    for name in CREDENTIAL_SECRETS:
        try:
            secret = await client.get(SECRETS, name, namespace=namespace)
        except NotFound:
            continue
        place = f"secret {namespace}/{name}"
        return credentials_from_secret(secret_data(secret), place=place)
    return None


@dataclass(frozen=True, slots=True)
class Holder:
    """The vault that holds a backup: what it says of it, and why others could not be asked."""

    name: str
    facts: BackupFacts
    unasked: tuple[str, ...]


async def find_backup(
    backup: str,
    names: Sequence[str],
    open_vault: Callable[[str], Awaitable[Store]],
    *,
    place: str,
    namespace: str,
) -> Holder:
    """Asks every one of the vaults for a backup.

    Raises ``BackupMissing`` when none has it, ``VaultUnavailable`` when it may be in one that does
    not answer, ``ArchiveError`` when the only one there is cannot be trusted, ``InvalidInput`` when
    several have it: which one is meant is not for us to guess.
    ``place`` is where the backup is named, ``namespace`` where our resources live.
    """

    async def ask(name: str) -> BackupFacts | FerryError | None:
        try:
            store = await open_vault(name)
            try:
                return await load_backup(store, backup)
            finally:
                await store.aclose()
        except BackupMissing:
            return None
        except (VaultError, ArchiveError, InvalidInput) as error:
            return error

    try:
        async with asyncio.TaskGroup() as group:
            asked = {name: group.create_task(ask(name)) for name in names}
    except* FerryError as errors:
        raise first_error(errors) from None
    answers = {name: task.result() for name, task in asked.items()}
    holders = {name: one for name, one in answers.items() if isinstance(one, BackupFacts)}
    failures = {name: one for name, one in answers.items() if isinstance(one, FerryError)}
    unasked = tuple(f"vault {name} was not asked: {one}" for name, one in failures.items())
    if len(holders) > 1:
        raise InvalidInput(
            f"{backup!r} is in several vaults: {', '.join(holders)}",
            place=place,
            remedy=f"say which is meant: --vault, or the annotation {ANNOTATION} on the restore",
        )
    for name, facts in holders.items():
        return Holder(name, facts, unasked)
    looked = f"vault {', '.join(names)}" if names else "no vault: none is registered"
    said = f"no finished backup is called {backup!r} in {looked}"
    said += f" ({'; '.join(unasked)})" if unasked else ""
    if any(isinstance(one, VaultUnavailable) for one in failures.values()):
        raise VaultUnavailable(said, place=place)
    for failure in failures.values():
        if isinstance(failure, ArchiveError):
            raise failure
    remedy = f"kubectl -n {namespace} get applicationbackup lists those there are"
    raise BackupMissing(said, place=place, remedy=remedy)


async def register_annotated(
    client: Client, metadata: Metadata, *, namespace: str, used: str = ""
) -> str | None:
    """Registers the vault that a task's annotation names; returns its name, None without
    annotation.

    ``used`` is the vault that the task itself names. Raises ``InvalidInput`` when the annotation
    means another one, ``VaultMismatch`` when a vault of that name is registered as something else.
    """
    annotated = annotated_vault(metadata)
    if annotated is None:
        return None
    if used and annotated[0] != used:
        raise InvalidInput(
            f"is {used!r}, and the annotation {ANNOTATION} registers {annotated[0]!r}",
            place="spec.storageLocation",
            remedy="name the same vault in both",
        )
    name, spec = annotated
    try:
        registered = read(await client.get(LOCATIONS, name, namespace=namespace), BackupLocation)
    except NotFound:
        location = BackupLocation(metadata=Metadata(name=name, namespace=namespace), spec=spec)
        try:
            await client.create(LOCATIONS, manifest(location), namespace=namespace)
            return name
        except AlreadyExists:
            found: Object = await client.get(LOCATIONS, name, namespace=namespace)
            registered = read(found, BackupLocation)
    check_same(name, annotated=spec, registered=registered.spec)
    return name


def check_same(name: str, *, annotated: LocationSpec, registered: LocationSpec) -> None:
    """Raises ``VaultMismatch`` naming each field in which the two differ."""
    differ = [
        f"{field} is {theirs!r} there and {ours!r} in the annotation"
        for field, theirs, ours in (
            ("provider", registered.provider, annotated.provider),
            ("bucket", registered.object_storage.bucket, annotated.object_storage.bucket),
            (
                "prefix",
                normal_prefix(registered.object_storage.prefix),
                normal_prefix(annotated.object_storage.prefix),
            ),
            ("region", registered.config.region, annotated.config.region),
            ("network", registered.config.network, annotated.config.network),
            ("endpoint", registered.config.endpoint, annotated.config.endpoint),
        )
        if theirs != ours
    ]
    if differ:
        raise VaultMismatch(
            f"the annotation differs from the registered vault: {'; '.join(differ)}",
            place=f"vault {name}",
            remedy="leave the annotation out, or give it the registered vault's values; network "
            "and region of the registered vault can be corrected",
        )
