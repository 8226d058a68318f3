"""A reconciliation finds what no watermark can, puts it into the lake, and finds nothing the second time."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.shop.products import PRODUCTS
from tasks.errors import BusinessError, DataError, SystemFault
from tasks.extraction import bronze as bronze_module
from tasks.extraction import reconcile_limits, reconcile_probe, reconciling, watermark
from tasks.extraction.bronze import bronze, quarantine
from tasks.extraction.lake_digest import LakeDigest
from tasks.extraction.lease_keeper import held
from tasks.extraction.reconciling import Reconciled, Reconciliation
from tasks.leases.lease import LeaseLost
from tests.tasks.extraction import plain_digest
from tests.tasks.extraction.shop import LAG, OVERLAP, START, Shop, naive, rows_of

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
OLD = START - HOUR
PLACES = bronze("products"), quarantine("shop", "products")
FULL = "SELECT * FROM PUBLIC.PRODUCTS"


@pytest.fixture(autouse=True)
def without_glue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "computed", plain_digest.computed)


@pytest.fixture
def filled(shop: Shop) -> Shop:
    """Twelve products, which are in the lake since an hour ago."""
    for number in range(12):
        shop.write(f"p{number}", f"product {number}", OLD + number * SECOND)
    shop.extract()
    shop.pass_time(HOUR)
    return shop


def reconcile(shop: Shop, share: float = 1.0, **settings: Any) -> Reconciled:
    source = shop.source(**{"full": FULL, **settings})
    shop.runs += 1
    run = f"run-{shop.runs}"
    with held("shop", "products", run) as keeper:
        return Reconciliation(
            *(source, source.entities[0], shop.connection, keeper, run, run, shop.scratch), share
        ).run()


def state() -> dict[str, dict[str, Any]]:
    """The newest row of each key that is not gone, by the lake."""
    return {key: last.row for (key,), last in plain_digest.newest(PRODUCTS, PLACES).items() if last.row}


def at_the_source(shop: Shop, until: datetime = datetime.max) -> dict[str, dict[str, Any]]:
    rows = [dict(zip(PRODUCTS.names, row, strict=True)) for row in shop.sql(f"{FULL} ORDER BY product_id")]
    return {row["product_id"]: row for row in rows if (row["updated_at"] or START) <= until}


def figures(found: Reconciled) -> dict[str, int]:
    """What it found, without zeros."""
    names = ("missing", "changed", "set_back", "found_again", "vanished")
    return {name: count for name in names if (count := getattr(found, f"rows_{name}"))}


def settled(shop: Shop) -> None:
    """The lake says what the source has, and a second reconciliation looks into no bucket."""
    assert state() == at_the_source(shop)
    again = reconcile(shop)
    assert (again.differences, again.buckets_differing, again.rows_added, again.tombstones) == (0, 0, 0, 0)


def test_where_nothing_differs_no_bucket_is_looked_into(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LakeDigest, "entries", None)
    before = watermark.read("shop", "products")
    found = reconcile(filled)
    assert (found.rows_source, found.rows_lake, found.buckets, found.buckets_differing) == (12, 12, 16, 0)
    after = watermark.read("shop", "products")
    assert (after.value, after.version) == (before.value, before.version)


def test_a_row_that_was_committed_later_than_the_overlap_comes(filled: Shop) -> None:
    filled.write("late", "too late for any window", OLD - DAY)
    filled.write("p3", "an update that is too late", OLD + 100 * SECOND)
    filled.extract()
    found = reconcile(filled)
    assert figures(found) == {"missing": 2}
    assert (found.rows_added, found.tombstones) == (2, 0)
    settled(filled)


def test_a_row_that_changed_in_silence_comes(filled: Shop) -> None:
    filled.sql("UPDATE PUBLIC.PRODUCTS SET brand = 'other' WHERE product_id = 'p4'")
    filled.write("undated", "one", None)
    filled.extract()
    filled.sql("UPDATE PUBLIC.PRODUCTS SET product_name = 'two' WHERE product_id = 'undated'")
    found = reconcile(filled)
    assert (figures(found), found.rows_added, found.tombstones) == ({"changed": 2}, 2, 0)
    settled(filled)


def test_a_row_that_was_deleted_for_good_gets_a_tombstone_of_the_sources_time(filled: Shop) -> None:
    filled.sql("DELETE FROM PUBLIC.PRODUCTS WHERE product_id = 'p5'")
    found = reconcile(filled)
    assert (figures(found), found.rows_added, found.tombstones) == ({"vanished": 1}, 0, 1)
    (row,) = (row for row in rows_of(bronze("products")) if row["is_tombstone"])
    assert {name: naive(row[name]) for name in PRODUCTS.names} == {
        **dict.fromkeys(PRODUCTS.names),
        "product_id": "p5",
        "updated_at": filled.now,
    }
    assert (row["run_id"], row["source_system"]) == ("run-2", "shop")
    settled(filled)


def test_a_key_that_is_found_again_as_it_was_comes_again(filled: Shop) -> None:
    filled.sql("DELETE FROM PUBLIC.PRODUCTS WHERE product_id IN ('p5', 'p6')")
    reconcile(filled)
    filled.write("p5", "product 5", OLD + 5 * SECOND)
    filled.write("p6", "product 6, new", OLD + 6 * SECOND)
    found = reconcile(filled)
    assert (figures(found), found.rows_added) == ({"found_again": 2}, 2)
    settled(filled)
    filled.sql("UPDATE PUBLIC.PRODUCTS SET brand = 'silent' WHERE product_id = 'p5'")
    found = reconcile(filled)
    assert (figures(found), found.tombstones) == ({"changed": 1}, 0)
    settled(filled)


def test_a_scan_takes_a_row_of_its_overlap_again_if_its_key_was_found_gone_since(shop: Shop) -> None:
    shop.write("a", "A", START - LAG)
    shop.write("broken", "B", START - LAG, price=-1)
    shop.extract()
    rows = shop.sql(FULL)
    shop.sql("DELETE FROM PUBLIC.PRODUCTS")
    shop.pass_time(SECOND)
    assert reconcile(shop).rows_vanished == 2
    assert state() == {}
    for row in rows:
        shop.write(row[0], row[1], row[8], price=float(row[4]))
    found = shop.extract()
    assert (found.rows_added, found.rows_quarantined, found.rows_known) == (1, 1, 0)
    settled(shop)
    shop.pass_time(SECOND)
    assert shop.extract().rows_known == 2


def test_a_row_that_was_set_back_replaces_what_came_later(filled: Shop) -> None:
    filled.write("p2", "its second version", START + 10 * SECOND)
    filled.extract()
    filled.write("p2", "product 2", OLD + 2 * SECOND)
    found = reconcile(filled)
    assert (figures(found), found.rows_added, found.tombstones) == ({"set_back": 1}, 1, 1)
    settled(filled)


def test_a_clock_of_the_source_that_is_ahead_does_not_hide_what_was_set_back(filled: Shop) -> None:
    filled.write("p2", "its second version", START + 10 * SECOND)
    filled.extract()
    filled.clock = "SELECT CAST('2070-01-01 00:00:00' AS TIMESTAMP_NTZ)"
    filled.write("p2", "product 2", OLD + 2 * SECOND)
    reconcile(filled)
    assert state() == at_the_source(filled)


def test_rows_later_than_the_watermark_are_left_to_the_next_extraction(filled: Shop) -> None:
    filled.write("p0", "changed since", START + HOUR - SECOND)
    filled.write("new", "new since", START + HOUR - SECOND)
    found = reconcile(filled)
    assert (found.rows_pending, found.rows_source, found.rows_lake, found.buckets_differing) == (2, 11, 11, 0)


def test_a_row_that_becomes_pending_while_it_is_compared_is_left_too(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(*arguments: Any) -> LakeDigest:
        filled.write("p0", "changed while the job ran", START + HOUR - SECOND)
        return plain_digest.computed(*arguments)

    filled.sql("UPDATE PUBLIC.PRODUCTS SET brand = 'silent' WHERE product_id = 'p0'")
    monkeypatch.setattr(reconciling, "computed", changed)
    found = reconcile(filled)
    assert (found.buckets_differing, found.differences, found.rows_added) == (1, 0, 0)


def test_a_key_that_is_back_when_the_source_is_asked_again_is_not_gone(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Reconciliation._now, 0

    def now(self: Reconciliation) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            filled.write("p5", "product 5", OLD + 5 * SECOND)
        return real(self)

    filled.sql("DELETE FROM PUBLIC.PRODUCTS WHERE product_id IN ('p5', 'p6')")
    monkeypatch.setattr(Reconciliation, "_now", now)
    assert reconcile(filled).rows_vanished == 1
    assert state() == at_the_source(filled)


def test_a_row_in_quarantine_is_known_and_a_row_may_become_broken_or_whole(filled: Shop) -> None:
    filled.write("broken", "negative", START + SECOND, price=-1)
    filled.extract()
    assert reconcile(filled).differences == 0
    filled.sql("UPDATE PUBLIC.PRODUCTS SET unit_price = -2 WHERE product_id = 'p1'")
    filled.sql("UPDATE PUBLIC.PRODUCTS SET unit_price = 3 WHERE product_id = 'broken'")
    found = reconcile(filled)
    assert (figures(found), found.rows_added, found.rows_quarantined) == ({"changed": 2}, 1, 1)
    settled(filled)


def test_many_parts_and_many_groups_of_buckets(filled: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "_ROWS_AT_ONCE", 3)
    filled.sql("UPDATE PUBLIC.PRODUCTS SET brand = 'silent'")
    filled.sql("DELETE FROM PUBLIC.PRODUCTS WHERE product_id IN ('p5', 'p6')")
    found = reconcile(filled, batch_rows=4)
    assert (figures(found), found.rows_added) == ({"changed": 10, "vanished": 2}, 10)
    settled(filled)


@pytest.mark.parametrize("share", [0.1, 0.99])
def test_a_source_that_is_empty_deletes_nothing(filled: Shop, share: float) -> None:
    filled.sql("DELETE FROM PUBLIC.PRODUCTS")
    before = rows_of(bronze("products"))
    with pytest.raises(BusinessError, match="of the 12 keys that the lake has, 12 are gone from the source"):
        reconcile(filled, share)
    assert rows_of(bronze("products")) == before
    assert reconcile(filled, 1.0).rows_vanished == 12


def test_a_source_that_lost_much_or_was_set_back_changes_nothing(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile_limits, "_FEW", 1)
    filled.write("p2", "its second version", START + 10 * SECOND)
    filled.extract()
    filled.sql("UPDATE PUBLIC.PRODUCTS SET brand = 'silent' WHERE product_id = 'p1'")
    filled.sql("DELETE FROM PUBLIC.PRODUCTS WHERE product_id = 'p5'")
    filled.write("p2", "product 2", OLD + 2 * SECOND)
    before = rows_of(bronze("products"))
    with pytest.raises(BusinessError, match=r"2 are gone .* More than 10% are not believed"):
        reconcile(filled, 0.1)
    assert rows_of(bronze("products")) == before
    assert reconcile(filled, 0.2).tombstones == 2
    settled(filled)


@pytest.mark.parametrize("commit", [1, 2, 3])
@pytest.mark.parametrize("executed", [True, False])
def test_a_run_that_dies_at_a_commit_is_completed_by_the_next(
    filled: Shop, monkeypatch: pytest.MonkeyPatch, commit: int, executed: bool
) -> None:
    class Died(BaseException):
        pass

    calls, real = 0, bronze_module.append

    def append(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != commit:
            return real(*arguments, **more)
        if executed:
            real(*arguments, **more)
        raise Died

    filled.write("p2", "its second version", START + 10 * SECOND)
    filled.extract()
    filled.write("p2", "product 2", OLD + 2 * SECOND)
    filled.sql("UPDATE PUBLIC.PRODUCTS SET brand = 'silent' WHERE product_id = 'p1'")
    filled.sql("DELETE FROM PUBLIC.PRODUCTS WHERE product_id = 'p5'")
    with monkeypatch.context() as patch:
        patch.setattr(bronze_module, "append", append)
        with suppress(Died):
            reconcile(filled)
    assert calls == commit
    reconcile(filled)
    settled(filled)
    assert sum(row["is_tombstone"] for row in rows_of(bronze("products"))) == 2


def test_a_run_whose_lease_is_lost_writes_nothing(filled: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*arguments: Any) -> LakeDigest:
        patch.setattr(watermark, "now", lambda: datetime(2100, 1, 1).timestamp())
        with held("shop", "products", "another"):
            pass
        return plain_digest.computed(*arguments)

    filled.sql("DELETE FROM PUBLIC.PRODUCTS WHERE product_id = 'p5'")
    before = rows_of(bronze("products"))
    with monkeypatch.context() as patch:
        patch.setattr(reconciling, "computed", lost)
        with pytest.raises(LeaseLost):
            reconcile(filled)
    assert rows_of(bronze("products")) == before


def test_columns_that_came_or_went(filled: Shop) -> None:
    filled.sql("ALTER TABLE PUBLIC.PRODUCTS ADD COLUMN colour VARCHAR")
    filled.sql("ALTER TABLE PUBLIC.PRODUCTS DROP COLUMN brand")
    found = reconcile(filled)
    assert (found.differences, found.notes) == (0, ["not compared, as the source lacks them: brand"])
    filled.sql("UPDATE PUBLIC.PRODUCTS SET colour = 'red', category = 'x' WHERE product_id = 'p1'")
    assert reconcile(filled).rows_changed == 1
    (row,) = (row for row in rows_of(bronze("products")) if row["colour"])
    assert (row["product_id"], row["colour"], row["brand"]) == ("p1", "red", None)


def test_what_cannot_be_compared_is_told(filled: Shop) -> None:
    with pytest.raises(DataError, match="it has no query for all of its rows, so it can't be compared"):
        reconcile(filled, full=None)
    with pytest.raises(DataError, match="the result of `full` lacks updated_at"):
        reconcile(filled, full="SELECT product_id FROM PUBLIC.PRODUCTS")
    with pytest.raises(DataError, match="the key product_id is not unique"):
        reconcile(filled, full=f"{FULL} UNION ALL {FULL}")


def test_a_source_that_computes_other_digests_is_not_compared(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = (("decimal(14,2)", "CAST(-0.5 AS NUMBER(14,2))", "-.50"),)
    monkeypatch.setattr(reconcile_probe, "_VALUES", odd)
    with pytest.raises(SystemFault, match=r"writes the known row as \('-0.50', .*, and not as '-.50' with"):
        reconcile(filled)


def test_an_entity_that_was_never_extracted_is_left_alone(shop: Shop) -> None:
    shop.write("a", "A", OLD)
    found = reconcile(shop)
    assert found.notes == ["not extracted yet: the first run of snowflake-medallion takes everything"]
    assert rows_of(bronze("products")) == []


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happened_one_reconciliation_settles_it(shop: Shop, seed: int) -> None:
    draw = random.Random(seed)
    ids = [f"p{number}" for number in range(9)]

    def at() -> datetime | None:
        ago = draw.choice((timedelta(seconds=draw.randrange(60, 900)), draw.random() * 2 * HOUR))
        return draw.choice((shop.now - ago, shop.now - ago, shop.now - ago, None))

    for number in range(24):
        match draw.choice(("write", "write", "silent", "delete", "extract", "wait", "reconcile")):
            case "write":
                shop.write(draw.choice(ids), f"version {draw.randrange(4)}", at(), draw.choice((1, 2, -1)))
            case "silent":
                shop.sql(
                    "UPDATE PUBLIC.PRODUCTS SET brand = ? WHERE product_id = ?", f"{number}", draw.choice(ids)
                )
            case "delete":
                shop.sql("DELETE FROM PUBLIC.PRODUCTS WHERE product_id = ?", draw.choice(ids))
            case "extract":
                shop.extract()
            case "wait":
                shop.pass_time(timedelta(seconds=draw.randrange(1, 2000)))
            case "reconcile":
                reconcile(shop)
    shop.extract()
    shop.pass_time(OVERLAP)
    shop.extract()
    reconcile(shop)
    settled(shop)
