"""Load published lake snapshots into the DW.

Every function can be killed at any point and called again, and two runs can call it at once. A load is one transaction that
moves the dataset's head from the previous snapshot to the loaded one. If another run has moved the head, the load is rolled
back and the log is read again. If the response to a COMMIT is lost, the head shows whether it took effect.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contracts.catalog import contract, load_order
from tasks.errors import StaleResult, SystemFault, TransientError
from tasks.events import log
from tasks.lake import lake_log, lake_tables
from tasks.lake.lake_log import Published
from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_write import writing
from warehouse.load import change_statements, count_staged, heads, stage_statements
from warehouse.load.dimensions import DIMENSIONS, count_duplicates
from warehouse.load.snapshot import Snapshot

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


_MAX_CATCH_UPS = 10  # each failed attempt means that another run has loaded something
_MAX_STAGINGS = 2


@dataclass(frozen=True)
class LoadedSnapshot:
    snapshot_id: int
    sequence: int


@dataclass(frozen=True)
class LoadResult:
    """Row counts of one load. A repeated load inserts and updates nothing."""

    rows_staged: int
    rows_inserted: int
    rows_updated: int


def last_loaded(connection: SnowflakeConnection, dataset: str) -> LoadedSnapshot | None:
    """The last snapshot of curated.<dataset> that was loaded into the DW."""
    contract(dataset)
    snapshot_id, sequence = execute(connection, heads.read(dataset)) or (None, None)
    return None if snapshot_id is None else LoadedSnapshot(int(snapshot_id), int(sequence))


def load(
    connection: SnowflakeConnection,
    dataset: str,
    published: Published,
    run_id: str,
    *,
    after: LoadedSnapshot | None,
) -> LoadResult:
    """Load one snapshot into the DW. Raises StaleResult unless the last loaded snapshot is `after`."""
    snapshot = _snapshot(dataset, published, run_id)
    _stage(connection, snapshot, published.rows)
    merged: tuple[Any, ...] = ()
    with writing(connection, f"load of {dataset} by run {run_id}"):
        _move_head(connection, dataset, published, run_id, after)
        for statement in change_statements(snapshot):
            row = execute(connection, statement)
            if statement.step == "merge":
                merged = row
        _require_unique_members(connection, dataset, published)
    result = LoadResult(published.rows, int(merged[0]), int(merged[1]))
    log(
        "snapshot_loaded",
        dataset=dataset,
        snapshot_id=published.snapshot_id,
        files=len(published.files),
        rows_staged=result.rows_staged,
        rows_inserted=result.rows_inserted,
        rows_updated=result.rows_updated,
    )
    return result


def _snapshot(dataset: str, published: Published, run_id: str) -> Snapshot:
    sightings = published.notes.get("sightings", "")
    return Snapshot(
        contract(dataset),
        published.files,
        published.snapshot_id,
        published.sequence,
        run_id,
        published.raw_dates,
        tuple(file for file in sightings.split(",") if file),
    )


def _stage(connection: SnowflakeConnection, snapshot: Snapshot, rows_published: int) -> None:
    """Stage the snapshot's files and check the row count. Retries once: a COPY whose response was lost may run twice."""
    rows = -1
    for _ in range(_MAX_STAGINGS):
        for statement in stage_statements(snapshot):
            execute(connection, statement)
        rows = int(execute(connection, count_staged(snapshot))[0])
        if rows == rows_published:
            return
    raise SystemFault(
        f"snapshot {snapshot.snapshot_id} of {snapshot.dataset.table} has {rows_published} rows by its manifests, and "
        f"{rows} arrived in the warehouse from its {len(snapshot.files)} files; none was merged. A file was overwritten or "
        "truncated: restore it (the bucket keeps versions), then run again."
    )


def _move_head(
    connection: SnowflakeConnection,
    dataset: str,
    published: Published,
    run_id: str,
    after: LoadedSnapshot | None,
) -> None:
    expected = after.snapshot_id if after else None
    move = heads.move(dataset, expected, published.snapshot_id, published.sequence, run_id)
    moved = execute(connection, move)[0]
    if moved == 0 and after is None:
        execute(connection, heads.add(dataset))
        moved = execute(connection, move)[0]
    if moved == 0:
        raise StaleResult(
            f"{dataset}: run {run_id} wanted to load snapshot {published.snapshot_id} after {expected}, but the warehouse "
            "now holds a different snapshot. Nothing was merged."
        )
    if moved > 1:
        raise SystemFault(
            f"MONITORING.LOAD_HEADS has {moved} rows for {dataset} and must have one: delete the others. Nothing was merged."
        )


def _require_unique_members(connection: SnowflakeConnection, dataset: str, published: Published) -> None:
    counts = zip(DIMENSIONS, execute(connection, count_duplicates()), strict=True)
    duplicates = [f"{dimension.table}: {count} by {dimension.key}" for dimension, count in counts if count]
    if duplicates:
        raise SystemFault(
            f"duplicate dimension members ({'; '.join(duplicates)}) would double every sum over them. Nothing of snapshot "
            f"{published.snapshot_id} of {dataset} was merged: delete the inferred one of each pair, then run again."
        )


def catch_up(connection: SnowflakeConnection, dataset: str, run_id: str) -> int:
    """Load every snapshot published since the last load. Returns how many this call loaded."""
    loaded = 0
    for _ in range(_MAX_CATCH_UPS):
        # Read the head first: the log of a table opened afterwards is sure to contain that snapshot.
        last = last_loaded(connection, dataset)
        table = lake_tables.load(lake_tables.CURATED, dataset)
        if table is None:
            return loaded
        try:
            before = loaded
            for published in lake_log.log_after(table, last.snapshot_id if last else None):
                load(connection, dataset, published, run_id, after=last)
                last = LoadedSnapshot(published.snapshot_id, published.sequence)
                loaded += 1
        except StaleResult as error:
            log("another run loaded meanwhile, retrying", dataset=dataset, run=run_id, error=error)
            continue
        if loaded == before or last_loaded(connection, dataset) == last:
            return loaded
    raise TransientError(
        f"{dataset}: other runs loaded it every time run {run_id} tried to. Run it again when they are done."
    )


def in_load_order(datasets: Iterable[str]) -> list[str]:
    return sorted(datasets, key=load_order().index)
