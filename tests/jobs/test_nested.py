"""Arrays and structs through the job: published as they are, compared with what was published, refused and replayed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.catalog import DATASETS
from tests.contracts.every import BASKETS

pytestmark = pytest.mark.spark

JAN_5, JAN_6 = date(2025, 1, 5), date(2025, 1, 6)
AS_TEXT = [
    {"code": "C1", "skus": '["a", null]', "price": '{"amount": 1.50, "currency": "eur"}'},
    {"code": "C2", "skus": "[]", "price": None},
    {"code": "C3", "skus": '["a",]', "price": None},
]


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS, BASKETS.table, BASKETS)


def curated(lake: Any, raw_date: date, rows: Any, history: list[str]) -> Any:
    (outcome,) = lake.curate(lake.work(BASKETS.table, [lake.deliver(raw_date, rows)], history))
    return outcome


def test_nested_values_are_published_and_the_same_values_are_known_again(lake: Any) -> None:
    first = curated(lake, JAN_5, AS_TEXT, [])
    published = sorted((row["code"], row["skus"], row["price"]) for row in first.rows("published"))
    assert published == [
        ("C1", ["A", None], {"amount": Decimal("1.50"), "currency": "EUR"}),
        ("C2", [], None),
    ]
    assert first.refused("code", "skus") == {("C3", '["a",]')}

    price = pa.struct([("currency", pa.string()), ("amount", pa.float32())])
    nested = pa.table(
        {
            "code": ["C1", "C2"],
            "skus": pa.array([["A", " "], [None]], pa.list_(pa.string())),
            "price": pa.array([{"currency": "EUR", "amount": 1.5}, None], price),
        }
    )
    again = curated(lake, JAN_5, nested, first.files("published"))
    assert (again.figures["rows_published"], again.figures["rows_written"]) == (2, 1)
    assert [(row["code"], row["skus"]) for row in again.rows("published")] == [("C2", [None])]


def test_a_mended_array_is_replayed(lake: Any) -> None:
    first = curated(lake, JAN_5, AS_TEXT, [])
    (path,) = first.files("quarantined")
    rows = pq.ParquetFile(path.removeprefix("file://")).read()
    mended = rows.set_column(rows.column_names.index("skus"), "skus", pa.array(['["a"]']))
    entry = {**lake.deliver(JAN_6, mended), "replay": True}
    (replayed,) = lake.curate(lake.work(BASKETS.table, [entry], first.files("published")), run_id="run-2")
    assert [(row["code"], row["skus"]) for row in replayed.rows("published")] == [("C3", ["A"])]
