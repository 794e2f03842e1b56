import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import msgspec
import pytest

from kubeferry.backup.lists import Listed, Source, head, pages
from kubeferry.errors import ApiUnreachable, Expired, Forbidden, Unauthorized
from kubeferry.kube.client import Client
from kubeferry.kube.config import ClusterConfig
from kubeferry.kube.limiter import MIB, Limits
from kubeferry.kube.names import Resource
from kubeferry.kube.pages import Page
from tests.builders import Built, config_map, obj, pod

MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)
PODS = Resource("", "v1", "pods", "Pod", True)
Answer = Sequence[Page] | Exception


class Lists(Client):
    """A client with the answers to its lists at hand."""

    def __init__(self, **answers: Answer) -> None:
        super().__init__(ClusterConfig(server="http://127.0.0.1:1"))
        self._answers = answers

    async def pages(  # type: ignore[override]
        self, resource: Resource, **where: object
    ) -> AsyncGenerator[Page, None]:
        answer = self._answers[resource.plural]
        if isinstance(answer, Exception):
            raise answer
        for page in answer:
            await asyncio.sleep(0)
            yield page


def page(*objects: Built, restarted: bool = False) -> Page:
    items = [msgspec.Raw(one.json) for one in objects]
    size = sum(len(one.json) for one in objects)
    return Page(items, "1", restarted=restarted, size=size)


async def collected(client: Client, *resources: Resource) -> list[Listed]:
    found = pages(client, [Source(resource) for resource in resources])
    async with asyncio.timeout(10), aclosing(found):
        return [listed async for listed in found]


def names(found: list[Listed]) -> list[str]:
    return [
        f"{one.metadata.namespace}/{one.metadata.name}"
        for listed in found
        for one, _ in listed.items
    ]


async def test_every_page_of_every_list_comes_as_the_server_sent_it() -> None:
    first, second = config_map("a/x", k="1"), config_map("a/y")
    client = Lists(configmaps=[page(first), page(), page(second)], pods=[page(pod("a/p"))])
    found = await collected(client, MAPS, PODS)
    assert sorted(names(found)) == ["a/p", "a/x", "a/y"]
    assert first.json in [bytes(raw) for listed in found for _, raw in listed.items]


async def test_a_list_that_begins_again_brings_nothing_twice() -> None:
    a, b, c, d = (config_map(f"ns-{name}/x") for name in "abcd")
    client = Lists(configmaps=[page(a), page(b), page(a, restarted=True), page(b, c), page(d)])
    assert names(await collected(client, MAPS)) == ["ns-a/x", "ns-b/x", "ns-c/x", "ns-d/x"]


async def test_a_list_without_an_order_that_begins_again_is_told_and_nothing_comes_twice() -> None:
    a, b = (config_map(f"ns-{name}/x") for name in "ab")
    client = Lists(configmaps=[page(b), page(a), page(b, restarted=True), page(a)])
    found = await collected(client, MAPS)
    assert names(found) == ["ns-b/x", "ns-a/x"]
    [failed] = [listed for listed in found if listed.error is not None]
    assert "keeps no order" in str(failed.error)


async def test_a_list_that_fails_is_told_and_the_others_go_on() -> None:
    client = Lists(configmaps=Forbidden("not allowed"), pods=[page(pod("a/p"))])
    found = await collected(client, MAPS, PODS)
    assert names(found) == ["a/p"]
    [failed] = [listed for listed in found if listed.error is not None]
    assert failed.source.resource == MAPS


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(Built({"kind": "ConfigMap"}), id="no metadata"),
        pytest.param(Built({"metadata": {"namespace": "a"}}), id="no name"),
        pytest.param(config_map("a/b").meta(labels=["x"]), id="labels that are none"),
    ],
)
async def test_an_answer_that_holds_no_objects_is_told_and_nobody_waits_for_it(odd: Built) -> None:
    client = Lists(configmaps=[page(odd)], pods=[page(pod("a/p"))])
    found = await collected(client, MAPS, PODS)
    assert names(found) == ["a/p"]
    assert "no object" in str(next(listed.error for listed in found if listed.error))


