from typing import get_args

import pytest

from kubeferry import codec
from kubeferry.api.restore import Provider
from kubeferry.errors import InvalidInput
from kubeferry.transform.automatic.clouds.table import NAMES, Cloud, Matcher, clouds


def test_every_table_can_be_read_and_is_a_provider_of_the_api() -> None:
    assert set(clouds()) == set(NAMES) == set(get_args(Provider))


def test_a_driver_or_a_node_label_tells_one_provider() -> None:
    for part in (lambda one: one.evidence.drivers, lambda one: one.node_labels):
        told = [name for cloud in clouds().values() for name in part(cloud)]
        assert len(told) == len(set(told))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param({"surprise": 1}, "surprise", id="an unknown field"),
        pytest.param({"annotations": [{"kinds": ["x"], "names": ["y"]}]}, "why", id="no reason"),
        pytest.param({"layer": "sea"}, "layer", id="no layer"),
    ],
)
def test_what_is_no_table_is_refused(change: dict[str, object], problem: str) -> None:
    given = {"name": "a", "title": "A", "layer": "cloud", "evidence": {}, "nodeLabels": []}
    assert codec.convert(given, Cloud, place="a.yaml").name == "a"
    with pytest.raises(InvalidInput) as caught:
        codec.convert(given | change, Cloud, place="a.yaml")
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("patterns", "text", "is_one"),
    [
        (["a/*", "b"], "a/x", True),
        (["a/*", "b"], "b", True),
        (["a/*", "b"], "bc", False),
        ([], "", False),
        ([""], "", True),
        (["*"], None, False),
        (["??-*.i-*"], "cn-hangzhou.i-bp1", True),
        (["aws://*"], "AWS://x", False),
    ],
)
def test_names_and_patterns(patterns: list[str], text: str | None, is_one: bool) -> None:
    assert Matcher(patterns)(text) is is_one
