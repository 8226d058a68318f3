"""The source writes a window to the lake itself: the same rows as through the worker, none that readers would misread."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.language.dataset import Rule
from contracts.shop.products import PRODUCTS
from tasks.errors import DataError, SystemFault
from tasks.extraction import bronze as bronze_module
from tasks.extraction import scanning, unloading
from tasks.extraction import source as source_module
from tasks.extraction.bronze import bronze, quarantine
from tasks.extraction.lease_keeper import held
from tasks.lake import lake_tables
from tasks.services import objects
from tests.tasks.extraction.shop import LAG, OVERLAP, QUERY, START, Shop, rows_of
from tests.tasks.extraction.test_scanning import value

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
ADDED = {"extraction_timestamp", "window_id", "run_id"}


@pytest.fixture
def unloaded(shop: Shop) -> Shop:
    shop.settings = {"mode": "unload"}
    return shop


@pytest.fixture
def only_broken_rows_come(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each result that goes through the worker."""
    seen: list[int] = []
    real = scanning.parts

    def parts(*arguments: Any) -> Any:
        for part, is_last in real(*arguments):
            seen.append(part.num_rows)
            yield part, is_last

    monkeypatch.setattr(scanning, "parts", parts)
    return seen


def content() -> list[dict[str, Any]]:
    """What bronze and quarantine have, without what differs from run to run."""
    return [
        {name: field for name, field in row.items() if name not in ADDED}
        for place in (bronze("products"), quarantine("shop", "products"))
        for row in sorted(rows_of(place), key=lambda row: str(row["product_id"]))
    ]


def filled(shop: Shop) -> None:
    shop.write("a", "it's a \\ 'quoted' – ü", START - HOUR - timedelta(microseconds=1), price=2.5)
    shop.write("b", "no time", None)
    shop.write("c", "negative", START - HOUR, price=-1)
    shop.write("d", "old", START - timedelta(days=700))
    shop.sql(
        "INSERT INTO PUBLIC.PRODUCTS (product_id, updated_at) SELECT 'e', CAST(? AS TIMESTAMP_NTZ)",
        f"{START - HOUR}",
    )
    shop.sql(
        "INSERT INTO PUBLIC.PRODUCTS (brand, updated_at) SELECT 'no key', CAST(? AS TIMESTAMP_NTZ)",
        f"{START - HOUR}",
    )


def test_the_lake_has_the_same_as_in_the_mode_watermark(shop: Shop, only_broken_rows_come: list[int]) -> None:
    filled(shop)
    shop.extract()
    expected, schema = content(), bronze("products").schema()
    lake_tables.catalog().drop_table("bronze.products")
    lake_tables.catalog().drop_table("quarantine.shop_products")
    with held("shop", "products", "again") as keeper:
        keeper.advance(None, None, "again", "a test")
    only_broken_rows_come.clear()
    found = shop.extract(mode="unload")
    assert content() == expected
    assert bronze("products").schema() == schema
    assert (found.rows_read, found.rows_added, found.rows_quarantined) == (5, 4, 2)
    assert only_broken_rows_come == [2, 1]  # those that break a rule, and the one without a watermark
    assert value() == "2026-01-01 11:59:30.000000"


def test_a_row_says_where_it_comes_from(unloaded: Shop) -> None:
    unloaded.write("a", "A", START - HOUR)
    unloaded.extract()
    (row,) = rows_of(bronze("products"))
    assert (row["source_system"], row["run_id"], row["is_tombstone"]) == ("shop", "run-1", False)
    assert len(row["window_id"]) == len(row["query_hash"]) == 16


def test_its_files_are_found_by_the_day_of_extraction(unloaded: Shop) -> None:
    unloaded.write("a", "A", START - HOUR)
    unloaded.extract()
    (row,) = rows_of(bronze("products"))
    table: Any = lake_tables.load("bronze", "products")
    day = row["extraction_timestamp"].date()
    assert [
        str(file["partition"]["extraction_timestamp_day"]) for file in table.inspect.files().to_pylist()
    ] == [f"{day}"]
    assert table.scan(row_filter=f"extraction_timestamp < '{day}T00:00:00+00:00'").to_arrow().num_rows == 0


