"""Change tracking: its SQL as text, what becomes of its rows, and how the local Snowflake refuses it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tasks.errors import DataError, SystemFault
from tasks.extraction import changes, query, watermark
from tasks.extraction.bronze import bronze
from tasks.extraction.query import BEGINNING
from tasks.extraction.source import load
from tests.tasks.extraction.shop import QUERY, START, Shop, rows_of
from tests.tasks.extraction.test_source import written

HOUR = timedelta(hours=1)
BETWEEN = "AT(TIMESTAMP => CAST(? AS TIMESTAMP_LTZ)) END(TIMESTAMP => CAST(? AS TIMESTAMP_LTZ))"
CHANGED = f"PUBLIC.PRODUCTS CHANGES(INFORMATION => DEFAULT) {BETWEEN}"
WINDOW = {"low": "2026-01-01 11:00:00.000000", "high": "2026-01-01 12:00:00.000000"}


def test_rows_that_came_or_changed() -> None:
    bound = query.bound(changes.rows("PUBLIC.PRODUCTS", "updated_at", WINDOW["low"]), WINDOW)
    assert bound.sql == (
        f"SELECT * EXCLUDE (METADATA$ACTION, METADATA$ISUPDATE, METADATA$ROW_ID) FROM {CHANGED} "
        "WHERE METADATA$ACTION = 'INSERT' AND updated_at IS NOT NULL"
    )
    assert bound.values == (WINDOW["low"], WINDOW["high"])


def test_the_first_time_all_rows_as_they_were() -> None:
    bound = query.bound(changes.rows("PRODUCTS", "updated_at", BEGINNING), WINDOW)
    assert bound.sql == (
        "SELECT * FROM PRODUCTS AT(TIMESTAMP => CAST(? AS TIMESTAMP_LTZ)) WHERE updated_at IS NOT NULL"
    )
    assert bound.values == (WINDOW["high"],)


def test_keys_that_are_gone() -> None:
    bound = query.bound(changes.gone("PUBLIC.PRODUCTS", ("a", "b"), "updated_at"), WINDOW)
    assert bound.sql == (
        f"SELECT a, b, CAST(? AS TIMESTAMP_NTZ) AS updated_at FROM {CHANGED} "
        "WHERE a IS NOT NULL AND b IS NOT NULL GROUP BY a, b HAVING COUNT_IF(METADATA$ACTION = 'INSERT') = 0"
    )
    assert bound.values == (WINDOW["high"], WINDOW["low"], WINDOW["high"])


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not a plain Snowflake identifier"):
        changes.gone("PUBLIC.PRODUCTS; DROP TABLE X", ("a",), "updated_at")


def test_a_table_is_needed(tmp_path: Any) -> None:
    with pytest.raises(DataError, match="products lacks `table`, whose changes the mode changes reads"):
        load(written(tmp_path, mode="changes"))


def test_a_source_without_changes_is_told_so_before_anything_is_written(shop: Shop) -> None:
    with pytest.raises(
        SystemFault,
        match=r"products: the source does not tell the changes of PUBLIC.PRODUCTS: .*the local Snowflake cannot run CHANGES "
        r"\(no changes are tracked\).*Correct that, or use the mode watermark or unload",
    ):
        shop.extract(mode="changes", table="PUBLIC.PRODUCTS")
    assert watermark.read("shop", "products").version == 0


def tracked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes are in a table of the test, in the columns in which Snowflake tells them."""
    of_window = "(SELECT * FROM PUBLIC.CHANGED WHERE moment > :low AND moment <= :high)"
    added = "moment, METADATA$ACTION, METADATA$ISUPDATE, METADATA$ROW_ID"
    monkeypatch.setattr(changes, "_BETWEEN", "")
    monkeypatch.setattr(changes, "_ADDED", added)
    monkeypatch.setattr(changes, "_changes", lambda table: f"{of_window} changed")
    monkeypatch.setattr(changes, "trial", lambda table: "SELECT 1")
    real = changes.rows
    monkeypatch.setattr(
        changes, "rows", lambda table, mark, low: QUERY if low == BEGINNING else real(table, mark, low)
    )


def test_changes_become_versions_and_tombstones(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    tracked(monkeypatch)
    shop.settings = {"mode": "changes", "table": "PUBLIC.PRODUCTS", "without_watermark": None}
    shop.sql(
        "CREATE OR REPLACE TABLE PUBLIC.CHANGED AS SELECT *, NULL::TIMESTAMP_NTZ AS moment, "
        "NULL::VARCHAR AS METADATA$ACTION, NULL::BOOLEAN AS METADATA$ISUPDATE, "
        "NULL::VARCHAR AS METADATA$ROW_ID FROM PUBLIC.PRODUCTS"
    )
    for name in ("stays", "changes", "goes", "renamed"):
        shop.write(name, "1", START - HOUR)
    shop.extract()
    now = START + timedelta(minutes=1)
    told = [
        ("changes", "1", "DELETE", True, "r1"),
        ("changes", "2", "INSERT", True, "r1"),
        ("goes", "1", "DELETE", False, "r2"),
        ("renamed", "1", "DELETE", True, "r3"),
        ("new name", "1", "INSERT", True, "r3"),
        ("again", "1", "DELETE", False, "r4"),
        ("again", "1", "INSERT", False, "r5"),
    ]
    for product, name, action, is_update, row in told:
        shop.sql(
            "INSERT INTO PUBLIC.CHANGED (product_id, product_name, updated_at, moment, METADATA$ACTION, METADATA$ISUPDATE, "
            "METADATA$ROW_ID) SELECT ?, ?, CAST(? AS TIMESTAMP_NTZ), CAST(? AS TIMESTAMP_NTZ), ?, ?, ?",
            *(product, name, f"{START}", f"{now}", action, is_update, row),
        )
    shop.pass_time(HOUR)
    found = shop.extract()
    assert found.low == "2026-01-01 11:59:30.000000"  # the watermark: no overlap
    added = [row for row in rows_of(bronze("products")) if row["run_id"] == "run-2"]
    assert sorted(
        (row["product_id"], row["product_name"], row["is_tombstone"])
        for row in added
        if not row["is_tombstone"]
    ) == [
        ("again", "1", False),
        ("changes", "2", False),
        ("new name", "1", False),
    ]
    gone = sorted((row["product_id"], f"{row['updated_at']}") for row in added if row["is_tombstone"])
    assert gone == [("goes", "2026-01-01 12:59:30+00:00"), ("renamed", "2026-01-01 12:59:30+00:00")]
    assert {row["product_name"] for row in added if row["is_tombstone"]} == {None}
