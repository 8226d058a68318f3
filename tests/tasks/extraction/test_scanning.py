"""A scan brings every row of its window into the lake, whatever cuts it off, and moves the watermark last."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.shop.products import PRODUCTS
from tasks.errors import DataError
from tasks.extraction import bronze as bronze_module
from tasks.extraction import source as source_module
from tasks.extraction import watermark
from tasks.extraction.bronze import bronze, quarantine
from tasks.extraction.columns import ChangedType
from tasks.extraction.extracted import Extracted
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
    with pytest.raises(
        DataError, match=r"the key product_id is not unique: 1 keys occur more than once, such as \('a',\)"
    ):
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


def test_a_row_without_a_key_is_quarantined_and_does_not_stop_the_scan(shop: Shop) -> None:
    for name in ("one", "two", "three"):
        shop.sql(
            "INSERT INTO PUBLIC.PRODUCTS SELECT NULL, ?, 'c', 'b', 1, TRUE, FALSE, CAST(? AS TIMESTAMP_NTZ), "
            "CAST(? AS TIMESTAMP_NTZ)",
            *(name, f"{START}", f"{START - HOUR}"),
        )
    shop.write("a", "A", START - HOUR)
    assert not shop.extract(batch_rows=2, batches_max=1).is_complete
    assert shop.extract(batch_rows=2).is_complete
    assert {row["product_name"] for row in rows_of(quarantine("shop", "products"))} == {"one", "two", "three"}
    assert [row["product_id"] for row in rows_of(bronze("products"))] == ["a"]


def test_a_cut_off_scan_of_another_query_begins_its_window_anew(shop: Shop) -> None:
    for number in range(4):
        shop.write(f"p{number}", "x", START - HOUR + number * SECOND)
    narrow = (
        "SELECT * FROM PUBLIC.PRODUCTS WHERE product_id > 'p0' AND updated_at > :low AND updated_at <= :high"
    )
    shop.extract(query=narrow, batch_rows=2, batches_max=1)
    found = shop.extract(batch_rows=2)
    assert found.notes == [
        "the query, the watermark or the key was changed: the window is read from its beginning"
    ]
    assert {name for name, _, _ in shop.versions()} == {"p0", "p1", "p2", "p3"}


def replayed(shop: Shop, low: str, high: str, **changes: Any) -> Extracted:
    shop.runs += 1
    with held("shop", "products", f"run-{shop.runs}") as keeper:
        return shop.scan(shop.source(**changes), keeper).replay(low, high)


def test_a_replay_of_a_scans_own_window_finds_what_came_late_whole_and_twice(shop: Shop) -> None:
    shop.write("a", "A", START - HOUR)
    first = shop.extract()
    assert first.low is not None
    assert first.high is not None
    for number in range(5):
        shop.write(f"late {number}", "x", START - 2 * HOUR)
    found = replayed(shop, first.low, first.high, batch_rows=2, batches_max=1)
    assert (found.rows_read, found.rows_added) == (6, 5)
    shop.write("later", "x", START - 2 * HOUR)
    assert replayed(shop, first.low, first.high).rows_added == 1
    assert len(shop.versions()) == 7


def test_a_replay_is_no_part_of_a_scan_that_was_cut_off(shop: Shop) -> None:
    for number in range(6):
        shop.write(f"p{number}", "x", START - HOUR + number * SECOND)
    cut = shop.extract(batch_rows=1, batches_max=1)
    assert cut.low is not None
    assert cut.high is not None
    replayed(shop, cut.low, cut.high, batch_rows=4)
    shop.extract(batch_rows=1)
    assert {name for name, _, _ in shop.versions()} == {f"p{number}" for number in range(6)}


def test_a_row_that_a_rule_no_longer_forbids_leaves_quarantine_by_a_replay(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("a", "negative", START - HOUR, price=-1)
    found = shop.extract()
    assert (found.rows_added, found.rows_quarantined) == (0, 1)
    columns = tuple(replace(column, rules=()) for column in PRODUCTS.columns)
    monkeypatch.setitem(source_module.CONTRACTS["shop"], "products", replace(PRODUCTS, columns=columns))
    assert found.low is not None
    assert found.high is not None
    assert replayed(shop, found.low, found.high).rows_added == 1


def test_an_unknown_column_does_not_make_known_rows_new(shop: Shop) -> None:
    shop.sql("ALTER TABLE PUBLIC.PRODUCTS ADD COLUMN colour VARCHAR")
    shop.write("a", "none", None)
    shop.write("b", "B", START - LAG)
    shop.sql("UPDATE PUBLIC.PRODUCTS SET colour = 'red'")
    shop.extract()
    shop.pass_time(timedelta(minutes=1))
    assert shop.extract().rows_added == 0


def test_a_rewind_to_the_beginning_of_time_is_no_dead_end(shop: Shop) -> None:
    shop.write("a", "A", START - HOUR)
    shop.extract()
    with held("shop", "products", "rewind") as keeper:
        keeper.advance("0001-01-01 00:00:00.000000", None, "rewind", "a test")
    shop.pass_time(HOUR)
    assert shop.extract().low == "0001-01-01 00:00:00.000000"


def test_a_clock_with_a_zone_is_taken_in_utc(shop: Shop) -> None:
    shop.clock = "SELECT CAST('2026-01-01 17:30:00 +05:30' AS TIMESTAMP_TZ)"
    assert shop.extract().high == "2026-01-01 11:59:30.000000"


def test_a_clock_that_tells_no_time_is_refused(shop: Shop) -> None:
    shop.clock = "SELECT 1"
    with pytest.raises(DataError, match="the source's clock, 'SELECT 1', returned no timestamp"):
        shop.extract()


def test_a_column_that_bronze_adds_itself_is_refused(shop: Shop) -> None:
    shop.sql("ALTER TABLE PUBLIC.PRODUCTS ADD COLUMN run_id VARCHAR")
    with pytest.raises(DataError, match=r"the source has the column\(s\) run_id, which bronze adds itself"):
        shop.extract()


def test_a_window_with_a_null_watermark_is_refused(shop: Shop) -> None:
    shop.write("a", "A", None)
    query = (
        "SELECT * FROM PUBLIC.PRODUCTS WHERE updated_at > :low AND updated_at <= :high OR updated_at IS NULL"
    )
    with pytest.raises(DataError, match="rows whose updated_at is null, which no window can have"):
        shop.extract(query=query)
