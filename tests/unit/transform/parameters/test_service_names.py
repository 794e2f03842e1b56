import time

import pytest

from kubeferry.transform.parameters.service_names import PLACES, ServiceNames

NAMES = ServiceNames({"shop": "shop2", "shop-b": "b", "same": "same"}, {("shop", "db")})


@pytest.mark.parametrize(
    ("text", "result"),
    [
        pytest.param("db.shop", "db.shop2", id="short"),
        pytest.param("db.shop.", "db.shop2.", id="a dot at the end"),
        pytest.param("db.shop.svc", "db.shop2.svc", id="with svc"),
        pytest.param("db.shop.svc.cluster.local", "db.shop2.svc.cluster.local", id="whole"),
        pytest.param("web-0.db.shop", "web-0.db.shop2", id="a pod behind a headless Service"),
        pytest.param("_sip._tcp.x.shop.svc", "_sip._tcp.x.shop2.svc", id="a service record"),
        pytest.param("db.shop-b.svc", "db.b.svc", id="the longer of two names"),
        pytest.param("http://db.shop:80/db.shop", "http://db.shop2:80/db.shop2", id="in a URL"),
        pytest.param(
            "db.shop,other.shop.svc", "db.shop2,other.shop2.svc", id="several, with a comma"
        ),
        pytest.param("*.shop.svc", "*.shop2.svc", id="a wildcard of a certificate"),
        pytest.param(".shop.svc.cluster.local", ".shop2.svc.cluster.local", id="a suffix"),
    ],
)
def test_names_that_are_rewritten(text: str, result: str) -> None:
    assert NAMES.rewrite(text) == (result, "shop-b" if "shop-b" in text else "shop")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("app.shop", id="short, and no Service is called so"),
        pytest.param("db.shop.yaml", id="a file"),
        pytest.param("db.shop.example.com", id="another domain"),
        pytest.param("db.shop.svc.example.com", id="another domain after svc"),
        pytest.param("db.shopping", id="a longer namespace"),
        pytest.param("db.shop_x", id="an underscore after it"),
        pytest.param("db.shop-x.svc", id="a hyphen after it"),
        pytest.param("mydb.shop", id="a longer Service"),
        pytest.param("x_db.shop", id="an underscore before it"),
        pytest.param("db.same.svc", id="a namespace that keeps its name"),
        pytest.param("shop.svc", id="the namespace alone"),
        pytest.param("db shop svc", id="no dots"),
        pytest.param("", id="nothing"),
    ],
)
def test_texts_that_stay(text: str) -> None:
    assert NAMES.rewrite(text) == (text, "")


@pytest.mark.parametrize("text", ["a" * 10**6, "a-" * 10**6, "a." * 10**6, "db.shop." * 10**5])
def test_a_long_text_takes_no_long_time(text: str) -> None:
    started = time.perf_counter()
    NAMES.rewrite(text)
    assert time.perf_counter() - started < 2


def test_a_step_is_there_only_where_names_are_looked_for() -> None:
    assert NAMES.step("secrets") is None
    assert ServiceNames({"a": "a"}).step("configmaps") is None
    assert all(NAMES.step(kind) is not None for kind in PLACES)


def test_what_is_no_text_stays() -> None:
    step = NAMES.step("configmaps")
    assert step is not None
    assert step({"data": {"a": 1, "b": None, "c": ["db.shop"]}}) == []
    assert step({"data": ["db.shop", 2]})[0].pointer == "/data/0"
