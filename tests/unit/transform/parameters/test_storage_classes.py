import pytest

from kubeferry.errors import InvalidInput
from kubeferry.transform.parameters.storage_classes import check_classes, class_changes

CLAIMS = "persistentvolumeclaims"


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        pytest.param({"": "fast"}, "the source '' cannot", id="no source"),
        pytest.param({"slow": ""}, "the target '' cannot", id="no target"),
        pytest.param({"slow": "Fast"}, "the target 'Fast' cannot", id="an upper-case letter"),
    ],
)
def test_refused(mapping: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        check_classes(mapping)
    assert caught.value.place == f"spec.storageClassMapping.{next(iter(mapping))}"


def test_good_mappings() -> None:
    check_classes({"slow": "fast", "a.b-c": "fast"})


def test_no_step_without_a_class_or_a_change() -> None:
    assert class_changes("configmaps", {"slow": "fast"}) is None
    assert class_changes(CLAIMS, {}) is None
    assert class_changes(CLAIMS, {"slow": "slow"}) is None


@pytest.mark.parametrize("name", [None, "", "slower", 5])
def test_what_is_not_named_exactly_stays(name: object) -> None:
    step = class_changes(CLAIMS, {"slow": "fast"})
    assert step is not None
    assert step({"metadata": {}, "spec": {"storageClassName": name}}) == []
