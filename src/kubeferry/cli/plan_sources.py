"""What a plan is made from: a backup in a registered vault, in a vault by its URL, or an archive's
file; and for which target: this cluster, or an API that is known.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from kubeferry import codec
from kubeferry.api.metadata import Metadata
from kubeferry.cli.command import Flags, program
from kubeferry.cli.connection import Session, connect, settings_of, storage_keys
from kubeferry.cli.live import ViewReporter, view
from kubeferry.cli.output import emit, say
from kubeferry.cli.stores import vault_of_backup
from kubeferry.clock import utc_now
from kubeferry.errors import InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.objects import at
from kubeferry.kube.saved_api import SavedApi, load, newest_known, save
from kubeferry.restore.opening import open_plan
from kubeferry.restore.plan import Planner
from kubeferry.restore.request import RestoreRequest
from kubeferry.restore.target import KnownTarget, LiveTarget, Target
from kubeferry.settings import Settings
from kubeferry.vault.locations import Location, Network, Provider, open_directory, open_store
from kubeferry.vault.loose import loose_archive
from kubeferry.vault.store import Store

_SCHEMES: dict[str, Provider] = {"s3": "aws", "oss": "alibabacloud"}
_NETWORKS: dict[str, Network] = {
    "public": "public",
    "internal": "internal",
    "accelerate": "accelerate",
}
_PARAMETERS = {"region", "endpoint", "network"}


@dataclass(frozen=True, slots=True)
class Sources:
    """What the options say.

    ``offline`` is an archive's file; ``target_api`` a saved API's; ``vault`` the name of a
    registered vault, or a URL; ``modifiers`` a file with rules.
    """

    offline: Path | None = None
    target_api: Path | None = None
    vault: str | None = None
    modifiers: Path | None = None

    @property
    def needs_cluster(self) -> bool:
        """Whether a cluster is asked."""
        return self.offline is None and self.target_api is None

    @property
    def is_url(self) -> bool:
        """Whether the vault is none that is registered."""
        return self.vault is not None and ("://" in self.vault or "/" in self.vault)


HERE = Sources()
"""The cluster, and the vault that it knows the backup to be in."""


@dataclass(frozen=True, slots=True)
class Around:
    """The target, and the session with its cluster, None where none is asked."""

    target: Target
    title: str
    settings: Settings
    session: Session | None

    @property
    def client(self) -> Client | None:
        """The cluster's, None where none is asked."""
        return self.session.client if self.session is not None else None


@asynccontextmanager
async def surroundings_of(flags: Flags, sources: Sources) -> AsyncIterator[Around]:
    """The target. Raises ``InvalidInput`` for a file that holds no API, ``ConfigError``."""
    if sources.needs_cluster:
        async with connect(flags) as session:
            target = LiveTarget(session.client)
            yield Around(target, session.cluster_name, session.settings, session)
        return
    api = saved_api(sources.target_api)
    title = f"Kubernetes {api.version}" if api.version else "a cluster"
    whence = f"as {sources.target_api} has it" if sources.target_api else "the newest known"
    yield Around(KnownTarget(api), f"{title}, {whence}", settings_of(flags), None)


def saved_api(path: Path | None) -> SavedApi:
    """A file's, else the newest Kubernetes known. Raises ``InvalidInput``."""
    if path is None:
        return newest_known()
    return load(_read(path), place=str(path))


async def print_api(flags: Flags) -> None:
    """Prints what the cluster serves, for ``saved_api``; what cannot be read is told."""
    async with connect(flags) as session:
        version = await session.client.version()
        discovery = await session.client.discover()
    for broken in discovery.broken:
        say(f"warning: {broken}")
    emit([save(version.git_version, discovery).decode().rstrip("\n")])


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup to be planned: its vault's store, its name, and what people know it by."""

    store: Store
    backup: str
    title: str


