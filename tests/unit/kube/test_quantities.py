from fractions import Fraction

import pytest

from kubeferry.kube.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("10", 10),
        ("1k", 1000),
        ("1Ki", 1024),
        ("1.5Gi", 1.5 * 1024**3),
        (".5", 0.5),
        ("5.", 5),
        ("500m", 0.5),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("1Ei", 1024**6),
        ("-2M", -2_000_000),
        ("+1T", 10**12),
        ("100n", Fraction(1, 10**7)),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_what_a_quantity_stands_for(text: str, value: float) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize("text", ["", "Gi", "1GiB", "1 Gi", "ten", "1gi", "0x10", "1,5", "1e"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        parse_quantity(text)
