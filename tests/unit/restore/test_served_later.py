"""Kinds that only workloads of the restore make served."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubeferry.kube.names import Identity
from kubeferry.restore.served_later import ServedLater, served_later
from kubeferry.restore.spool import Spool
from tests.builders import Built, obj

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
SERVICE = obj("v1/Service", "shop/hook")
GADGET = obj("x.example.com/v1/Gadget", "shop/one")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as made:
        yield made


def put(spool: Spool, *objects: tuple[str, Built]) -> ServedLater:
    for kind, one in objects:
        meta = one["metadata"]
        spool.add(Identity(kind, meta.get("namespace", ""), meta["name"]), one.json)
    return served_later(spool)


def api_service(**spec: Any) -> tuple[str, Built]:
    built = obj("apiregistration.k8s.io/v1/APIService", "v1.x.example.com")
    about = {"group": "x.example.com", "version": "v1"} | spec
    return "apiservices.apiregistration.k8s.io", built.with_(spec=about)


def definition(strategy: str, **client: Any) -> tuple[str, Built]:
    built = obj("apiextensions.k8s.io/v1/CustomResourceDefinition", "things.y.example.com")
    conversion = {"strategy": strategy, "webhook": {"clientConfig": client}}
    return DEFINITIONS, built.with_(spec={"conversion": conversion})


BEHIND = {"namespace": "shop", "name": "hook"}


def test_what_an_api_service_serves_whose_service_comes(spool: Spool) -> None:
    service = ("services", SERVICE)
    found = put(spool, service, api_service(service=BEHIND), ("gadgets.x.example.com", GADGET))
    assert found.kinds == {"gadgets.x.example.com"}
    resource = found.resources["x.example.com/v1", "Gadget"]
    assert (resource.plural, resource.namespaced) == ("gadgets", True)


@pytest.mark.parametrize(
    "spec",
    [{"service": BEHIND | {"name": "other"}}, {}, {"service": BEHIND, "version": "v2"}],
    ids=["its service does not come", "the server itself", "another version"],
)
def test_other_api_services_are_not_waited_for(spool: Spool, spec: dict[str, Any]) -> None:
    kinds = (("services", SERVICE), api_service(**spec), ("gadgets.x.example.com", GADGET))
    assert put(spool, *kinds) == ServedLater()


def test_what_a_webhook_converts_whose_service_comes(spool: Spool) -> None:
    found = put(spool, ("services", SERVICE), definition("Webhook", service=BEHIND))
    assert found.kinds == {"things.y.example.com"}
    assert found.resources == {}


@pytest.mark.parametrize(
    ("strategy", "client"),
    [("None", {"service": BEHIND}), ("Webhook", {"url": "https://elsewhere"})],
)
def test_other_definitions_are_not_waited_for(
    spool: Spool, strategy: str, client: dict[str, Any]
) -> None:
    assert put(spool, ("services", SERVICE), definition(strategy, **client)).kinds == frozenset()


def test_what_does_not_decode_hides_nothing(spool: Spool) -> None:
    broken = obj("apiregistration.k8s.io/v1/APIService", "v1.z.example.com").with_(spec=[1])
    found = put(
        spool,
        ("services", SERVICE),
        ("apiservices.apiregistration.k8s.io", broken),
        api_service(service=BEHIND),
        ("gadgets.x.example.com", GADGET),
    )
    assert found.kinds == {"gadgets.x.example.com"}


def test_of_the_kinds_that_a_retry_has_left(spool: Spool) -> None:
    gadgets = ("gadgets.x.example.com", GADGET)
    found = put(spool, ("services", SERVICE), api_service(service=BEHIND), gadgets)
    assert found.of(["gadgets.x.example.com", "pods"]) == found
    assert found.of(["pods"]).kinds == frozenset()
