from dataclasses import replace

from kubeferry.errors import ApiError, Forbidden
from kubeferry.kube.names import Identity
from kubeferry.restore.held import HELD_BYTES, Held
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.refusals import Backend

QUOTA = Forbidden("exceeded quota: all")
DOWN = ApiError('failed calling webhook "v": Post "https://hook.shop.svc:443/": refused')
ELSEWHERE = ApiError('failed calling webhook "v": Post "https://hook.other.svc:443/": refused')


def item(name: str, *, size: int = 1) -> PlanItem:
    identity = Identity("configmaps", "shop", name)
    return PlanItem(identity, identity, None, "create", {}, size=size)


def held() -> Held:
    return Held(lambda backend: backend == Backend("shop", "hook"))


def test_what_exceeds_a_quota_is_held_once() -> None:
    some = held()
    assert some.take(item("a"), QUOTA)
    assert not some.is_waiting
    assert some.over_quota() == [item("a")]
    some.is_quota_over = True
    assert not some.take(item("a"), QUOTA)


def test_what_a_webhook_of_the_restore_could_not_judge_is_held_until_all_is_over() -> None:
    some = held()
    assert some.take(item("a"), DOWN)
    assert not some.take(item("b"), ELSEWHERE)
    assert some.is_waiting
    assert some.unjudged() == [item("a")]
    assert some.take(item("a"), DOWN)
    some.is_over = True
    assert not some.take(item("c"), DOWN)


def test_nothing_else_is_held() -> None:
    assert not held().take(item("a"), Forbidden("no"))


def test_what_was_to_be_made_anew_is_never_held() -> None:
    anew = replace(item("a"), action="recreate")  # what it was to replace may be deleted by now
    some = held()
    assert not some.take(anew, QUOTA)
    assert not some.take(anew, DOWN)


def test_what_is_held_is_bounded_by_its_bytes() -> None:
    some = held()
    assert some.take(item("a", size=HELD_BYTES), QUOTA)
    assert not some.take(item("b"), DOWN)
    some.over_quota()
    assert some.take(item("b"), DOWN)