def test_nothing_changed_commits_nothing(unloaded: Shop) -> None:
    unloaded.write("a", "A", START - LAG)
    unloaded.write("b", "negative", START - LAG, price=-1)
    unloaded.extract()
    snapshots = len(bronze("products").notes())
    unloaded.pass_time(timedelta(minutes=5))
    within = unloaded.extract()
    for _ in range(2):
        unloaded.pass_time(HOUR)
        after = unloaded.extract()
    assert (within.rows_known, within.rows_added, within.parts) == (2, 0, 0)
    assert (after.rows_read, after.parts, value()) == (0, 0, "2026-01-01 14:04:30.000000")
    assert len(bronze("products").notes()) == snapshots


def test_a_row_committed_late_is_found_though_nothing_newer_is_there(unloaded: Shop) -> None:
    unloaded.write("a", "A", START - LAG)
    unloaded.extract()
    unloaded.pass_time(timedelta(minutes=5))
    unloaded.write("b", "late", START - LAG - OVERLAP + SECOND)
    found = unloaded.extract()
    assert (found.rows_read, found.rows_known, found.rows_added) == (2, 1, 1)


def test_with_newer_rows_those_of_the_overlap_come_again(unloaded: Shop) -> None:
    unloaded.write("a", "A", START - LAG)
    unloaded.extract()
    unloaded.pass_time(timedelta(minutes=5))
    unloaded.write("b", "late", START - LAG - OVERLAP + SECOND)
    unloaded.write("c", "new", START + SECOND)
    unloaded.extract()
    assert [name for name, _, _ in unloaded.versions()] == ["a", "a", "b", "c"]


