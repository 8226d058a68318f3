"""Publish a scoring: the rows of one as-of day in ml.churn_predictions, from which gold takes its probabilities."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from tasks.errors import DataError
from tasks.events import log
from tasks.lake import lake_commits
from tasks.lake.lake_commits import Commit
from tasks.lake.lake_tables import CHURN_PREDICTIONS as TABLE
from tasks.lake.lake_tables import ML
from tasks.publishing import curation
from tasks.services import objects


def folder(work: str, attempt: int) -> str:
    """Where a work writes the files that it publishes. lake-maintenance leaves alone what a work of the ledger wrote."""
    return f"{curation.location(ML, TABLE)}/data/{work}-{attempt}"


def publish(files: Sequence[str], as_of: date, *, work: str, run_id: str, rows: int) -> int:
    """Replace the rows of `as_of` in ml.churn_predictions by these files'. Returns the snapshot that has them.

    The files are Parquet with the contract's columns, one row per customer, `rows` altogether. Raises DataError, and
    publishes nothing, if they are not. A repetition changes nothing; a commit of another run in between is a
    TransientError.
    """
    _require_sound(files, as_of, rows)
    commit = Commit(
        work=work,
        run_id=run_id,
        raw_dates=(),
        contract_version=CHURN_PREDICTIONS.version,
        added=tuple(sorted(files)),
        notes={"as-of": as_of.isoformat(), "rows": str(rows)},
    )
    snapshot = lake_commits.replace_as_of(ML, TABLE, curation.location(ML, TABLE), commit, as_of)
    assert snapshot is not None  # the commit has files
    log("churn predictions published", as_of=as_of, rows=rows, snapshot_id=snapshot)
    return snapshot


def _require_sound(files: Sequence[str], as_of: date, rows: int) -> None:
    """File by file, and of all together the keys: a customer may not be in two of them."""
    from contracts.dialects.pandera_schema import breaches  # a second of imports, which no other step needs

    if not files:
        raise DataError(
            f"there is no file of churn predictions of {as_of} to publish: score the customers first."
        )
    broken: Counter[str] = Counter()
    keys: list[pa.ChunkedArray] = []
    found = 0
    for file in files:
        table = _read(file)
        found += table.num_rows
        broken.update(breaches(CHURN_PREDICTIONS, table))
        if "as_of" in table.column_names:
            others = pc.sum(pc.not_equal(table.column("as_of"), pa.scalar(as_of, pa.date32()))).as_py()
            broken += Counter({"as_of:another_day": others or 0})
        if "customer_key" in table.column_names:
            keys.append(table.column("customer_key"))
    together = (
        pa.chunked_array([chunk for column in keys for chunk in column.chunks], pa.int64())
        if not broken
        else None
    )
    if together is not None and (twice := len(together) - len(together.unique())):
        broken["duplicates"] += twice
    if broken:
        counts = ", ".join(f"{rule}: {number}" for rule, number in sorted(broken.items()))
        raise DataError(
            f"the churn predictions of {as_of} break their contract ({counts}); none was published. Look at {files[0]}."
        )
    if found != rows:
        raise DataError(
            f"{rows} customers were scored as of {as_of} and the files have {found}; none was published. Look at "
            f"{files[0]}."
        )


def _read(address: str) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(objects.read(address)))
    except pa.ArrowInvalid as error:
        raise DataError(
            f"{address} is not the Parquet file that it should be: {error}. Score again."
        ) from error
