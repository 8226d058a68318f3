"""What the warehouse holds of each lake table: read before a load, and moved in the load's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import StaleResult, SystemFault
from tasks.services.snowflake import execute
from warehouse.load import heads

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


@dataclass(frozen=True)
class LoadedSnapshot:
    snapshot_id: int
    sequence: int


def last_loaded(connection: SnowflakeConnection, name: str) -> LoadedSnapshot | None:
    snapshot_id, sequence = execute(connection, heads.read(name)) or (None, None)
    return None if snapshot_id is None else LoadedSnapshot(int(snapshot_id), int(sequence))


def move(
    connection: SnowflakeConnection,
    name: str,
    to: LoadedSnapshot,
    run_id: str,
    *,
    after: LoadedSnapshot | None,
) -> None:
    """Move the head. Raises StaleResult unless the last loaded snapshot is `after`."""
    expected = after.snapshot_id if after else None
    move = heads.move(name, expected, to.snapshot_id, to.sequence, run_id)
    moved = execute(connection, move)[0]
    if moved == 0 and after is None:
        execute(connection, heads.add(name))
        moved = execute(connection, move)[0]
    if moved == 0:
        raise StaleResult(
            f"{name}: run {run_id} wanted to load snapshot {to.snapshot_id} after {expected}, but the warehouse "
            "now holds a different snapshot. Nothing was merged."
        )
    if moved > 1:
        raise SystemFault(
            f"MONITORING.LOAD_HEADS has {moved} rows for {name} and must have one: delete the others. Nothing was merged."
        )
