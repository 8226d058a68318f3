"""Lines of JSON beside bronze: the same rows, in text that any consumer reads."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tasks.extraction import bronze as bronze_module
from tasks.extraction.bronze import bronze
from tasks.services import objects
from tests.tasks.extraction.shop import START, Shop, rows_of

HOUR = timedelta(hours=1)


def lines() -> list[list[dict[str, Any]]]:
    files = objects.listed("s3://highwater-lake/bronze/_ndjson/products/")
    return [list(map(json.loads, gzip.decompress(objects.read(each.address)).splitlines())) for each in files]


def test_a_line_is_the_row_in_text(shop: Shop) -> None:
    shop.write("a", 'ü "quoted"\n', START - HOUR - timedelta(microseconds=1), price=2.5)
    shop.sql("UPDATE PUBLIC.PRODUCTS SET brand = NULL")
    shop.write("b", "negative", START - HOUR, price=-1)
    shop.extract(output="ndjson")
    (((line),),) = lines()
    assert (line["product_name"], line["unit_price"], line["brand"]) == ('ü "quoted"\n', "2.50", None)
    assert (line["updated_at"], line["is_active"]) == ("2026-01-01T10:59:59.999999Z", True)
    (row,) = rows_of(bronze("products"))
    told = {name: field for name, field in line.items() if name not in ("unit_price",)}
    assert told == {
        name: field.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if hasattr(field, "strftime") else field
        for name, field in row.items()
        if not isinstance(field, Decimal)
    }


def test_each_part_has_its_file_and_none_without_rows(shop: Shop) -> None:
    for number in range(5):
        shop.write(f"p{number}", "x", START - HOUR)
    shop.extract(output="ndjson", batch_rows=2)
    shop.pass_time(HOUR)
    shop.extract(output="ndjson")
    assert [[line["product_id"] for line in file] for file in lines()] == [["p0", "p1"], ["p2", "p3"], ["p4"]]


def test_a_line_is_there_before_its_row_is_in_bronze(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("a", "A", START - HOUR)

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bronze_module, "append", dies)
        with pytest.raises(KeyboardInterrupt):
            shop.extract(output="ndjson")
    assert [len(file) for file in lines()] == [1]
    shop.extract(output="ndjson")
    assert [file[0]["product_id"] for file in lines()] == [
        "a",
        "a",
    ]  # each holder of the lease has files of its own


def test_parquet_alone_is_the_default(shop: Shop) -> None:
    shop.write("a", "A", START - HOUR)
    shop.extract()
    assert lines() == []
