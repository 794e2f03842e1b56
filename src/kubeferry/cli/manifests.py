"""Manifests that commands read and send: one of our resources, from a file or from options."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import click
from msgspec import Struct

from kubeferry import codec
from kubeferry.api.metadata import read
from kubeferry.cli.connection import Session
from kubeferry.cli.output import document, emit, full_name, tidy
from kubeferry.errors import AlreadyExists, InvalidInput, NotFound
from kubeferry.kube.names import Resource
from kubeferry.kube.objects import Object, metadata

R = TypeVar("R", bound=Struct)
DryRun = Literal["", "client", "server"]
FIELD_MANAGER = "kubeferry-cli"


@dataclass(frozen=True, slots=True)
class Manifest:
    """An object to send, and what it says; ``namespace`` is where it goes."""

    resource: Resource
    body: Object
    namespace: str


def load(path: str, to: type[R]) -> tuple[Object, R]:
    """The one document of a file (``-`` for stdin), as it is and as one of our resources.

    Raises ``InvalidInput`` with the file and the field.
    """
    place = "stdin" if path == "-" else path
    try:
        text = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=place) from error
    documents = list(codec.load_yaml_documents(text, place=place))
    if len(documents) != 1:
        raise InvalidInput(
            f"holds {len(documents)} documents",
            place=place,
            remedy=f"give it one {to.__name__}; kubectl apply -f takes several",
        )
    body = documents[0]
    if not isinstance(body, dict):
        raise InvalidInput("holds no object", place=place)
    try:
        return body, read(body, to)
    except InvalidInput as error:
        raise InvalidInput(
            error.problem, place=f"{place}: {error.place}", remedy=error.remedy
        ) from error


def placed(resource: Resource, body: Object, *, given: str | None, default: str) -> Manifest:
    """The manifest in its namespace: its own, else ``-n``, else the default.

    Raises ``InvalidInput`` when its own and ``-n`` differ.
    """
    own = str(metadata(body).get("namespace") or "")
    if own and given and own != given:
        raise InvalidInput(
            f"the manifest is for namespace {own!r}, -n says {given!r}",
            place="metadata.namespace",
            remedy="leave one of them out",
        )
    namespace = own or given or default
    about = {"namespace": namespace, **metadata(body)}
    ordered = {key: about[key] for key in ("name", "namespace") if key in about} | about
    return Manifest(resource, {**body, "metadata": ordered}, namespace)


def refuse_beside_file(options: Mapping[str, Any]) -> None:
    """Raises ``click.UsageError`` for options that a manifest's file replaces."""
    said = [name for name, value in options.items() if value not in (None, "", (), {}, False)]
    if said:
        raise click.UsageError(f"{said[0]} cannot be given beside -f; write it into the manifest")


async def send(session: Session, manifest: Manifest, *, dry_run: DryRun, output: str) -> Object:
    """Creates the object, or only shows it; prints what came of it as kubectl does.

    Unknown fields are refused by the server (``fieldValidation=Strict``).
    """
    try:
        answer = await session.client.create(
            manifest.resource,
            manifest.body,
            namespace=manifest.namespace,
            field_manager=FIELD_MANAGER,
            dry_run=dry_run == "server",
            field_validation="Strict",
        )
    except NotFound as error:
        raise NotFound(
            error.problem,
            place=error.place,
            remedy="is kubeferry installed in this cluster? its definitions and the namespace "
            f"{manifest.namespace} come with 'install'",
            status=error.status,
        ) from error
    except AlreadyExists as error:
        error.remedy = error.remedy or "choose another name: a task runs once"
        raise
    created: Object = codec.decode(answer)
    show(manifest.resource, created, dry_run=dry_run, output=output)
    return created


def show(resource: Resource, obj: Object, *, dry_run: DryRun, output: str) -> None:
    """Prints an object that was created, or would be."""
    if output in ("json", "yaml"):
        emit([document(tidy(obj), output)])
    elif output == "name":
        emit([full_name(resource, obj)])
    else:
        suffix = {"": "", "client": " (dry run)", "server": " (server dry run)"}[dry_run]
        emit([f"{full_name(resource, obj)} created{suffix}"])
