"""Compact the small files of a table into large ones, in one commit that changes no row.

A publication commits a file or two, so a table with daily publications becomes slow to read and to plan. Rows are
copied unchanged, from disk and in batches, and compared with the originals before the commit. The commit is marked as
maintenance and its files are in no folder of new rows, so loads and readers of notes skip it.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.types import DateType

from contracts.language.dataset import SOURCE_DATE
from tasks.errors import StaleResult, SystemFault
from tasks.events import log
from tasks.lake import lake_commits, lake_log, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.publishing import quarantine
from tasks.services import objects

FOLDER = "compacted"
_GROUP_ROWS = 100_000
_GROUP_BYTES = 32 << 20


@dataclass(frozen=True)
class Sizes:
    small: int = 16 << 20
    fewest: int = 8
    target: int = 128 << 20


SIZES = Sizes()


@dataclass(frozen=True)
class Compaction:
    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    left: str = ""
    """Why small files were left as they are until the next time."""


def compact(table: Table, run_id: str, sizes: Sizes | None = None) -> Compaction:
    """Compact a table, or skip it until the next time if another run commits meanwhile: its result has priority."""
    planned = plan(table, sizes or SIZES)
    if not planned:
        return Compaction()
    old = [file for group in planned for file in group]
    work = _work(table, old)
    folder = f"{table.location()}/data/{work}-{run_id[:8]}/{FOLDER}"
    new = [_rewritten(group, f"{folder}/part-{n:05}.parquet") for n, group in enumerate(planned)]
    before = Compaction(len(old), 0, sum(file.file_size_in_bytes for file in old))
    try:
        _commit(table, work, run_id, old, new)
    except StaleResult as error:
        return Compaction(left=str(error))
    after = sum(objects.head(address).size for address in new)
    log("compacted", table=".".join(table.name()), files_before=len(old), files_after=len(new), run=run_id)
    return Compaction(before.files_before, len(new), before.bytes_before, after)


def planned_only(table: Table, sizes: Sizes | None = None) -> Compaction:
    groups = plan(table, sizes or SIZES)
    size = sum(file.file_size_in_bytes for group in groups for file in group)
    return Compaction(sum(map(len, groups)), len(groups), size, size)


def plan(table: Table, sizes: Sizes) -> list[list[DataFile]]:
    """Groups of files to compact, neighbours in time, so that each new file still covers few days and keys."""
    if not table.spec().is_unpartitioned():
        return []  # each of their partitions is replaced as a whole, so it holds few files
    small = [file for file in lake_tables.live_files(table) if file.file_size_in_bytes < sizes.small]
    groups: list[list[DataFile]] = []
    room = 0
    for file in sorted(small, key=lambda file: (_first_day(table, file), file.file_path)):
        if file.file_size_in_bytes > room:
            groups.append([])
            room = sizes.target
        groups[-1].append(file)
        room -= file.file_size_in_bytes
    return [group for group in groups if len(group) >= sizes.fewest]


def _first_day(table: Table, file: DataFile) -> str:
    """The earliest raw date in the file. A file without statistics sorts first."""
    columns = {column.name: column for column in table.schema().fields}
    column = columns.get(SOURCE_DATE)
    least = (file.lower_bounds or {}).get(column.field_id) if column else None
    if column is None or least is None or not isinstance(column.field_type, DateType):
        return ""
    return f"{from_bytes(column.field_type, least):012}"


def _work(table: Table, old: Sequence[DataFile]) -> str:
    facts = [str(lake_tables.snapshot_id(table)), *sorted(file.file_path for file in old)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:24]


def _commit(table: Table, work: str, run_id: str, old: Sequence[DataFile], new: Sequence[str]) -> None:
    namespace, name = table.name()
    lake_commits.publish(
        namespace,
        name,
        table.location(),
        Commit(
            work=work,
            run_id=run_id,
            raw_dates=(),
            contract_version=lake_log.last_notes(table).get("contract-version", ""),
            added=tuple(new),
            removed=tuple(file.file_path for file in old),
            notes={lake_log.MAINTENANCE: FOLDER},
        ),
        lake_tables.snapshot_id(table),
    )


def _rewritten(group: Sequence[DataFile], address: str) -> str:
    """One file with all rows of the group, read again and compared before it is kept."""
    with tempfile.TemporaryDirectory() as folder:
        copies = [
            objects.download(file.file_path, Path(folder) / f"{n}.parquet") for n, file in enumerate(group)
        ]
        schema = _schema(copies, address)
        written = Path(folder) / "written.parquet"
        with pq.ParquetWriter(written, schema, compression="zstd") as target:
            for rows in _in_row_groups(_rows(copies, schema)):
                target.write_table(rows)
        rows = _require_same(_rows(copies, schema), _rows([written], schema), address)
        if rows != (expected := sum(file.record_count for file in group)):
            raise SystemFault(
                f"{address}: the {len(group)} files that it is made of hold {rows} rows, and {expected} by the table's "
                "manifests. A file was overwritten: restore it (the bucket keeps versions). Nothing was replaced."
            )
        return objects.upload(written, address)


def _schema(copies: Sequence[Path], address: str) -> pa.Schema:
    """The common schema. A column that older files lack is null in their rows, as readers of the table see it."""
    schemas = [
        pa.schema([field.with_nullable(True) for field in pq.read_schema(copy)]).remove_metadata()
        for copy in copies
    ]
    try:
        return pa.unify_schemas(schemas)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SystemFault(
            f"{address}: the files to compact have a column of two types: {error}. Nothing was replaced."
        ) from error


def _rows(copies: Sequence[Path], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for copy in copies:
        with pq.ParquetFile(copy) as source:
            for batch in quarantine.batches(source):
                yield pa.RecordBatch.from_arrays([_column(batch, field) for field in schema], schema=schema)


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    at = batch.schema.get_field_index(field.name)
    return pa.nulls(batch.num_rows, field.type) if at < 0 else batch.column(at)


def _in_row_groups(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(b.num_rows for b in held) >= _GROUP_ROWS or sum(b.nbytes for b in held) >= _GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _require_same(before: Iterator[pa.RecordBatch], after: Iterator[pa.RecordBatch], address: str) -> int:
    """Compare all rows bit by bit. Returns their number."""
    rows, rest = 0, None
    for batch in before:
        while batch.num_rows:
            if rest is None or not rest.num_rows:
                rest = next(after, None)
            length = min(batch.num_rows, rest.num_rows) if rest is not None else 0
            if rest is None or not _bits(batch.slice(0, length)).equals(_bits(rest.slice(0, length))):
                raise _differs(address, rows)
            batch, rest, rows = batch.slice(length), rest.slice(length), rows + length
    if (rest is not None and rest.num_rows) or next(after, None) is not None:
        raise _differs(address, rows)
    return rows


def _differs(address: str, rows: int) -> SystemFault:
    return SystemFault(
        f"{address}: the new file differs from the files that it replaces after row {rows}. Nothing was replaced."
    )


def _bits(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Floats as their bits, because NaN does not equal itself."""
    columns: list[Any] = [
        column.view(pa.int64()) if pa.types.is_float64(column.type) else column for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
