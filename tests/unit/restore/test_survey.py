"""What is asked of the target, on a cluster in memory."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kubeferry.errors import ApiUnreachable, FerryError, Forbidden
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.names import Identity, Resource
from kubeferry.kube.pages import Page
from kubeferry.restore import survey as surveying
from kubeferry.restore.existing import Policy
from kubeferry.restore.plan import Planner
from kubeferry.restore.spool import Spool
from kubeferry.restore.survey import survey
from kubeferry.sandbox import Sandbox
from kubeferry.transform.pipeline import Pipeline, Rules
from tests.builders import Built, config_map, namespace, obj

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False)
MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
SECRETS = Resource("", "v1", "secrets", "Secret", True)
ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False)
GRANTS = Resource(
    "rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False
)
KINDS = {
    "ConfigMap": MAPS,
    "Secret": SECRETS,
    "ClusterRole": ROLES,
    "ClusterRoleBinding": GRANTS,
    "Namespace": NAMESPACES,
}


class Listing(Client):
    """A client that notes what is listed, and fails for some of it."""

    def __init__(self, config: ClusterConfig) -> None:
        super().__init__(config)
        self.listed: list[tuple[str, ...]] = []
        self.errors: dict[str, FerryError] = {}

    def pages(
        self,
        resource: Resource,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        limit: int = 500,
    ) -> AsyncGenerator[Page, None]:
        self.listed.append((resource.plural, field_selector or namespace))
        pages = super().pages(resource, namespace=namespace, field_selector=field_selector)
        return self._guarded(resource, pages)

    async def _guarded(
        self, resource: Resource, pages: AsyncGenerator[Page, None]
    ) -> AsyncGenerator[Page, None]:
        if resource.plural in self.errors:
            raise self.errors[resource.plural]
        async for page in pages:
            yield page

    async def make(self, *objects: Built) -> None:
        for one in objects:
            await self.create(
                KINDS[one["kind"]], one, namespace=one["metadata"].get("namespace", "")
            )


@pytest.fixture
async def client() -> AsyncIterator[Listing]:
    async with Sandbox() as sandbox, Listing(ClusterConfig(server=sandbox.server)) as opened:
        yield opened


@contextmanager
def spooled(folder: Path, *objects: Built) -> Iterator[Spool]:
    with Spool(parent=folder) as spool:
        for one in objects:
            about = one["metadata"]
            kind = KINDS[one["kind"]].group_resource
            spool.add(Identity(kind, about.get("namespace", ""), about["name"]), one.json)
        yield spool


async def planner(
    client: Client, spool: Spool, mapping: dict[str, str], policy: Policy = "none"
) -> Planner:
    rules = Rules(namespaces=mapping)
    return Planner(spool, Pipeline(rules), await client.discover(), mapping, {}, policy=policy)


def role(name: str) -> Built:
    return obj("rbac.authorization.k8s.io/v1/ClusterRole", name).with_(rules=[])


def asked(plural: str, *names: str) -> list[tuple[str, ...]]:
    """The lists of one name each."""
    return [(plural, f"metadata.name={name}") for name in sorted(names)]


def found(spool: Spool, kind: str, namespace: str, name: str) -> bool:
    return spool.live(Identity(kind, namespace, name)) is not None


async def test_each_kind_is_listed_once_in_each_target_namespace_that_is_there(
    client: Listing, tmp_path: Path
) -> None:
    await client.make(namespace("b"), config_map("b/one"), config_map("b/other"))
    objects = (namespace("a"), config_map("a/one"), config_map("a/two"), config_map("new/one"))
    with spooled(tmp_path, *objects) as spool:
        assert await survey(await planner(client, spool, {"a": "b"}), client=client) == ()
        assert client.listed == [*asked("namespaces", "b", "new"), ("configmaps", "b")]
        assert found(spool, "configmaps", "b", "one")
        assert found(spool, "namespaces", "", "b")
        assert not found(spool, "configmaps", "b", "two")  # it is not there
        assert not found(spool, "configmaps", "b", "other")  # nobody asks for it


@pytest.mark.parametrize("names", [["mine"], ["mine", "system:a.b", "it's"]])
async def test_few_names_in_no_namespace_are_asked_for_one_by_one(
    client: Listing, tmp_path: Path, names: list[str]
) -> None:
    await client.make(*map(role, names), role("another"))
    with spooled(tmp_path, *map(role, [*names, "missing"])) as spool:
        await survey(await planner(client, spool, {}), client=client)
        assert client.listed == asked("clusterroles", *names, "missing")
        assert all(found(spool, ROLES.group_resource, "", name) for name in names)
        assert not found(spool, ROLES.group_resource, "", "missing")
        assert not found(spool, ROLES.group_resource, "", "another")


@pytest.mark.parametrize(
    "names",
    [
        pytest.param([f"r-{number}" for number in range(surveying.FEW + 1)], id="many"),
        pytest.param(["a,metadata.name=b"], id="a name that a selector cannot say"),
    ],
)
async def test_other_names_in_no_namespace_are_listed_once(
    client: Listing, tmp_path: Path, names: list[str]
) -> None:
    await client.make(*map(role, names))
    with spooled(tmp_path, *map(role, names)) as spool:
        await survey(await planner(client, spool, {}), client=client)
        assert client.listed == [("clusterroles", "")]
        assert all(found(spool, ROLES.group_resource, "", name) for name in names)


def grant(name: str, role: str, *, account: str) -> Built:
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "csdr"}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    made = obj("rbac.authorization.k8s.io/v1/ClusterRoleBinding", name)
    return made.with_(subjects=[subject], roleRef=ref)


async def test_before_roles_are_changed_it_is_asked_which_are_the_controllers(
    client: Listing, tmp_path: Path
) -> None:
    await client.make(
        role("mine"),
        role("other"),
        grant("a", "mine", account="kubeferry-controller"),
        grant("b", "other", account="web"),
    )
    with spooled(tmp_path, role("mine"), role("other")) as spool:
        plan = await planner(client, spool, {}, "update")
        assert await survey(plan, client=client) == ()
        given = Identity(ROLES.group_resource, "", "mine")
        assert plan.homes.roles == {given}


@pytest.mark.parametrize("policy", ["none", "update"])
async def test_bindings_are_read_only_if_roles_may_be_changed(
    client: Listing, tmp_path: Path, policy: Policy
) -> None:
    await client.make(namespace("a"))
    some = role("mine") if policy == "none" else config_map("a/one")
    with spooled(tmp_path, some) as spool:
        await survey(await planner(client, spool, {}, policy), client=client)
        assert "clusterrolebindings" not in {plural for plural, _ in client.listed}


async def test_whoever_may_not_read_bindings_is_told(client: Listing, tmp_path: Path) -> None:
    client.errors = {"rolebindings": Forbidden("no")}
    with spooled(tmp_path, role("mine")) as spool:
        [told] = await survey(await planner(client, spool, {}, "update"), client=client)
    assert "rolebindings.rbac.authorization.k8s.io (Forbidden)" in told.message


async def test_many_namespaces_are_listed_at_once(client: Listing, tmp_path: Path) -> None:
    names = [f"n-{number}" for number in range(surveying.MANY + 1)]
    await client.make(*map(namespace, names), config_map("n-7/a"), config_map("default/a"))
    with spooled(tmp_path, *(config_map(f"{name}/a") for name in names)) as spool:
        await survey(await planner(client, spool, {}), client=client)
        assert client.listed == [("namespaces", ""), ("configmaps", "")]
        assert found(spool, "configmaps", "n-7", "a")
        assert not found(spool, "configmaps", "default", "a")


async def test_a_namespace_that_is_going_is_as_good_as_gone(
    client: Listing, tmp_path: Path
) -> None:
    await client.make(namespace("a"), config_map("a/held").meta(finalizers=["x.io/hold"]))
    await client.delete(NAMESPACES, "a")
    with spooled(tmp_path, config_map("a/held")) as spool:
        await survey(await planner(client, spool, {}), client=client)
        assert client.listed == asked("namespaces", "a")


async def test_what_may_not_be_listed_is_told_and_planned_as_if_it_were_not_there(
    client: Listing, tmp_path: Path
) -> None:
    await client.make(namespace("a"), config_map("a/one"))
    client.errors = {"secrets": Forbidden("no"), "namespaces": Forbidden("no")}
    objects = (config_map("a/one"), obj("v1/Secret", "a/key"))
    with spooled(tmp_path, *objects) as spool:
        [told] = await survey(await planner(client, spool, {}), client=client)
        assert told.reason == "TargetUnread"
        assert "namespaces (Forbidden), secrets (Forbidden)" in told.message
        assert found(spool, "configmaps", "a", "one")


async def test_a_server_that_is_away_ends_it(client: Listing, tmp_path: Path) -> None:
    await client.make(namespace("a"))
    error = ApiUnreachable("no answer")
    client.errors = {"configmaps": error}
    with (
        spooled(tmp_path, config_map("a/one")) as spool,
        pytest.raises(ApiUnreachable) as caught,
    ):
        await survey(await planner(client, spool, {}), client=client)
    assert caught.value is error
