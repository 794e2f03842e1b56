from datetime import UTC, datetime, timedelta, timezone

import pytest

from kubeferry.clock import parse_timestamp, timestamp, utc_now

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_now_is_in_utc() -> None:
    assert utc_now().utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(MOMENT, id="UTC"),
        pytest.param(MOMENT.astimezone(timezone(timedelta(hours=8))), id="another zone"),
        pytest.param(MOMENT.replace(microsecond=999_999), id="fractions are cut"),
    ],
)
def test_a_moment_is_written_as_kubernetes_writes_it(moment: datetime) -> None:
    assert timestamp(moment) == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2026-01-02T03:04:05Z", id="UTC"),
        pytest.param("2026-01-02T11:04:05+08:00", id="an offset"),
    ],
)
def test_any_rfc_3339_time_is_read(text: str) -> None:
    assert parse_timestamp(text) == MOMENT
    assert parse_timestamp(text).utcoffset() == timedelta(0)


def test_nanoseconds_are_read() -> None:
    assert parse_timestamp("2026-01-02T03:04:05.123456789Z").replace(microsecond=0) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("yesterday", id="a word"),
        pytest.param("2026-13-01T00:00:00Z", id="a month too many"),
        pytest.param("0001-01-01T00:00:00+14:00", id="before the first year in UTC"),
        pytest.param("9999-12-31T23:59:59-14:00", id="after the last year in UTC"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_timestamp(text)
