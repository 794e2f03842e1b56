import pytest

from kubeferry.errors import InvalidInput
from kubeferry.transform.parameters.claim_conversions import (
    Conversion,
    check_claims,
    compile_conversions,
)

ONE = Conversion("shop", "data", "fast")


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        pytest.param([ONE, ONE], "shop/data is converted twice", id="twice"),
        pytest.param([Conversion("shop", "data")], "converts nothing", id="nothing"),
        pytest.param([Conversion("s", "d", "A b")], "'A b' cannot be", id="a bad class"),
        pytest.param([Conversion("s", "d", "", ("RWO",))], "'RWO' is no access mode", id="a mode"),
        pytest.param([Conversion("s", "d", "", (), "-1Gi")], "'-1Gi' is no capacity", id="a size"),
        pytest.param([Conversion("s", "d", "", (), "1G i")], "is no capacity", id="a blank"),
    ],
)
def test_refused(entries: list[Conversion], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        compile_conversions(entries)
    assert caught.value.place.startswith(f"spec.convertedarg[{len(entries) - 1}]")


def test_a_claim_must_be_among_those_restored() -> None:
    conversions = compile_conversions([ONE])
    check_claims(conversions, [("shop", "data")])
    with pytest.raises(InvalidInput, match="no claim shop/data is restored"):
        check_claims(conversions, [("other", "data")])
