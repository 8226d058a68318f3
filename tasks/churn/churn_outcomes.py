"""What became of scored customers: found by the dataset's job once the horizon is over, published in ml.churn_outcomes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from contracts.shop.churn_outcomes import CHURN_OUTCOMES
from tasks.churn.churn_dataset import Dataset
from tasks.errors import SystemFault
from tasks.events import log
from tasks.lake import file_bounds, lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.lake.lake_tables import CHURN_OUTCOMES as TABLE
from tasks.lake.lake_tables import CHURN_PREDICTIONS, ML
from tasks.publishing import curation
from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_write import writing
from warehouse import write_lock
from warehouse.marts.churn import CHURN_ACCURACY

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from snowflake.connector import SnowflakeConnection

LOOKED_AT_DAYS = 35
"""So long after its horizon is over, a scoring's outcomes are found anew each time: orders come late, or are cancelled."""


def closed_scorings(as_of: date) -> tuple[str, ...]:
    """The files of ml.churn_predictions whose horizon was over by `as_of`, and not so for longer than LOOKED_AT_DAYS."""
    table = lake_tables.load(ML, CHURN_PREDICTIONS)
    if table is None:
        return ()
    files = lake_tables.live_files(table, f"as_of < '{as_of.isoformat()}'")
    earliest = as_of - timedelta(days=LOOKED_AT_DAYS - 1)
    return tuple(sorted(f.file_path for f in files if earliest <= _end(f, table.schema()) <= as_of))


def _end(file: DataFile, schema: Schema) -> date:
    """The day from which on the outcome is known. A file is of one scoring, so its bounds are its values."""
    bounds = file_bounds.bounds(file, schema, ("as_of", "horizon_days"))
    (first, last), (least, most) = (bounds.get(name, (0, 1)) for name in ("as_of", "horizon_days"))
    if (first, least) != (last, most):
        raise SystemFault(
            f"{file.file_path}, a file of {ML}.{CHURN_PREDICTIONS}, is not of one scoring by its statistics: {bounds}. "
            "Something else than customer-churn wrote it: score that day again, which replaces its files."
        )
    return date.fromisoformat(str(first)) + timedelta(days=int(least))


def publish(dataset: Dataset, run_id: str) -> dict[date, int]:
    """Replace the outcomes of each day of scoring that the dataset tells. Returns the rows of each.

    A commit a day: a repetition goes on where the run before was killed, and changes nothing of what is there.
    """
    for day, rows in dataset.outcomes.items():
        files = tuple(sorted(lake_tables.parquet_files(dataset.outcomes_of(day))))
        commit = Commit(
            work=f"{dataset.key}-{day.isoformat()}",
            run_id=run_id,
            raw_dates=(),
            contract_version=CHURN_OUTCOMES.version,
            added=files,
            notes={"as-of": day.isoformat(), "rows": str(rows)},
        )
        snapshot = lake_commits.replace_as_of(ML, TABLE, curation.location(ML, TABLE), commit, day)
        log("churn outcomes published", as_of=day, rows=rows, snapshot_id=snapshot)
    return dict(dataset.outcomes)


def rebuild_accuracy(connection: SnowflakeConnection, run_id: str) -> None:
    """Hold what the warehouse has of scores against what it has of outcomes: MARTS.CHURN_ACCURACY."""
    with writing(connection, f"churn accuracy by run {run_id}", write_lock.SHOP):
        execute(connection, CHURN_ACCURACY.overwrite())
