"""customer_analytics and sales_summary: against a computation in DuckDB, and to the cent what silver has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from contracts.dialects.spark_types import spark_type_of
from contracts.language.dataset import Dataset
from contracts.shop.customer_analytics import CUSTOMER_ANALYTICS
from contracts.shop.ml_features import ML_FEATURES
from contracts.shop.sales_summary import SALES_SUMMARY
from contracts.shop.segments import parse
from jobs.glue.shop.customer_analytics import customer_analytics, newest_scores
from jobs.glue.shop.sales_summary import sales_summary
from tests.jobs.shop.gold_world import DAY, MIDNIGHT, World, line, random_world, version

pytestmark = pytest.mark.spark

SEGMENTS = parse(
    [
        {"name": "none", "orders_max": 0},
        {"name": "best of India", "recency_days_max": 90, "value_min": 50.5, "currencies": ["INR"]},
        {"name": "often", "orders_min": 3, "recency_days_max": 180},
        {"name": "long ago", "recency_days_min": 365},
        {"name": "others"},
    ]
)

ANALYTICS_ORACLE = f"""
WITH lines AS (SELECT * FROM facts WHERE status IS NULL OR status <> 'cancelled'),
currencies AS (
    SELECT customer_key, currency, count(DISTINCT order_id) AS orders, coalesce(sum(line_amount), 0) AS amount
    FROM lines GROUP BY ALL
),
chosen AS (
    SELECT *, row_number() OVER (PARTITION BY customer_key ORDER BY
        (currency IS NULL)::INT, orders DESC, amount DESC, currency ASC) AS place
    FROM currencies
),
categories AS (
    SELECT l.customer_key, l.category, row_number() OVER (PARTITION BY l.customer_key
        ORDER BY coalesce(sum(l.line_amount), 0) DESC, l.category) AS place
    FROM lines l JOIN chosen c ON c.customer_key = l.customer_key AND c.place = 1
        AND c.currency IS NOT DISTINCT FROM l.currency
    WHERE l.category IS NOT NULL
    GROUP BY l.customer_key, l.category
),
told AS (
    SELECT k.customer_key, k.customer_id,
        coalesce(c.amount, 0)::DECIMAL(18, 2) AS lifetime_value,
        (SELECT count(DISTINCT order_id) FROM lines l WHERE l.customer_key = k.customer_key) AS total_orders,
        c.orders AS divisor,
        c.currency,
        (SELECT max(order_date) FROM lines l WHERE l.customer_key = k.customer_key) AS last_order_date,
        g.category AS preferred_category,
        (SELECT v.address_standardized.state FROM customers v WHERE v.customer_key = k.customer_key
            ORDER BY v.is_current DESC, v.expired_at DESC LIMIT 1) AS geographic_region,
    FROM (SELECT DISTINCT customer_key, customer_id FROM customers) k
    LEFT JOIN chosen c ON c.customer_key = k.customer_key AND c.place = 1
    LEFT JOIN categories g ON g.customer_key = k.customer_key AND g.place = 1
)
SELECT customer_key, customer_id,
    CASE
        WHEN total_orders = 0 THEN 'none'
        WHEN DATE '{DAY}' - last_order_date <= 90 AND lifetime_value >= 50.50 AND currency = 'INR' THEN 'best of India'
        WHEN total_orders >= 3 AND DATE '{DAY}' - last_order_date <= 180 THEN 'often'
        WHEN DATE '{DAY}' - last_order_date >= 365 THEN 'long ago'
        ELSE 'others'
    END AS customer_segment,
    lifetime_value, total_orders,
    -- Whole cents, rounded half up by integers.
    (coalesce((lifetime_value * 200)::BIGINT // divisor + 1, 1)::BIGINT // 2 / 100)::DECIMAL(18, 2) AS avg_order_value,
    currency, last_order_date, preferred_category, geographic_region,
    (SELECT probability FROM predictions p WHERE p.customer_key = told.customer_key
        AND as_of = (SELECT max(as_of) FROM predictions WHERE as_of <= DATE '{DAY}')) AS churn_probability,
    DATE '{DAY}' AS analysis_date
FROM told
"""
SUMMARY_ORACLE = """
SELECT order_date, category, region, currency, count(DISTINCT order_id), coalesce(sum(quantity), 0)::BIGINT,
    coalesce(sum(line_amount), 0)::DECIMAL(18, 2)
FROM facts WHERE status IS DISTINCT FROM 'cancelled' GROUP BY order_date, category, region, currency
"""


@pytest.fixture(scope="module")
def world() -> World:
    return random_world(15)


@pytest.fixture(scope="module")
def analytics(spark: SparkSession, world: World) -> list[dict[str, Any]]:
    return computed(spark, world, SCORED)


@pytest.fixture(scope="module")
def summary(spark: SparkSession, world: World) -> list[tuple[Any, ...]]:
    facts, _ = world.frames(spark)
    frame = sales_summary(facts)
    assert types(frame) == contract_types(SALES_SUMMARY)
    return [tuple(row) for row in frame.collect()]


def predictions(day: date, factor: float, keys: range) -> list[tuple[int, date, float]]:
    return [(key, day, key * factor) for key in keys]


# The newest scoring up to the day counts, also for those whom only an earlier one has; a later one for nobody.
SCORED = [
    *predictions(DAY - timedelta(days=9), 0.001, range(1, 200)),
    *predictions(DAY - timedelta(days=2), 0.002, range(50, 320)),
    *predictions(DAY + timedelta(days=1), 0.003, range(1, 300)),
]


def computed(
    spark: SparkSession, world: World, scored: Sequence[tuple[int, date, float]] = ()
) -> list[dict[str, Any]]:
    found = spark.createDataFrame(scored, "customer_key bigint, as_of date, probability double")
    frame = customer_analytics(*world.frames(spark), newest_scores(found, DAY), SEGMENTS, DAY)
    assert types(frame) == contract_types(CUSTOMER_ANALYTICS)
    return [row.asDict() for row in frame.collect()]


def types(frame: Any) -> list[tuple[str, str]]:
    return list(frame.dtypes)


def contract_types(dataset: Dataset) -> list[tuple[str, str]]:
    return [(column.name, spark_type_of(column.kind)) for column in dataset.columns]


def by_text(rows: Any) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows), key=str)


def test_every_customer_is_as_the_oracle_says(world: World, analytics: list[dict[str, Any]]) -> None:
    duck = world.duck()
    duck.register(
        "predictions",
        pa.table(dict(zip(("customer_key", "as_of", "probability"), zip(*SCORED, strict=True), strict=True))),
    )
    expected = duck.sql(ANALYTICS_ORACLE).fetchall()
    scores = {row["customer_key"]: row["churn_probability"] for row in analytics}
    assert (scores[49], scores[50], scores[300]) == (None, 0.1, 0.6)
    assert by_text(row.values() for row in analytics) == by_text(expected)
    assert {row["customer_segment"] for row in analytics} == {rule.name for rule in SEGMENTS.rules}
    assert len(analytics) == 300


def test_every_group_is_as_the_oracle_says(world: World, summary: list[tuple[Any, ...]]) -> None:
    assert by_text(summary) == by_text(world.duck().sql(SUMMARY_ORACLE).fetchall())
    assert {row[:4].count(None) for row in summary} >= {0, 1, 2, 3}


def test_totals_are_those_of_silver_to_the_cent(
    world: World, analytics: list[dict[str, Any]], summary: list[tuple[Any, ...]]
) -> None:
    lines = [row for row in world.facts if row["status"] != "cancelled"]
    assert sum(row[6] for row in summary) == sum(row["line_amount"] or 0 for row in lines) > 0
    assert sum(row[5] for row in summary) == sum(row["quantity"] or 0 for row in lines)
    orders = {row["order_id"] for row in lines}
    assert sum(row["total_orders"] for row in analytics) == len(orders)
    currency = {row["customer_key"]: row["currency"] for row in analytics}
    in_it = [row["line_amount"] or 0 for row in lines if row["currency"] == currency[row["customer_key"]]]
    assert sum(row["lifetime_value"] for row in analytics) == sum(in_it)


def test_definitions_one_by_one(spark: SparkSession) -> None:
    ago = [MIDNIGHT - timedelta(days=days) for days in range(400)]
    world = World(
        [
            # 1: as many orders in both, a greater amount in INR
            line("a1", 1, ago[3], "10.00"),
            line("a2", 1, ago[9], "10.01", currency="INR", category="Books"),
            line("a2", 1, ago[9], "10.01", 2, currency="INR", category="Atlas"),
            # 2: more orders in GBP; one of them cancelled, so it is not
            line("b1", 2, ago[3], "500.00"),
            line("b2", 2, ago[2], "500.00", status="cancelled"),
            line("b3", 2, ago[5], "1.00", currency="USD", status="returned"),
            line("b4", 2, ago[6], "0.01", currency="USD"),
            line("b5", 2, ago[7], "0.00", currency="USD"),
            # 3: only a cancelled one; 4: none, and gone; 5: of an unknown currency, rounded half up
            line("c1", 3, ago[1], "7.00", status="cancelled"),
            line("e1", 5, ago[1], "0.01", currency=None),
            line("e2", 5, None, "0.00", currency=None),
        ],
        [
            version(1, ago[20], ago[10], state="MH"),
            version(1, ago[10], state="ENG"),
            version(2, ago[20]),
            version(3, ago[20]),
            version(4, ago[20], ago[15], state="WLS"),
            version(5, ago[20], state=None),
        ],
    )
    rows = {row["customer_key"]: row for row in computed(spark, world)}

    def told(key: int) -> tuple[Any, ...]:
        names = (
            *("lifetime_value", "total_orders", "avg_order_value", "currency", "last_order_date"),
            *("preferred_category", "geographic_region", "customer_segment"),
        )
        return tuple(rows[key][name] for name in names)

    cents = Decimal
    day = datetime.date
    assert told(1) == (cents("20.02"), 2, cents("20.02"), "INR", day(ago[3]), "Atlas", "ENG", "others")
    assert told(2) == (cents("1.01"), 4, cents("0.34"), "USD", day(ago[3]), "Toys", "ENG", "often")
    nothing = (cents("0.00"), 0, cents("0.00"), None, None, None)
    assert told(3) == (*nothing, "ENG", "none")
    assert told(4) == (*nothing, "WLS", "none")
    assert told(5) == (cents("0.01"), 2, cents("0.01"), None, day(ago[1]), "Toys", None, "others")
    assert {row["churn_probability"] for row in rows.values()} == {None}


def test_a_part_of_the_customers_is_computed_as_the_whole(
    spark: SparkSession, world: World, analytics: list[dict[str, Any]], summary: list[tuple[Any, ...]]
) -> None:
    """What an incremental run relies on: rows of other customers, or of other days, make no difference."""
    keys = {row["customer_key"] for row in world.facts[::40]}
    part = World(
        [row for row in world.facts if row["customer_key"] in keys],
        [row for row in world.customers if row["customer_key"] in keys],
    )
    expected = [row for row in analytics if row["customer_key"] in keys]
    assert by_text(row.values() for row in computed(spark, part, SCORED)) == by_text(
        row.values() for row in expected
    )

    days = {row["order_date"] for row in world.facts[::40]}
    facts, _ = World([row for row in world.facts if row["order_date"] in days], []).frames(spark)
    assert by_text(sales_summary(facts).collect()) == by_text(row for row in summary if row[0] in days)


@pytest.mark.parametrize(
    "dataset", [CUSTOMER_ANALYTICS, SALES_SUMMARY, ML_FEATURES], ids=lambda found: found.name
)
def test_what_says_who_a_person_is_stays_in_silver(
    spark: SparkSession, world: World, dataset: Dataset, analytics: list[dict[str, Any]]
) -> None:
    personal = {"Asha Rao", "asha@example.com", "+442079460000", "Mill Lane 1"}
    assert personal <= {
        str(value)
        for row in world.customers
        for value in (*row.values(), row["address_standardized"]["street"])
    }
    assert not dataset.personal
    assert not {
        name for name in dataset.names if any(word in name for word in ("mail", "phone", "name", "street"))
    }
    assert not personal & {str(value) for row in analytics for value in row.values()}
