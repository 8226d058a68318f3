"""Prepare quarantined rows, with any manual corrections, as input for the curate job.

A quarantined file is used as it is; if rows were corrected, a corrected copy is written in batches, so that no file is held
in memory whole. Next to each copy is a list of its corrected rows by old and new id, because only the job decides whether
they now pass (tasks/publishing/quarantine.py).
"""

from __future__ import annotations

import hashlib
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.catalog import contract
from contracts.dialects import drift
from tasks.errors import DataError
from tasks.events import log
from tasks.intake.landing import InputFile, Slice
from tasks.lake import lake_tables
from tasks.publishing import corrections, quarantine
from tasks.publishing.corrections import ID, Corrections
from tasks.services import objects
from tasks.settings import settings


def gather(dataset: str, first: date, last: date, mended: str | None) -> Slice:
    """One input file per quarantined file of the raw dates, or its corrected copy."""
    given = corrections.read(dataset, mended) if mended else None
    row_filter = f"raw_date >= '{first.isoformat()}' and raw_date <= '{last.isoformat()}'"
    paths = sorted(
        file.file_path
        for file in lake_tables.live_files(lake_tables.load(lake_tables.QUARANTINE, dataset), row_filter)
    )
    used: set[str] = set()
    inputs = [_input(dataset, path, given, used) for path in paths]
    if given and (unknown := given.rows.keys() - used - _already_accepted(dataset, given, used, first, last)):
        raise DataError(
            f"{mended}: {len(unknown)} row_id(s) are not in quarantine.{dataset} for {first}..{last}, the first is "
            f"{min(unknown)!r}. Nothing was replayed; remove them from the file, or correct the dates."
        )
    if not inputs and not given:
        raise DataError(
            f"quarantine.{dataset} has no rows with raw dates {first}..{last}: nothing to replay."
        )
    return Slice(dataset, tuple(inputs))


def _already_accepted(dataset: str, given: Corrections, used: set[str], first: date, last: date) -> set[str]:
    """Corrected rows that an earlier replay of the same file accepted: a repeat has nothing to do for them."""
    if given.rows.keys() <= used:
        return set()
    accepted = {
        row_id for ids in quarantine.corrected_rows(dataset, first, last).values() for row_id in ids
    } & given.rows.keys()
    log("already corrected", dataset=dataset, rows=len(accepted), file=given.address)
    return accepted


def row_id(dataset: str, row: dict[str, Any]) -> str:
    """The id that the job gives this row when it rejects it (jobs/glue/curation/quarantine.py)."""
    columns = [c for c in contract(dataset).columns if not (c.is_later and row.get(c.name) is None)]
    fields = [row["source_file"], *(row[column.name] for column in columns), row["extra_values"]]
    return hashlib.sha256("|".join("" if f is None else f"{len(f)}:{f}" for f in fields).encode()).hexdigest()


def copies(dataset: str) -> str:
    """The folder of corrected copies of quarantined files."""
    return f"s3://{settings().lake_bucket}/runs/replay/{dataset}/"


def _input(dataset: str, path: str, given: Corrections | None, used: set[str]) -> InputFile:
    found = objects.head(path)
    with quarantine.opened(path) as source:
        schema, rows = source.schema_arrow, source.metadata.num_rows
        columns = drift.delivered_columns(schema, path)
        day = quarantine.raw_date_of(path)
        corrected = _corrected_ids(source, given) if given else set()
        if not given or not corrected:
            return InputFile(path, day, rows, columns, found.etag, replay=True, origin=path)
        used |= corrected
        digest = hashlib.sha256(f"{path} {found.etag}".encode())
        for row in sorted(corrected):
            digest.update(f"{row} {given.of(row)}\n".encode())
        name = f"{copies(dataset)}{digest.hexdigest()[:24]}"
        pairs: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy.parquet"
            with quarantine.writer(copy, schema) as target:
                for batch in quarantine.batches(source):
                    target.write_table(pa.Table.from_batches([_corrected(dataset, batch, given, pairs)]))
            objects.upload(copy, f"{name}.parquet")
    objects.write(f"{name}{quarantine.PAIRS}", "\n".join(pairs).encode())
    return InputFile(f"{name}.parquet", day, rows, columns, digest.hexdigest()[:24], replay=True, origin=path)


def _corrected_ids(source: pq.ParquetFile, given: Corrections) -> set[str]:
    """The ids of the file's rows that have corrections."""
    found: set[str] = set()
    for batch in quarantine.batches(source, [ID]):
        ids = batch.column(0)
        found.update(ids.filter(pc.is_in(ids, value_set=given.ids)).to_pylist())
    return found


def _corrected(dataset: str, batch: pa.RecordBatch, given: Corrections, pairs: list[str]) -> pa.RecordBatch:
    at = pc.index_in(batch.column(ID), value_set=given.ids)
    has_correction = at.is_valid()
    if not has_correction.true_count:
        return batch
    for position, name in enumerate(given.columns):
        values = given.column(position).take(at)
        column = batch.schema.get_field_index(name)
        batch = batch.set_column(
            column, batch.schema.field(column), pc.if_else(has_correction, values, batch.column(column))
        )
    rows = batch.filter(has_correction).to_pylist()
    pairs.extend(f"{row[ID]} {row_id(dataset, row)}" for row in rows)
    return batch