async def test_an_item_that_is_no_object_is_told_once_and_the_rest_of_its_list_goes_on() -> None:
    deep = msgspec.Raw(b'{"metadata":{"name":"x"},"spec":' + b"[" * 3000 + b"]" * 3000 + b"}")
    odd = Page([msgspec.Raw(b"1"), deep, msgspec.Raw(pod("a/p").json)], "1")
    found = await collected(Lists(pods=[odd, odd, page(pod("a/q"))]), PODS)
    assert names(found) == ["a/p", "a/p", "a/q"]
    assert len([listed for listed in found if listed.error]) == 1


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(ApiUnreachable("no answer"), id="an API server out of reach"),
        pytest.param(Unauthorized("Unauthorized"), id="a token that is worth nothing any more"),
        pytest.param(RuntimeError("broken"), id="a defect"),
    ],
)
async def test_what_ends_everything_is_raised_by_itself(error: Exception) -> None:
    many = [page(pod(f"a/p-{number}")) for number in range(50)]
    with pytest.raises(type(error)) as raised:
        await collected(Lists(configmaps=error, pods=many), PODS, MAPS)
    assert raised.value is error


async def test_who_stops_reading_leaves_nothing_running() -> None:
    before = asyncio.all_tasks()
    client = Lists(pods=[page(pod(f"a/p-{number}")) for number in range(50)])
    found = pages(client, [Source(PODS)])
    async with asyncio.timeout(10), aclosing(found):
        async for _ in found:
            break
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("kind", "secret_type"),
    [
        pytest.param("Opaque", "Opaque", id="a text"),
        pytest.param(None, "", id="none"),
        pytest.param({"a": 1}, "", id="another kind's field of that name"),
    ],
)
def test_the_head_knows_a_secret_s_type(kind: object, secret_type: str) -> None:
    made = obj("v1/Secret", "a/s")
    if kind is not None:
        made.with_(type=kind)
    assert head(made.json).secret_type == secret_type


async def test_pages_that_nobody_has_consumed_are_bounded_by_their_bytes() -> None:
    size = 10 * MIB
    read = 0

    class Big(Lists):
        async def pages(  # type: ignore[override]
            self, resource: Resource, **where: object
        ) -> AsyncGenerator[Page, None]:
            nonlocal read
            for number in range(20):
                await asyncio.sleep(0)
                raw = msgspec.Raw(pod(f"a/p-{number:02}").json)
                read += 1 if number % 4 else 0
                yield Page([raw] if number % 4 else [], "1", size=size)

    found = pages(Big(), [Source(PODS, namespaces=(name,)) for name in "abcdef"])
    consumed = 0
    async with asyncio.timeout(10), aclosing(found):
        async for listed in found:
            for _ in range(50):
                await asyncio.sleep(0)
            assert (read - consumed) * size <= Limits().bytes_held
            consumed += len(listed.items)
    assert (read, consumed) == (90, 90)


class Stop(Exception):
    """What ends a consumer."""


@pytest.mark.parametrize("error", [Stop, asyncio.CancelledError])
async def test_a_backup_that_stops_gives_its_room_back(error: type[BaseException]) -> None:
    many = [page(config_map(f"a/{number:03}", k="x" * 1_000)) for number in range(50)]
    client = Lists(configmaps=many, pods=many)

    async def stopped() -> None:
        async with aclosing(pages(client, [Source(MAPS), Source(PODS)])) as found:
            async for _ in found:
                await asyncio.sleep(0.01)  # the queue fills, and lists wait for it
                assert client.room.used
                raise error

    with pytest.raises(error):
        await stopped()
    assert client.room.used == 0


