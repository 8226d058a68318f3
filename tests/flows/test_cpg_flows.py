"""The parts of the flows that need no server: dates, chunks, groups, and the form that people see."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.exceptions import ParameterTypeError
from prefect.utilities.callables import parameter_schema

from flows import cpg_daily as daily
from flows.cpg_backfill import chunks, cpg_backfill
from flows.cpg_daily import cpg_daily, is_forecast_due, refuse_future, run_date_or_yesterday
from flows.demand_forecast import demand_forecast
from flows.lake_maintenance import lake_maintenance
from flows.model_drift import model_drift
from tasks.errors import DataError
from tasks.intake.landing import InputFile, Slice
from tasks.publishing.publishing_steps import groups
from tasks.runs import business_day

DAYS = st.dates(date(2015, 1, 1), date(2035, 1, 1))


def test_no_date_means_yesterday_where_the_business_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily, "business_today", lambda: date(2025, 1, 6))
    monkeypatch.setattr(daily, "scheduled_today", lambda: date(2025, 1, 6))
    assert run_date_or_yesterday(None) == date(2025, 1, 5)
    assert run_date_or_yesterday(date(2025, 1, 6)) == date(2025, 1, 6)


def test_a_run_that_waited_over_midnight_is_still_for_the_day_it_was_scheduled_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planned = datetime(2025, 1, 5, 20, 30, tzinfo=UTC)  # 02:00 on the 6th in Asia/Kolkata
    monkeypatch.setattr(business_day.runtime, "flow_run", SimpleNamespace(scheduled_start_time=planned))
    monkeypatch.setattr(daily, "business_today", lambda: date(2025, 1, 9))
    assert run_date_or_yesterday(None) == date(2025, 1, 5)


def test_a_date_that_has_not_come_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily, "business_today", lambda: date(2025, 1, 6))
    with pytest.raises(
        DataError, match="run_date 2025-01-07 is in the future: today is 2025-01-06 in Asia/Kolkata"
    ):
        refuse_future(date(2025, 1, 7))
    refuse_future(date(2025, 1, 6))


@given(DAYS, st.integers(0, 900), st.integers(1, 400))
def test_chunks_cover_the_range_once_in_order(first: date, length: int, size: int) -> None:
    last = first + timedelta(days=length)
    cut = list(chunks(first, last, size))
    days = [a + timedelta(days=n) for a, b in cut for n in range((b - a).days + 1)]
    assert days == [first + timedelta(days=n) for n in range(length + 1)]
    assert all((b - a).days < size for a, b in cut)


def slice_of(dataset: str, rows: int) -> Slice:
    return Slice(dataset, (InputFile(f"s3://lake/{dataset}.parquet", date(2025, 1, 5), rows, {}, "etag"),))


@pytest.mark.parametrize(
    ("sales", "inventory", "jobs"),
    [
        (90_000, 9_000, {"everything": ["sales", "inventory", "sku"]}),
        (90_001, 9_000, {"sales": ["sales"], "others": ["inventory", "sku"]}),
        (60_000, 100_000, {"sales": ["sales"], "others": ["inventory", "sku"]}),  # more rows of fewer columns
        (10_000, 100_000, {"inventory": ["inventory"], "others": ["sales", "sku"]}),
    ],
)
def test_a_small_day_is_one_job_and_of_a_large_one_the_largest_runs_by_itself(
    sales: int, inventory: int, jobs: dict[str, list[str]]
) -> None:
    slices = [slice_of("sales", sales), slice_of("inventory", inventory), slice_of("sku", 1_000)]
    assert {label: [s.dataset for s in group] for label, group in groups(slices).items()} == jobs


def test_nothing_fresh_is_no_job() -> None:
    assert groups([]) == {}


def properties(flow: Any) -> dict[str, Any]:
    return parameter_schema(flow).model_dump()["properties"]


@pytest.mark.parametrize("flow", [cpg_daily, cpg_backfill, demand_forecast, model_drift, lake_maintenance])
def test_every_field_of_the_form_explains_itself(flow: Any) -> None:
    panels = parameter_schema(flow).model_dump()["definitions"]
    for field in properties(
        flow
    ).values():  # Prefect loses the text of a field named "register"; its panel has one
        panel = panels.get(field.get("$ref", "").rpartition("/")[2], {})
        assert field.get("description") or panel.get("description")
    for panel in panels.values():
        assert all(field.get("description") for field in panel.get("properties", {}).values())


@pytest.mark.parametrize(
    ("forecast", "day", "sources", "due"),
    [
        ("on_mondays", date(2025, 1, 5), ["sales", "market"], True),  # Sunday's data, on Monday
        ("on_mondays", date(2025, 1, 6), ["sales"], False),
        ("on_mondays", date(2025, 1, 5), ["market"], False),
        ("always", date(2025, 1, 7), ["market"], True),
        ("never", date(2025, 1, 5), ["sales"], False),
    ],
)
def test_the_forecast_follows_when_asked(forecast: Any, day: date, sources: list[Any], due: bool) -> None:
    assert is_forecast_due(forecast, day, sources) == due


def test_form_offers_the_sources_by_name() -> None:
    assert properties(cpg_daily)["sources"]["items"]["enum"] == [
        "sales",
        "inventory",
        "market",
        "promotions",
        "masters",
    ]


def test_an_unknown_source_is_refused_by_name() -> None:
    with pytest.raises(
        ParameterTypeError, match=r"sources\.0: Input should be 'sales', 'inventory', 'market'"
    ):
        cpg_daily.validate_parameters({"sources": ["weather"]})


@pytest.mark.parametrize(
    ("flow", "days"),
    [(cpg_daily, {}), (cpg_backfill, {"start_date": "2025-01-05", "end_date": "2025-01-06"})],
)
def test_a_run_of_no_source_is_refused(flow: Any, days: dict[str, str]) -> None:
    with pytest.raises(ParameterTypeError, match=r"sources: .* choose at least one source: sales, inv"):
        flow.validate_parameters({**days, "sources": []})
    assert flow.validate_parameters({**days, "sources": ["sales"]})["sources"] == ["sales"]
    assert properties(flow)["sources"]["minItems"] == 1


def test_the_form_shows_each_limit_with_its_default() -> None:
    form = parameter_schema(cpg_daily).model_dump()
    assert form["properties"]["quality"]["default"]["sales"] == {
        "row_count_min": 1000,
        "null_rate_max": 0.05,
        "duplicate_rate_max": 0.01,
        "rejected_rate_max": 0.05,
        "superseded_rate_max": 0.05,
    }
    assert form["definitions"]["Limits"]["properties"]["row_count_min"]["description"]


def test_some_of_a_sources_limits_are_enough() -> None:
    given = cpg_daily.validate_parameters({"quality": {"sales": {"row_count_min": 900}}})["quality"]
    assert (given.sales.row_count_min, given.sales.null_rate_max) == (900, 0.05)
