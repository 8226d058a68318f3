"""One scan of an entity: its window is fixed, its rows are committed to bronze in parts, then the watermark moves.

A scan that is cut off goes on behind the last part that is in the lake. A part whose commit landed, and whose answer was
lost, is found in the table's log and not read again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from contracts.language.dataset import Dataset
from tasks.errors import DataError
from tasks.events import log
from tasks.extraction import changes, columns, query, unload_sql
from tasks.extraction.extracted import Extracted
from tasks.extraction.lease_keeper import Keeper
from tasks.extraction.memory import bounded, give_back
from tasks.extraction.moments import before, of_clock, text_of
from tasks.extraction.parts import behind, parts, require_unique
from tasks.extraction.query import BEGINNING
from tasks.extraction.scan_writing import Writing
from tasks.extraction.source import Entity, Source
from tasks.extraction.unloading import look, unload
from tasks.extraction.watermark import Position
from tasks.services.snowflake import rows, streamed
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


class Scan:
    """One run's work on one entity."""

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
        self._keeper, self._run_id = keeper, run_id
        self._dataset: Dataset = source.contract(entity)
        self._question = entity.question
        self._found = Extracted(entity.name)
        bounded()
        self._writing = Writing(source, entity, keeper, run_id, scratch, self._found)

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
        self._writing.is_replay = True
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
        """The table whose changes are read."""
        return self._entity.table if self._writing.are_changes else None

    def _continued(self) -> Position | None:
        """The position of a scan that was cut off. Of another query it means nothing: then its window begins anew."""
        position = self._keeper.held.position
        if position is None or position.question == self._question:
            return position
        self._found.note(
            "the query, the watermark or the key was changed: the window is read from its beginning"
        )
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
        there = self._writing.parts_in_lake()
        while (after := there.get(part := self._writing.part_id(position))) is not None:
            log("the part is in the lake already", entity=self._entity.name, part=part)
            position = Position.of(after)
            self._keeper.advance(self._keeper.held.value, position, self._run_id, "scan")
        return position

    def _window(self, position: Position) -> Position | None:
        """Bring the window into the lake from a position on. Returns where it stopped, None at its end."""
        if self._entity.mode == "unload" and not self._writing.is_replay and self._unloaded(position):
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
        self._writing.asked()
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
                if self._writing.is_replay:
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
            work = f"{self._writing.window_id(position)}-broken"
            self._found.rows_read += self._take(window.broken(), work, position)
        after = replace(position, part=1)
        self._writing.asked()
        files, count = unload(
            *(
                self._connection,
                entity,
                window,
                str(self._source.stage),
                self._writing.new_folder(),
                self._writing.provenance(position),
            )
        )
        self._writing.adopt(files, count, position, after)
        self._found.rows_read += count
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
        self._writing.asked()
        with streamed(self._connection, statement) as (description, batches):
            schema = self._plan(description).schema
            for number, (part, _) in enumerate(parts(batches, schema, self._entity)):
                found += part.num_rows
                self._writing.add(part, f"{work}-{number}", position)
        return found

    def _bury(self, position: Position, text: str) -> None:
        """Add a tombstone for each key that is gone."""
        bound = query.bound(text, {"low": position.low, "high": position.high})
        schema = columns.schema_of(self._dataset)
        statement = Statement(f"extract what is gone of {self._entity.name}", bound.sql, bound.values)
        self._writing.asked()
        with streamed(self._connection, statement) as (_, batches):
            for number, (part, _) in enumerate(parts(batches, schema, self._entity)):
                work = f"{self._writing.window_id(position)}-gone-{number}"
                self._writing.add_tombstones(part, work, position)

    def _plan(self, description: Any) -> columns.Plan:
        entity, found = self._entity, columns.of_description(description)
        plan = columns.plan(entity.name, self._dataset, found, self._writing.schema())
        needed = {entity.watermark, *entity.key}
        if lacking := sorted(needed.intersection(plan.missing)):
            raise DataError(
                f"{entity.name}: the query's result lacks {', '.join(lacking)}, its watermark or a part of its key. Nothing "
                "was read; its watermark stays. Correct the query."
            )
        if plan.unknown:
            self._found.note(f"columns that the contract does not know: {', '.join(plan.unknown)}")
        if plan.missing:
            self._found.note(f"columns that the source no longer has: {', '.join(plan.missing)}")
        return plan

    def _commit(self, part: pa.Table, position: Position) -> Position:
        """Put a part into bronze and quarantine. Returns the position behind it."""
        require_unique(self._entity, self._dataset, part)
        after = behind(self._entity, part, position)
        self._found.rows_read += part.num_rows
        self._writing.add_part(part, position, after)
        return after

    def _without_watermark(self, position: Position) -> None:
        """Rows that no window finds, as their watermark is null. Those that the lake has already are left out."""
        if self._entity.without_watermark is None:
            return
        bound = query.by_key(self._entity.without_watermark, self._entity.key)
        work = f"{self._writing.window_id(position)}-null"
        self._found.rows_without_watermark += self._take(bound, work, position)
        if self._found.rows_without_watermark:
            self._found.note(f"{self._found.rows_without_watermark} rows without {self._entity.watermark}")
