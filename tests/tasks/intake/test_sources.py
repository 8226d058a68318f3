"""Which deliveries a business day needs."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import cpg
from contracts.language.delivery import iso_week, last_ended_week
from tasks.intake.rules import delivery
from tasks.intake.sources import ALL_SOURCES, datasets_of

DAYS = st.dates(date(2015, 1, 1), date(2035, 12, 31))


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2024, 12, 29), "2024-W52"),
        (date(2024, 12, 30), "2025-W01"),
        (date(2025, 1, 1), "2025-W01"),
        (date(2021, 1, 3), "2020-W53"),
        (date(2021, 1, 4), "2021-W01"),
    ],
)
def test_iso_week_at_the_turn_of_the_year(day: date, week: str) -> None:
    assert iso_week(day) == week


@pytest.mark.parametrize(
    ("run_date", "sunday"),
    [
        (date(2024, 12, 30), date(2024, 12, 29)),  # a Monday: the week that ended yesterday
        (date(2024, 12, 29), date(2024, 12, 22)),  # a Sunday: its own week has not ended before it
        (date(2025, 1, 4), date(2024, 12, 29)),
    ],
)
def test_market_week_is_the_last_that_ended_before_the_day(run_date: date, sunday: date) -> None:
    assert last_ended_week(run_date) == sunday


@given(DAYS)
def test_last_ended_week_is_a_sunday_at_most_seven_days_back(day: date) -> None:
    sunday = last_ended_week(day)
    assert sunday.isoweekday() == 7
    assert timedelta(days=1) <= day - sunday <= timedelta(days=7)


@given(DAYS, st.sets(DAYS, max_size=20))
def test_snapshot_is_the_newest_of_the_last_seven_days(day: date, landed: set[date]) -> None:
    found = delivery("promotions").needed(day, landed)
    usable = sorted(d for d in landed if timedelta(0) <= day - d <= timedelta(days=7))
    assert found == (usable[-1] if usable else None)


def test_snapshot_of_seven_days_ago_serves_and_of_eight_does_not() -> None:
    day = date(2025, 3, 10)
    masters = delivery("sku")
    assert masters.needed(day, [date(2025, 3, 3)]) == date(2025, 3, 3)
    assert masters.needed(day, [date(2025, 3, 2), date(2025, 3, 11)]) is None


def test_dates_are_read_from_prefixes() -> None:
    sales, market = delivery("sales"), delivery("market")
    assert sales.date_of("raw/sap/sales_orders/year=2025/month=01/day=05/a.parquet") == date(2025, 1, 5)
    assert market.date_of("raw/nielsen/market_share/week=2025-W01/a.parquet") == date(2025, 1, 5)
    assert sales.date_of("raw/sap/sales_orders/readme.txt") is None
    assert market.address(date(2025, 1, 5)) == "raw/nielsen/market_share/week=2025-W01/"


def test_missing_delivery_is_named_by_its_address() -> None:
    day = date(2025, 1, 6)
    assert delivery("sales").missing("lake", day) == (
        "s3://lake/raw/sap/sales_orders/year=2025/month=01/day=06/"
    )
    assert delivery("market").missing("lake", day) == "s3://lake/raw/nielsen/market_share/week=2025-W01/"
    assert "no snapshot dated 2024-12-30 to 2025-01-06" in delivery("customer").missing("lake", day)


def test_missing_deliveries_of_several_days_are_named_in_one() -> None:
    first, last = date(2024, 12, 28), date(2025, 1, 13)
    assert delivery("sales").missing("lake", first, last) == (
        "s3://lake/raw/sap/sales_orders/ 2024-12-28..2025-01-13"
    )
    assert delivery("market").missing("lake", first, last) == (
        "s3://lake/raw/nielsen/market_share/week=2024-W51..2025-W02"
    )
    assert delivery("market").missing("lake", last, last + timedelta(days=6)) == (
        "s3://lake/raw/nielsen/market_share/week=2025-W02/"
    )
    assert delivery("sku").missing("lake", first, last) == (
        "s3://lake/raw/sap/masters/sku/ (no snapshot dated 2024-12-21 to 2025-01-13)"
    )


def test_masters_are_three_datasets() -> None:
    assert datasets_of(["masters"]) == ["sku", "geography", "customer"]
    assert datasets_of(["market", "sales"]) == ["sales", "market"]


def test_a_run_can_be_asked_for_every_source_of_the_domain() -> None:
    assert set(ALL_SOURCES) == {d.delivery.source for d in cpg.DELIVERED if d.delivery}
