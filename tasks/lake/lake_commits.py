"""Publish files: one atomic Iceberg commit per dataset, of files that a job wrote and an audit accepted.

No data is copied. A commit adds the job's immutable Parquet files as they are, removes the files whose rows they
replace, and records the run, the work and the raw dates in the snapshot's summary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import StaleResult, SystemFault, TransientError
from tasks.events import log
from tasks.lake.footers import FooterOf
from tasks.lake.lake_log import EXPIRED, NOTE_PREFIX, last_notes, lineage, notes_of, summary
from tasks.lake.lake_tables import LOST_RACE, catalog, lake_failures, live_files, load, snapshot_id

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata

# pyiceberg is imported where it is used: it takes half a second, and a run's first step does not need it.

# Never retry on top of another run's commit, as pyiceberg would: our result may be stale without a conflict of files.
_PROPERTIES = {"format-version": "2", "commit.retry.num-retries": "0"}
_NAME_MAPPING = "schema.name-mapping.default"
_FOOTERS_AT_ONCE = 16
_APPENDS = 8


@dataclass(frozen=True)
class Commit:
    """The changes of one publication, and what its snapshot records about it."""

    work: str
    run_id: str
    raw_dates: tuple[date, ...]
    contract_version: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, str]:
        return {
            f"{NOTE_PREFIX}work": self.work,
            f"{NOTE_PREFIX}run-id": self.run_id,
            f"{NOTE_PREFIX}raw-dates": ",".join(d.isoformat() for d in self.raw_dates),
            f"{NOTE_PREFIX}contract-version": self.contract_version,
            **{f"{NOTE_PREFIX}{name}": value for name, value in self.notes.items()},
        }


Change = Callable[[list[str]], Commit]


def publish(namespace: str, dataset: str, location: str, commit: Commit, base: int | None) -> Table | None:
    """Commit the work, unless the log contains it already. `base` is the snapshot from which the work was computed.

    Raises StaleResult if another run has published since: the work may lack its rows.
    """
    with lake_failures(f"publishing to {namespace}.{dataset}"):
        table = load(namespace, dataset)
        if table is None:
            if not commit.added:
                return None
            table = _create(namespace, dataset, location, commit.added[0])
        _complete(table)
        if _is_in(table, commit):
            log("already published", table=f"{namespace}.{dataset}", work=commit.work)
            return table
        if snapshot_id(table) != base:
            raise _stale_result(table, commit, base, f"now it is at {snapshot_id(table)}")
        removed = set(commit.removed)
        try:
            _commit(table, commit, [file for file in live_files(table) if file.file_path in removed])
        except LOST_RACE as error:
            if _is_in(table.refresh(), commit):  # an earlier attempt of this work, which landed late
                return table
            raise _stale_result(table, commit, base, str(error)) from error
        return table


def _is_in(table: Table, commit: Commit) -> bool:
    return any(summary(snapshot).get("work") == commit.work for snapshot in lineage(table))


def _stale_result(table: Table, commit: Commit, base: int | None, how: str) -> StaleResult:
    return StaleResult(
        f"{'.'.join(table.name())}: run {commit.run_id} computed from snapshot {base}, and another run published "
        f"meanwhile ({how}). Nothing of it was published; run it again, when no other run is at it."
    )


def amend(namespace: str, dataset: str, location: str, change: Change) -> Table | None:
    """Commit the change that `change` returns for the table's live files: which to add and which to remove.

    `change` is called after the table was opened. If another commit comes in between, this one is refused, so a change
    is always applied to the files it was computed from. An empty change is committed too, which makes commits based on
    an older table fail.
    """
    with lake_failures(f"changing {namespace}.{dataset}"):
        table = load(namespace, dataset)
        live = live_files(table)
        commit = _without_what_stays(change([file.file_path for file in live]))
        if not (commit.added or commit.removed) and (table is None or _is_newest(table, commit)):
            return table
        if table is None:
            table = _create(namespace, dataset, location, commit.added[0])
            if table.current_snapshot():
                raise TransientError(
                    f"{namespace}.{dataset}: another run created the table at the same time. Nothing was changed; "
                    "run it again."
                )
        _complete(table, partition="raw_date")
        removed = set(commit.removed)
        _commit(table, commit, [file for file in live if file.file_path in removed])
        return table


def _is_newest(table: Table, commit: Commit) -> bool:
    return last_notes(table).get("work") == commit.work


def _without_what_stays(commit: Commit) -> Commit:
    """The change without files that are both added and removed. A retry after a lost answer finds its own files live."""
    stays = set(commit.added) & set(commit.removed)
    return replace(
        commit,
        added=tuple(path for path in commit.added if path not in stays),
        removed=tuple(path for path in commit.removed if path not in stays),
    )


def replace_as_of(namespace: str, name: str, location: str, commit: Commit, as_of: date) -> int | None:
    """Replace the rows of one as-of day with the commit's files. Returns the snapshot that holds them."""
    if not commit.added:
        raise SystemFault(
            f"{namespace}.{name}: work {commit.work} of run {commit.run_id} has no file to publish."
        )
    with lake_failures(f"publishing to {namespace}.{name}"):
        table = load(namespace, name) or _create(namespace, name, location, commit.added[0])
        _complete(table, partition="as_of")
        stale = live_files(table, f"as_of = '{as_of.isoformat()}'")
        if {file.file_path for file in stale} != set(commit.added):
            _commit(table, commit, stale)
        return snapshot_id(table)