@pytest.mark.parametrize("before", [True, False])
def test_a_run_that_dies_at_the_commit_is_ended_by_the_next(
    unloaded: Shop, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    unloaded.write("a", "A", START - HOUR)
    real = bronze_module.append

    def dies(*arguments: Any, **more: Any) -> Any:
        if not before:
            real(*arguments, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bronze_module, "append", dies)
        with pytest.raises(KeyboardInterrupt):
            unloaded.extract()
    assert value() is None
    found = unloaded.extract()
    assert (found.rows_read, value()) == (1 if before else 0, found.high)
    assert [name for name, _, _ in unloaded.versions()] == ["a"]


def test_a_replay_adds_only_what_the_lake_lacks(unloaded: Shop) -> None:
    unloaded.write("a", "A", START - HOUR)
    unloaded.extract()
    unloaded.write("b", "far too late", START - 2 * HOUR)
    source = unloaded.source()
    with held("shop", "products", "replay") as keeper:
        found = unloaded.scan(source, keeper).replay("2026-01-01 09:00:00", "2026-01-01 11:30:00")
    assert (found.rows_known, found.rows_added) == (1, 1)


def test_a_key_that_is_not_unique_is_refused(unloaded: Shop) -> None:
    for name in "ab":
        unloaded.write(name, "x", START - HOUR)
    unloaded.sql("INSERT INTO PUBLIC.PRODUCTS SELECT * FROM PUBLIC.PRODUCTS")
    with pytest.raises(
        DataError, match=r"not unique: 2 keys occur more than once, such as \('a',\), \('b',\)"
    ):
        unloaded.extract()
    assert (rows_of(bronze("products")), value()) == ([], None)


def test_a_window_with_a_null_watermark_is_refused(unloaded: Shop) -> None:
    unloaded.write("a", "A", None)
    with pytest.raises(DataError, match="rows whose updated_at is null, which no window can have"):
        unloaded.extract(query=f"{QUERY} OR updated_at IS NULL")


def test_columns_come_and_go(unloaded: Shop) -> None:
    unloaded.write("a", "A", START - HOUR)
    unloaded.extract()
    unloaded.sql("ALTER TABLE PUBLIC.PRODUCTS ADD COLUMN colour VARCHAR")
    unloaded.sql("ALTER TABLE PUBLIC.PRODUCTS DROP COLUMN brand")
    unloaded.sql(
        "UPDATE PUBLIC.PRODUCTS SET colour = 'red', updated_at = CAST(? AS TIMESTAMP_NTZ)", f"{START}"
    )
    unloaded.pass_time(HOUR)
    found = unloaded.extract()
    assert len(found.notes) == 2
    assert [(row["brand"], row["colour"]) for row in rows_of(bronze("products")) if row["colour"]] == [
        (None, "red")
    ]


def test_a_zoned_time_is_the_same_moment(unloaded: Shop) -> None:
    unloaded.write("a", "A", START - HOUR)
    query = QUERY.replace(
        "*", "* EXCLUDE (created_at), CAST('2026-01-01 05:30:00 +05:30' AS TIMESTAMP_TZ) AS created_at"
    )
    unloaded.extract(query=query)
    (row,) = rows_of(bronze("products"))
    assert row["created_at"].isoformat() == "2026-01-01T00:00:00+00:00"


def test_a_stage_of_another_place_is_refused(unloaded: Shop) -> None:
    unloaded.write("a", "A", START - HOUR)
    unloaded.sql("CREATE STAGE IF NOT EXISTS PUBLIC.ASTRAY URL = 's3://highwater-lake/astray/'")
    source = unloaded.source().model_copy(update={"stage": "PUBLIC.ASTRAY"})
    with (
        held("shop", "products", "astray") as keeper,
        pytest.raises(
            SystemFault,
            match=r"1 rows to @PUBLIC\.ASTRAY.* and 0 are below s3://highwater-lake/br",
        ),
    ):
        unloaded.scan(source, keeper).run()
    assert value() is None


@pytest.mark.parametrize(
    ("type_", "named"),
    [(pa.timestamp("ms", "UTC"), r"timestamp\[ms, tz=UTC\]"), (pa.timestamp("us"), r"timestamp\[us\]")],
)
def test_files_that_readers_would_misread_are_refused(
    unloaded: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, type_: pa.DataType, named: str
) -> None:
    """As Snowflake would write them with another setting of the session: the files are replaced once they are there."""
    unloaded.write("a", "A", START - HOUR)
    real = objects.listed

    def listed(prefix: str, after: str = "") -> Any:
        for found in list(real(prefix, after)):
            table = pq.read_table(objects.download(found.address, tmp_path / "unloaded.parquet"))
            at = table.schema.names.index("created_at")
            table = table.set_column(at, "created_at", table.column(at).cast(type_))
            pq.write_table(table, tmp_path / "other.parquet")
            objects.upload(tmp_path / "other.parquet", found.address)
            yield objects.head(found.address)

    monkeypatch.setattr(unloading.objects, "listed", listed)
    with pytest.raises(
        DataError,
        match=rf"created_at: the source unloaded it as {named} .*bronze has timestamp\[us, tz",
    ):
        unloaded.extract()
    assert (rows_of(bronze("products")), value()) == ([], None)


def test_a_scan_of_the_other_mode_that_was_cut_off_begins_its_window_anew(shop: Shop) -> None:
    for number in range(4):
        shop.write(f"p{number}", "x", START - HOUR + number * SECOND)
    shop.extract(batch_rows=2, batches_max=1)
    found = shop.extract(mode="unload")
    assert "the window is read from its beginning" in found.notes[0]
    assert {name for name, _, _ in shop.versions()} == {"p0", "p1", "p2", "p3"}


def test_a_stage_is_needed_and_a_rule_that_snowflake_can_judge(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    entity = shop.source(mode="unload").entities[0]
    with pytest.raises(ValueError, match="products has the mode unload, and the source no `stage`"):
        source_module.Source(pipeline="shop", secret="any", entities=(entity,))
    with pytest.raises(ValueError, match="the mode unload writes Parquet"):
        shop.source(mode="unload", output="ndjson")
    rule = Rule("pattern", pattern="[a-z]+")
    columns = (replace(PRODUCTS.columns[0], rules=(rule,)), *PRODUCTS.columns[1:])
    monkeypatch.setitem(source_module.CONTRACTS["shop"], "products", replace(PRODUCTS, columns=columns))
    with pytest.raises(ValueError, match="cannot be written as Snowflake's SQL"):
        shop.source(mode="unload")
