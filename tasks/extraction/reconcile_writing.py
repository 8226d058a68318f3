"""What a reconciliation adds to the lake: tombstones, and rows as they are in the source now.

Each says when its row was read, not when it was written. So what a run adds that was paused for long, and whose lease is
over, is older than what came after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.language.dataset import Dataset
from tasks.extraction import query, watermark
from tasks.extraction.bronze import Place, Provenance, bronze, quarantine, write_part
from tasks.extraction.judging import judge
from tasks.extraction.lease_keeper import Keeper
from tasks.extraction.moments import micros
from tasks.extraction.source import Entity, Source
from tasks.lake.lake_commits import Commit

_INSTANT = pa.timestamp("us", "UTC")
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Moment:
    """When the source was asked: by its own clock, and by ours. Both are in UTC."""

    source: datetime
    ours: datetime

    @property
    def after(self) -> datetime:
        """Later than both, so that a row read then is later than a tombstone of that moment."""
        return max(self.source, self.ours) + _TICK


class Spool:
    """Rows on disk, in files of so many as a commit takes."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._folder, self._most = folder, rows
        self._files: list[Path] = []
        self._kept: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        while rows.num_rows:
            room = self._most - sum(each.num_rows for each in self._kept)
            self._kept.append(rows.slice(0, room))
            if rows.num_rows >= room:
                self._flush()
            rows = rows.slice(room)

    def parts(self) -> Iterator[pa.Table]:
        self._flush()
        for file in self._files:
            yield pq.read_table(file)

    def _flush(self) -> None:
        if self._kept:
            file = self._folder / f"spool-{len(self._files)}.parquet"
            pq.write_table(pa.concat_tables(self._kept), file)
            self._files.append(file)
            self._kept = []


class Writing:
    def __init__(self, source: Source, entity: Entity, keeper: Keeper, run_id: str, scratch: Path) -> None:
        self._source, self._entity, self._keeper = source, entity, keeper
        self._run_id, self._scratch = run_id, scratch
        self._dataset: Dataset = source.contract(entity)
        self._bronze, self._quarantine = bronze(entity.name), quarantine(source.pipeline, entity.name)

    def tombstones(self, schema: pa.Schema, entries: pa.Table, moment: Moment, which: str) -> None:
        """A tombstone for each key, dated when it was found gone: not before what the lake has of it."""
        found = pc.max_element_wise(entries.column("dated_at"), pa.scalar(micros(moment.source), pa.int64()))
        columns = {name: entries.column(name) for name in self._entity.key}
        columns[self._entity.watermark] = found.cast(_INSTANT)
        rows = pa.table(
            [
                columns[field.name].cast(field.type)
                if field.name in columns
                else pa.nulls(entries.num_rows, field.type)
                for field in schema
            ],
            schema=schema,
        )
        self._add(self._bronze, rows, moment.ours, which, is_tombstone=True)

    def rows(self, parts: Iterator[pa.Table], moment: Moment) -> tuple[int, int]:
        """The broken rows go to quarantine. Returns how many were added to bronze, and to quarantine."""
        added = quarantined = 0
        for number, part in enumerate(parts):
            good, broken = judge(self._dataset, part)
            self._add(self._quarantine, broken, moment.after, f"rows-{number}")
            self._add(self._bronze, good, moment.after, f"rows-{number}")
            added, quarantined = added + good.num_rows, quarantined + broken.num_rows
        return added, quarantined

    def _add(
        self, place: Place, rows: pa.Table, read_at: datetime, which: str, is_tombstone: bool = False
    ) -> None:
        held = self._keeper.held
        watermark.renew(held)  # raises LeaseLost: what this run knows may be outdated
        provenance = Provenance(
            extraction_timestamp=read_at,
            source_system=self._source.pipeline,
            window_id=self._window_id(),
            run_id=self._run_id,
            query_hash=query.digest(self._entity.full or ""),
            is_tombstone=is_tombstone,
        )
        path = self._scratch / f"{place.namespace}-{self._entity.name}-reconciled.parquet"
        work = f"reconcile-{self._run_id}-{held.fencing_token}-{which}"
        commit = Commit(work, self._run_id, (), self._dataset.version, notes={"reconciled": which})
        place.add(write_part(path, provenance.add_to(rows), self._entity.compression), commit)
        path.unlink(missing_ok=True)

    def _window_id(self) -> str:
        told: Sequence[str] = ("reconcile", self._source.pipeline, self._entity.name, self._run_id)
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]
