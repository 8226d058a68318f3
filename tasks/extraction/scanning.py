"""One scan of an entity: its window is fixed, its rows are committed to bronze in parts, then the watermark moves.

A scan that is cut off goes on behind the last part that is in the lake. A part whose commit landed, and whose answer was
lost, is found in the table's log and not read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.language.dataset import Dataset
from tasks.errors import DataError
from tasks.events import log
from tasks.extraction import columns, query
from tasks.extraction.bronze import Provenance, bronze, known_rows, quarantine, unknown_of, write_part
from tasks.extraction.judging import judge
from tasks.extraction.lease_keeper import Keeper
from tasks.extraction.source import Entity, Source
from tasks.extraction.watermark import Position
from tasks.lake.lake_commits import Commit
from tasks.services.snowflake import rows, streamed
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

BEGINNING = "0001-01-01 00:00:00.000000"
_AFTER = "position"
_SHOWN = 5


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
        self._found = Extracted(entity.name)

    def run(self) -> Extracted:
        """Extract what changed since the watermark, and move it."""
        self._described(self._entity.query)
        position = self._keeper.held.position or self._fixed_window()
        if position is None:
            self._found.notes.append("the source's time has not moved on")
            return self._found
        self._found.low, self._found.high = position.low, position.high
        position = self._settled(position)
        last = self._window(position)
        if last is None:
            self._without_watermark(position)
            self._keeper.advance(position.high, None, self._run_id, "scan")
        else:
            self._found.is_complete = False
        return self._found

    def replay(self, low: str, high: str) -> Extracted:
        """Read a past window again. The watermark stays."""
        self._found.low, self._found.high = low, high
        self._window(Position(low, high, "", (), 0), moves=False)
        return self._found

    def _fixed_window(self) -> Position | None:
        """The window of a new scan, recorded before its first row is read. None if there is no time to read."""
        held = self._keeper.held
        ((now,),) = rows(self._connection, Statement("ask the source's time", self._source.clock))
        high = text_of(now - timedelta(seconds=self._entity.safety_lag_seconds))
        if held.value is not None and high <= held.value:
            return None
        low = BEGINNING
        if held.value is not None:
            overlap = timedelta(seconds=self._entity.overlap_seconds)
            low = text_of(datetime.fromisoformat(held.value) - overlap)
        position = Position(low, high, "", (), 0)
        self._keeper.advance(held.value, position, self._run_id, "scan")
        return position

    def _settled(self, position: Position) -> Position:
        """The position behind the parts that are in the lake: the last one's commit may have landed unrecorded."""
        work = self._work(position)
        while (notes := self._bronze.notes(work)) is not None and _AFTER in notes:
            log("the part is in the lake already", entity=self._entity.name, work=work)
            position = Position.of(notes[_AFTER])
            self._keeper.advance(self._keeper.held.value, position, self._run_id, "scan")
            work = self._work(position)
        return position

    def _window(self, position: Position, moves: bool = True) -> Position | None:
        """Scan the window from a position on. Returns where it stopped, None at its end."""
        entity, after = self._entity, (position.watermark, *position.key) if position.part else ()
        bound = query.scan(
            entity.query, {"low": position.low, "high": position.high}, entity.watermark, entity.key, after
        )
        known = self._known(position.low, self._keeper.held.value)
        parts = 0
        with streamed(self._connection, Statement(f"extract {entity.name}", bound.sql, bound.values)) as (
            description,
            batches,
        ):
            plan = self._plan(description)
            for part, is_last in _parts(batches, plan.schema, entity):
                position = self._commit(part, position, known)
                parts += 1
                if moves:
                    self._keeper.advance(self._keeper.held.value, position, self._run_id, "scan")
                if not is_last and parts == entity.batches_max:
                    return position
        return None

    def _described(self, text: str) -> columns.Plan:
        """The columns that a query returns, asked for before anything is written."""
        asked = query.description(text)
        with streamed(
            self._connection, Statement(f"describe {self._entity.name}", asked.sql, asked.values)
        ) as (description, _):
            return self._plan(description)

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

    def _known(self, low: str, value: str | None) -> list[pa.Table]:
        """Rows of the overlap, in bronze and in quarantine."""
        if value is None:
            return []
        names = list(self._dataset.names)
        return [
            known_rows(place, names, self._entity.watermark, low, value)
            for place in (self._bronze, self._quarantine)
        ]

    def _commit(self, part: pa.Table, position: Position, known: list[pa.Table]) -> Position:
        """Put a part into bronze and quarantine. Returns the position behind it."""
        self._require_unique(part)
        after = self._behind(part, position)
        fresh = part
        for table in known:
            fresh = unknown_of(fresh, table)
        self._found.rows_read += part.num_rows
        self._found.rows_known += part.num_rows - fresh.num_rows
        self._add(fresh, self._work(position), position, {_AFTER: after.text()})
        return after

    def _add(self, fresh: pa.Table, work: str, position: Position, notes: dict[str, str]) -> None:
        """Commit rows: the broken ones first, so that a part that is in bronze is whole."""
        if not fresh.num_rows:
            return
        good, broken = judge(self._dataset, fresh)
        provenance = Provenance(
            extraction_timestamp=datetime.now(UTC),
            source_system=self._source.pipeline,
            window_id=self._window_id(position),
            run_id=self._run_id,
            query_hash=query.digest(self._entity.query),
        )
        commit = Commit(work, self._run_id, (), self._dataset.version, notes=notes)
        for place, some in ((self._quarantine, broken), (self._bronze, good)):
            path = self._scratch / f"{place.namespace}-{self._entity.name}.parquet"
            place.add(write_part(path, provenance.add_to(some), self._entity.compression), commit)
            path.unlink(missing_ok=True)
        self._found.rows_added += good.num_rows
        self._found.rows_quarantined += broken.num_rows
        self._found.parts += 1

    def _without_watermark(self, position: Position) -> None:
        """Rows that no window finds, as their watermark is null. Those that the lake has already are left out."""
        if self._entity.without_watermark is None:
            return
        bound = query.by_key(self._entity.without_watermark, self._entity.key)
        statement = Statement(f"extract {self._entity.name} without watermark", bound.sql, bound.values)
        names = list(self._dataset.names)
        known = [
            known_rows(place, names, self._entity.watermark, None, None)
            for place in (self._bronze, self._quarantine)
        ]
        with streamed(self._connection, statement) as (description, batches):
            plan = self._plan(description)
            for number, (part, _) in enumerate(_parts(batches, plan.schema, self._entity)):
                fresh = part
                for table in known:
                    fresh = unknown_of(fresh, table)
                self._found.rows_without_watermark += part.num_rows
                self._add(fresh, f"{self._window_id(position)}-null-{number}", position, {})
        if self._found.rows_without_watermark:
            self._note(f"{self._found.rows_without_watermark} rows without {self._entity.watermark}")

    def _require_unique(self, part: pa.Table) -> None:
        keys = (
            part.select(list(self._entity.key))
            .group_by(list(self._entity.key))
            .aggregate([([], "count_all")])
        )
        if keys.num_rows == part.num_rows:
            return
        twice = keys.filter(pc.greater(keys.column("count_all"), 1)).drop_columns(["count_all"])
        shown = ", ".join(str(tuple(row.values())) for row in twice.slice(0, _SHOWN).to_pylist())
        raise DataError(
            f"{self._entity.name}: the key {', '.join(self._entity.key)} is not unique: {shown} occur more than once. "
            "Nothing of this part was written; the watermark stays. Correct the key, or the query."
        )

    def _behind(self, part: pa.Table, position: Position) -> Position:
        last = part.slice(part.num_rows - 1).to_pylist()[0]
        return replace(
            position,
            watermark=text_of(last[self._entity.watermark]),
            key=tuple(_bindable(last[name]) for name in self._entity.key),
            part=position.part + 1,
        )

    def _window_id(self, position: Position) -> str:
        told = (self._source.pipeline, self._entity.name, position.low, position.high, self._entity.query)
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    def _work(self, position: Position) -> str:
        return f"{self._window_id(position)}-{position.part}"


def _parts(batches: Iterator[pa.Table], schema: pa.Schema, entity: Entity) -> Iterator[tuple[pa.Table, bool]]:
    """The rows, so many together as a commit takes, and whether they are the last."""
    kept: list[pa.Table] = []
    count = 0
    for batch in batches:
        table = columns.conform(entity.name, batch, schema)
        while count + table.num_rows > entity.batch_rows:
            room = entity.batch_rows - count
            yield pa.concat_tables([*kept, table.slice(0, room)]), False
            table, kept, count = table.slice(room), [], 0
        if table.num_rows:
            kept.append(table)
            count += table.num_rows
    if count:
        yield pa.concat_tables(kept), True


def text_of(moment: datetime) -> str:
    """A moment in UTC as it is bound and compared: texts of this form are in the order of time."""
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def _bindable(value: Any) -> Any:
    return value if isinstance(value, int | str) else str(value)
