"""The write lock: one row that every transaction updates before it changes the DW, the marts or the predictions.

A statement sees what was committed when it began, and Snowflake does not guarantee that two concurrent MERGEs see each
other's inserts. So writers take turns: the UPDATE waits until the previous transaction has ended, and later statements see
what that one wrote. Tables that depend on each other share a lock: a load of CPG sales reads the stock that a load of
inventory writes, and vice versa. The retail inbox, marketing and the shop have locks of their own, so that none ever waits
for a rebuild of CPG's marts.
"""

from __future__ import annotations

from warehouse.statement import Kind, Statement

CPG = "MONITORING.WRITE_LOCK"
RETAIL = "MONITORING.RETAIL_WRITE_LOCK"
MARKETING = "MONITORING.MARKETING_WRITE_LOCK"
SHOP = "MONITORING.SHOP_WRITE_LOCK"

AUTOCOMMIT_OFF = Statement("turn autocommit off", "ALTER SESSION SET AUTOCOMMIT = FALSE", kind=Kind.QUICK)
AUTOCOMMIT_ON = Statement("turn autocommit on", "ALTER SESSION SET AUTOCOMMIT = TRUE", kind=Kind.QUICK)
BEGIN = Statement("begin a transaction", "BEGIN TRANSACTION", kind=Kind.QUICK)
COMMIT = Statement("commit", "COMMIT", kind=Kind.QUICK)
ROLL_BACK = Statement("roll back", "ROLLBACK", kind=Kind.QUICK)


def take(holder: str, lock: str) -> Statement:
    return Statement(
        "take the write lock",
        f"UPDATE {lock} SET held_by = %s, held_since = CURRENT_TIMESTAMP()",
        (holder,),
        kind=Kind.LOCK,
    )


def is_held(holder: str, lock: str) -> Statement:
    """Check that we still hold the lock. Snowflake rolls back a transaction that is idle for five minutes while another
    waits, and the session continues without it."""
    return Statement(
        "check that the write lock is still held",
        f"SELECT COUNT(*) FROM {lock} WHERE held_by = %s",
        (holder,),
        kind=Kind.QUICK,
    )
