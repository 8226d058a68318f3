"""The quarantined rows of some raw dates, with a person's corrections, as an input of the curate job.

A quarantined file goes in as it is; where rows were corrected, a copy of it does, made in batches so that no file is ever
held whole. Beside a copy lies the list of its corrected rows, by their ids before and after: what became of them is known
only when the job has judged them (tasks/publishing/quarantine.py).
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
    """One input file per quarantined file of the raw dates; corrected copies where rows were mended."""
    given = corrections.read(dataset, mended) if mended else None
    wanted = f"raw_date >= '{first.isoformat()}' and raw_date <= '{last.isoformat()}'"
    paths = sorted(
        file.file_path
        for file in lake_tables.live_files(lake_tables.load(lake_tables.QUARANTINE, dataset), wanted)
    )
    used: set[str] = set()
    inputs = [_input(dataset, path, given, used) for path in paths]
    if given and (unknown := given.rows.keys() - used - _done_before(dataset, given, used, first, last)):
        raise DataError(
            f"{mended}: {len(unknown)} row_id(s) are not in quarantine.{dataset} for {first}..{last}, the first is "
            f"{min(unknown)!r}. Nothing was replayed; take them out of the file, or correct the dates."
        )
    if not inputs and not given:
        raise DataError(
            f"quarantine.{dataset} has no rows with raw dates {first}..{last}: nothing to replay."
        )
    return Slice(dataset, tuple(inputs))


def _done_before(dataset: str, given: Corrections, used: set[str], first: date, last: date) -> set[str]:
    """Rows that an earlier replay of the same corrections took through: a repeat of it has nothing to do for them."""
    if given.rows.keys() <= used:
        return set()
    done = {
        row_id for ids in quarantine.mended_rows(dataset, first, last).values() for row_id in ids
    } & given.rows.keys()
    log("mended before", dataset=dataset, rows=len(done), file=given.address)
    return done


def row_id(dataset: str, row: dict[str, Any]) -> str:
    """The id that the job gives to this row when it refuses it (jobs/glue/quarantine.py)."""
    columns = [c for c in contract(dataset).columns if not (c.is_later and row.get(c.name) is None)]
    fields = [row["source_file"], *(row[column.name] for column in columns), row["extra_values"]]
    return hashlib.sha256("|".join("" if f is None else f"{len(f)}:{f}" for f in fields).encode()).hexdigest()


def _input(dataset: str, path: str, given: Corrections | None, used: set[str]) -> InputFile:
    found = objects.head(path)
    with quarantine.opened(path) as source:
        schema, rows = source.schema_arrow, source.metadata.num_rows
        columns = drift.delivered_columns(schema, path)
        day = quarantine.raw_date_of(path)
        concerned = _concerned(source, given) if given else set()
        if not given or not concerned:
            return InputFile(path, day, rows, columns, found.etag, replay=True, origin=path)
        used |= concerned
        digest = hashlib.sha256(f"{path} {found.etag}".encode())
        for row in sorted(concerned):
            digest.update(f"{row} {given.of(row)}\n".encode())
        name = f"s3://{settings().lake_bucket}/runs/replay/{dataset}/{digest.hexdigest()[:24]}"
        pairs: list[str] = []
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy.parquet"
            with quarantine.writer(copy, schema) as target:
                for batch in quarantine.batches(source):
                    target.write_table(pa.Table.from_batches([_corrected(dataset, batch, given, pairs)]))
            objects.upload(copy, f"{name}.parquet")
    objects.write(f"{name}{quarantine.PAIRS}", "\n".join(pairs).encode())
    return InputFile(f"{name}.parquet", day, rows, columns, digest.hexdigest()[:24], replay=True, origin=path)


def _concerned(source: pq.ParquetFile, given: Corrections) -> set[str]:
    """The corrected rows that are in the file."""
    found: set[str] = set()
    for batch in quarantine.batches(source, [ID]):
        ids = batch.column(0)
        found.update(ids.filter(pc.is_in(ids, value_set=given.ids)).to_pylist())
    return found


def _corrected(dataset: str, batch: pa.RecordBatch, given: Corrections, pairs: list[str]) -> pa.RecordBatch:
    at = pc.index_in(batch.column(ID), value_set=given.ids)
    is_concerned = at.is_valid()
    if not is_concerned.true_count:
        return batch
    for position, name in enumerate(given.columns):
        values = given.column(position).take(at)
        column = batch.schema.get_field_index(name)
        batch = batch.set_column(
            column, batch.schema.field(column), pc.if_else(is_concerned, values, batch.column(column))
        )
    rows = batch.filter(is_concerned).to_pylist()
    pairs.extend(f"{row[ID]} {row_id(dataset, row)}" for row in rows)
    return batch
