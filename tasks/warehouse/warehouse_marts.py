"""Bring the marts up to date with what was loaded, and read their headline figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tasks.events import log
from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_write import writing
from warehouse import write_lock
from warehouse.marts import Headlines
from warehouse.marts.cpg import refresh
from warehouse.marts.retail import refresh as retail

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


def refresh_marts(connection: SnowflakeConnection, *, whole: bool = False) -> None:
    """Compute again what the loads changed since the last refresh, or everything.

    Under the write lock, so that an older state of the DW never replaces a newer one. The changes are deleted in the
    transaction that covers them: a refresh that dies leaves them to the next one.
    """
    with writing(connection, "refresh of the marts"):
        changes = refresh.Changes(*execute(connection, refresh.read()))
        why_whole = "asked for" if whole else changes.why_whole()
        for statement in refresh.rebuild(changes) if why_whole else refresh.update(changes):
            execute(connection, statement)
    log("marts_refreshed", rebuilt_because=why_whole, days=changes.days, changes=changes.rows)


def refresh_retail_marts(connection: SnowflakeConnection, who: str, *, whole: bool = False) -> int:
    """The same for the retail marts, under their own lock. Returns how many changes were waiting for it."""
    missed = retail.Missed(*execute(connection, retail.read()))
    why_whole = "asked for" if whole else missed.why_whole()
    if why_whole or missed.changes:
        with writing(connection, f"refresh of the retail marts by {who}", write_lock.RETAIL):
            for statement in retail.rebuild() if why_whole else retail.refresh():
                execute(connection, statement)
    log("retail_marts_refreshed", rebuilt_because=why_whole, changes=missed.changes)
    return missed.changes


def headlines(connection: SnowflakeConnection, tables: Iterable[Headlines]) -> dict[str, Any]:
    """The marts' headline figures, for the run's page. None where there is no data."""
    figures: dict[str, Any] = {}
    for table in tables:
        figures |= zip(table.figures, execute(connection, table.statement()), strict=True)
    return figures
