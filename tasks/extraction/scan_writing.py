"""What a scan adds to the lake: the rows that it lacks, each with where it comes from, in commits that are made once.

A commit is named after its part of the window. So whoever repeats the part finds in the table's log that it is there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from contracts.language.dataset import Dataset
from tasks.extraction import ndjson, query, watermark
from tasks.extraction.bronze import (
    Place,
    Provenance,
    bronze,
    known_rows,
    quarantine,
    unknown_of,
    write_part,
)
from tasks.extraction.extracted import Extracted
from tasks.extraction.judging import REASONS, judge
from tasks.extraction.lease_keeper import Keeper
from tasks.extraction.moments import text_of
from tasks.extraction.source import Entity, Source
from tasks.extraction.watermark import Position
from tasks.lake.lake_commits import Commit

_PART, _AFTER = "part", "position"


class Writing:
    """Counts what it adds in `found`. What a replay adds, no scan takes for its own parts."""

    def __init__(
        self,
        source: Source,
        entity: Entity,
        keeper: Keeper,
        run_id: str,
        scratch: Path,
        found: Extracted,
    ) -> None:
        self._source, self._entity, self._keeper = source, entity, keeper
        self._run_id, self._scratch, self._found = run_id, scratch, found
        self._dataset: Dataset = source.contract(entity)
        self._bronze, self._quarantine = bronze(entity.name), quarantine(source.pipeline, entity.name)
        self.is_replay = False
        self.asked()

    def asked(self) -> None:
        """What is added says when the source was asked. So what a run adds that was paused is older than what came after."""
        self._asked_at = datetime.now(UTC)

    @property
    def are_changes(self) -> bool:
        """Whether the rows are changes that the source tracked. A replay reads rows as they are now."""
        return self._entity.mode == "changes" and not self.is_replay

    def schema(self) -> pa.Schema | None:
        """The columns that the lake has, None if it has nothing of the entity yet."""
        return self._bronze.schema()

    def part_id(self, position: Position) -> str:
        return f"{self.window_id(position)}-{position.part}"

    def window_id(self, position: Position) -> str:
        window = (self._source.pipeline, self._entity.name, position.low, position.high, position.question)
        return hashlib.sha256("\n".join((*window, str(position.version))).encode()).hexdigest()[:16]

    def parts_in_lake(self) -> dict[str, str]:
        """The id of each part that is in the lake, and the position behind it."""
        return {notes[_PART]: notes[_AFTER] for notes in self._bronze.notes() if _PART in notes}

    def add_part(self, part: pa.Table, position: Position, after: Position) -> None:
        """Add a part of the window: from a position on, up to another."""
        notes = {} if self.is_replay else self._notes(position, after)
        self._add(part, self.part_id(position), position, notes)

    def add(self, rows: pa.Table, work: str, position: Position) -> None:
        """Add rows of the window that are part of no scan that goes on."""
        self._add(rows, work, position, {})

    def add_tombstones(self, rows: pa.Table, work: str, position: Position) -> None:
        tombstones = self.provenance(position, is_tombstone=True).add_to(rows)
        self._put(self._bronze, tombstones, self._commit(work, {}), position)
        self._found.rows_added += rows.num_rows

    def adopt(self, files: Sequence[str], rows: int, position: Position, after: Position) -> None:
        """Commit files that the source wrote to `new_folder`."""
        if files:
            watermark.renew(self._keeper.held)
            commit = self._commit(self.part_id(position), self._notes(position, after))
            self._bronze.adopt(files, commit)
        self._found.rows_added += rows
        self._found.parts += bool(files)

    def new_folder(self) -> str:
        return self._bronze.new_folder()

    def provenance(self, position: Position, is_tombstone: bool = False) -> Provenance:
        return Provenance(
            extraction_timestamp=self._asked_at,
            source_system=self._source.pipeline,
            window_id=self.window_id(position),
            run_id=self._run_id,
            query_hash=query.digest(self._entity.query),
            is_tombstone=is_tombstone,
        )

    def _add(self, part: pa.Table, work: str, position: Position, notes: Mapping[str, str]) -> None:
        """Commit what the lake lacks: the broken rows first, so that a part that is in bronze is whole.

        The work is of this holder of the lease alone: what another one committed for the same part may be other rows.
        """
        good, broken = judge(self._dataset, part)
        provenance, commit = self.provenance(position), self._commit(work, notes)
        places = ((self._quarantine, broken), (self._bronze, good))
        fresh = {place: self._fresh(place, some) for place, some in places}
        for place, some in fresh.items():
            self._put(place, provenance.add_to(some), commit, position)
        added = sum(some.num_rows for some in fresh.values())
        self._found.rows_known += part.num_rows - added
        self._found.rows_added += fresh[self._bronze].num_rows
        self._found.rows_quarantined += fresh[self._quarantine].num_rows
        self._found.parts += bool(added)

    def _notes(self, position: Position, after: Position) -> dict[str, str]:
        return {_PART: self.part_id(position), _AFTER: after.text()}

    def _commit(self, work: str, notes: Mapping[str, str]) -> Commit:
        prefix = f"replay-{self._run_id}-" if self.is_replay else ""
        name = f"{prefix}{work}-{self._keeper.held.fencing_token}"
        return Commit(name, self._run_id, (), self._dataset.version, notes=dict(notes))

    def _put(self, place: Place, some: pa.Table, commit: Commit, position: Position) -> None:
        if self._entity.output == "ndjson" and place == self._bronze and some.num_rows:
            to = ndjson.address(self._entity.name, self.window_id(position), commit.work)
            ndjson.publish(some, to, self._scratch)
        path = self._scratch / f"{place.namespace}-{self._entity.name}.parquet"
        watermark.renew(self._keeper.held)  # raises LeaseLost: what this run has read may be outdated
        place.add(write_part(path, some, self._entity.compression), commit)
        path.unlink(missing_ok=True)

    def _fresh(self, place: Place, some: pa.Table) -> pa.Table:
        """The rows that a table does not have. Those dated after the watermark it cannot have, unless they are replayed.

        A tracked change is never known: the row may be as it was before it went, and come again.
        """
        if not some.num_rows or self.are_changes:
            return some
        names = [name for name in some.column_names if name != REASONS.name]
        dated = pc.min_max(some.column(self._entity.watermark)).as_py()
        if dated["min"] is None:
            return unknown_of(some, known_rows(place, names, self._entity.watermark, None, self._entity))
        first, last = text_of(dated["min"]), text_of(dated["max"])
        if not self.is_replay:
            value = self._keeper.held.value
            if value is None or first > value:
                return some
            last = min(last, value)
        return unknown_of(some, known_rows(place, names, self._entity.watermark, (first, last), self._entity))