@asynccontextmanager
async def archive_of(
    around: Around, sources: Sources, *, backup: str, task: Metadata
) -> AsyncIterator[Archive]:
    """Opens the vault. ``backup`` may be empty for an archive's file, which has a name.

    Raises ``InvalidInput``, ``BackupMissing``, ``VaultError``.
    """
    if sources.offline is not None:
        with loose_archive(sources.offline) as loose:
            try:
                yield Archive(loose.store, loose.name, f"archive {sources.offline}")
            finally:
                await loose.store.aclose()
    elif sources.vault is not None and sources.is_url:
        store = open_url(sources.vault, settings=around.settings)
        try:
            yield Archive(store, backup, f"backup {backup} of {sources.vault}")
        finally:
            await store.aclose()
    elif around.session is None:
        raise InvalidInput(
            "no cluster is asked, so a backup is not found by its name",
            place=f"backup {backup}",
            remedy="say where it is: --vault URL, or --offline ARCHIVE",
        )
    else:
        vault = sources.vault
        async with vault_of_backup(around.session, backup, vault=vault, task=task) as opened:
            yield Archive(opened.store, backup, f"backup {backup} of vault {opened.name}")


@asynccontextmanager
async def shown_plan(
    request: RestoreRequest, *, target: Target, store: Store, settings: Settings
) -> AsyncIterator[Planner]:
    """``open_plan``, whose phases and problems a person sees while it is opened."""
    async with AsyncExitStack() as stack:
        with view(f"plan of backup {request.backup}") as shown:
            planner = await stack.enter_async_context(
                open_plan(
                    request,
                    target=target,
                    store=store,
                    settings=settings,
                    reporter=ViewReporter(shown),
                    clock=utc_now,
                )
            )
        yield planner


def open_url(text: str, *, settings: Settings) -> Store:
    """The vault at ``s3://BUCKET/PREFIX?region=REGION&endpoint=URL``, ``oss://...`` or a directory.

    Keys are those of the environment. Raises ``InvalidInput``, ``VaultUnavailable``.
    """
    parts = urlsplit(text)
    if parts.scheme in ("", "file"):
        return open_directory(Path(unquote(parts.path) if parts.scheme else text))
    provider = _SCHEMES.get(parts.scheme)
    said = dict(parse_qsl(parts.query))
    if provider is None or not parts.netloc or not set(said) <= _PARAMETERS:
        raise InvalidInput(
            "is no vault's URL",
            place=f"--vault {text}",
            remedy="write s3://BUCKET/PREFIX?region=REGION, with &endpoint=URL where it is not "
            "Amazon's; oss://BUCKET/PREFIX?region=REGION&network=public; or a directory's path",
        )
    network = _NETWORKS.get(said.get("network", "public"))
    if network is None:
        raise InvalidInput(
            f"network {said['network']!r} is none",
            place=f"--vault {text}",
            remedy=f"write {' or '.join(_NETWORKS)}",
        )
    location = Location(
        name=text,
        provider=provider,
        bucket=parts.netloc,
        prefix=parts.path.strip("/"),
        region=said.get("region", ""),
        network=network,
        endpoint=said.get("endpoint", ""),
    )
    keys = storage_keys()
    if keys is None:
        raise InvalidInput(
            "there are no keys for it",
            place=f"--vault {text}",
            remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        )
    return open_store(location, credentials=keys, settings=settings)


def modifier_data(path: Path | None) -> dict[str, str] | None:
    """The data of a modifier's ConfigMap: of a manifest, or of a file that is the rules themselves.

    Raises ``InvalidInput`` for what cannot be read.
    """
    if path is None:
        return None
    data = _read(path)
    documents = list(codec.load_yaml_documents(data, place=str(path)))
    maps = [one for one in documents if isinstance(one, dict) and one.get("kind") == "ConfigMap"]
    if not maps:
        return {"modifier": data.decode(errors="replace")}
    found = at(maps[0], ("data",))
    if len(documents) > 1 or not isinstance(found, dict):
        raise InvalidInput(
            "holds more than one ConfigMap, or one without data",
            place=str(path),
            remedy="give it one ConfigMap, or the rules alone",
        )
    return {str(key): str(text) for key, text in found.items()}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"cannot be read: {error.strerror}",
            place=str(path),
            remedy=f"{program()} restore plan --help tells which files it takes",
        ) from error
