"""python -m warehouse, with the local Snowflake in place of the configured one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from snowflake.connector import SnowflakeConnection

from tests.warehouse.facts import Sold, World
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
    assert main.main(["rebuild-marts"]) == 0
    assert warehouse.one("SELECT SUM(units) FROM MARTS.SALES_PERFORMANCE_MART") == 8
