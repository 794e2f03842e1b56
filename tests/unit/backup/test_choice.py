"""What is chosen before anything is listed, and what is told of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from kubeferry.api.hooks import BackupHooks
from kubeferry.backup.choice import Choice, choose
from kubeferry.backup.filters import ResourceFilters
from kubeferry.backup.hooks import Command, compile_hooks
from kubeferry.backup.request import BackupRequest
from kubeferry.backup.selection import Selection
from kubeferry.codec import convert
from kubeferry.errors import InvalidInput
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.discovery import BrokenGroup, Discovery
from kubeferry.report import Findings
from kubeferry.sandbox import Sandbox
from tests.builders import namespace
from tests.unit.backup.test_run import NAMESPACES


class Broken(Client):
    """A client of a server with groups that do not answer."""

    async def discover(self) -> Discovery:
        found = await super().discover()
        parts = [("metrics.x.io", "v1"), ("metrics.x.io", "v2"), ("other.x.io", "v1")]
        broken = tuple(BrokenGroup(*part, "the service does not answer") for part in parts)
        return Discovery(found.all_versions, broken)


@pytest.fixture
async def client() -> AsyncIterator[Broken]:
    async with Sandbox() as sandbox, Broken(ClusterConfig(server=sandbox.server)) as made:
        for name in ("shop", "shop-2", "other"):
            await made.create(NAMESPACES, namespace(name))
        yield made


HOOKS = compile_hooks(
    convert(
        {"resources": [{"name": "all", "pre": [{"exec": {"command": ["sync"]}}]}]},
        BackupHooks,
        place="spec.hooks",
    )
)


async def chosen(
    client: Client, hooks: tuple[Command, ...] = (), **selection: Any
) -> tuple[Choice, list[str]]:
    findings = Findings()
    request = BackupRequest("b", "u", "vault", Selection(**selection), hooks=hooks)
    choice = await choose(request, client=client, reporter=findings)
    return choice, [f"{one.level} {one}" for one in findings.problems]


async def test_a_group_that_does_not_answer_is_one_error(client: Broken) -> None:
    _, told = await chosen(client)
    assert told == [
        "error metrics.x.io: GroupUnavailable: its objects in v1, v2 may be missing: the service "
        "does not answer; see 'kubectl get apiservice v1.metrics.x.io', or exclude "
        "'*.metrics.x.io'",
        "error other.x.io: GroupUnavailable: its objects in v1 may be missing: the service does "
        "not answer; see 'kubectl get apiservice v1.other.x.io', or exclude '*.other.x.io'",
    ]


@pytest.mark.parametrize(
    "selection",
    [
        pytest.param({"claims_only": True}, id="a backup of claims"),
        pytest.param({"filters": ResourceFilters(included=("configmaps",))}, id="other kinds"),
        pytest.param({"filters": ResourceFilters(excluded=("*.x.io",))}, id="it is left out"),
    ],
)
async def test_a_group_that_does_not_answer_and_nobody_selects_is_none(
    client: Broken, selection: dict[str, Any]
) -> None:
    assert (await chosen(client, **selection))[1] == []


async def test_namespaces_to_be_left_out_that_are_not_there_are_told(client: Broken) -> None:
    _, told = await chosen(client, excluded_namespaces=("shpo", "t-*", "other"))
    assert told[2:] == [
        "warning shpo: NothingSelected: is to be left out, and no namespace is called so",
        "warning t-*: NothingSelected: is to be left out, and no namespace is called so",
    ]


async def test_what_the_selection_says_of_itself_is_told(client: Broken) -> None:
    _, told = await chosen(client, notes=("spec.x: has no effect",))
    assert told[2:] == ["warning NothingSelected: spec.x: has no effect"]


async def test_namespaces_are_chosen_by_name_and_by_pattern(client: Broken) -> None:
    choice, told = await chosen(client, included_namespaces=("shop*", "nothing-*", "gone"))
    assert choice.scope.namespaces == ("shop", "shop-2")
    assert told[2:] == [
        "error gone: NamespaceMissing: was asked for and does not exist",
        "warning nothing-*: NothingSelected: selects no namespace",
    ]


@pytest.mark.parametrize(
    "selection",
    [
        pytest.param({"claims_only": True}, id="a backup of claims"),
        pytest.param({"filters": ResourceFilters(excluded=("pods",))}, id="pods left out"),
    ],
)
async def test_hooks_that_nothing_runs_are_told(client: Broken, selection: dict[str, Any]) -> None:
    _, told = await chosen(client, HOOKS, **selection)
    said = "warning spec.hooks: NothingSelected: no pods are backed up, so none is run"
    assert told[-1] == said
    _, told = await chosen(client, HOOKS)
    assert told[2:] == []


async def test_nothing_at_all_is_refused(client: Broken) -> None:
    with pytest.raises(InvalidInput, match="none of nothing-"):
        await chosen(client, included_namespaces=("nothing-*",))


async def test_the_other_versions_of_a_kind(client: Broken) -> None:
    choice, _ = await chosen(client)
    scaler = choice.discovery.find("horizontalpodautoscalers.autoscaling")
    maps = choice.discovery.find("configmaps")
    assert scaler is not None
    assert maps is not None
    assert (scaler.version, [one.version for one in choice.others(scaler)]) == ("v2", ["v1"])
    assert choice.others(maps) == ()
