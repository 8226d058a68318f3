"""The sample source in the local Snowflake: filled once, then changed as time goes by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from snowflake.connector import SnowflakeConnection

from local.sample.shop import LAG, TABLES, Shop, advance, fill, stamped
from local.shop import change_shop, duration, read, rounds, summary

NOW = datetime(2026, 11, 29, 12)
DAY = timedelta(days=1)


@pytest.fixture
def shop(connect: Callable[..., SnowflakeConnection]) -> Iterator[SnowflakeConnection]:
    with connect(database=None, schema=None) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE DATABASE IF NOT EXISTS SHOP")
        cursor.execute("CREATE SCHEMA IF NOT EXISTS SHOP.PUBLIC")
        for table in TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS SHOP.PUBLIC.{table.name}")
            cursor.execute(table.creation("SHOP.PUBLIC"))
        yield connection


def test_what_is_written_is_what_was_meant(shop: SnowflakeConnection) -> None:
    """Filled and advanced twice: every value comes back, and the figures are those of the changes."""
    meant = Shop().after(fill(1, NOW - LAG, 40))
    assert not read(shop)
    assert change_shop(shop, DAY, 1, 40, NOW) == (NOW - LAG, fill(1, NOW - LAG, 40))
    assert read(shop) == meant
    for by, later in ((DAY, timedelta(days=3)), (timedelta(minutes=30), timedelta(seconds=5))):
        present = meant.clock + LAG + later
        changes = stamped(meant, advance(meant, by, 1), by, present)
        assert change_shop(shop, by, 1, 40, present) == (present - LAG, changes)
        meant = meant.after(changes)
        assert read(shop) == meant


def test_types_are_those_of_the_source(shop: SnowflakeConnection) -> None:
    cursor = shop.cursor()
    types = {}
    for table in TABLES:
        cursor.execute(f"DESCRIBE TABLE SHOP.PUBLIC.{table.name}")
        types |= {(table.name, row[0]): (row[1], row[3]) for row in cursor.fetchall()}
    assert types["CUSTOMERS", "CUSTOMER_ID"] == ("VARCHAR(16777216)", "N")
    assert types["CUSTOMERS", "IS_ACTIVE"] == ("BOOLEAN", "Y")
    assert types["ORDERS", "UPDATED_AT"] == ("TIMESTAMP_NTZ(9)", "Y")
    assert types["ORDER_ITEMS", "LINE_NUMBER"] == ("NUMBER(10,0)", "N")
    assert types["ORDER_ITEMS", "LINE_AMOUNT"] == ("NUMBER(14,2)", "Y")
    assert types["PRODUCTS", "UNIT_PRICE"] == ("NUMBER(14,2)", "Y")


def test_a_shop_that_is_at_the_present_does_not_go_on(shop: SnowflakeConnection) -> None:
    change_shop(shop, DAY, 1, 10, NOW)
    with pytest.raises(ValueError, match="the shop's time is 2026-11-29 11:59:25, less than 35 s ago"):
        change_shop(shop, DAY, 1, 10, NOW)


def test_a_round_holds_one_change_of_a_row() -> None:
    changes = advance(Shop().after(fill(1, NOW)), DAY, 1)
    found = rounds(changes)
    assert len(found) >= 3
    assert sum(map(len, found)) == len(changes)
    for changed in found:
        assert len({(change.table, change.row.key) for change in changed}) == len(changed)


def test_a_summary_counts_by_table() -> None:
    assert summary(fill(1, NOW)).rows == [
        ("CUSTOMERS", 300, 0, 0),
        ("PRODUCTS", 60, 0, 0),
        ("ORDERS", 2000, 0, 0),
        ("ORDER_ITEMS", 4004, 0, 0),
    ]


@pytest.mark.parametrize(
    ("text", "meant"), [("1d", DAY), ("12h", timedelta(hours=12)), ("30m", timedelta(minutes=30))]
)
def test_a_duration(text: str, meant: timedelta) -> None:
    assert duration(text) == meant


@pytest.mark.parametrize("text", ["", "1", "0d", "-1d", "1w", "1d2h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration(text)
