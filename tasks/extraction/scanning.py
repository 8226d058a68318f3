"""One scan of an entity: its window is fixed, its rows are committed to bronze in parts, then the watermark moves.

A scan that is cut off goes on behind the last part that is in the lake. A part whose commit landed, and whose answer was
lost, is found in the table's log and not read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.language.dataset import Dataset
from tasks.errors import DataError
from tasks.events import log
from tasks.extraction import changes, columns, ndjson, query, unload_sql, watermark
from tasks.extraction.bronze import (
    Place,
    Provenance,
    bronze,
    known_rows,
    quarantine,
    unknown_of,
    write_part,
)
from tasks.extraction.judging import REASONS, judge
from tasks.extraction.lease_keeper import Keeper
from tasks.extraction.memory import bounded, give_back
from tasks.extraction.moments import before, of_clock, text_of
from tasks.extraction.parts import behind, parts, require_unique
from tasks.extraction.query import BEGINNING
from tasks.extraction.source import Entity, Source
from tasks.extraction.unloading import look, unload
from tasks.extraction.watermark import Position
from tasks.lake.lake_commits import Commit
from tasks.services.snowflake import rows, streamed
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_PART, _AFTER = "part", "position"


@dataclass
class Extracted:
    """What a run found of an entity."""

    entity: str
    low: str | None = None
    high: str | None = None
    rows_read: int = 0
    rows_known: int = 0
    rows_added: int = 0
    rows_quarantined: int = 0
    rows_without_watermark: int = 0
    parts: int = 0
    is_complete: bool = True
    """False if the run's batches were used up: the next run goes on."""
    notes: list[str] = field(default_factory=list)


