"""``create`` of every noun: the resource from options or a file, sent, and waited for."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import click
from msgspec import Struct

from kubeferry.api import metadata as api_metadata
from kubeferry.api.backup import ApplicationBackup
from kubeferry.api.definition import API_VERSION
from kubeferry.api.restore import ApplicationRestore
from kubeferry.cli.administrator import leave_out_privileged
from kubeferry.cli.command import Flags
from kubeferry.cli.connection import Session, connect, settings_of
from kubeferry.cli.manifests import DryRun, load, placed, refuse_beside_file, send, show
from kubeferry.cli.output import emit, full_name
from kubeferry.cli.prospects import check_vault
from kubeferry.controller.resources import LOCATIONS
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, metadata

R = TypeVar("R", bound=Struct)


class Wait(Protocol):
    """Waits for what was created to end."""

    def __call__(
        self, session: Session, resource: Resource, created: Object, *, timeout: float | None
    ) -> Awaitable[None]:
        """Returns at a good end, raises at a bad one."""


@dataclass(frozen=True, slots=True)
class Creation(Generic[R]):
    """What is created, and how its end is waited for."""

    resource: Resource
    type: type[R]
    wait: Wait


@dataclass(frozen=True, slots=True)
class Ending:
    """What the options say of what comes after: ``dry_run``, ``output``, ``wait``, ``timeout``."""

    dry_run: DryRun
    output: str
    wait: bool
    timeout: float | None


async def run(
    creation: Creation[R],
    flags: Flags,
    *,
    file: str | None,
    name: str | None,
    options: Mapping[str, Any],
    build: Callable[[str], R],
    ending: Ending,
) -> None:
    """Creates one resource; ``build`` makes it from its name when no file does.

    Raises ``click.UsageError`` and ``InvalidInput`` before anything is sent.
    """
    if ending.wait and ending.dry_run:
        raise click.UsageError("--wait and --dry-run do not go together")
    body = body_of(creation, file=file, name=name, options=options, build=build)
    if ending.dry_run == "client":
        # No cluster is asked: the manifest is for a file, or for kubectl.
        where = settings_of(flags).namespace
        manifest = placed(creation.resource, body, given=flags.namespace, default=where)
        show(creation.resource, manifest.body, dry_run="client", output=ending.output)
        return
    async with connect(flags) as session:
        manifest = placed(creation.resource, body, given=flags.namespace, default=session.namespace)
        if creation.type is ApplicationBackup and not ending.dry_run:
            backup = api_metadata.read(manifest.body, ApplicationBackup)
            await check_vault(session, backup.metadata, backup.spec.storage_location)
        spec = manifest.body.get("spec")
        is_built = creation.type is ApplicationRestore and file is None
        is_said = bool(options.get("privileged_resources"))
        if (
            is_built
            and not is_said
            and isinstance(spec, dict)
            and not (spec.get("retryOf") or spec.get("planDigest"))
        ):
            await leave_out_privileged(session, spec)
        created = await send(session, manifest, dry_run=ending.dry_run, output=ending.output)
        if ending.wait:
            await creation.wait(session, creation.resource, created, timeout=ending.timeout)


def body_of(
    creation: Creation[R],
    *,
    file: str | None,
    name: str | None,
    options: Mapping[str, Any],
    build: Callable[[str], R],
) -> Object:
    """The manifest of one resource, from its file or its options.

    Raises ``click.UsageError`` and ``InvalidInput``.
    """
    if file is None:
        if name is None:
            raise click.UsageError("give it a NAME, or a manifest with -f")
        return ordered(build(name))
    refuse_beside_file({f"--{key.replace('_', '-')}": value for key, value in options.items()})
    body, _ = load(file, creation.type)
    if name is not None and metadata(body).get("name") != name:
        raise InvalidInput(
            f"the manifest's name is {metadata(body).get('name')!r}, not {name!r}",
            place="metadata.name",
            remedy="leave NAME out",
        )
    return body


def checked(kind: type[R], name: str, spec: Mapping[str, Any]) -> R:
    """A resource of a name and spec, validated; what is empty is left out.

    Raises ``InvalidInput`` with the field's path.
    """
    return api_metadata.read(
        {
            "apiVersion": API_VERSION,
            "kind": kind.__name__,
            "metadata": {"name": name},
            "spec": _filled(spec),
        },
        kind,
    )


def _filled(value: Any) -> Any:
    if isinstance(value, Mapping):
        parts = {key: _filled(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part not in (None, "", [], (), {})}
    return list(value) if isinstance(value, tuple) else value


def ordered(resource: Struct) -> Object:
    """The manifest of a resource, without the status that is not a person's to write."""
    body = api_metadata.manifest(resource)
    body.pop("status", None)
    return body


def required(options: Mapping[str, Any], key: str) -> Any:
    """An option's value. Raises ``click.UsageError`` when it was not given."""
    value = options[key]
    if value in (None, ""):
        raise click.UsageError(f"--{key.replace('_', '-')} is needed (or a manifest with -f)")
    return value


async def unregister(flags: Flags, name: str) -> None:
    """Deletes a vault's registration."""
    async with connect(flags) as session:
        await session.client.delete(LOCATIONS, name, namespace=session.namespace)
    emit([f"{full_name(LOCATIONS, {'metadata': {'name': name}})} unregistered; its data stays"])
