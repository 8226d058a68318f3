"""Which files a slice's keys may be in, without Spark: never one too few."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.catalog import contract
from jobs.glue.curation import touched
from jobs.glue.curation.touched import Published

SALES, INVENTORY, MARKET = contract("sales"), contract("inventory"), contract("market")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def paths(files: list[Published]) -> list[str]:
    return [file.path for file in files]


def test_a_file_is_read_if_every_column_has_a_value_between_its_bounds() -> None:
    published = [
        Published("both", {"order": (b"B", b"D"), "sku": (b"1", b"3")}),
        Published("at the ends", {"order": (b"A", b"C"), "sku": (b"2", b"2")}),
        Published("between two values", {"order": (b"CA", b"CZ"), "sku": (b"1", b"3")}),
        Published("one column", {"order": (b"B", b"D"), "sku": (b"3", b"4")}),
        Published("above", {"order": (b"F", b"G"), "sku": (b"1", b"3")}),
        Published("half known", {"order": (b"B", b"D")}),
        Published("unknown"),
    ]
    wanted = {"order": {b"E", b"C"}, "sku": {b"2"}}
    assert paths(touched.files(published, wanted)) == ["both", "at the ends", "half known", "unknown"]
    assert touched.files(published, {"order": [], "sku": []}) == []


@given(
    st.lists(st.lists(st.tuples(TEXTS, st.integers(-9, 9)), min_size=1), min_size=1),
    st.lists(st.tuples(TEXTS, st.integers(-9, 9))),
)
def test_no_file_that_has_one_of_the_keys_is_left_out(
    contents: list[list[tuple[str, int]]], keys: list[tuple[str, int]]
) -> None:
    def bounds(rows: list[tuple[str, int]]) -> dict[str, tuple[Any, Any]]:
        texts = [text.encode() for text, _ in rows]
        numbers = [number for _, number in rows]
        return {"text": (min(texts), max(texts)), "number": (min(numbers), max(numbers))}

    published = [Published(str(n), bounds(rows)) for n, rows in enumerate(contents)]
    wanted = {"text": {text.encode() for text, _ in keys}, "number": {number for _, number in keys}}
    found = set(paths(touched.files(published, wanted)))
    assert found >= {str(n) for n, rows in enumerate(contents) if set(rows) & set(keys)}


def test_bounds_are_compared_as_iceberg_orders_them() -> None:
    given = {
        "order_id": ["Z", "\U0001f600"],
        "sku_code": ["A", "B"],
        "source_date": ["1969-12-31", "2025-01-05"],
    }
    assert touched.bounds_of(SALES, given) == {
        "order_id": (b"Z", b"\xf0\x9f\x98\x80"),
        "sku_code": (b"A", b"B"),
        "source_date": (-1, touched.day(date(2025, 1, 5))),
    }
    # In UTF-16, as Java compares strings, the emoji would be less than U+FFFD and these bounds the wrong way round.
    assert touched.bounds_of(SALES, {"order_id": ["\ufffd", "\U0001f600"]})
    assert touched.bounds_of(MARKET, {"week": ["2025-W01", "2025-W02"]}) == {
        "week": (b"2025-W01", b"2025-W02")
    }


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"net_revenue": ["1", "2"]}, "the bounds of net_revenue are of no use"),
        ({"order_id": ["A"]}, r"the bounds of order_id are \['A'\] and not a least and a greatest value"),
        ({"order_id": "AB"}, "the bounds of order_id are 'AB' and not a least"),
        ({"order_id": ["A", 7]}, "7 is no bound of order_id, a string"),
        ({"order_id": ["B", "A"]}, "the bounds of order_id are the wrong way round"),
        ({"source_date": ["2025-01-05", "today"]}, "'today' is no bound of source_date, a date"),
        ({"source_date": [20000, 20001]}, "20000 is no bound of source_date, a date"),
    ],
)
def test_bounds_that_cannot_be_compared_are_refused(bounds: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        touched.bounds_of(SALES, bounds)


def test_every_key_column_is_looked_up() -> None:
    assert touched.expressions(INVENTORY) == {
        "sku_code": "CAST(`sku_code` AS binary)",
        "region_code": "CAST(`region_code` AS binary)",
        "snapshot_date": "unix_date(`snapshot_date`)",
    }
    assert list(touched.expressions(MARKET)) == ["week", "region_code", "category", "brand"]
