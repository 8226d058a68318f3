"""The pandas side: reasons come from pandera, in the words of the quarantine."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pandera.pandas as pa
import pytest

from contracts.catalog import contract
from contracts.dialects.drift import SchemaDrift
from tests.contracts.frames import normalise, reasons, validate

RAW_DATE = dt.date(2025, 1, 5)
GOOD = {
    "order_id": "O1",
    "sku_code": " sku-1",
    "customer_id": "C1",
    "region_code": "mh",
    "quantity": "5.0",
    "net_revenue": "100",
    "order_date": "2025-01-05",
    "channel": "ecommerce",
}


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame([{**GOOD, **row} for row in rows], index=[f"r{at}" for at in range(len(rows))])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"quantity": "0"}, ["quantity:range"]),
        ({"quantity": "x"}, ["quantity:type"]),
        ({"quantity": " "}, ["quantity:missing"]),
        ({"quantity": float("nan")}, ["quantity:missing"]),
        ({"net_revenue": "-1"}, ["net_revenue:range"]),
        ({"order_date": "2025-01-06"}, ["order_date:future"]),
        ({"order_date": None}, ["order_date:missing"]),
        ({"channel": "e commerce"}, ["channel:allowed"]),
        ({"sku_code": "a b"}, ["sku_code:pattern"]),
        ({"order_id": "x" * 101}, ["order_id:length"]),
        ({"gross_revenue": "much"}, []),
        (
            {"region_code": None, "quantity": "5d", "channel": "x"},
            ["channel:allowed", "quantity:type", "region_code:missing"],
        ),
    ],
)
def test_reasons_of_a_line(change: dict[str, object], expected: list[str]) -> None:
    told = reasons(contract("sales"), frame({}, change), RAW_DATE)
    assert told.to_dict() == {"r0": [], "r1": expected}


def test_values_are_typed_and_unfit_optional_ones_null() -> None:
    typed = normalise(contract("sales"), frame({"cost_of_goods": "n/a", "is_promo_sale": "Y"}), RAW_DATE)
    assert [str(kind) for kind in typed.dtypes[["quantity", "net_revenue", "order_date"]]] == [
        "int64[pyarrow]",
        "decimal128(18, 4)[pyarrow]",
        "date32[day][pyarrow]",
    ]
    line = typed.loc["r0"]
    assert (line["sku_code"], line["quantity"], str(line["net_revenue"])) == ("SKU-1", 5, "100.0000")
    assert line["is_promo_sale"] is True
    assert typed[["cost_of_goods", "changed_at"]].isna().all(axis=None)


def test_a_week_must_be_a_monday_and_a_discount_a_share() -> None:
    promo = {
        "promo_id": "P",
        "sku_code": "S",
        "region_code": "R",
        "week": "2025-01-06",
        "promo_discount_pct": 25,
    }
    raw = pd.DataFrame([promo, {**promo, "week": "2025-01-07", "promo_discount_pct": 0.25}])
    assert reasons(contract("promotions"), raw, RAW_DATE).tolist() == [[], ["week:monday"]]
    assert normalise(contract("promotions"), raw, RAW_DATE)["promo_discount_pct"].to_list() == [pd.NA, 0.25]


def test_a_frame_without_a_required_column_is_refused() -> None:
    with pytest.raises(SchemaDrift, match=r"sales: the frame lacks required column\(s\) quantity"):
        reasons(contract("sales"), frame({}).drop(columns="quantity"), RAW_DATE)


def test_an_empty_frame_is_judged_too() -> None:
    assert reasons(contract("sales"), frame({}).head(0), RAW_DATE).tolist() == []


def test_rows_to_publish_must_be_valid_and_have_one_row_per_key() -> None:
    dataset = contract("sales")
    assert len(validate(dataset, normalise(dataset, frame({}, {"order_id": "O2"}), RAW_DATE))) == 2
    with pytest.raises(pa.errors.SchemaErrors, match="order_id"):
        validate(dataset, normalise(dataset, frame({}, {"net_revenue": "7"}), RAW_DATE))
    with pytest.raises(pa.errors.SchemaErrors, match="<Check range>"):
        validate(dataset, normalise(dataset, frame({"quantity": "-1"}), RAW_DATE))
