from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from local.sample.cpg import Profile, demo, small
from tests.local.sample.cpg.conftest import History, history_of, raw_date_of

KEY = re.compile(
    r"raw/(sap/sales_orders|sap/inventory|trade_promotions/promo_calendar|sap/masters/(sku|geography|customer))"
    r"/year=(\d{4})/month=(\d\d)/day=(\d\d)/part-\d{5}\.parquet"
    r"|raw/nielsen/market_share/week=\d{4}-W\d\d/part-\d{5}\.parquet"
)
SALES = [
    "order_id",
    "sku_code",
    "customer_id",
    "region_code",
    "quantity",
    "net_revenue",
    "order_date",
    "channel",
]
SALES_OPTIONAL = [
    "gross_revenue",
    "trade_discount",
    "cost_of_goods",
    "is_promo_sale",
    "promo_id",
    "changed_at",
]
COLUMNS = {
    "raw/sap/inventory/": "sku_code region_code snapshot_date opening_stock closing_stock reorder_point",
    "raw/trade_promotions/": "promo_id sku_code region_code week promo_type promo_discount_pct is_promoted planned_spend",
    "raw/sap/masters/sku/": "sku_code sku_name brand category sub_category pack_size pack_type mrp is_active "
    "launch_date discontinue_date",
    "raw/sap/masters/geography/": "region_code region_name zone state city_tier population",
    "raw/sap/masters/customer/": "customer_id customer_name customer_type channel account_manager credit_limit",
}


def raw_dates(history: History, prefix: str) -> list[date]:
    return sorted({raw_date_of(key) for key in history.under(prefix)})


def test_every_key_has_the_form_of_its_source(small_history: History) -> None:
    assert [key for key in small_history.files if not KEY.fullmatch(key)] == []


def test_sales_and_inventory_come_every_day(small_history: History) -> None:
    every_day = [small_history.profile.start + timedelta(days=n) for n in range(42)]
    assert raw_dates(small_history, "raw/sap/sales_orders/") == every_day
    assert raw_dates(small_history, "raw/sap/inventory/") == every_day


@pytest.mark.parametrize(
    "prefix", ["raw/trade_promotions/", "raw/sap/masters/sku/", "raw/sap/masters/customer/"]
)
def test_any_run_date_finds_a_snapshot_at_most_a_week_old(prefix: str) -> None:
    history = history_of(small(end=date(2025, 6, 19)))
    midweek = history_of(
        Profile(date(2025, 6, 5), date(2025, 6, 19), skus=8, regions=3, customers=30, lines_per_day=40)
    )
    for one in (history, midweek):
        snapshots = raw_dates(one, prefix)
        days = [one.profile.start + timedelta(days=n) for n in range(one.profile.days)]
        ages = [min((day - snapshot).days for snapshot in snapshots if snapshot <= day) for day in days]
        assert max(ages) == 6
        assert {snapshot.weekday() for snapshot in snapshots} == {0}


def test_market_weeks_are_iso_weeks_across_the_years_turn(small_history: History) -> None:
    weeks = sorted(re.findall(r"week=([\dW-]+)", " ".join(small_history.under("raw/nielsen/"))))
    assert weeks == ["2024-W48", "2024-W49", "2024-W50", "2024-W51", "2024-W52", "2025-W01", "2025-W02"]


def test_the_week_before_the_first_day_is_there_for_the_first_run(small_history: History) -> None:
    assert small_history.profile.start == date(2024, 12, 2)
    assert date(2024, 12, 1) in {day for name, day in small_history.truth.rows_of if name == "market"}


@pytest.mark.parametrize("prefix", COLUMNS)
def test_columns_are_those_of_the_source(small_history: History, prefix: str) -> None:
    assert {" ".join(table.column_names) for table in small_history.under(prefix).values()} == {
        COLUMNS[prefix]
    }


def test_sales_files_differ_as_deliveries_do(small_history: History) -> None:
    tables = list(small_history.under("raw/sap/sales_orders/").values())
    assert all([name for name in table.column_names if name in SALES] == SALES for table in tables)
    assert {str(table.schema.field("quantity").type) for table in tables} == {"int64", "string"}
    assert {str(table.schema.field("order_date").type) for table in tables} == {"date32[day]", "string"}
    lacking = {name for table in tables for name in SALES_OPTIONAL if name not in table.column_names}
    assert len(lacking) >= 3
    extra = {name for table in tables for name in table.column_names if name not in SALES + SALES_OPTIONAL}
    assert extra == {"sales_rep"}


def test_market_may_lack_its_optional_column(small_history: History) -> None:
    columns = {" ".join(table.column_names) for table in small_history.under("raw/nielsen/").values()}
    required = "region_code category brand units value"
    assert columns == {required, f"{required} distribution_pct"}


def test_the_calendar_reaches_thirteen_weeks_ahead(demo_sized_history: History) -> None:
    for key, table in demo_sized_history.under("raw/trade_promotions/").items():
        snapshot = raw_date_of(key)
        weeks = {str(week) for week in table["week"].to_pylist()}
        for ahead in range(-8, 21):
            assert (snapshot + timedelta(weeks=ahead)).isoformat() in weeks


def test_the_demo_is_two_years_and_some_weeks_up_to_its_end() -> None:
    profile = demo(date(2025, 6, 19))
    assert (profile.start, profile.end) == (date(2023, 5, 1), date(2025, 6, 19))
    assert profile.start.weekday() == 0
    assert demo(date(2025, 6, 22)).start == profile.start


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": date(2025, 2, 1)}, "after its end"),
        ({"start": date(2015, 2, 1)}, "the earliest possible is 2019-07-01"),
        ({"regions": 40}, "2 to 16"),
        ({"lines_per_day": 30}, "at least 440 are needed"),
        ({"customers": 20}, "needs 3"),
    ],
)
def test_an_impossible_profile_says_what_is_wrong(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Profile(**{"start": date(2024, 12, 1), "end": date(2025, 1, 5), **changes})  # type: ignore[arg-type]