def append(namespace: str, name: str, location: str, commit: Commit, by_day: str) -> Table:
    """Add the commit's files to a table that is partitioned by the days of a column, unless its log has the work already.

    Appends do not conflict with each other: one that another commit outran is tried again on top of it.
    """
    with lake_failures(f"appending to {namespace}.{name}"):
        for _ in range(_APPENDS):
            table = load(namespace, name) or _create(namespace, name, location, commit.added[0])
            _complete(table, by_day=by_day)
            if has_work(table, commit.work):
                return table
            try:
                with table.transaction() as change:
                    _widen(change, commit.added)
                    with change.update_snapshot(
                        snapshot_properties=commit.summary()
                    ).fast_append() as snapshot:
                        for file in _data_files(change.table_metadata, commit.added):
                            snapshot.append_data_file(file)
            except LOST_RACE as error:
                log("another commit came first, appending again", table=f"{namespace}.{name}", error=error)
            else:
                return table
    raise TransientError(
        f"appending to {namespace}.{name}: {_APPENDS} commits of others came first. Nothing was added; run it again."
    )


def has_work(table: Table | None, work: str) -> bool:
    """Whether a publication of the work is in the table's log, also if its snapshot has expired."""
    return any(notes.get("work") == work for notes in notes_of(table))


def expire(table: Table, snapshots: list[int], log_address: str | None) -> None:
    """Expire snapshots in one commit that also records the address of the log of their notes.

    Refused if a publication or a rollback has happened since the table was opened, because the choice of snapshots is
    stale then.
    """
    from pyiceberg.table.refs import MAIN_BRANCH
    from pyiceberg.table.update import AssertRefSnapshotId
    from pyiceberg.table.update.snapshot import ExpireSnapshots

    with lake_failures(f"expiring snapshots of {'.'.join(table.name())}"), table.transaction() as change:
        if log_address:
            change.set_properties({EXPIRED: log_address})
        unmoved = AssertRefSnapshotId(ref=MAIN_BRANCH, snapshot_id=snapshot_id(table))  # type: ignore[call-arg]
        change._apply((), (unmoved,))
        ExpireSnapshots(change).by_ids(snapshots).commit()


def _create(namespace: str, dataset: str, location: str, sample: str) -> Table:
    from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC

    return catalog().create_table_if_not_exists(
        (namespace, dataset),
        schema=_file_schema(sample),
        location=location,
        partition_spec=UNPARTITIONED_PARTITION_SPEC,
        properties=_PROPERTIES,
    )


def _complete(table: Table, partition: str | None = None, by_day: str | None = None) -> None:
    """Add what a table needs before its first file. Checked every time, because its creator may have been killed."""
    from pyiceberg.transforms import DayTransform

    lacks_partitions = bool(partition or by_day) and table.spec().is_unpartitioned()
    if _NAME_MAPPING in table.properties and not lacks_partitions:
        return
    with table.transaction() as change:
        change.set_properties(_mapping_of(table.schema()))
        if lacks_partitions:
            with change.update_spec() as spec:
                if partition:
                    spec.add_identity(partition)
                if by_day:
                    spec.add_field(by_day, DayTransform(), f"{by_day}_day")


def _mapping_of(schema: Schema) -> dict[str, str]:
    from pyiceberg.table.name_mapping import create_mapping_from_schema

    return {_NAME_MAPPING: create_mapping_from_schema(schema).model_dump_json()}


def _file_schema(path: str) -> pa.Schema:
    """The file's columns, all nullable: a column that a job happened to write as required may contain nulls later."""
    with lake_failures(f"reading the columns of {path}"):
        columns = pq.read_schema(FooterOf(path).open())
        return pa.schema([field.with_nullable(True) for field in columns])


def _commit(table: Table, commit: Commit, removed: Iterable[DataFile]) -> None:
    with table.transaction() as change:
        _widen(change, commit.added)
        with change.update_snapshot(snapshot_properties=commit.summary()).overwrite() as snapshot:
            for file in removed:
                snapshot.delete_data_file(file)
            for file in _data_files(change.table_metadata, commit.added):
                snapshot.append_data_file(file)


def _data_files(metadata: TableMetadata, paths: Iterable[str]) -> list[DataFile]:
    """Read the footers in parallel. A backfill of years commits a file per raw date, which would take minutes one by one."""
    from pyiceberg.io.pyarrow import parquet_file_to_data_file

    def described(path: str) -> DataFile:
        return parquet_file_to_data_file(_Footers(), metadata, path)  # type: ignore[arg-type]  # asks it for nothing else

    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        return list(pool.map(described, paths))


class _Footers:
    def new_input(self, location: str) -> FooterOf:
        return FooterOf(location)


def _widen(change: Any, added: tuple[str, ...]) -> None:
    """Add new columns of the contract to the table, when the first file that has them is committed."""
    if not added:
        return
    from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids

    arrow = _file_schema(added[0])
    known = {f.name for f in change.table_metadata.schema().fields}
    if set(arrow.names) - known:
        with change.update_schema() as schema:
            schema.union_by_name(_pyarrow_to_schema_without_ids(arrow))
        change.set_properties(_mapping_of(change.table_metadata.schema()))
