"""What a forecast is made from: its weeks, its identity, and sums that must agree before anything is trained."""

from __future__ import annotations

import json
import logging
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.exceptions import ParameterTypeError

from flows.demand_forecast import demand_forecast
from jobs.glue.demand import demand_manifest
from jobs.sagemaker.backtest import origins
from jobs.sagemaker.panel import FeaturesError
from tasks.errors import BusinessError, TransientError
from tasks.forecast import forecast_features
from tasks.forecast.forecast_features import Features, Inputs, build, check, first_week, weeks
from tasks.warehouse.warehouse_load import LoadedSnapshot

AS_OF = date(2026, 11, 21)
INPUTS = Inputs(AS_OF, 13, {"sales": 7, "inventory": None}, 1000)
SOUND: dict[str, Any] = {
    "series": 10,
    "rows_future": 130,
    "rows_history": 900,
    "units_total": 950,
    "units_open_week": 50,
    "units_read": 1000,
    "units_too_old": 0,
    "units_delivered_later": 0,
    "off_sale_but_selling": 0,
    "fallback_series": 0,
    "zero_series": 0,
    "articles_without_series": 3,
    "contradicting_flags": 0,
    "delivered_to": "2026-11-20",
    "last_week": "2026-11-09",
    "weeks_without_sales": [],
    "suspect_calendar_weeks": [],
    "weeks_without_calendar": 0,
    "calendar_reaches": "2027-02-15",
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
        Inputs(AS_OF, 13, INPUTS.snapshots, 1000, minimum_weeks=48),
    ]
    assert len({INPUTS.key, *(other.key for other in others)}) == 6


def test_the_job_is_told_how_many_weeks_there_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, Any] = {}

    def run(_kind: Any, _job: str, _work: str, request: Any, _owner: str) -> Any:
        request(1)
        return SimpleNamespace(attempt=1, external_id="jr")

    monkeypatch.setattr(forecast_features.external_jobs, "run", run)
    monkeypatch.setattr(forecast_features.lake_tables, "files_of", lambda *_: ["s3://lake/s.parquet"])
    monkeypatch.setattr(
        forecast_features.landing, "write_manifest", lambda _bucket, _key, manifest: written.update(manifest)
    )
    monkeypatch.setattr(forecast_features.objects, "read_json", lambda _: SOUND)
    build(Inputs(AS_OF, 13, {"sales": 7}, 1000, minimum_weeks=48), "r", "o")
    assert demand_manifest.parse(json.dumps(written), "test").minimum_weeks == 48
    assert (forecast_features.MINIMUM_WEEKS, INPUTS.minimum_weeks) == (demand_manifest.MINIMUM_WEEKS, 60)


@pytest.mark.parametrize("asked", [30, 60])
def test_so_few_weeks_may_be_asked_for(asked: int) -> None:
    assert demand_forecast.validate_parameters({"minimum_weeks": asked})["minimum_weeks"] == asked


def test_fewer_weeks_than_the_backtest_needs_are_refused() -> None:
    with pytest.raises(ParameterTypeError, match="minimum_weeks"):
        demand_forecast.validate_parameters({"minimum_weeks": 29})
    with pytest.raises(FeaturesError, match="30 are needed"):
        origins(SimpleNamespace(weeks=range(29)), 4, 3)  # type: ignore[arg-type]
    assert origins(SimpleNamespace(weeks=range(30)), 4, 3) == [24, 25, 26]  # type: ignore[arg-type]


def checked(monkeypatch: pytest.MonkeyPatch, loaded: int = 7, **figures: Any) -> None:
    monkeypatch.setattr(forecast_features.warehouse_load, "last_loaded", lambda *_: LoadedSnapshot(loaded, 1))
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


def test_a_run_says_what_it_does_not_forecast_how_far_deliveries_reach_and_which_weeks_are_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "highwater")
    checked(monkeypatch)
    assert "articles_without_series=3" in caplog.text
    assert "delivered_to=2026-11-20 last_week=2026-11-09" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    checked(monkeypatch, weeks_without_sales=["2026-03-02", "2026-03-09"])
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "missing deliveries" in warning.message
    assert warning.message.endswith("weeks=2026-03-02,2026-03-09")


def test_units_that_are_too_old_are_accounted_for(monkeypatch: pytest.MonkeyPatch) -> None:
    checked(monkeypatch, units_total=900, units_too_old=50)
    with pytest.raises(BusinessError, match="hold 1050 units"):
        checked(monkeypatch, units_too_old=50)


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        ({"units_delivered_later": 12}, "they were not yet known units=12"),
        ({"off_sale_but_selling": 2}, "have the master corrected if they are series=2"),
    ],
)
def test_a_run_says_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, figure: dict[str, int], told: str
) -> None:
    checked(monkeypatch, **figure)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.message.endswith(told)


@pytest.mark.parametrize("reaches", ["2027-01-25", None])
def test_a_run_says_that_its_calendar_is_short(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, reaches: str | None
) -> None:
    checked(monkeypatch, weeks_without_calendar=3, calendar_reaches=reaches)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "later weeks are forecast without promotions" in warning.message
    assert warning.message.endswith(
        "calendar_reaches=2027-01-25 weeks=3" if reaches else "promotions weeks=3"
    )


def test_a_run_says_which_weeks_of_the_calendar_cannot_be_right(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    week = {"week": "2026-12-07", "category": "Juice", "share": 1.0, "highest_before": 0.5, "trust": 0.6}
    checked(monkeypatch, suspect_calendar_weeks=[week])
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "flags most of a category at once" in warning.message
    assert "2026-12-07" in warning.message


def test_a_run_says_which_weeks_of_a_small_category_look_wrong_and_are_believed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    doubted = {"week": "2026-12-07", "category": "Juice", "share": 1.0, "highest_before": 0.5, "trust": 0.6}
    believed = {**doubted, "week": "2026-12-14", "category": "Tea", "trust": 1.0}
    checked(monkeypatch, suspect_calendar_weeks=[doubted, believed])
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert [("Juice" in message, "Tea" in message) for message in told] == [(True, False), (False, True)]
    assert "every flag is believed" in told[1]


def test_a_load_that_came_between_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TransientError, match="run the forecast again"):
        checked(monkeypatch, loaded=8, units_total=949)
