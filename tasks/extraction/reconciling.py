"""One reconciliation of an entity: what the source has and the lake lacks, and what the lake has and the source lacks.

Nothing is written before all is known. Then tombstones come first, rows after them. A repeat finds what is left to do by
comparing again, so it does not matter where the one before it was cut off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.language.dataset import Dataset
from tasks.errors import DataError
from tasks.extraction import columns, query
from tasks.extraction.bronze import bronze, quarantine
from tasks.extraction.columns import conform
from tasks.extraction.lake_digest import LakeDigest, Sums, computed, key_schema, pinned
from tasks.extraction.lease_keeper import Keeper
from tasks.extraction.moments import of_clock
from tasks.extraction.parts import require_unique
from tasks.extraction.query import Bound
from tasks.extraction.reconcile_limits import require_few
from tasks.extraction.reconcile_probe import require_same_digest
from tasks.extraction.reconcile_sql import DIGEST, Asked
from tasks.extraction.reconcile_verdicts import DIFFERENCES, SET_BACK, verdicts, without
from tasks.extraction.reconcile_writing import Moment, Spool, Writing
from tasks.extraction.source import Entity, Source
from tasks.services.snowflake import rows, streamed
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_ROWS_AT_ONCE = 500_000
_BUCKETS_AT_ONCE = 1_000


@dataclass
class Reconciled:
    """What a reconciliation found of an entity. Pending rows are left to the next extraction."""

    entity: str
    watermark: str | None = None
    rows_source: int = 0
    rows_lake: int = 0
    rows_pending: int = 0
    buckets: int = 0
    buckets_differing: int = 0
    rows_missing: int = 0
    rows_changed: int = 0
    rows_set_back: int = 0
    rows_found_again: int = 0
    rows_vanished: int = 0
    rows_added: int = 0
    rows_quarantined: int = 0
    tombstones: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def differences(self) -> int:
        return sum(getattr(self, f"rows_{kind.replace(' ', '_')}") for kind in (*DIFFERENCES, "vanished"))


class Reconciliation:
    def __init__(
        self,
        source: Source,
        entity: Entity,
        connection: SnowflakeConnection,
        keeper: Keeper,
        run_id: str,
        owner: str,
        scratch: Path,
        tombstones_max_share: float,
    ) -> None:
        self._source, self._entity, self._connection = source, entity, connection
        self._keeper, self._owner, self._scratch = keeper, owner, scratch
        self._share = tombstones_max_share
        self._dataset: Dataset = source.contract(entity)
        self._places = bronze(entity.name), quarantine(source.pipeline, entity.name)
        self._writing = Writing(source, entity, keeper, run_id, scratch)
        self._found = Reconciled(entity.name)

    def run(self) -> Reconciled:
        """Compare, and put into the lake what it lacks. The watermark stays."""
        entity, found = self._entity, self._found
        if entity.full is None:
            raise DataError(
                f"{entity.name}: it has no query for all of its rows, so it can't be compared. Add `full` to its "
                "configuration. Nothing was read."
            )
        plan = self._plan(entity.full)
        found.watermark = value = self._keeper.held.value
        if value is None:
            found.notes.append("not extracted yet: the first run of snowflake-medallion takes everything")
            return found
        require_same_digest(self._connection)
        kinds = {each.name: each.kind for each in self._dataset.columns if each.name not in plan.missing}
        snapshots = pinned(*self._places)
        asked = Asked(entity.full, entity.key, entity.watermark, kinds, snapshots.buckets)
        pending = self._pending(asked, value)
        source = self._sums(asked, value)
        lake = computed(self._dataset, self._places, snapshots, tuple(kinds), pending, self._owner)
        differing = sorted(
            bucket
            for bucket in source.keys() | lake.sums.keys()
            if source.get(bucket) != lake.sums.get(bucket)
        )
        found.buckets, found.buckets_differing = snapshots.buckets, len(differing)
        found.rows_source, found.rows_lake = sum(count for count, _ in source.values()), lake.rows
        require_few(found, found.rows_lake - found.rows_source, self._share)
        if differing:
            self._settle(asked, plan.schema, value, lake, _groups(differing, source, lake.sums))
        return found

    def _settle(
        self, asked: Asked, schema: pa.Schema, value: str, lake: LakeDigest, groups: list[list[int]]
    ) -> None:
        found, spool = self._found, Spool(self._scratch, self._entity.batch_rows)
        moment = self._now()
        set_back, gone = [lake.schema.empty_table()], [lake.schema.empty_table()]
        for buckets in groups:
            entries = lake.entries(buckets)
            seen = [key_schema(self._dataset).empty_table()]
            with self._streamed("compare", asked.rows(buckets)) as batches:
                for batch in batches:
                    fresh = _with_digest(conform(self._entity.name, batch, schema), batch)
                    seen.append(fresh.select(list(self._entity.key)))
                    set_back.append(self._judged(fresh, entries, value, spool))
            keys = pa.concat_tables(seen)
            require_unique(self._entity, self._dataset, keys)
            live = entries.filter(pc.is_valid(entries.column("digest")))
            gone.append(without(live, keys, self._entity.key))
        later = self._now()
        vanished = self._still_gone(asked, pa.concat_tables(gone))
        found.rows_vanished = vanished.num_rows
        taken_back = pa.concat_tables(set_back)
        found.rows_set_back = taken_back.num_rows
        require_few(found, vanished.num_rows + taken_back.num_rows, self._share)
        self._writing.tombstones(schema, vanished, later, "vanished")
        self._writing.tombstones(schema, taken_back, moment, "set-back")
        found.tombstones = vanished.num_rows + taken_back.num_rows
        found.rows_added, found.rows_quarantined = self._writing.rows(spool.parts(), moment)

    def _judged(self, fresh: pa.Table, entries: pa.Table, value: str, spool: Spool) -> pa.Table:
        """Keep the rows that differ. Returns what the lake has of those that were set back."""
        found = self._found
        verdict = verdicts(self._dataset, self._entity.watermark, value, fresh, entries)
        kinds = verdict.column("verdict")
        counted = {each["values"]: each["counts"] for each in pc.value_counts(kinds).to_pylist()}
        found.rows_missing += counted.get("missing", 0)
        found.rows_changed += counted.get("changed", 0)
        found.rows_found_again += counted.get("found again", 0)
        differs = pc.is_in(kinds, value_set=pa.array(DIFFERENCES))
        spool.add(fresh.drop_columns([DIGEST]).filter(differs))
        is_set_back = pc.equal(kinds, SET_BACK)
        keys = fresh.select(list(self._entity.key)).filter(is_set_back)
        dates = verdict.column("dated_at").filter(is_set_back)
        return entries.slice(0, 0) if not keys.num_rows else _entries(entries.schema, keys, dates)

    def _still_gone(self, asked: Asked, keys: pa.Table) -> pa.Table:
        """The source is asked again, after its time was: a table that was just being filled anew is not gone."""
        buckets = sorted(set(keys.column("bucket").to_pylist()))
        for start in range(0, len(buckets), _BUCKETS_AT_ONCE):
            with self._streamed(
                "ask again", asked.keys(buckets[start : start + _BUCKETS_AT_ONCE])
            ) as batches:
                for batch in batches:
                    seen = conform(self._entity.name, batch, key_schema(self._dataset))
                    keys = without(keys, seen, self._entity.key)
        return keys

    def _plan(self, full: str) -> columns.Plan:
        asked = query.description(full)
        with streamed(self._connection, self._statement("describe", asked)) as (description, _):
            found = columns.of_description(description)
        plan = columns.plan(self._entity.name, self._dataset, found, self._places[0].schema())
        if lacking := sorted({self._entity.watermark, *self._entity.key}.intersection(plan.missing)):
            raise DataError(
                f"{self._entity.name}: the result of `full` lacks {', '.join(lacking)}, its watermark or a part of its "
                "key. Nothing was read. Correct the query."
            )
        if plan.missing:
            self._found.notes.append(f"not compared, as the source lacks them: {', '.join(plan.missing)}")
        return plan

    def _pending(self, asked: Asked, value: str) -> Path | None:
        """The keys that the source has later than the lake can, on disk. They are left out on both sides."""
        path, schema = self._scratch / "pending.parquet", key_schema(self._dataset)
        with (
            pq.ParquetWriter(path, schema) as file,
            self._streamed("pending", asked.pending(value)) as batches,
        ):
            for batch in batches:
                self._found.rows_pending += batch.num_rows
                file.write_table(conform(self._entity.name, batch, schema))
        return path if self._found.rows_pending else None

    def _sums(self, asked: Asked, value: str) -> Sums:
        found = rows(self._connection, self._statement("checksums", asked.sums(value)))
        return {int(bucket): (int(count), str(total)) for bucket, count, total in found}

    def _now(self) -> Moment:
        ours = datetime.now(UTC)
        ((now,),) = rows(self._connection, Statement("ask the source's time", self._source.clock))
        told = of_clock(now, self._source.clock)
        return Moment(told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC), ours)

    @contextmanager
    def _streamed(self, doing: str, asked: Bound) -> Iterator[Iterator[Any]]:
        with streamed(self._connection, self._statement(doing, asked)) as (_, batches):
            yield batches

    def _statement(self, doing: str, asked: Bound) -> Statement:
        return Statement(f"{doing} {self._entity.name}", asked.sql, asked.values)


def _with_digest(fresh: pa.Table, batch: pa.Table) -> pa.Table:
    (name,) = (name for name in batch.column_names if name.lower() == DIGEST)
    return fresh.append_column(DIGEST, batch.column(name).cast(pa.string()))


def _entries(schema: pa.Schema, keys: pa.Table, dates: pa.ChunkedArray) -> pa.Table:
    known = {**dict(zip(keys.column_names, keys.columns, strict=True)), "dated_at": dates}
    return pa.table([known.get(each.name, pa.nulls(len(dates), each.type)) for each in schema], schema=schema)


def _groups(buckets: Sequence[int], *sides: Sums) -> list[list[int]]:
    """Buckets that are looked into together, so that their keys fit into memory."""
    groups: list[list[int]] = []
    rows_in_group = _ROWS_AT_ONCE
    for bucket in buckets:
        size = max(side.get(bucket, (0, ""))[0] for side in sides)
        if rows_in_group + size > _ROWS_AT_ONCE or len(groups[-1]) == _BUCKETS_AT_ONCE:
            groups.append([])
            rows_in_group = 0
        groups[-1].append(bucket)
        rows_in_group += size
    return groups
