"""The one row that whoever changes the DW, the marts or the predictions updates first, in the same transaction.

A statement sees what was committed when it began, and Snowflake does not promise that two MERGEs at once see each other's
inserts. So writers take turns: the UPDATE waits until the transaction before it has ended, and the statements after it see
what that one wrote. One row for all of them, because their tables hang together: a load of sales reads the stock that a load
of inventory writes, and the other way round.
"""

from __future__ import annotations

from warehouse.statement import Kind, Statement

HOLD_BACK = Statement("turn autocommit off", "ALTER SESSION SET AUTOCOMMIT = FALSE", kind=Kind.QUICK)
LET_GO = Statement("turn autocommit on", "ALTER SESSION SET AUTOCOMMIT = TRUE", kind=Kind.QUICK)
BEGIN = Statement("begin a transaction", "BEGIN TRANSACTION", kind=Kind.QUICK)
COMMIT = Statement("commit", "COMMIT", kind=Kind.QUICK)
ROLL_BACK = Statement("roll back", "ROLLBACK", kind=Kind.QUICK)


def take(holder: str) -> Statement:
    return Statement(
        "take the write lock",
        "UPDATE MONITORING.WRITE_LOCK SET held_by = %s, held_since = CURRENT_TIMESTAMP()",
        (holder,),
        kind=Kind.LOCK,
    )


def is_held(holder: str) -> Statement:
    """A transaction that was idle for five minutes while another waited is rolled back, and the session goes on without."""
    return Statement(
        "look whether the write lock is still held",
        "SELECT COUNT(*) FROM MONITORING.WRITE_LOCK WHERE held_by = %s",
        (holder,),
        kind=Kind.QUICK,
    )