async def test_a_server_that_is_away_leaves_no_room_taken() -> None:
    many = [page(config_map(f"a/{number:03}", k="x" * 1_000)) for number in range(50)]
    client = Lists(configmaps=many, pods=ApiUnreachable("no answer"))
    with pytest.raises(ApiUnreachable):
        await collected(client, MAPS, PODS)
    assert client.room.used == 0


class Moments(Client):
    """A client whose every list is of a moment; ``forgets`` those of an earlier one."""

    def __init__(self, *moments: str, forgets: bool = False) -> None:
        super().__init__(ClusterConfig(server="http://127.0.0.1:1"))
        self._moments = iter(moments)
        self._forgets = forgets
        self.asked: list[tuple[str, str, str, str]] = []

    async def pages(  # type: ignore[override]
        self,
        resource: Resource,
        *,
        namespace: str,
        label_selector: str,
        resource_version: str,
        limit: int,
    ) -> AsyncGenerator[Page, None]:
        self.asked.append((resource.version, namespace, label_selector, resource_version))
        if resource_version and self._forgets:
            raise Expired("too old")
        moment = next(self._moments)
        yield replace(page(config_map(f"{namespace or 'a'}/x")), resource_version=moment)


V2 = replace(MAPS, version="v2")


async def test_all_lists_of_a_kind_are_of_the_moment_of_the_first() -> None:
    client = Moments(*["7"] * 8)
    source = Source(MAPS, (V2,), namespaces=("a", "b"), queries=("x", "y"))
    async with aclosing(pages(client, [source])) as found:
        listed = [one async for one in found]
    assert client.asked == [
        (version, where, query, "" if number == 0 else "7")
        for number, (version, where, query) in enumerate(
            (version, where, query) for version in ("v1", "v2") for where in "ab" for query in "xy"
        )
    ]
    assert [(one.resource.version, one.query) for one in listed] == [
        (version, query) for version in ("v1", "v2") for _ in "ab" for query in (0, 1)
    ]
    assert all(one.same and not one.mixed for one in listed)


async def test_a_server_that_has_forgotten_the_moment_answers_with_a_newer_one() -> None:
    client = Moments("7", "8", "9", "10", forgets=True)
    source = Source(MAPS, (V2,), namespaces=("a", "b"))
    async with aclosing(pages(client, [source])) as found:
        listed = [one async for one in found]
    assert [one[3] for one in client.asked] == ["", "7", "", "8", "", "9", ""]
    assert [(one.resource.version, one.same, one.mixed) for one in listed] == [
        ("v1", True, False),
        ("v1", False, False),
        ("v1", True, True),
        ("v2", False, False),
        ("v2", False, False),
    ]


async def test_a_server_that_does_not_know_moments_is_never_the_same_and_nobody_is_told() -> None:
    client = Moments("", "", "")
    source = Source(MAPS, (V2,))
    async with aclosing(pages(client, [source])) as found:
        listed = [one async for one in found]
    assert [one[3] for one in client.asked] == ["", ""]
    assert [(one.same, one.mixed) for one in listed] == [(False, False), (False, False)]


async def test_what_fails_in_some_namespaces_is_told_with_them_and_the_others_go_on() -> None:
    class Partly(Moments):
        async def pages(  # type: ignore[override]
            self, resource: Resource, *, namespace: str, **where: str
        ) -> AsyncGenerator[Page, None]:
            if namespace in ("a", "c"):
                raise Forbidden("no")
            async for one in super().pages(resource, namespace=namespace, **where):  # type: ignore[arg-type]
                yield one

    source = Source(MAPS, (V2,), namespaces=("a", "b", "c"))
    async with aclosing(pages(Partly("7", "7"), [source])) as found:
        listed = [one async for one in found]
    assert [(one.resource.version, one.where, one.same) for one in listed] == [
        ("v1", (), True),
        ("v1", ("a", "c"), True),
        ("v2", (), False),
        ("v2", ("a", "c"), True),
    ]
