"""Products as they are now: their newest version, whatever the order in which versions came."""

from __future__ import annotations

import random
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from pyspark.sql import SparkSession

from contracts.dialects.spark_types import spark_type_of
from contracts.shop.dim_products import DIM_PRODUCTS
from contracts.shop.products import PRODUCTS
from jobs.glue.shop.products import dim_products
from jobs.glue.shop.versions import newest
from tests.jobs.shop.bronze_frames import bronze
from tests.jobs.shop.customer_world import Row, at, digest, micros, surrogate
from tests.jobs.shop.dimension_oracle import NEWEST, asked

pytestmark = pytest.mark.spark

_PLAIN: Row = {
    "product_name": "Tea",
    "category": "Drinks",
    "brand": "Assam",
    "unit_price": Decimal("4.50"),
    "is_active": True,
    "is_deleted": False,
    "created_at": at(0),
}
_PROVENANCE: Row = dict.fromkeys(("source_system", "window_id", "run_id", "query_hash"), "x")


def version(product: str, hours: float | None, extracted: float, **values: Any) -> Row:
    updated = None if hours is None else at(hours)
    found: Row = {**_PROVENANCE, "extraction_timestamp": at(extracted), "is_tombstone": False}
    return {**_PLAIN, "product_id": product, "updated_at": updated, **values, **found}


def tombstone(product: str, hours: float, extracted: float) -> Row:
    nothing = {**dict.fromkeys(_PLAIN), "is_tombstone": True}
    return {**version(product, hours, extracted), **nothing}


def any_rows(products: int, seed: int) -> list[Row]:
    chance = random.Random(seed)
    rows: list[Row] = []
    for number in range(products):
        for _ in range(chance.randint(1, 6)):
            hours, later = chance.randint(0, 9), chance.choice([0, 1, 1, 4])
            if chance.random() < 0.15:
                rows.append(tombstone(f"P{number}", hours, hours + later))
                continue
            values: Row = {"unit_price": chance.choice([None, Decimal("4.50"), Decimal("1200.05")])}
            values["product_name"] = chance.choice(["Tea", "Green|tea", None])
            values["is_deleted"] = chance.choice([True, False, False, None])
            dated = None if chance.random() < 0.1 else hours
            rows.append(version(f"P{number}", dated, hours + later, **values))
    chance.shuffle(rows)
    return [*rows, *rows[::5]]


def test_the_newest_version_as_duckdb_finds_it(spark: SparkSession) -> None:
    rows = any_rows(400, seed=5)
    told = dim_products(bronze(spark, PRODUCTS, rows))
    types = {column.name: spark_type_of(column.kind) for column in DIM_PRODUCTS.columns}
    assert {field.name: field.dataType.simpleString() for field in told.schema} == types
    shown = ("product_id", "product_name", "unit_price", "is_active", "unix_micros(updated_at)", "is_deleted")
    found = told.selectExpr(*shown, "product_key").collect()
    assert all(row["product_key"] == surrogate(row["product_id"]) for row in found)
    values = {tuple(row[:-1]) for row in found}
    wanted = asked(PRODUCTS, rows, partial(digest, dataset=PRODUCTS), _PLAIN.keys() - {"is_deleted"}, NEWEST)
    assert len(found) == len(wanted) > 350
    assert values == wanted
    assert {gone for *_, gone in values} == {True, False}


def test_products_that_are_gone_or_back(spark: SparkSession) -> None:
    rows = [
        version("gone", 1, 2, product_name="Last seen"),
        tombstone("gone", 5, 6),
        version("back", 1, 2),
        tombstone("back", 5, 6),
        version("back", 1, 8, product_name="Found again"),
        version("softly", 1, 2),
        version("softly", 4, 5, product_name="Put away", is_deleted=True),
        tombstone("never seen", 3, 4),
        version("undated", None, 2, created_at=None, product_name="Undated"),
    ]
    told = newest(bronze(spark, PRODUCTS, rows), PRODUCTS).selectExpr(
        "product_id", "product_name", "unix_micros(dated_at) AS dated", "is_gone", "is_known"
    )
    found = {row[0]: tuple(row[1:]) for row in told.collect()}
    assert found == {
        "gone": ("Last seen", micros(at(5)), True, True),
        "back": ("Found again", micros(at(8)), False, True),
        "softly": ("Put away", micros(at(4)), True, True),
        "never seen": (None, micros(at(3)), True, False),
        "undated": ("Undated", -62_135_596_800_000_000, False, True),
    }
    known = dim_products(bronze(spark, PRODUCTS, rows)).select("product_id", "is_deleted")
    assert {tuple(row) for row in known.collect()} == {
        ("gone", True),
        ("back", False),
        ("softly", True),
        ("undated", False),
    }
