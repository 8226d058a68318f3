"""Rows of gold.ml_features of one day, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import pyarrow as pa

from tasks.errors import DataError
from tasks.lake import lake_tables
from tasks.lake.lake_tables import GOLD

TABLE = "ml_features"


def snapshot() -> int | None:
    """The table's snapshot by now. Steps that must see the same rows name it."""
    return lake_tables.snapshot_id(lake_tables.load(GOLD, TABLE))


def batches(as_of: date, columns: Sequence[str], snapshot_id: int | None) -> Iterator[pa.RecordBatch]:
    """The columns of the day's rows in a snapshot. Raises DataError if there are none."""
    table = lake_tables.load(GOLD, TABLE) if snapshot_id is not None else None
    rows = 0
    if table is not None:
        with lake_tables.lake_failures(f"reading {GOLD}.{TABLE} of {as_of}"):
            found = table.scan(
                row_filter=f"analysis_date = '{as_of}'",
                selected_fields=tuple(columns),
                snapshot_id=snapshot_id,
            )
            for batch in found.to_arrow_batch_reader():
                rows += batch.num_rows
                yield batch
    if not rows:
        raise DataError(f"{GOLD}.{TABLE} has no rows of {as_of}: run gold for this day first.")
