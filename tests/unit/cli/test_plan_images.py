"""The images that are to be copied before a restore, by both names."""

import json

import pytest

from kubeferry.cli.plan_images import image_lines
from kubeferry.cli.plan_summary import Tally
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.waves import STEPS
from kubeferry.transform.change import Cause, Change
from tests.builders import pod

PODS = Resource("", "v1", "pods", "Pod", True)
MAPPING = Cause("parameter", "imageRegistryMapping a.example.com")
RULE = Cause("modifier", "rule 1 (pods): patch 1 replace")
AT = "/spec/containers/0/image"


def item(name: str, *changes: Change, images: tuple[str, ...]) -> PlanItem:
    identity = Identity("pods", "shop", name)
    return PlanItem(
        identity, identity, PODS, "create", pod(f"shop/{name}"), changes=changes, images=images
    )


def lines(*items: PlanItem, json: bool = False) -> list[str]:
    return list(image_lines([(STEPS[9], items)], Tally(), json=json))


WEB = item("web", Change(AT, "a.example.com/web:1", "b/web:1", MAPPING), images=("b/web:1",))
DB = item("db", Change(AT, "a.example.com/db:12", "b/db:12", MAPPING), images=("b/db:12",))


def test_each_image_is_told_once_by_both_names_without_a_heading() -> None:
    assert lines(WEB, WEB, DB) == [
        "a.example.com/db:12   b/db:12",
        "a.example.com/web:1   b/web:1",
    ]


def test_json_is_a_line_an_image() -> None:
    assert [json.loads(line) for line in lines(WEB, json=True)] == [
        {"source": "a.example.com/web:1", "target": "b/web:1"}
    ]


def test_two_images_that_get_one_name_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    other = item("web2", Change(AT, "c.example.com/web:1", "b/web:1", MAPPING), images=("b/web:1",))
    lines(WEB, other)
    assert capsys.readouterr().err == (
        "warning: a.example.com/web:1 and c.example.com/web:1 both become b/web:1\n"
    )


def test_an_image_that_a_rule_names_is_no_copy_of_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mapped = Change(AT, "a.example.com/web:1", "b/web:1", MAPPING)
    ruled = Change(AT, "b/web:1", "b/web:2", RULE)
    assert lines(item("web", mapped, ruled, images=("b/web:2",))) == []
    assert "b/web:2 must be there too" in capsys.readouterr().err
