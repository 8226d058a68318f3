"""Stage the files of a snapshot, and see to it that all of their rows have arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.errors import SystemFault
from tasks.services.snowflake import execute
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_MAX_STAGINGS = 2


def stage_rows(
    connection: SnowflakeConnection, statements: Sequence[Statement], count: Statement, rows: int, what: str
) -> None:
    """Stage and compare the row count. Retries once: a COPY whose response was lost may run twice."""
    arrived = -1
    for _ in range(_MAX_STAGINGS):
        for statement in statements:
            execute(connection, statement)
        arrived = int(execute(connection, count)[0])
        if arrived == rows:
            return
    raise SystemFault(
        f"{what} has {rows} rows by its manifests, and {arrived} arrived in the warehouse from its files; none was "
        "merged. A file was overwritten or truncated: restore it (the bucket keeps versions), then run again."
    )
