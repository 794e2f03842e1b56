"""Every line that a plan prints as JSON is what the schema says."""

import msgspec
import pytest

from kubeferry.cli.plan_schema import Item, Line, Summary, schema
from kubeferry.cli.plan_summary import Tally, json_lines
from kubeferry.kube.names import Identity, Resource
from kubeferry.restore.existing import Verdict
from kubeferry.restore.heirs import Owner
from kubeferry.restore.hooks import ExecHook, InitWait
from kubeferry.restore.plan_item import PlanItem
from kubeferry.restore.waves import STEPS
from kubeferry.transform.change import Note
from kubeferry.transform.hook_annotations import ANNOTATION
from tests.unit.cli.test_plan_summary import BINDING, ROLLING, STEPS_OF_A_PLAN
from tests.unit.cli.test_plan_view import REPLICAS

POD = Identity("pods", "shop", "web-0")
SETS = Resource("apps", "v1", "statefulsets", "StatefulSet", True)
HOOKED = PlanItem(
    POD,
    POD,
    Resource("", "v1", "pods", "Pod", True),
    "create",
    {},
    hooks=(InitWait("g", ("a",), 60.0), ExecHook(ANNOTATION, "main", ("true",))),
    owner=Owner(SETS, "web"),
)
THERE = PlanItem(
    POD,
    POD,
    None,
    "skip",
    why=Note("Differs", "is there"),
    errors=(Note("A", "b"),),
    present=Verdict("skip", changes=(REPLICAS,)),
)
LINES = list(json_lines([*STEPS_OF_A_PLAN, (STEPS[9], [HOOKED, THERE, BINDING, ROLLING])], Tally()))


@pytest.mark.parametrize("line", LINES)
def test_each_line_is_one_of_the_schema(line: str) -> None:
    assert msgspec.json.decode(line, type=Line)


def test_these_lines_have_every_field_of_the_schema() -> None:
    lines = [msgspec.json.decode(line) for line in LINES]
    for kind, names in (("item", Item), ("summary", Summary)):
        known = {field.encode_name for field in msgspec.structs.fields(names)}
        assert {key for line in lines if line["type"] == kind for key in line} == known | {"type"}


def test_the_schema_forbids_no_field_that_comes_later() -> None:
    assert "additionalProperties" not in str(schema()["$defs"]["Item"])
    assert schema()["$defs"]["Summary"]["required"]
