"""python -m warehouse, with the local Snowflake in place of the configured one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from snowflake.connector import SnowflakeConnection

from tests.warehouse.facts import Sold, World
from tests.warehouse.retail.inbox import Inbox
from tests.warehouse.retail.test_retail_marts import load, sale
from tests.warehouse.standin import Warehouse
from warehouse import __main__ as main


@pytest.mark.e2e
def test_rebuild_marts_does_not_ask_what_was_recorded(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def connect(**_: Any) -> Iterator[SnowflakeConnection]:
        yield warehouse.connection

    monkeypatch.setattr(main, "connect", connect)
    World([Sold(0, units=7)]).measured(warehouse)
    warehouse.rows("UPDATE DW.FACT_SALES SET quantity = 8")
    inbox = Inbox(warehouse)
    inbox.clear()
    load(inbox, 0, sale("A", "1", "10.00"), sale("B", "1", "4.00"))
    inbox.refresh()
    warehouse.rows("UPDATE STAGE.SALES SET amount = 2 WHERE store_token = 'A'")
    assert main.main(["rebuild-marts"]) == 0
    assert warehouse.one("SELECT SUM(units) FROM MARTS.SALES_PERFORMANCE_MART") == 8
    marts = inbox.marts()
    assert {token: row[4] for (_, token), row in marts["daily_sales"].items()} == {"A": 2, "B": 4}
    assert {token: row[5] for token, row in marts["store_performance"].items()} == {"A": 2, "B": 4}
    assert {rank: row for (_, rank), row in marts["top_stores"].items()} == {1: ("B", 4), 2: ("A", 2)}
