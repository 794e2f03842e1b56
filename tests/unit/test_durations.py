import pytest

from kubeferry.durations import format_age, format_duration, parse_duration, read_duration
from kubeferry.errors import InvalidInput


def test_a_duration_may_have_a_least_value() -> None:
    assert read_duration("10s", place="spec.x", at_least=10.0) == 10.0
    assert read_duration("0s", place="spec.x", at_least=10.0, zero=True) == 0.0
    for text, zero in (("1ns", True), ("0s", False)):
        with pytest.raises(InvalidInput, match=r"spec\.x: .* is too short; 10s at least"):
            read_duration(text, place="spec.x", at_least=10.0, zero=zero)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("720h0m0s", 2_592_000, id="hours, minutes and seconds add up"),
        pytest.param("1h30m", 5_400, id="parts may be left out"),
        pytest.param("500ms", 0.5, id="milliseconds"),
        pytest.param("1.5h", 5_400, id="a part may have a fraction"),
        pytest.param(".5s", 0.5, id="a fraction needs no leading digit"),
        pytest.param("2us", 2e-6, id="microseconds"),
        pytest.param("2µs", 2e-6, id="microseconds with a micro sign"),
        pytest.param("0", 0, id="zero needs no unit"),
        pytest.param("0s", 0, id="zero may have a unit"),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("5", id="no unit"),
        pytest.param("-5s", id="negative"),
        pytest.param("5 s", id="a space"),
        pytest.param("1d", id="days are no unit of Go's"),
        pytest.param("1h30", id="a last part without unit"),
        pytest.param("s", id="a unit without number"),
        pytest.param("3000000h", id="longer than Go can hold"),
    ],
)
def test_what_is_no_duration_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(ValueError, match=repr(text)):
        parse_duration(text)
    with pytest.raises(InvalidInput) as error:
        read_duration(text, place="spec.ttl")
    assert error.value.place == "spec.ttl"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0, "0s", id="nothing"),
        pytest.param(59.9, "59s", id="whole seconds only"),
        pytest.param(60, "1m0s", id="a minute"),
        pytest.param(5_400, "1h30m0s", id="hours bring minutes and seconds along"),
        pytest.param(2_592_000, "720h0m0s", id="no unit above hours"),
    ],
)
def test_a_duration_is_written_as_go_writes_it(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert parse_duration(text) == int(seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(-3, "0s", id="a clock that is ahead"),
        pytest.param(119, "119s", id="seconds below two minutes"),
        pytest.param(120, "2m", id="minutes from then on"),
        pytest.param(198, "3m18s", id="with seconds below ten minutes"),
        pytest.param(600, "10m", id="without from ten minutes on"),
        pytest.param(10_799, "179m", id="minutes below three hours"),
        pytest.param(10_800, "3h", id="hours from then on"),
        pytest.param(18_060, "5h1m", id="with minutes below eight hours"),
        pytest.param(8 * 3600 + 60, "8h", id="without from eight hours on"),
        pytest.param(47 * 3600, "47h", id="hours below two days"),
        pytest.param(50 * 3600, "2d2h", id="days with hours below eight days"),
        pytest.param(12 * 86400 + 3600, "12d", id="days alone from then on"),
        pytest.param(800 * 86400, "2y", id="years from two years on"),
    ],
)
def test_an_age_is_shown_as_kubectl_shows_it(seconds: float, text: str) -> None:
    assert format_age(seconds) == text
