"""How customers' texts are cleaned, against the same rules in Python."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from pyspark.sql import SparkSession

from contracts.dialects.spark_types import spark_type_of
from contracts.shop.customers import CUSTOMERS
from contracts.shop.dim_customers import DIM_CUSTOMERS
from jobs.glue.shop.customers import dim_customers
from tests.jobs.shop.bronze_frames import bronze
from tests.jobs.shop.customer_world import Row, at, version

pytestmark = pytest.mark.spark

PHONES = {
    ("098765 43210", "IN"): "+919876543210",
    ("+91 98765-43210", "US"): "+919876543210",
    ("98765 43210", None): None,
    ("+1 (415) 555-2671", None): "+14155552671",
    ("(415) 555-2671", " us "): "+14155552671",
    ("415.555.2671 ext. 12", "us"): "+14155552671",
    ("020 7946 0958", "GB"): "+442079460958",
    ("020 7946 0958", "UK"): None,  # not what ISO calls it
    ("12", "IN"): None,
    ("call me", "IN"): None,
    (" ", "IN"): None,
    (None, "IN"): None,
    ("٠٩٨٧٦٥٤٣٢١٠", "IN"): "+919876543210",
    ("9" * 400, "IN"): None,
}
_PIECES = ("a", "B", "é", "ß", "@", ".", ".", " ", "  ", "\t", "\n", "\u00a0", "\u3000", "\x1f", "\x85", "北")
_TEXTS = ("first_name", "last_name", "email", "address", "city", "state", "zip_code", "country")


def any_customers(count: int) -> list[Row]:
    chance = random.Random(7)

    def text() -> str | None:
        return None if chance.random() < 0.2 else "".join(chance.choices(_PIECES, k=chance.randint(0, 7)))

    rows = []
    for number in range(count):
        texts: Row = {name: text() for name in _TEXTS}
        if chance.random() < 0.5:
            texts["email"] = chance.choice(
                ["a@b.c", " A@b.co\u00a0", "a b@c.d", "a@@b.c", "a@b..c", "@b.c", "a@b."]
            )
        created = chance.choice([None, at(0), at(1), at(2)])
        phone = chance.choice([None, "+919876543210"])
        rows.append(
            version(f"C{number}", chance.choice([1, 1, None]), 3, created_at=created, phone=phone, **texts)
        )
    return rows


def cleaned(row: Row) -> tuple[Any, ...]:
    part = {name: " ".join((row[name] or "").split()) or None for name in _TEXTS}
    email = (row["email"] or "").strip().lower()
    is_email = re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email) is not None
    address = (
        part["address"],
        part["city"],
        _upper(part["state"]),
        part["zip_code"],
        _upper(part["country"]),
    )
    created, updated = row["created_at"], row["updated_at"]
    score = [
        bool(part["first_name"] and part["last_name"]),
        is_email,
        row["phone"] is not None,
        all(address),
        created is not None and (updated is None or created <= updated),
    ]
    name = " ".join(filter(None, (part["first_name"], part["last_name"]))) or None
    return name, email if is_email else None, address, sum(score) / 5


def _upper(text: str | None) -> str | None:
    return text.upper() if text else None


def test_texts_and_score_as_python_has_them(spark: SparkSession) -> None:
    rows = any_customers(400)
    told = dim_customers(bronze(spark, CUSTOMERS, rows))
    types = {column.name: spark_type_of(column.kind).replace("`", "") for column in DIM_CUSTOMERS.columns}
    assert {field.name: field.dataType.simpleString() for field in told.schema} == types
    columns = ("full_name", "email_normalized", "address_standardized", "data_quality_score")
    found = {row[0]: tuple(row)[1:] for row in told.select("customer_id", *columns).collect()}
    assert found == {row["customer_id"]: cleaned(row) for row in rows}
    assert {score for *_, score in found.values()} == {0, 0.2, 0.4, 0.6, 0.8} | {
        max(s for *_, s in found.values())
    }
    assert len({email for _, email, *_ in found.values()}) > 3


def test_phones_are_read_as_in_their_country(spark: SparkSession) -> None:
    rows = [version(str(n), 1, phone=phone, country=country) for n, (phone, country) in enumerate(PHONES)]
    told = dim_customers(bronze(spark, CUSTOMERS, rows)).select("customer_id", "phone_normalized")
    found = dict(map(tuple, told.collect()))
    assert found == {str(n): number for n, number in enumerate(PHONES.values())}
