"""Load a table of the lake into its copy in the warehouse: all rows of the table's newest snapshot.

If the warehouse holds an earlier snapshot that the table still knows, only the files in which the two differ are loaded;
otherwise all of it. One transaction moves the head and changes the copy, and commits only if the copy's rows and amount are
those of the snapshot. It can be killed at any point and called again, and two runs can call it at once: see warehouse_load.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from tasks.errors import StaleResult, SystemFault, TransientError
from tasks.events import log
from tasks.lake import lake_tables
from tasks.services.snowflake import execute
from tasks.warehouse import load_heads
from tasks.warehouse.load_heads import LoadedSnapshot
from tasks.warehouse.warehouse_stage import stage_rows
from tasks.warehouse.warehouse_write import writing
from warehouse import write_lock
from warehouse.load.shop import copies
from warehouse.load.shop.copies import Copy

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from snowflake.connector import SnowflakeConnection

_MAX_TRIES = 10  # each failed one means that another run has loaded something
Name = Literal["customer_analytics", "sales_summary", "churn_predictions", "churn_outcomes"]
How = Literal["nothing", "changes", "whole"]
Files = Mapping[str, int]
"""The rows of each file, by the table's manifests."""


@dataclass(frozen=True)
class Totals:
    rows: int
    amount: Decimal

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.rows + other.rows, self.amount + other.amount)

    def __sub__(self, other: Totals) -> Totals:
        return Totals(self.rows - other.rows, self.amount - other.amount)


@dataclass(frozen=True)
class LoadResult:
    """What a load did. `copy` are the totals of the copy afterwards; None if nothing was loaded."""

    how: How
    snapshot_id: int | None
    rows_inserted: int = 0
    rows_deleted: int = 0
    copy: Totals | None = None


@dataclass(frozen=True)
class Change:
    """From what the copy holds to the table's snapshot. `known` are the files that it holds, None if they are unknown."""

    files: Files
    known: Files | None

    @cached_property
    def added(self) -> Files:
        return {path: rows for path, rows in self.files.items() if path not in (self.known or {})}

    @cached_property
    def removed(self) -> Files:
        return {path: rows for path, rows in (self.known or {}).items() if path not in self.files}

    @property
    def rows(self) -> int:
        return sum(self.files.values())

    @property
    def is_whole(self) -> bool:
        """Also when nearly everything was replaced, as on the first run of a day."""
        changes = sum(self.added.values()) + sum(self.removed.values())
        return self.known is None or changes >= self.rows


def load(connection: SnowflakeConnection, table: Name, run_id: str) -> LoadResult:
    """Bring a copy to the newest snapshot of its table. Does nothing if it is there already."""
    copy = copies.COPIES[table]
    for _ in range(_MAX_TRIES):
        # Read the head first: a table opened afterwards is sure to contain that snapshot, or a later one.
        last = load_heads.last_loaded(connection, copy.name)
        lake = lake_tables.load(copy.namespace, table)
        snapshot = lake.current_snapshot() if lake else None
        if lake is None or snapshot is None or (last and last.snapshot_id == snapshot.snapshot_id):
            return LoadResult("nothing", last.snapshot_id if last else None)
        to = LoadedSnapshot(snapshot.snapshot_id, snapshot.sequence_number or 0)
        try:
            return _load(connection, copy, _change(lake, last, to), run_id, last, to)
        except StaleResult as error:
            log("another run loaded meanwhile, looking again", table=copy.name, run=run_id, error=error)
    raise TransientError(
        f"{copy.name}: other runs loaded it every time run {run_id} tried to. Run it again when they are done."
    )


def _change(lake: Table, last: LoadedSnapshot | None, to: LoadedSnapshot) -> Change:
    """A snapshot that has expired is as good as none: which files it had is not known."""
    is_known = last is not None and lake.snapshot_by_id(last.snapshot_id) is not None
    known = _files(lake, last.snapshot_id) if last and is_known else None
    return Change(_files(lake, to.snapshot_id), known)


def _files(lake: Table, snapshot_id: int) -> Files:
    with lake_tables.lake_failures(f"listing the files of {'.'.join(lake.name())}"):
        planned = lake.scan(snapshot_id=snapshot_id).plan_files()
        return {task.file.file_path: task.file.record_count for task in planned}


def _load(
    connection: SnowflakeConnection,
    copy: Copy,
    change: Change,
    run_id: str,
    last: LoadedSnapshot | None,
    to: LoadedSnapshot,
) -> LoadResult:
    """Stage first, because DDL would commit the transaction."""
    is_whole = change.is_whole
    new, gone = (change.files, {}) if is_whole else (change.added, change.removed)
    what = f"snapshot {to.snapshot_id} of {copy.name}"
    staged = _stage(connection, copy, copy.staging, new, what)
    unstaged = _stage(connection, copy, copy.gone, gone, f"the snapshot before {what}")
    with writing(connection, f"load of {copy.name} by run {run_id}", write_lock.SHOP):
        load_heads.move(connection, copy.name, to, run_id, after=last)
        before = _totals(connection, copy, copy.table)
        for statement in copies.replace_all(copy) if is_whole else copies.exchange(copy):
            execute(connection, statement)
        execute(connection, copies.record(copy, to.snapshot_id, to.sequence, run_id, len(new)))
        now = _totals(connection, copy, copy.table)
        _require(copy, now, staged if is_whole else before - unstaged + staged, change.rows, what)
    result = LoadResult(
        "whole" if is_whole else "changes",
        to.snapshot_id,
        staged.rows,
        before.rows if is_whole else unstaged.rows,
        now,
    )
    log("copy_loaded", table=copy.name, snapshot_id=to.snapshot_id, how=result.how, rows=now.rows)
    return result


def _stage(connection: SnowflakeConnection, copy: Copy, staging: str, files: Files, what: str) -> Totals:
    statements = copies.stage_files(copy, staging, sorted(files))
    stage_rows(connection, statements, copies.count(staging), sum(files.values()), what)
    return _totals(connection, copy, staging)


def _totals(connection: SnowflakeConnection, copy: Copy, table: str) -> Totals:
    rows, amount = execute(connection, copies.totals(copy, table))
    return Totals(int(rows), Decimal(amount))


def _require(copy: Copy, now: Totals, expected: Totals, rows: int, what: str) -> None:
    if now == expected and now.rows == rows:
        return
    raise SystemFault(
        f"{copy.table} would have {now.rows} rows and {now.amount} of {copy.amount} with {what}, which has {rows} rows; "
        f"{expected.rows} and {expected.amount} were to be expected. Nothing was changed. Somebody else has changed the "
        f"copy: delete the row of {copy.name} from MONITORING.LOAD_HEADS, and the next load replaces it whole."
    )
