"""One object of a plan, by its name and in depth."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubeferry.api.metadata import convert
from kubeferry.api.restore import RestoreSpec
from kubeferry.cli.plan_object import depth_lines, find_object
from kubeferry.cli.plan_summary import Tally
from kubeferry.cli.plan_view import Look
from kubeferry.errors import InvalidInput
from kubeferry.kube.names import Identity
from kubeferry.restore.definitions import defined_resources
from kubeferry.restore.plan import Planner
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.selecting import select
from kubeferry.restore.selection import compile_selection
from kubeferry.restore.spool import Spool
from kubeferry.restore.waves import STEPS
from kubeferry.transform.change import STRIPPED, Cause, Change, Note
from kubeferry.transform.facts import Facts
from kubeferry.transform.parameters.images import ImageMap
from kubeferry.transform.pipeline import Pipeline, Rules
from tests.builders import Built, config_map, namespace, obj
from tests.unit.restore.test_plan import DEFINITION, SERVED

LONG = "registry.example.com/team/" + "x" * 300
ARCHIVE: tuple[tuple[str, Built], ...] = (
    ("namespaces", namespace("shop")),
    ("namespaces", namespace("db")),
    ("configmaps", config_map("shop/web", image="a")),
    ("configmaps", config_map("db/web", image="a")),
    ("services", obj("v1/Service", "shop/web")),
    ("customresourcedefinitions.apiextensions.k8s.io", DEFINITION),
    ("things.x.io", obj("x.io/v1/Thing", "shop/gadget")),
)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(parent=tmp_path) as opened:
        for kind, one in ARCHIVE:
            meta = one["metadata"]
            opened.add(Identity(kind, meta.get("namespace", ""), meta["name"]), one.json)
        yield opened


async def found(
    spool: Spool, text: str, *namespaces: str, **fields: Any
) -> list[tuple[str, str, str]]:
    """Target, action and message of each object that is found."""
    selection = compile_selection(convert({"backupName": "b", **fields}, RestoreSpec, place="spec"))
    defined = defined_resources(spool)
    await select(spool, selection, discovery=SERVED, defined=defined.values())
    mapping = {"shop": "shop2"}
    rules = Rules(namespaces=mapping, images=ImageMap({}), labels={}, facts=Facts())
    planner = Planner(spool, Pipeline(rules), SERVED, mapping, defined)
    return [
        (str(item.target), item.action, item.why.message if item.why else "")
        for _, items in find_object(planner, text, namespaces=namespaces, selection=selection)
        for item in items
    ]


@pytest.mark.parametrize(
    ("text", "namespaces", "expected"),
    [
        pytest.param(
            "configmap/web", [], ["configmaps db/web", "configmaps shop2/web"], id="in all of them"
        ),
        pytest.param("configmaps/web", ["shop"], ["configmaps shop2/web"], id="by its source"),
        pytest.param("ConfigMap/web", ["shop2"], ["configmaps shop2/web"], id="by its target"),
        pytest.param("thing/gadget", [], ["things.x.io shop2/gadget"], id="of a definition's kind"),
        pytest.param("namespace/shop", [], ["namespaces shop2"], id="a namespace by its source"),
        pytest.param("namespace/shop2", [], ["namespaces shop2"], id="a namespace by its target"),
        pytest.param(
            "customresourcedefinitions/things.x.io",
            [],
            ["customresourcedefinitions.apiextensions.k8s.io things.x.io"],
            id="a definition",
        ),
    ],
)
async def test_an_object_is_known_by_its_kind_and_name(
    spool: Spool, text: str, namespaces: list[str], expected: list[str]
) -> None:
    assert [target for target, _, _ in await found(spool, text, *namespaces)] == expected


async def test_what_is_not_selected_says_why(spool: Spool) -> None:
    [one] = await found(spool, "configmap/web", "db", includedNamespaces=["shop"])
    reason = "it is not selected: includedNamespaces does not name db"
    assert one == ("configmaps db/web", "skip", reason)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("thing/gadgat", "did you mean gadget?", id="a name that is nearly right"),
        pytest.param("configmapz/web", "did you mean configmaps?", id="a kind, too"),
        pytest.param("configmap", "names no object", id="no name"),
        pytest.param("configmap/shop/web", "names no object", id="a namespace in it"),
    ],
)
async def test_what_names_nothing_is_refused(spool: Spool, text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await found(spool, text)
    assert said in str(caught.value)


WEB = Identity("secrets", "shop", "web")
PLANNED = PlanItem(
    WEB,
    WEB._replace(namespace="shop2"),
    SERVED.find("secrets"),
    "create",
    obj("v1/Secret", "shop2/web").with_(data={"pin": "bmV3"}, type=LONG),
    changes=(
        STRIPPED,
        Change("/data/pin", "b2xk", "bmV3", Cause("modifier", "rule 1")),
        Change("/type", "Opaque", LONG, Cause("parameter", "imageRegistryMapping reg/team")),
    ),
    warnings=(Note("Odd", "look at it"),),
    archived=obj("v1/Secret", "shop/web").with_(data={"pin": "b2xk"}, type="Opaque"),
)


def depth(item: PlanItem) -> list[str]:
    return list(depth_lines([(STEPS[8], [item])], Look(), Tally()))


def test_in_depth_all_of_it_is_told_but_a_secret() -> None:
    lines = depth(PLANNED)
    assert lines[:7] == [
        "Secret shop/web -> shop2/web",
        "",
        "Action:  create",
        "Wave:    4, accounts and configuration",
        "Source:  secrets shop/web, v1",
        "Target:  secrets shop2/web, v1",
        "",
    ]
    text = "\n".join(lines)
    assert "  - status and what else only the server writes" in text
    assert "parameter: imageRegistryMapping reg/team" in text
    assert "".join(text.split()).count("x" * 300) == 2
    assert "  ! Odd: look at it" in lines
    assert lines[lines.index("Manifest; values of a Secret are masked") + 1] == "apiVersion: v1"
    assert "  pin: (masked, changed)" in lines
    assert "bmV3" not in text
    assert "b2xk" not in text


def test_in_depth_what_is_not_written_has_a_reason_and_no_manifest() -> None:
    left_out = replace(PLANNED, action="skip", object=None, why=Note("Identical", "is there"))
    lines = depth(left_out)
    assert "! Identical: is there" in lines
    assert not [line for line in lines if line.startswith("Manifest")]
