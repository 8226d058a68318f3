"""A row of gold.ml_features as a record: the group's features follow from the contract, and values keep their precision."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from contracts.shop import customer_features
from contracts.shop.customer_features import COLUMNS, FEATURES
from contracts.shop.ml_features import ML_FEATURES
from local import resources
from tasks.settings import Settings
from tests.tasks.features.conftest import DAY, row


def test_the_groups_features_are_the_contracts_columns() -> None:
    names = [column.name for column in ML_FEATURES.columns]
    assert list(FEATURES) == [*(name for name in names if name != "is_deleted"), "event_time"]
    assert {
        name: FEATURES[name] for name in ("customer_key", "is_active", "amount_30d", "gap_ratio", "region")
    } == {
        "customer_key": "Integral",
        "is_active": "Integral",
        "amount_30d": "Fractional",
        "gap_ratio": "Fractional",
        "region": "String",
    }
    assert resources.CUSTOMER_FEATURES.name == Settings.model_fields["feature_group"].default


def test_nulls_are_left_out_and_zeros_are_not() -> None:
    record = customer_features.record(row("c1"), DAY)
    required = [column.name for column in ML_FEATURES.columns if column.required]
    assert set(record) == {*required, "event_time"} - {"is_deleted"}
    assert (record["orders"], record["amount"], record["event_time"]) == ("0", "0.00", "2026-11-29T00:00:00Z")


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("is_active", False, "0"),
        ("customer_key", -(2**63), "-9223372036854775808"),
        ("amount", Decimal("1E+3"), "1000"),
        ("amount", Decimal("9999999999999999.99"), "9999999999999999.99"),
        ("mean_gap_days", 1e-7, "1e-07"),
        ("region", 'Île, "x"\n', 'Île, "x"\n'),
        ("analysis_date", date(2026, 1, 2), "2026-01-02"),
    ],
)
def test_values(column: str, value: Any, text: str) -> None:
    assert customer_features.record({**row("c1"), column: value}, DAY)[column] == text


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("gap_ratio", float("inf"), "gap_ratio is inf, not a finite number"),
        ("customer_id", "", "customer_id is empty"),
        ("customer_id", None, "customer_id is empty"),
    ],
)
def test_what_is_no_record(column: str, value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        customer_features.record({**row("c1"), column: value}, DAY)


def test_columns_are_read_in_the_contracts_order() -> None:
    assert [*COLUMNS[:3], COLUMNS[-1]] == ["customer_key", "customer_id", "analysis_date", "gap_ratio"]


def test_a_deletion_is_later_than_the_days_record_and_earlier_than_the_next_days() -> None:
    today, deleted = customer_features.event_time(DAY), customer_features.deletion_time(DAY)
    assert today < deleted == "2026-11-29T00:00:01Z" < customer_features.event_time(date(2026, 11, 30))
