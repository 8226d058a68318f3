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
from tasks.warehouse import load_heads
from tasks.warehouse.load_heads import LoadedSnapshot
from tasks.warehouse.warehouse_stage import stage_rows
from tasks.warehouse.warehouse_write import writing
from warehouse.load import change_statements, count_staged, stage_statements
from warehouse.load.dimensions import DIMENSIONS, count_duplicates
from warehouse.load.snapshot import Snapshot

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


_MAX_CATCH_UPS = 10  # each failed attempt means that another run has loaded something


@dataclass(frozen=True)
class LoadResult:
    """Row counts of one load. A repeated load inserts and updates nothing."""

    rows_staged: int
    rows_inserted: int
    rows_updated: int


def last_loaded(connection: SnowflakeConnection, dataset: str) -> LoadedSnapshot | None:
    """The last snapshot of curated.<dataset> that was loaded into the DW."""
    contract(dataset)
    return load_heads.last_loaded(connection, dataset)


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
        load_heads.move(
            connection,
            dataset,
            LoadedSnapshot(published.snapshot_id, published.sequence),
            run_id,
            after=after,
        )
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
    what = f"snapshot {snapshot.snapshot_id} of {snapshot.dataset.table}"
    stage_rows(connection, stage_statements(snapshot), count_staged(snapshot), rows_published, what)


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
