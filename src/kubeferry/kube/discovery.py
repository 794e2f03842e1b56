"""What an API server serves: its groups, versions and resources.

Asked for in aggregated form (two requests: v2, then v2beta1), else group version by group version
as servers before 1.26 know it. A group that cannot be read (the service behind an APIService is
down) does not fail the rest: it is kept in ``broken``, for a backup must say what it did not see.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kubeferry import codec
from kubeferry.errors import ApiError
from kubeferry.kube.names import Resource, split_api_version

Fetch = Callable[[str, str], Awaitable[tuple[bytes, str]]]
"""GET of a path with an Accept header: the body and its content type."""

_AGGREGATED = ("v2", "v2beta1")
ACCEPT = ",".join(
    [
        f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
        for version in _AGGREGATED
    ]
    + ["application/json"]
)
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class ServerVersion:
    """A Kubernetes version; ``git_version`` as the server writes it (``v1.31.2+vendor``)."""

    major: int
    minor: int
    git_version: str


@dataclass(frozen=True, slots=True)
class BrokenGroup:
    """A group version that could not be read: its resources are unknown, or out of date."""

    group: str
    version: str
    message: str


@dataclass(frozen=True)
class Discovery:
    """What is served.

    Attributes:
        resources: every resource in the version its group prefers of those that serve it; the core
            group first, then groups in the server's order.
        all_versions: every resource in every version, in the same order.
        broken: what could not be read.
    """

    all_versions: tuple[Resource, ...]
    broken: tuple[BrokenGroup, ...] = ()
    resources: tuple[Resource, ...] = field(init=False)

    def __post_init__(self) -> None:
        preferred: dict[str, Resource] = {}
        kinds: dict[tuple[str, str], Resource] = {}
        words: dict[str, Resource] = {}
        for resource in self.all_versions:
            preferred.setdefault(resource.group_resource, resource)
            kinds.setdefault((resource.api_version, resource.kind), resource)
        for names in (_full_names, _short_names):
            for resource in self.all_versions:
                for word in names(resource):
                    words.setdefault(word, resource)
        object.__setattr__(self, "resources", tuple(preferred.values()))
        object.__setattr__(self, "_preferred", preferred)
        object.__setattr__(self, "_kinds", kinds)
        object.__setattr__(self, "_words", words)

    _preferred: dict[str, Resource] = field(init=False, repr=False, compare=False)
    _kinds: dict[tuple[str, str], Resource] = field(init=False, repr=False, compare=False)
    _words: dict[str, Resource] = field(init=False, repr=False, compare=False)

    def find(self, group_resource: str) -> Resource | None:
        """The resource of ``statefulsets.apps`` in its preferred version."""
        return self._preferred.get(group_resource)

    def for_kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource of ``apps/v1``, ``StatefulSet``, if just that version is served."""
        return self._kinds.get((api_version, kind))

    def resolve(self, word: str) -> Resource | None:
        """What a person means by ``sts``, ``pod``, ``Deployment.apps``, ``cronjobs.v1.batch``.

        As kubectl has it: case does not count; a name goes before a short name, the core group
        before others.
        """
        return self._words.get(word.lower())

    def serves(self, group: str, version: str) -> bool:
        """Whether any resource of this group version is served."""
        return any(one.group == group and one.version == version for one in self.all_versions)


def _full_names(resource: Resource) -> Iterable[str]:
    for name in (resource.plural, resource.singular, resource.kind.lower()):
        if name:
            yield name
            if resource.group:
                yield f"{name}.{resource.group}"
                yield f"{name}.{resource.version}.{resource.group}"


def _short_names(resource: Resource) -> Iterable[str]:
    for name in resource.short_names:
        yield name
        if resource.group:
            yield f"{name}.{resource.group}"


def parse_version(body: bytes) -> ServerVersion:
    """The answer of ``/version``; providers write ``27+`` for a minor version."""
    value = _document(body, "/version")
    return ServerVersion(
        major=_leading_number(value.get("major")),
        minor=_leading_number(value.get("minor")),
        git_version=str(value.get("gitVersion", "")),
    )


def _document(body: bytes, path: str) -> dict[str, Any]:
    """A JSON object; what answers something else is no Kubernetes API server."""
    try:
        value = codec.decode(body)
    except msgspec.DecodeError:
        value = None
    if not isinstance(value, dict):
        raise ApiError(
            "the answer is no JSON object: this is no Kubernetes API server",
            place=f"GET {path}",
            remedy="check the server's address in the kubeconfig",
        )
    return value


def _leading_number(text: object) -> int:
    match = re.match(r"[0-9]+", str(text))
    return int(match[0]) if match else 0


