"""Replace RAW by what was staged. DELETE and INSERT in one transaction: readers see the old rows or the new ones.

Not CREATE OR REPLACE or TRUNCATE, which are DDL and would commit the transaction.
"""

from __future__ import annotations

from warehouse.load.marketing import profiles
from warehouse.load.marketing.staged import CUSTOMER_COLUMNS, EVENT_COLUMNS, EVENTS
from warehouse.statement import Statement


def replace_customers() -> list[Statement]:
    """A customer's first line: a second one in the same snapshot is quarantined."""
    return _replace("RAW.RAW_CUSTOMER_DEMOGRAPHICS", list(CUSTOMER_COLUMNS), profiles.FIRST_LINES)


def replace_events() -> list[Statement]:
    return _replace("RAW.RAW_CLICKSTREAM_EVENTS", list(EVENT_COLUMNS), EVENTS)


def _replace(table: str, columns: list[str], rows: str) -> list[Statement]:
    picked = ", ".join(f"rows_read.{column}" for column in columns)
    return [
        Statement(f"empty {table}", f"DELETE FROM {table}"),
        Statement(
            f"fill {table}",
            f"INSERT INTO {table} ({', '.join(columns)}, loaded_at)\n"
            f"SELECT {picked}, CURRENT_TIMESTAMP()\nFROM {rows} rows_read",
        ),
    ]
