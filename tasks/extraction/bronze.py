"""Bronze: what was extracted, as it was, in an Iceberg table per entity. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.dialects.duckdb_values import name as quoted
from tasks.extraction.judging import REASONS
from tasks.extraction.source import Entity
from tasks.extraction.tombstones import not_gone_since, tombstones_of
from tasks.extraction.unmatched import unmatched
from tasks.lake.lake_commits import Commit, append, has_work
from tasks.lake.lake_log import notes_of
from tasks.lake.lake_tables import BRONZE, QUARANTINE, lake_failures, load
from tasks.services import objects
from tasks.settings import settings

EXTRACTED_AT = "extraction_timestamp"
_GROUP_BYTES = 128 << 20
# pyiceberg describes its own types by Arrow's large ones.
_SMALL = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}


@dataclass(frozen=True)
class Provenance:
    """Where rows come from: the columns that bronze adds to the source's."""

    extraction_timestamp: datetime
    source_system: str
    window_id: str
    run_id: str
    query_hash: str
    is_tombstone: bool = False

    def add_to(self, rows: pa.Table) -> pa.Table:
        for field in PROVENANCE:
            value = pa.scalar(getattr(self, field.name), field.type)
            rows = rows.append_column(field, pa.repeat(value, rows.num_rows))
        return rows


PROVENANCE = pa.schema(
    [
        (EXTRACTED_AT, pa.timestamp("us", "UTC")),
        ("source_system", pa.string()),
        ("window_id", pa.string()),
        ("run_id", pa.string()),
        ("query_hash", pa.string()),
        ("is_tombstone", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Place:
    """A table of the lake to which rows of an entity are added."""

    namespace: str
    name: str
    location: str

    def schema(self) -> pa.Schema | None:
        """The table's columns, None if there is no table yet."""
        from pyiceberg.io.pyarrow import schema_to_pyarrow

        table = load(self.namespace, self.name)
        if table is None:
            return None
        found = schema_to_pyarrow(table.schema(), include_field_ids=False)
        return pa.schema([field.with_type(_SMALL.get(field.type, field.type)) for field in found])

    def notes(self) -> list[dict[str, str]]:
        """What every commit recorded, oldest first."""
        return notes_of(load(self.namespace, self.name))

    def add(self, files: list[Path], commit: Commit) -> None:
        """Upload the files and commit them. A repeat of the same work adds nothing: its rows are the same."""
        if not files or has_work(load(self.namespace, self.name), commit.work):
            return
        folder = self.new_folder()
        self.adopt(
            [objects.upload(file, f"{folder}/part-{at}.parquet") for at, file in enumerate(files)], commit
        )

    def new_folder(self) -> str:
        """A folder that nobody else writes to."""
        return f"{self.location}/data/{uuid4().hex}/published"  # where lake-maintenance looks for orphans

    def adopt(self, added: Sequence[str], commit: Commit) -> None:
        """Commit files that are in S3 already."""
        append(
            self.namespace,
            self.name,
            self.location,
            replace(commit, added=tuple(added)),
            by_day=EXTRACTED_AT,
        )


def bronze(entity: str) -> Place:
    return Place(BRONZE, entity, f"s3://{settings().lake_bucket}/bronze/{entity}")


def quarantine(pipeline: str, entity: str) -> Place:
    name = f"{pipeline}_{entity}"
    return Place(QUARANTINE, name, f"s3://{settings().lake_bucket}/quarantine/{name}")


def write_part(path: Path, rows: pa.Table, compression: str) -> list[Path]:
    """Write the rows of one commit to disk, in row groups of 128 MB. No file if there are no rows."""
    if not rows.num_rows:
        return []
    in_a_group = max(rows.num_rows * _GROUP_BYTES // max(rows.nbytes, 1), 1)
    pq.write_table(rows, path, compression=compression, row_group_size=in_a_group)
    return [path]


def known_rows(
    place: Place, columns: Sequence[str], watermark: str, between: tuple[str, str] | None, entity: Entity
) -> pa.Table:
    """What a table has between two watermarks, both included; the rows without a watermark if None.

    A row whose key was found gone since is not among them: if the source has it, it was found again.
    """
    table = load(place.namespace, place.name)
    if table is None or table.current_snapshot() is None:
        return pa.table({})
    where = f"{watermark} IS NULL"
    if between:
        where = f"{watermark} >= '{_zoned(between[0])}' AND {watermark} <= '{_zoned(between[1])}'"
    wanted = tuple(name for name in columns if name in table.schema().column_names)
    with lake_failures(f"reading the known rows of {place.namespace}.{place.name}"):
        found = table.scan(
            row_filter=where, selected_fields=(*wanted, EXTRACTED_AT, "is_tombstone")
        ).to_arrow()
    rows = found.filter(pc.invert(found.column("is_tombstone")))
    if rows.num_rows:
        rows = not_gone_since(rows, tombstones_of(BRONZE, entity.name, entity.key), entity.key)
    return rows.select(list(wanted))


def _zoned(moment: str) -> str:
    return f"{moment.replace(' ', 'T')}+00:00"


def unknown_of(rows: pa.Table, known: pa.Table) -> pa.Table:
    """The rows whose content is not among the known ones."""
    if not known.num_rows or not rows.num_rows:
        return rows
    columns = [name for name in rows.column_names if name != REASONS.name]
    same = " AND ".join(
        f"{'r.' + quoted(name)} IS NOT DISTINCT FROM {'o.' + quoted(name) if name in known.column_names else 'NULL'}"
        for name in columns
    )
    return unmatched(rows, known, same)
