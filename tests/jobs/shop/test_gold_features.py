"""ml_features: against a computation in DuckDB, and that nothing dated on or after the day of analysis enters."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from contracts.dialects.spark_types import spark_type_of
from contracts.shop.ml_features import ML_FEATURES
from jobs.glue.shop.ml_features import WINDOWS, ml_features
from tests.jobs.shop.gold_world import DAY, MIDNIGHT, OPEN, World, line, random_world, version

pytestmark = pytest.mark.spark

_D = f"DATE '{DAY}'"
_T = f"TIMESTAMP '{DAY} 00:00:00'"
_COUNTS = ", ".join(
    f"(SELECT count(*) FROM ok WHERE ok.k = c.k AND t >= {_T} - INTERVAL {days} DAY) AS orders_{days}d"
    for days in WINDOWS
)
_AMOUNTS = ", ".join(
    f"(SELECT coalesce(sum(amount), 0)::DECIMAL(18, 2) FROM ok WHERE ok.k = c.k AND ok.currency IS NOT DISTINCT FROM"
    f" c.currency AND t >= {_T} - INTERVAL {days} DAY) AS amount_{days}d"
    for days in WINDOWS
)
ORACLE = f"""
WITH past AS (SELECT *, customer_key AS k FROM facts WHERE order_ts < {_T}),
orders AS (
    SELECT DISTINCT ON (order_id) k, order_id, order_ts AS t, status, currency,
        coalesce(sum(line_amount) OVER (PARTITION BY order_id), 0) AS amount
    FROM past
),
ok AS (SELECT * FROM orders WHERE status IS DISTINCT FROM 'cancelled'),
chosen AS (
    SELECT k, currency, count(*) AS n, sum(amount) AS total
    FROM ok GROUP BY k, currency
    QUALIFY row_number() OVER (PARTITION BY k ORDER BY (currency IS NULL)::INT, n DESC, total DESC, currency) = 1
),
spaced AS (SELECT k, epoch_us(t) - lag(epoch_us(t)) OVER (PARTITION BY k ORDER BY t) AS gap FROM ok),
gaps AS (SELECT k, avg(gap / 86400e6) AS mean, stddev_samp(gap / 86400e6) AS std FROM spaced WHERE gap NOTNULL GROUP BY k),
version AS (
    SELECT * FROM customers WHERE effective_at < {_T}
    QUALIFY row_number() OVER (PARTITION BY customer_key ORDER BY effective_at DESC) = 1
),
best AS (
    SELECT p.k, coalesce(sum(line_amount), 0) AS best
    FROM past p JOIN chosen c ON c.k = p.k AND c.currency IS NOT DISTINCT FROM p.currency
    WHERE p.category NOTNULL AND p.status IS DISTINCT FROM 'cancelled'
    GROUP BY p.k, p.category
    QUALIFY row_number() OVER (PARTITION BY p.k ORDER BY best DESC) = 1
),
c AS (
    SELECT DISTINCT customer_key AS k, customer_id, chosen.currency, chosen.n, chosen.total
    FROM customers LEFT JOIN chosen ON chosen.k = customer_key
)
SELECT c.k, c.customer_id, {_D},
    CASE WHEN v.created_date < {_D} THEN {_D} - v.created_date END,
    v.is_active, coalesce(v.expired_at < {_T}, false), v.address_standardized.state, v.address_standardized.country,
    v.data_quality_score, c.currency,
    (SELECT count(*) FROM ok WHERE ok.k = c.k),
    {_D} - (SELECT max(t)::DATE FROM ok WHERE ok.k = c.k),
    {_D} - (SELECT min(t)::DATE FROM ok WHERE ok.k = c.k),
    {_COUNTS},
    coalesce(c.total, 0)::DECIMAL(18, 2),
    {_AMOUNTS},
    (coalesce((c.total * 200)::BIGINT // c.n + 1, 1)::BIGINT // 2 / 100)::DECIMAL(18, 2),
    (SELECT count(DISTINCT category) FROM past p WHERE p.k = c.k AND p.status IS DISTINCT FROM 'cancelled'),
    CASE WHEN c.total > 0 THEN b.best / c.total END,
    (SELECT avg((status IS NOT DISTINCT FROM 'cancelled')::INT) FROM orders o WHERE o.k = c.k),
    (SELECT avg((status IS NOT DISTINCT FROM 'returned')::INT) FROM orders o WHERE o.k = c.k),
    g.mean, g.std,
    CASE WHEN g.mean > 0 THEN ({_D} - (SELECT max(t)::DATE FROM ok WHERE ok.k = c.k)) / g.mean END
FROM c
LEFT JOIN version v ON v.customer_key = c.k
LEFT JOIN best b ON b.k = c.k
LEFT JOIN gaps g ON g.k = c.k
WHERE v.customer_key NOTNULL OR c.k IN (SELECT k FROM past)
"""


def computed(spark: SparkSession, world: World) -> dict[int, dict[str, Any]]:
    frame = ml_features(*world.frames(spark), DAY)
    assert frame.dtypes == [(column.name, spark_type_of(column.kind)) for column in ML_FEATURES.columns]
    rows = frame.collect()
    assert len({row["customer_key"] for row in rows}) == len(rows)
    return {row["customer_key"]: row.asDict() for row in rows}


@pytest.fixture(scope="module")
def world() -> World:
    return random_world(16)


@pytest.fixture(scope="module")
def features(spark: SparkSession, world: World) -> dict[int, dict[str, Any]]:
    return computed(spark, world)


def test_every_feature_is_as_the_oracle_says(world: World, features: dict[int, dict[str, Any]]) -> None:
    expected = {
        row[0]: dict(zip(ML_FEATURES.names, row, strict=True)) for row in world.duck().sql(ORACLE).fetchall()
    }
    assert features.keys() == expected.keys()
    exact = [column.name for column in ML_FEATURES.columns if column.kind != "number"]
    for key, row in expected.items():
        assert {name: features[key][name] for name in exact} == {name: row[name] for name in exact}
        for name in set(row) - set(exact):
            close = None if row[name] is None else pytest.approx(float(row[name]), rel=1e-9, abs=1e-9)
            assert features[key][name] == close, (key, name)
    for name in ML_FEATURES.names:  # the world has customers on whom each feature differs
        assert len({row[name] for row in features.values()}) > (name != "analysis_date"), name


def test_who_is_there(features: dict[int, dict[str, Any]], world: World) -> None:
    known = {row["customer_key"] for row in world.customers if row["effective_at"] < MIDNIGHT}
    ordered = {row["customer_key"] for row in world.facts if row["order_ts"] and row["order_ts"] < MIDNIGHT}
    assert features.keys() == known | ordered
    assert ordered - known
    assert len(features) < 300


def test_a_row_of_the_day_or_later_changes_no_feature(
    spark: SparkSession, world: World, features: dict[int, dict[str, Any]]
) -> None:
    later = future(world)
    assert len(later.facts) > len(world.facts) + 300
    assert computed(spark, later) == features


def future(world: World) -> World:
    """The same world as it is seen later: customers have moved, gone or come, and everybody has ordered more."""
    draw = random.Random(1)
    facts, customers = list(world.facts), []
    last = {row["customer_key"]: row for row in sorted(world.customers, key=lambda row: row["effective_at"])}
    for row in world.customers:
        at = MIDNIGHT + draw.choice((timedelta(), timedelta(seconds=1), timedelta(days=40)))
        if row is not last[row["customer_key"]] or row["expired_at"] != OPEN or row["effective_at"] >= at:
            customers.append(row)
            continue
        customers.append(row | {"expired_at": at, "expiration_date": at.date(), "is_current": False})
        if draw.random() < 0.7:  # else he was deleted then
            customers.append(
                version(
                    row["customer_key"],
                    at,
                    state="NEW",
                    country="FR",
                    is_active=False,
                    data_quality_score=0.0,
                )
            )
    customers += [version(key, MIDNIGHT + timedelta(hours=key)) for key in range(1001, 1010)]
    for key in (*last, *range(1001, 1010)):
        at = MIDNIGHT + draw.choice((timedelta(), timedelta(microseconds=1), timedelta(days=9)))
        extra = {
            "status": draw.choice(("delivered", "cancelled", "returned")),
            "currency": draw.choice(("EUR", "INR")),
        }
        facts += [
            line(f"F{key}", key, at, "123456.78", number, category=f"New {number}", **extra)
            for number in (1, 2)
        ]
    draw.shuffle(facts)
    return World(facts, customers)


def test_features_do_not_depend_on_the_order_of_rows(
    spark: SparkSession, world: World, features: dict[int, dict[str, Any]]
) -> None:
    """To the last bit: a row that is computed again unchanged is not written again."""
    assert computed(spark, World(world.facts[::-1], world.customers[::-1])) == features
