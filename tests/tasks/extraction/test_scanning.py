"""A scan brings every row of its window into the lake, whatever cuts it off, and moves the watermark last."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tasks.errors import DataError
from tasks.extraction import bronze as bronze_module
from tasks.extraction import watermark
from tasks.extraction.bronze import bronze, quarantine
from tasks.extraction.columns import ChangedType
from tasks.extraction.lease_keeper import held
from tests.tasks.extraction.shop import LAG, OVERLAP, START, Shop, rows_of

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def value() -> str | None:
    return watermark.read("shop", "products").value


def test_the_first_run_takes_everything_up_to_the_sources_time_less_the_lag(shop: Shop) -> None:
    shop.write("a", "old", START - timedelta(days=400))
    shop.write("b", "in time", START - LAG)
    shop.write("c", "too new", START - LAG + SECOND)
    found = shop.extract()
    assert [name for name, _, _ in shop.versions()] == ["a", "b"]
    assert (found.rows_added, value()) == (2, "2026-01-01 11:59:30.000000")


def test_a_row_says_where_it_comes_from(shop: Shop) -> None:
    shop.write("a", "A", START - HOUR, price=2.5)
    shop.extract()
    (row,) = rows_of(bronze("products"))
    assert f"{row['unit_price']}" == "2.50"
    assert (row["source_system"], row["run_id"], row["is_tombstone"]) == ("shop", "run-1", False)
    assert len(row["window_id"]) == len(row["query_hash"]) == 16


def test_rows_of_one_time_across_the_edge_of_parts_are_all_there(shop: Shop) -> None:
    for number in range(7):
        shop.write(f"p{number}", "same time", START - HOUR)
    found = shop.extract(batch_rows=3)
    assert [name for name, _, _ in shop.versions()] == [f"p{number}" for number in range(7)]
    assert found.parts == 3


def test_rows_of_the_overlap_are_read_again_and_added_once(shop: Shop) -> None:
    shop.write("a", "A", START - LAG)
    shop.extract()
    shop.pass_time(timedelta(minutes=5))
    shop.write("b", "committed late", START - LAG - OVERLAP + SECOND)
    found = shop.extract()
    assert (found.rows_read, found.rows_known, found.rows_added) == (2, 1, 1)
    assert [name for name, _, _ in shop.versions()] == ["a", "b"]


def test_nothing_changed_adds_nothing_and_moves_the_watermark(shop: Shop) -> None:
    shop.write("a", "A", START - HOUR)
    shop.extract()
    shop.pass_time(HOUR)
    found = shop.extract()
    assert (found.rows_added, found.parts, value()) == (0, 0, "2026-01-01 12:59:30.000000")


def test_a_run_within_the_lag_of_the_last_has_nothing_to_read(shop: Shop) -> None:
    shop.extract()
    assert shop.extract().notes == ["the source's time has not moved on"]


def test_a_scan_whose_batches_are_used_up_goes_on_where_it_stood(shop: Shop) -> None:
    for number in range(5):
        shop.write(f"p{number}", "x", START - HOUR + number * SECOND)
    first = shop.extract(batch_rows=2, batches_max=1)
    assert (first.is_complete, first.rows_read, value()) == (False, 2, None)
    second = shop.extract(batch_rows=2)
    assert (second.is_complete, second.rows_read, second.high) == (True, 3, first.high)
    assert [name for name, _, _ in shop.versions()] == [f"p{number}" for number in range(5)]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("commit", [1, 2])
def test_a_run_that_dies_at_a_commit_is_ended_by_the_next(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, commit: int, before: bool
) -> None:
    for number in range(4):
        shop.write(f"p{number}", "x", START - HOUR)
    real, calls = bronze_module.append, 0

    def dies(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == commit and before:
            raise KeyboardInterrupt
        done = real(*arguments, **more)
        if calls == commit:
            raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patch:
        patch.setattr(bronze_module, "append", dies)
        with pytest.raises(KeyboardInterrupt):
            shop.extract(batch_rows=2)
    shop.pass_time(HOUR)
    found = shop.extract(batch_rows=2)
    assert found.rows_read == 4 - 2 * (commit - before)
    assert [name for name, _, _ in shop.versions()] == ["p0", "p1", "p2", "p3"]


def test_rows_without_a_watermark_are_taken_once_and_told(shop: Shop) -> None:
    shop.write("a", "none", None)
    first = shop.extract()
    shop.pass_time(HOUR)
    second = shop.extract()
    shop.write("a", "changed", None)
    shop.pass_time(HOUR)
    third = shop.extract()
    assert [each.rows_added for each in (first, second, third)] == [1, 0, 1]
    assert second.notes == ["1 rows without updated_at"]
    assert shop.versions() == [("a", "changed", None), ("a", "none", None)]


def test_a_row_that_breaks_a_rule_is_quarantined_with_its_reason_once(shop: Shop) -> None:
    shop.write("a", "negative", START - LAG, price=-1)
    shop.write("b", "good", START - LAG)
    first = shop.extract()
    shop.pass_time(timedelta(minutes=1))
    second = shop.extract()
    assert (first.rows_added, first.rows_quarantined) == (1, 1)
    assert (second.rows_known, second.rows_added, second.rows_quarantined) == (2, 0, 0)
    (row,) = rows_of(quarantine("shop", "products"))
    assert (row["product_id"], row["reasons"]) == ("a", ["unit_price:range"])


def test_a_new_column_joins_the_table_and_a_lost_one_is_told(shop: Shop) -> None:
    shop.write("a", "A", START - HOUR)
    shop.extract()
    shop.sql("ALTER TABLE PUBLIC.PRODUCTS ADD COLUMN colour VARCHAR")
    shop.sql("ALTER TABLE PUBLIC.PRODUCTS DROP COLUMN brand")
    shop.sql("UPDATE PUBLIC.PRODUCTS SET colour = 'red', updated_at = CAST(? AS TIMESTAMP_NTZ)", f"{START}")
    shop.pass_time(HOUR)
    found = shop.extract()
    assert found.notes == [
        "columns that the contract does not know: colour",
        "columns that the source no longer has: brand",
    ]
    assert sorted((row["brand"], row["colour"]) for row in rows_of(bronze("products")) if row["colour"]) == [
        (None, "red")
    ]


def test_a_changed_type_stops_the_entity_with_both_types_and_its_watermark_stays(shop: Shop) -> None:
    shop.write("a", "A", START - HOUR)
    shop.extract()
    before = watermark.read("shop", "products")
    shop.pass_time(HOUR)
    query = "SELECT * EXCLUDE (unit_price), unit_price::FLOAT AS unit_price FROM PUBLIC.PRODUCTS WHERE updated_at > :low"
    with pytest.raises(
        ChangedType, match=r"unit_price: the source has FLOAT, the contract has decimal\(14,2\)"
    ):
        shop.extract(query=f"{query} AND updated_at <= :high")
    after = watermark.read("shop", "products")
    assert (after.value, after.position) == (before.value, before.position)


def test_a_query_without_its_watermark_is_refused_before_anything_is_written(shop: Shop) -> None:
    query = "SELECT product_id FROM PUBLIC.PRODUCTS WHERE updated_at > :low AND updated_at <= :high"
    with pytest.raises(DataError, match="the query's result lacks updated_at"):
        shop.extract(query=query)
    assert watermark.read("shop", "products").version == 0


def test_a_key_that_is_not_unique_is_refused(shop: Shop) -> None:
    shop.write("a", "A", START - HOUR)
    shop.sql("INSERT INTO PUBLIC.PRODUCTS SELECT * FROM PUBLIC.PRODUCTS")
    with pytest.raises(DataError, match=r"the key product_id is not unique: \('a',\) occur more than once"):
        shop.extract()
    assert (rows_of(bronze("products")), value()) == ([], None)


def test_a_replay_reads_a_past_window_and_leaves_the_watermark(shop: Shop) -> None:
    shop.write("a", "A", START - HOUR)
    shop.extract()
    shop.write("b", "far too late", START - 2 * HOUR)
    source = shop.source()
    with held("shop", "products", "replay") as keeper:
        before = keeper.held
        found = shop.scan(source, keeper).replay("2026-01-01 09:00:00", "2026-01-01 11:30:00")
        assert keeper.held.value == before.value
    assert found.rows_read == 2
    assert ("b", "far too late", START - 2 * HOUR) in shop.versions()
