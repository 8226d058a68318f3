"""The schema is that of the contract and of the result's description, never a batch's own."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from contracts.shop.products import PRODUCTS
from tasks.errors import DataError
from tasks.extraction import columns
from tasks.extraction.columns import ChangedType

NTZ, TEXT, FIXED, FLOAT, BOOLEAN, GEOGRAPHY = 8, 2, 0, 1, 13, 14


def described(name: str, code: int, precision: int | None = None, scale: int | None = None) -> Any:
    return SimpleNamespace(name=name, type_code=code, precision=precision, scale=scale)


def of(*told: Any, lake: pa.Schema | None = None) -> columns.Plan:
    return columns.plan("products", PRODUCTS, columns.of_description(told), lake)


def test_the_contracts_columns_come_first_and_unknown_ones_after_them() -> None:
    plan = of(described("COLOUR", TEXT), described("UNIT_PRICE", FIXED, 10, 2), described("PRODUCT_ID", TEXT))
    assert plan.schema.names == [*PRODUCTS.names, "colour"]
    assert plan.schema.field("unit_price").type == pa.decimal128(14, 2)
    assert (plan.unknown, plan.missing[:2]) == (("colour",), ("product_name", "category"))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (
            described("UNIT_PRICE", FLOAT),
            r"products.unit_price: the source has FLOAT, the contract has decimal\(14,2\)",
        ),
        (
            described("UNIT_PRICE", FIXED, 14, 4),
            r"the source has NUMBER\(14,4\), the contract has decimal\(14,2\)",
        ),
        (described("UPDATED_AT", TEXT), "the source has VARCHAR, the contract has timestamp"),
        (described("IS_ACTIVE", FIXED, 1, 0), r"the source has NUMBER\(1,0\), the contract has boolean"),
    ],
)
def test_a_changed_type_names_both(told: Any, message: str) -> None:
    with pytest.raises(ChangedType, match=message):
        of(told)


def test_an_unknown_column_keeps_the_type_that_the_lake_has() -> None:
    lake = pa.schema([("colour", pa.string())])
    assert of(described("COLOUR", TEXT), lake=lake).schema.field("colour").type == pa.string()
    with pytest.raises(ChangedType, match="the source has BOOLEAN, its table in the lake has string"):
        of(described("COLOUR", BOOLEAN), lake=lake)


def test_a_type_that_is_not_extracted_says_what_to_do() -> None:
    with pytest.raises(
        DataError, match=r"column PLACE has a type that is not extracted .*cast it in the query"
    ):
        of(described("PLACE", GEOGRAPHY))


def test_a_column_twice_is_refused() -> None:
    with pytest.raises(DataError, match="returns a column twice"):
        of(described("BRAND", TEXT), described("brand", TEXT))


SCHEMA = pa.schema(
    [("amount", pa.decimal128(14, 2)), ("at", pa.timestamp("us", "UTC")), ("lost", pa.string())]
)


def test_batches_of_other_types_become_the_same() -> None:
    """What the connector does: an empty batch of decimals is int64, and the unit of timestamps is the batch's."""
    empty = pa.table({"AMOUNT": pa.array([], pa.int64()), "AT": pa.array([], pa.timestamp("ns"))})
    full = pa.table({"AMOUNT": pa.array([Decimal("1.5")]), "AT": pa.array([1_000_001], pa.timestamp("us"))})
    found = [columns.conform("e", batch, SCHEMA) for batch in (empty, full)]
    assert [each.schema for each in found] == [SCHEMA, SCHEMA]
    assert found[1].column("amount").to_pylist() == [Decimal("1.50")]
    assert found[1].column("lost").to_pylist() == [None]


def test_nanoseconds_are_cut_off() -> None:
    batch = pa.table({"AT": pa.array([1_999, -500], pa.timestamp("ns"))})
    assert columns.conform("e", batch, SCHEMA).column("at").cast(pa.int64()).to_pylist() == [1, -1]


def test_a_value_that_does_not_fit_is_told() -> None:
    batch = pa.table({"AMOUNT": pa.array([Decimal("123456789012345.00")])})
    with pytest.raises(ChangedType, match=r"e.amount: a value does not fit decimal128\(14, 2\)"):
        columns.conform("e", batch, SCHEMA)