async def discover(fetch: Fetch) -> Discovery:
    """Asks a server. Raises ``ApiError`` when not even its list of groups can be read."""
    resources: list[Resource] = []
    broken: list[BrokenGroup] = []
    gate = asyncio.Semaphore(_AT_ONCE)
    for path in ("/api", "/apis"):
        body, content_type = await fetch(path, ACCEPT)
        value = _document(body, path)
        if "APIGroupDiscoveryList" in content_type:
            served, lost = parse_aggregated(value)
        else:
            served, lost = await _one_by_one(fetch, value, gate)
        resources.extend(served)
        broken.extend(lost)
    return Discovery(all_versions=tuple(resources), broken=tuple(broken))


def parse_aggregated(value: dict[str, Any]) -> tuple[list[Resource], list[BrokenGroup]]:
    """The resources of an APIGroupDiscoveryList, and what in it is marked as stale."""
    resources: list[Resource] = []
    broken: list[BrokenGroup] = []
    for item in value.get("items") or ():
        group = (item.get("metadata") or {}).get("name", "")
        for version in item.get("versions") or ():
            name = version.get("version", "")
            if version.get("freshness") == "Stale":
                broken.append(BrokenGroup(group, name, "the service behind it does not answer"))
            for entry in version.get("resources") or ():
                resource = _aggregated_resource(group, name, entry)
                if resource is not None:
                    resources.append(resource)
    return resources, broken


def _aggregated_resource(group: str, version: str, entry: dict[str, Any]) -> Resource | None:
    kind = (entry.get("responseKind") or {}).get("kind", "")
    verbs = entry.get("verbs") or ()
    if not kind or not verbs:  # only its subresources are served
        return None
    return Resource(
        group=group,
        version=version,
        plural=entry["resource"],
        kind=kind,
        namespaced=entry.get("scope") == "Namespaced",
        verbs=frozenset(verbs),
        singular=entry.get("singularResource", ""),
        short_names=tuple(entry.get("shortNames") or ()),
        categories=tuple(entry.get("categories") or ()),
        subresources=frozenset(sub["subresource"] for sub in entry.get("subresources") or ()),
    )


async def _one_by_one(
    fetch: Fetch, value: dict[str, Any], gate: asyncio.Semaphore
) -> tuple[list[Resource], list[BrokenGroup]]:
    """The old form: one request for each group version, in the server's order of preference."""
    wanted: list[tuple[str, str]] = [("", version) for version in value.get("versions") or ()]
    for group in value.get("groups") or ():
        wanted.extend((group["name"], version) for version in _versions_by_preference(group))

    async def read(group: str, version: str) -> list[Resource] | BrokenGroup:
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        async with gate:
            try:
                body, _ = await fetch(path, "application/json")
                return parse_resource_list(_document(body, path))
            except ApiError as error:
                return BrokenGroup(group, version, error.problem)

    try:
        async with asyncio.TaskGroup() as tasks:
            reads = [tasks.create_task(read(group, version)) for group, version in wanted]
    except ExceptionGroup as several:  # one reason is enough, and callers know its type
        raise several.exceptions[0] from several
    resources: list[Resource] = []
    broken: list[BrokenGroup] = []
    for one in reads:
        result = one.result()
        if isinstance(result, BrokenGroup):
            broken.append(result)
        else:
            resources.extend(result)
    return resources, broken


def _versions_by_preference(group: dict[str, Any]) -> list[str]:
    preferred = (group.get("preferredVersion") or {}).get("version", "")
    versions = [one["version"] for one in group.get("versions") or ()]
    return sorted(versions, key=lambda version: version != preferred)


def parse_resource_list(value: dict[str, Any]) -> list[Resource]:
    """The resources of an APIResourceList; ``pods/log`` becomes a subresource of ``pods``."""
    group, version = split_api_version(value.get("groupVersion", ""))
    entries = value.get("resources") or ()
    subresources: dict[str, set[str]] = {}
    for entry in entries:
        plural, slash, subresource = entry["name"].partition("/")
        if slash:
            subresources.setdefault(plural, set()).add(subresource)
    return [
        Resource(
            group=group,
            version=version,
            plural=entry["name"],
            kind=entry["kind"],
            namespaced=bool(entry.get("namespaced")),
            verbs=frozenset(entry.get("verbs") or ()),
            singular=entry.get("singularName") or "",
            short_names=tuple(entry.get("shortNames") or ()),
            categories=tuple(entry.get("categories") or ()),
            subresources=frozenset(subresources.get(entry["name"], ())),
        )
        for entry in entries
        if "/" not in entry["name"]
    ]
