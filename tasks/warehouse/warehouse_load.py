"""The DW, brought up to date with what was published to the lake.

Every function may be killed at any point and called again, and two runs may call it at the same time. A load is one
transaction that moves the dataset's head from the snapshot that it builds on to its own. Where another run has moved it,
nothing of the load is kept, and the log is looked at again. Where the answer to a COMMIT is lost, the head says whether it
landed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contracts.catalog import contract, load_order
from tasks.errors import Outrun, SystemFault, TransientError
from tasks.events import log
from tasks.lake import lake_log, lake_tables
from tasks.lake.lake_log import Published
from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_write import writing
from warehouse.load import change_statements, count_staged, heads, stage_statements
from warehouse.load.dimensions import DIMENSIONS, count_doubled
from warehouse.load.snapshot import Snapshot

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


_LOOKS_MOST = 10  # each in vain means that another run has loaded something
_STAGED_MOST = 2


@dataclass(frozen=True)
class LoadedSnapshot:
    snapshot_id: int
    sequence: int


@dataclass(frozen=True)
class LoadResult:
    """What this call did. A load that is repeated inserts and updates nothing."""

    rows_staged: int
    rows_inserted: int
    rows_updated: int


def last_loaded(connection: SnowflakeConnection, dataset: str) -> LoadedSnapshot | None:
    """The Iceberg snapshot of curated.<dataset> that the DW holds; those after it are still to load."""
    contract(dataset)
    snapshot_id, sequence = execute(connection, heads.ask(dataset)) or (None, None)
    return None if snapshot_id is None else LoadedSnapshot(int(snapshot_id), int(sequence))


def load(
    connection: SnowflakeConnection,
    dataset: str,
    published: Published,
    run_id: str,
    *,
    after: LoadedSnapshot | None,
) -> LoadResult:
    """One Iceberg snapshot into the DW, which holds the snapshot `after`; where it holds another, Outrun."""
    snapshot = _snapshot(dataset, published, run_id)
    _stage(connection, snapshot, published.rows)
    merged: tuple[Any, ...] = ()
    with writing(connection, f"load of {dataset} by run {run_id}"):
        _move_head(connection, dataset, published, run_id, after)
        for statement in change_statements(snapshot):
            row = execute(connection, statement)
            if statement.step == "merge":
                merged = row
        _require_single_members(connection, dataset, published)
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
    """All rows of the snapshot's files, or none is merged. Anew once: a COPY whose answer was lost may have run twice."""
    rows = -1
    for _ in range(_STAGED_MOST):
        for statement in stage_statements(snapshot):
            execute(connection, statement)
        rows = int(execute(connection, count_staged(snapshot))[0])
        if rows == rows_published:
            return
    raise SystemFault(
        f"snapshot {snapshot.snapshot_id} of {snapshot.dataset.table} has {rows_published} rows by its manifests, and "
        f"{rows} arrived in the warehouse from its {len(snapshot.files)} files; none was merged. A file was overwritten or "
        "cut off: restore it (the bucket keeps versions), then run again."
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
        raise Outrun(
            f"{dataset}: the warehouse holds another snapshot than {expected}, which run {run_id} wanted to load snapshot "
            f"{published.snapshot_id} after. Nothing of it was merged."
        )
    if moved > 1:
        raise SystemFault(
            f"MONITORING.LOAD_HEADS has {moved} rows of {dataset} and must have one: delete the others. Nothing was merged."
        )


def _require_single_members(connection: SnowflakeConnection, dataset: str, published: Published) -> None:
    counts = zip(DIMENSIONS, execute(connection, count_doubled()), strict=True)
    doubled = [f"{dimension.table}: {count} by {dimension.key}" for dimension, count in counts if count]
    if doubled:
        raise SystemFault(
            f"members are there twice ({'; '.join(doubled)}), which would double every sum over them. Nothing of snapshot "
            f"{published.snapshot_id} of {dataset} was merged: delete the inferred one of each pair, then run again."
        )


def catch_up(connection: SnowflakeConnection, dataset: str, run_id: str) -> int:
    """Replay what curated.<dataset>'s log holds beyond the last load. Returns the snapshots that this call loaded."""
    loaded = 0
    for _ in range(_LOOKS_MOST):
        # In this order: the log of a table that was opened later has the snapshot in it, whoever loads meanwhile.
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
        except Outrun as error:
            log("another run loaded meanwhile, looking again", dataset=dataset, run=run_id, error=error)
            continue
        if loaded == before or last_loaded(connection, dataset) == last:
            return loaded
    raise TransientError(
        f"{dataset}: other runs loaded it each time that run {run_id} was about to. Run it again when they are done."
    )


def in_load_order(datasets: Iterable[str]) -> list[str]:
    return sorted(datasets, key=load_order().index)
