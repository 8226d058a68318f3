"""What a forecast is made from: its weeks, its identity, and sums that must agree before anything is trained."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import forecast_features
from tasks.errors import BusinessError, TransientError
from tasks.forecast_features import Features, Inputs, check, first_week, weeks
from tasks.warehouse import LoadedSnapshot

AS_OF = date(2026, 11, 21)
INPUTS = Inputs(AS_OF, 13, {"sales": 7, "inventory": None}, 1000)
SOUND: dict[str, Any] = {
    "series": 10,
    "rows_future": 130,
    "rows_history": 900,
    "units_total": 950,
    "units_open_week": 50,
    "units_read": 1000,
    "fallback_series": 0,
    "zero_series": 0,
    "contradicting_flags": 0,
}


@given(st.dates(date(2015, 1, 1), date(2035, 1, 1)))
def test_the_first_week_is_the_monday_on_or_after(day: date) -> None:
    first = first_week(day)
    assert first.weekday() == 0
    assert timedelta(0) <= first - day < timedelta(days=7)


@pytest.mark.parametrize(("days", "expected"), [(7, 1), (8, 2), (90, 13), (91, 13), (92, 14)])
def test_weeks_are_forecast_whole(days: int, expected: int) -> None:
    assert weeks(days) == expected


def test_the_same_inputs_are_the_same_forecast() -> None:
    assert INPUTS.key == Inputs(AS_OF, 13, {"sales": 7, "inventory": None}, 1000).key
    others = [
        Inputs(AS_OF + timedelta(days=1), 13, INPUTS.snapshots, 1000),
        Inputs(AS_OF, 12, INPUTS.snapshots, 1000),
        Inputs(AS_OF, 13, {"sales": 8, "inventory": None}, 1000),
        Inputs(AS_OF, 13, INPUTS.snapshots, 1001),
    ]
    assert len({INPUTS.key, *(other.key for other in others)}) == 5


def checked(monkeypatch: pytest.MonkeyPatch, loaded: int = 7, **figures: Any) -> None:
    monkeypatch.setattr(forecast_features.warehouse, "last_loaded", lambda *_: LoadedSnapshot(loaded, 1))
    check(None, Features(INPUTS, "s3://lake/f", {**SOUND, **figures}, "jr"))  # type: ignore[arg-type]


def test_sums_that_agree_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    checked(monkeypatch)


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"rows_future": 129}, "129 future rows, but 10 series x 13 weeks are 130"),
        ({"units_total": 949}, "hold 999 units, the job read 1000, the warehouse has 1000"),
        (
            {"units_read": 999, "units_open_week": 49},
            "hold 999 units, the job read 999, the warehouse has 1000",
        ),
    ],
)
def test_a_lost_unit_or_row_stops_the_forecast(
    monkeypatch: pytest.MonkeyPatch, figures: dict[str, Any], told: str
) -> None:
    with pytest.raises(BusinessError, match=told):
        checked(monkeypatch, **figures)


def test_a_load_that_came_between_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TransientError, match="run the forecast again"):
        checked(monkeypatch, loaded=8, units_total=949)
