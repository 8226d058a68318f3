"""Rows of gold.ml_features of one day, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import pyarrow as pa

from tasks.errors import DataError
from tasks.lake import lake_tables
from tasks.lake.lake_tables import GOLD

TABLE = "ml_features"


def batches(as_of: date, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The columns of the day's rows. Raises DataError if there are none."""
    table = lake_tables.load(GOLD, TABLE)
    rows = 0
    if table is not None:
        with lake_tables.told(f"reading {GOLD}.{TABLE} of {as_of}"):
            found = table.scan(row_filter=f"analysis_date = '{as_of}'", selected_fields=tuple(columns))
            for batch in found.to_arrow_batch_reader():
                rows += batch.num_rows
                yield batch
    if not rows:
        raise DataError(f"{GOLD}.{TABLE} has no rows of {as_of}: run gold for this day first.")
