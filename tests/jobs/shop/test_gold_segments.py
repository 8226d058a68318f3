"""Segments: which rule a customer meets, and configurations that are refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

import deployments
from contracts.shop.segments import parse

RULES: list[dict[str, Any]] = [
    {"name": "none", "orders_max": 0},
    {"name": "it's best", "recency_days_max": 90, "orders_min": 5, "value_min": 1000.01},
    {"name": "rupees", "currencies": ["INR", "O'R"], "value_max": 500},
    {"name": "back", "recency_days_min": 100, "recency_days_max": 200},
    {"name": "others"},
]
CASES = [
    # recency, orders, value, currency, segment
    (None, 0, "0.00", None, "none"),
    (90, 5, "1000.01", "GBP", "it's best"),
    (91, 5, "1000.01", "GBP", "others"),
    (90, 4, "1000.01", "GBP", "others"),
    (90, 5, "1000.00", "GBP", "others"),
    (0, 6, "0.01", "GBP", "others"),
    (-3, 5, "9999999.99", "INR", "it's best"),
    (1, 1, "500.00", "INR", "rupees"),
    (150, 1, "499.99", "O'R", "rupees"),
    (150, 1, "500.01", "INR", "back"),
    (99, 1, "1.00", "USD", "others"),
    (100, 1, "1.00", "USD", "back"),
    (200, 1, "1.00", None, "back"),
    (201, 1, "1.00", None, "others"),
    (None, 1, "1.00", "USD", "others"),  # its only order has no date
]


@pytest.mark.spark
def test_the_first_rule_that_matches_wins(spark: SparkSession) -> None:
    rows = [
        (number, recency, orders, Decimal(value), currency)
        for number, (recency, orders, value, currency, _) in enumerate(CASES)
    ]
    columns = "n int, recency_days int, total_orders bigint, lifetime_value decimal(18,2), currency string"
    found = (
        spark.createDataFrame(rows, columns).selectExpr("n", f"{parse(RULES).expression()} AS s").collect()
    )
    assert {CASES[n][:-1]: s for n, s in found} == {case[:-1]: case[-1] for case in CASES}


def test_a_default_alone_is_everybody() -> None:
    assert parse([{"name": "all"}]).expression() == "'all'"


def test_what_is_deployed_is_valid_and_ends_in_a_default() -> None:
    file = Path(deployments.__file__).with_name("medallion") / "shop.yaml"
    rules = parse(yaml.safe_load(file.read_text())["segments"]).rules
    assert [rule.name for rule in rules] == [
        *("prospect", "champion", "loyal", "new", "promising", "at_risk", "lost", "occasional")
    ]


LAST = {"name": "others"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "give a list of rules"),
        ([], "give a list of rules"),
        ("vip", "give a list of rules"),
        ({"name": "x"}, "give a list of rules"),
        (["vip"], "rule 1 is 'vip', not a mapping"),
        ([{"orders_min": 1}, LAST], "rule 1 has no name"),
        ([{"name": " ", "orders_min": 1}, LAST], "rule 1 has no name"),
        ([{"name": 5}], "rule 1 has no name"),
        (
            [{"name": "a", "recency_max": 1}, LAST],
            "rule 1, 'a': unknown condition 'recency_max'; known are recency_days_min, recency_days_max, orders_min, "
            "orders_max, value_min, value_max, currencies",
        ),
        ([{"name": "a", True: 1}, LAST], "unknown condition 'True'"),
        ([{"name": "a", "orders_min": 1}], "the last rule, 'a', has conditions; add a default"),
        (
            [{"name": "a", "orders_min": 3, "orders_max": 2}, LAST],
            "matches nobody: orders_min is 3, orders_max is 2",
        ),
        ([{"name": "a", "orders_min": 1.5}, LAST], "orders_min is 1.5, not a whole number"),
        ([{"name": "a", "orders_min": True}, LAST], "orders_min is True, not a whole number"),
        ([{"name": "a", "recency_days_max": "90"}, LAST], "recency_days_max is '90', not a whole number"),
        ([{"name": "a", "recency_days_max": None}, LAST], "recency_days_max is None, not a whole number"),
        (
            [{"name": "a", "value_min": 0.001}, LAST],
            "value_min is 0.001, not an amount with at most two places",
        ),
        ([{"name": "a", "value_min": float("nan")}, LAST], "value_min is nan, not an amount"),
        ([{"name": "a", "value_min": float("inf")}, LAST], "value_min is inf, not an amount"),
        ([{"name": "a", "value_min": -1}, LAST], "value_min is -1, which is below zero"),
        ([{"name": "a", "currencies": "INR"}, LAST], "currencies is 'INR', not a list"),
        ([{"name": "a", "currencies": []}, LAST], r"currencies is \[\], not a list"),
        ([{"name": "a", "currencies": [5]}, LAST], "currencies has 5"),
        ([LAST, LAST], "rule 2, 'others', is never reached: 'others' before it"),
        (
            [{"name": "a"}, {"name": "b", "orders_min": 2}, LAST],
            "rule 2, 'b', is never reached: 'a' before it",
        ),
        (  # at least none is no condition
            [{"name": "a", "orders_min": 0}, {"name": "b", "orders_min": 2}, LAST],
            "rule 2, 'b', is never reached: 'a' before it",
        ),
        (
            [{"name": "a", "orders_min": 2}, {"name": "b", "orders_min": 3, "recency_days_max": 9}, LAST],
            "rule 2, 'b', is never reached: 'a' before it",
        ),
        (
            [{"name": "a", "currencies": ["INR", "USD"]}, {"name": "b", "currencies": ["USD"]}, LAST],
            "rule 2, 'b', is never reached: 'a' before it",
        ),
    ],
)
def test_a_wrong_configuration_is_refused(given: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(given)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"orders_min": 3}, {"orders_min": 2}),
        ({"orders_max": 3}, {}),
        ({"recency_days_min": 1}, {"recency_days_max": 5}),
        ({"currencies": ["INR"]}, {"value_min": 5}),
        ({"currencies": ["INR"], "value_min": 5}, {"currencies": ["INR"]}),
    ],
)
def test_a_rule_that_is_reached_is_not_refused(first: dict[str, Any], second: dict[str, Any]) -> None:
    given = [{"name": "a", **first}, {"name": "b", **second}, *([LAST] if second else [])]
    assert [rule.name for rule in parse(given).rules][:2] == ["a", "b"]