class Scan:
    """One run's work on one entity. Everything that is written carries the run and the window."""

    def __init__(
        self,
        source: Source,
        entity: Entity,
        connection: SnowflakeConnection,
        keeper: Keeper,
        run_id: str,
        scratch: Path,
    ) -> None:
        self._source, self._entity, self._connection = source, entity, connection
        self._keeper, self._run_id, self._scratch = keeper, run_id, scratch
        self._dataset: Dataset = source.contract(entity)
        self._bronze, self._quarantine = bronze(entity.name), quarantine(source.pipeline, entity.name)
        self._question = entity.question
        self._is_replay = False
        bounded()
        self._asked()
        self._found = Extracted(entity.name)

    def run(self) -> Extracted:
        """Extract what changed since the watermark, and move it."""
        self._require_queries()
        position = self._continued() or self._fixed_window()
        if position is None:
            self._found.notes.append("the source's time has not moved on")
            return self._found
        self._found.low, self._found.high = position.low, position.high
        last = self._window(self._settled(position))
        if last is None:
            self._without_watermark(position)
            self._keeper.advance(position.high, None, self._run_id, "scan")
        else:
            self._found.is_complete = False
        return self._found

    def replay(self, low: str, high: str) -> Extracted:
        """Read a past window again. The watermark stays, and no scan takes the replay's parts for its own."""
        self._is_replay = True
        self._require_queries()
        self._found.low, self._found.high = low, high
        self._window(Position(low, high, "", (), 0, self._question))
        return self._found

    def _require_queries(self) -> None:
        """Ask for the columns of each query before anything is written."""
        for text in filter(None, (self._entity.query, self._entity.without_watermark)):
            asked = query.description(text)
            statement = Statement(f"describe {self._entity.name}", asked.sql, asked.values)
            with streamed(self._connection, statement) as (description, _):
                self._plan(description)
        if table := self._tracked:
            with changes.explained(self._entity.name, table):
                rows(
                    self._connection,
                    Statement(f"ask for changes of {self._entity.name}", changes.trial(table)),
                )

    @property
    def _tracked(self) -> str | None:
        """The table whose changes are read. A replay reads rows as they are now."""
        return self._entity.table if self._entity.mode == "changes" and not self._is_replay else None

    def _continued(self) -> Position | None:
        """The position of a scan that was cut off. Of another query it means nothing: then its window begins anew."""
        position = self._keeper.held.position
        if position is None or position.question == self._question:
            return position
        self._note("the query, the watermark or the key was changed: the window is read from its beginning")
        return self._recorded(position.low, position.high)

    def _fixed_window(self) -> Position | None:
        """The window of a new scan, recorded before its first row is read. None if there is no time to read."""
        value = self._keeper.held.value
        ((now,),) = rows(self._connection, Statement("ask the source's time", self._source.clock))
        high = before(text_of(of_clock(now, self._source.clock)), self._entity.safety_lag_seconds)
        if value is not None and high <= value:
            return None
        overlap = 0 if self._tracked else self._entity.overlap_seconds
        return self._recorded(BEGINNING if value is None else before(value, overlap), high)

    def _recorded(self, low: str, high: str) -> Position:
        held = self._keeper.held
        position = Position(low, high, "", (), 0, self._question, held.version)
        self._keeper.advance(held.value, position, self._run_id, "scan")
        return position

    def _settled(self, position: Position) -> Position:
        """The position behind the parts that are in the lake: the last one's commit may have landed unrecorded."""
        there = {notes[_PART]: notes[_AFTER] for notes in self._bronze.notes() if _PART in notes}
        while (after := there.get(self._part(position))) is not None:
            log("the part is in the lake already", entity=self._entity.name, part=self._part(position))
            position = Position.of(after)
            self._keeper.advance(self._keeper.held.value, position, self._run_id, "scan")
        return position

    def _window(self, position: Position) -> Position | None:
        """Bring the window into the lake from a position on. Returns where it stopped, None at its end."""
        if self._entity.mode == "unload" and not self._is_replay and self._unloaded(position):
            return None
        if not (table := self._tracked):
            return self._scanned(position, self._entity.query)
        with changes.explained(self._entity.name, table):
            last = self._scanned(position, changes.rows(table, self._entity.watermark, position.low))
            if last is None and position.low != BEGINNING:
                self._bury(position, changes.gone(table, self._entity.key, self._entity.watermark))
        return last

    def _scanned(self, position: Position, text: str) -> Position | None:
        """Take the rows of a query through the worker, a part at a time."""
        entity, after = self._entity, (position.watermark, *position.key) if position.part else ()
        values = {"low": position.low, "high": position.high}
        bound = query.scan(text, values, entity.watermark, entity.key, after)
        done = 0
        self._asked()
        with streamed(self._connection, Statement(f"extract {entity.name}", bound.sql, bound.values)) as (
            description,
            batches,
        ):
            schema = self._plan(description).schema
            for part, is_last in parts(batches, schema, entity):
                position = self._commit(part, position)
                del part  # else it is in memory until the next one is whole
                give_back()
                done += 1
                if self._is_replay:
                    continue
                self._keeper.advance(self._keeper.held.value, position, self._run_id, "scan")
                if not is_last and done == entity.batches_max:
                    return position
        return None

    def _unloaded(self, position: Position) -> bool:
        """Have the source write the window to the lake. False if it has to go through the worker.

        That is so if nothing in it is dated after the watermark: what is left is the overlap, of which most is known.
        """
        if position.part:
            return not position.watermark
        entity, window = self._entity, self._described(position)
        seen = look(self._connection, entity, window, self._keeper.held.value or position.low)
        if not seen.fresh:
            return not seen.rows
        if seen.broken:
            work = f"{self._window_id(position)}-broken"
            self._found.rows_read += self._take(window.broken(), work, position)
        after = replace(position, part=1)
        self._asked()
        provenance = self._provenance(position)
        files, count = unload(
            *(
                self._connection,
                entity,
                window,
                str(self._source.stage),
                self._bronze.new_folder(),
                provenance,
            )
        )
        if files:
            watermark.renew(self._keeper.held)
            notes = {_PART: self._part(position), _AFTER: after.text()}
            self._bronze.adopt(files, self._commit_of(self._part(position), notes))
        self._found.rows_read += count
        self._found.rows_added += count
        self._found.parts += bool(files)
        self._keeper.advance(self._keeper.held.value, after, self._run_id, "scan")
        return True

    def _described(self, position: Position) -> unload_sql.Window:
        asked, entity = query.description(self._entity.query), self._entity
        statement = Statement(f"describe {entity.name}", asked.sql, asked.values)
        with streamed(self._connection, statement) as (description, _):
            schema, found = self._plan(description).schema, columns.of_description(description)
        return unload_sql.window(
            *(entity.name, self._dataset, schema, found, entity.query, position.low, position.high)
        )

    def _take(self, bound: query.Bound, work: str, position: Position) -> int:
        """Add all rows of a query, which are part of no scan that goes on. Returns how many there were."""
        found = 0
        statement = Statement(f"extract {work} of {self._entity.name}", bound.sql, bound.values)
        self._asked()
        with streamed(self._connection, statement) as (description, batches):
            schema = self._plan(description).schema
            for number, (part, _) in enumerate(parts(batches, schema, self._entity)):
                found += part.num_rows
                self._add(part, f"{work}-{number}", position, {})
        return found

    def _bury(self, position: Position, text: str) -> None:
        """Add a tombstone for each key that is gone."""
        bound = query.bound(text, {"low": position.low, "high": position.high})
        schema = columns.schema_of(self._dataset)
        statement = Statement(f"extract what is gone of {self._entity.name}", bound.sql, bound.values)
        self._asked()
        with streamed(self._connection, statement) as (_, batches):
            for number, (part, _) in enumerate(parts(batches, schema, self._entity)):
                work = f"{self._window_id(position)}-gone-{number}"
                rows_ = self._provenance(position, is_tombstone=True).add_to(part)
                self._put(self._bronze, rows_, self._commit_of(work, {}), position)
                self._found.rows_added += part.num_rows

    def _plan(self, description: Any) -> columns.Plan:
        entity, found = self._entity, columns.of_description(description)
        plan = columns.plan(entity.name, self._dataset, found, self._bronze.schema())
        needed = {entity.watermark, *entity.key}
        if lacking := sorted(needed.intersection(plan.missing)):
            raise DataError(
                f"{entity.name}: the query's result lacks {', '.join(lacking)}, its watermark or a part of its key. Nothing "
                "was read; its watermark stays. Correct the query."
            )
        if plan.unknown:
            self._note(f"columns that the contract does not know: {', '.join(plan.unknown)}")
        if plan.missing:
            self._note(f"columns that the source no longer has: {', '.join(plan.missing)}")
        return plan

    def _note(self, text: str) -> None:
        if text not in self._found.notes:
            self._found.notes.append(text)

    def _commit(self, part: pa.Table, position: Position) -> Position:
        """Put a part into bronze and quarantine. Returns the position behind it."""
        require_unique(self._entity, self._dataset, part)
        after = behind(self._entity, part, position)
        self._found.rows_read += part.num_rows
        notes = {} if self._is_replay else {_PART: self._part(position), _AFTER: after.text()}
        self._add(part, self._part(position), position, notes)
        return after

    def _add(self, part: pa.Table, work: str, position: Position, notes: Mapping[str, str]) -> None:
        """Commit what the lake lacks: the broken rows first, so that a part that is in bronze is whole.

        The work is of this holder of the lease alone: what another one committed for the same part may be other rows.
        """
        good, broken = judge(self._dataset, part)
        provenance, commit = self._provenance(position), self._commit_of(work, notes)
        fresh = {place: self._fresh(place, some) for place, some in self._places(good, broken)}
        for place, some in fresh.items():
            self._put(place, provenance.add_to(some), commit, position)
        added = sum(some.num_rows for some in fresh.values())
        self._found.rows_known += part.num_rows - added
        self._found.rows_added += fresh[self._bronze].num_rows
        self._found.rows_quarantined += fresh[self._quarantine].num_rows
        self._found.parts += bool(added)

    def _put(self, place: Place, some: pa.Table, commit: Commit, position: Position) -> None:
        if self._entity.output == "ndjson" and place == self._bronze and some.num_rows:
            to = ndjson.address(self._entity.name, self._window_id(position), commit.work)
            ndjson.publish(some, to, self._scratch)
        path = self._scratch / f"{place.namespace}-{self._entity.name}.parquet"
        watermark.renew(self._keeper.held)  # raises LeaseLost: what this run has read may be outdated
        place.add(write_part(path, some, self._entity.compression), commit)
        path.unlink(missing_ok=True)

    def _provenance(self, position: Position, is_tombstone: bool = False) -> Provenance:
        return Provenance(
            extraction_timestamp=self._asked_at,
            source_system=self._source.pipeline,
            window_id=self._window_id(position),
            run_id=self._run_id,
            query_hash=query.digest(self._entity.query),
            is_tombstone=is_tombstone,
        )

    def _asked(self) -> None:
        """What is added says when the source was asked. So what a run adds that was paused is older than what came after."""
        self._asked_at = datetime.now(UTC)

    def _commit_of(self, work: str, notes: Mapping[str, str]) -> Commit:
        prefix = f"replay-{self._run_id}-" if self._is_replay else ""
        name = f"{prefix}{work}-{self._keeper.held.fencing_token}"
        return Commit(name, self._run_id, (), self._dataset.version, notes=dict(notes))

    def _places(self, good: pa.Table, broken: pa.Table) -> Iterator[tuple[Place, pa.Table]]:
        yield self._quarantine, broken
        yield self._bronze, good

    def _fresh(self, place: Place, some: pa.Table) -> pa.Table:
        """The rows that a table does not have. Those dated after the watermark it cannot have, unless they are replayed.

        A tracked change is never known: the row may be as it was before it went, and come again.
        """
        if not some.num_rows or self._tracked:
            return some
        names = [name for name in some.column_names if name != REASONS.name]
        dated = pc.min_max(some.column(self._entity.watermark)).as_py()
        if dated["min"] is None:
            return unknown_of(some, known_rows(place, names, self._entity.watermark, None, self._entity))
        first, last = text_of(dated["min"]), text_of(dated["max"])
        if not self._is_replay:
            value = self._keeper.held.value
            if value is None or first > value:
                return some
            last = min(last, value)
        return unknown_of(some, known_rows(place, names, self._entity.watermark, (first, last), self._entity))

    def _without_watermark(self, position: Position) -> None:
        """Rows that no window finds, as their watermark is null. Those that the lake has already are left out."""
        if self._entity.without_watermark is None:
            return
        bound = query.by_key(self._entity.without_watermark, self._entity.key)
        work = f"{self._window_id(position)}-null"
        self._found.rows_without_watermark += self._take(bound, work, position)
        if self._found.rows_without_watermark:
            self._note(f"{self._found.rows_without_watermark} rows without {self._entity.watermark}")

    def _window_id(self, position: Position) -> str:
        told = (self._source.pipeline, self._entity.name, position.low, position.high, position.question)
        return hashlib.sha256("\n".join((*told, str(position.version))).encode()).hexdigest()[:16]

    def _part(self, position: Position) -> str:
        return f"{self._window_id(position)}-{position.part}"
