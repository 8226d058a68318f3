"""Publishing: one atomic Iceberg commit per dataset, of files that a job wrote and an audit passed.

No data moves here. A commit takes the job's immutable Parquet files as they are, drops the files whose rows they
replace, and says in the snapshot's summary which run, work and raw dates it holds: that log is what the warehouse
replays, and what a re-run reads to see that it has nothing to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, ValidationException
from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids, parquet_file_to_data_file
from pyiceberg.manifest import DataFile, ManifestEntryStatus
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.name_mapping import create_mapping_from_schema
from pyiceberg.table.snapshots import Snapshot

from tasks import aws, objects
from tasks.errors import Outrun, SystemFault, TransientError, aws_failures
from tasks.events import log
from tasks.footers import FooterOf
from tasks.lake_catalog import LakeCatalog

CURATED, QUARANTINE = "curated", "quarantine"
_LOST_RACE = (CommitFailedException, ValidationException)
# pyiceberg would put a commit that lost a race on top of the winner's, unless it sees a conflict. We know better.
_PROPERTIES = {"format-version": "2", "commit.retry.num-retries": "0"}
_PREFIX = "highwater."
_NAME_MAPPING = "schema.name-mapping.default"
_FOOTERS_AT_ONCE = 16
PUBLISHED_FOLDER = "/published/"


@dataclass(frozen=True)
class Commit:
    """What one publication changes, and what its snapshot says about it."""

    work: str
    run_id: str
    raw_dates: tuple[date, ...]
    contract_version: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    notes: dict[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, str]:
        return {
            f"{_PREFIX}work": self.work,
            f"{_PREFIX}run-id": self.run_id,
            f"{_PREFIX}raw-dates": ",".join(d.isoformat() for d in self.raw_dates),
            f"{_PREFIX}contract-version": self.contract_version,
            **{f"{_PREFIX}{name}": value for name, value in self.notes.items()},
        }


Change = Callable[[list[str]], Commit]


@dataclass(frozen=True)
class Published:
    """One entry of a table's log, as the warehouse's loader needs it."""

    snapshot_id: int
    sequence: int
    files: tuple[str, ...]
    raw_dates: tuple[date, ...]
    notes: dict[str, str]
    rows: int
    """That the files hold, by the table's manifests."""


@cache
def catalog() -> LakeCatalog:
    # pyiceberg's own S3 client does not honour AWS_ENDPOINT_URL; boto3 does, so it is asked where S3 is.
    s3 = aws.s3()
    return LakeCatalog(
        "highwater",
        client=aws.glue(),
        **{"s3.endpoint": s3.meta.endpoint_url, "s3.region": s3.meta.region_name},
    )


def load(namespace: str, dataset: str) -> Table | None:
    with _told(f"opening {namespace}.{dataset}"):
        try:
            return catalog().load_table((namespace, dataset))
        except NoSuchTableError:
            return None


def live_files(table: Table | None, where: str | None = None) -> list[DataFile]:
    if table is None or table.current_snapshot() is None:
        return []
    with _told(f"listing the files of {'.'.join(table.name())}"):
        return [task.file for task in (table.scan(row_filter=where) if where else table.scan()).plan_files()]


def files_of(namespace: str, dataset: str, snapshot: int | None) -> list[str]:
    """The files of one snapshot of a table; none where there is no snapshot."""
    table = load(namespace, dataset) if snapshot is not None else None
    if table is None:
        return []
    with _told(f"listing the files of {namespace}.{dataset}"):
        return sorted(task.file.file_path for task in table.scan(snapshot_id=snapshot).plan_files())


def parquet_files(folder: str) -> list[str]:
    """The addresses of the Parquet files below a folder of S3."""
    return [file.address for file in objects.listed(folder) if file.key.endswith(".parquet")]


def snapshot_id(table: Table | None) -> int | None:
    snapshot = table.current_snapshot() if table else None
    return snapshot.snapshot_id if snapshot else None


def _summary(snapshot: Snapshot) -> dict[str, str]:
    properties = snapshot.summary.additional_properties if snapshot.summary else {}
    return {
        name.removeprefix(_PREFIX): value for name, value in properties.items() if name.startswith(_PREFIX)
    }


def _lineage(table: Table) -> list[Snapshot]:
    """The snapshots that led to the current one, oldest first."""
    chain: list[Snapshot] = []
    snapshot = table.current_snapshot()
    while snapshot is not None:
        chain.append(snapshot)
        snapshot = table.snapshot_by_id(snapshot.parent_snapshot_id) if snapshot.parent_snapshot_id else None
    return chain[::-1]


def _raw_dates(notes: dict[str, str]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(d) for d in notes.get("raw-dates", "").split(",") if d)


def processed_raw_dates(table: Table | None) -> set[date]:
    if table is None:
        return set()
    return {d for snapshot in _lineage(table) for d in _raw_dates(_summary(snapshot))}


def last_notes(table: Table | None) -> dict[str, str]:
    """What the newest publication says about itself."""
    snapshot = table.current_snapshot() if table else None
    return _summary(snapshot) if snapshot else {}


def notes_of(table: Table | None) -> list[dict[str, str]]:
    """What each publication says about itself, oldest first."""
    return [_summary(snapshot) for snapshot in _lineage(table)] if table else []


def log_after(table: Table, loaded: int | None) -> Iterator[Published]:
    """The publications that came after a snapshot, oldest first.

    Where nothing was loaded, or the table is another one, its live files are the log: they hold one row per key, which is
    the state that replaying everything would reach. What expired snapshots say of the days that they processed is lost:
    that is for a person to mend, not to be passed over.
    """
    lineage = _lineage(table)
    ids = [snapshot.snapshot_id for snapshot in lineage]
    # The first snapshot of a table has the number 1; some engines make an orphan forget that it had a parent.
    if lineage and (lineage[0].sequence_number or 1) > 1 and loaded not in ids:
        _say_what_expired(table, lineage[0], loaded)
    if loaded in ids:
        for snapshot in lineage[ids.index(loaded) + 1 :]:
            yield _published(snapshot, _added_files(table, snapshot))
    elif lineage:
        everything = live_files(table)
        dates = tuple(sorted({d for snapshot in lineage for d in _raw_dates(_summary(snapshot))}))
        latest = _published(lineage[-1], everything)
        sightings = ",".join(filter(None, (_summary(s).get("sightings", "") for s in lineage)))
        yield replace(latest, raw_dates=dates, notes={**latest.notes, "sightings": sightings})


def _say_what_expired(table: Table, oldest: Snapshot, loaded: int | None) -> None:
    name = ".".join(table.name())
    kept = f"the oldest one kept is of {datetime.fromtimestamp(oldest.timestamp_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    backfill = "run cpg-backfill over the days before it, so that what their calendars withdrew is found"
    if loaded is None:
        log(f"the log of {name} is cut off", level=logging.WARNING, oldest=kept, advice=backfill)
        return
    raise SystemFault(
        f"{name}: snapshot {loaded}, the last that the warehouse holds, and those after it were expired before they were "
        f"loaded; {kept}. Their rows are in the table, but which days they processed is not known. "
        f"Delete the row of {table.name()[-1]} from MONITORING.LOAD_HEADS, so that the next load takes the whole table; "
        f"then {backfill}. Keep snapshots for longer than the warehouse is ever behind."
    )


def _published(snapshot: Snapshot, files: Iterable[DataFile]) -> Published:
    notes = _summary(snapshot)
    rows = {file.file_path: file.record_count for file in files}
    return Published(
        snapshot.snapshot_id,
        snapshot.sequence_number or 0,
        tuple(sorted(rows)),
        _raw_dates(notes),
        notes,
        sum(rows.values()),
    )


def _added_files(table: Table, snapshot: Snapshot) -> list[DataFile]:
    """The files with rows that are new in the snapshot; survivors of a rewrite were there before."""
    with _told(f"reading the log of {'.'.join(table.name())}"):
        added = [
            entry.data_file
            for manifest in snapshot.manifests(table.io)
            if manifest.added_snapshot_id == snapshot.snapshot_id
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True)
            if entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id == snapshot.snapshot_id
        ]
    return [file for file in added if PUBLISHED_FOLDER in file.file_path]


def publish(namespace: str, dataset: str, location: str, commit: Commit, base: int | None) -> Table | None:
    """Commit, unless this work is in the log already. `base` is the snapshot that the work was computed from.

    Raises Outrun when another run published in between: what was computed may then miss its rows.
    """
    with _told(f"publishing to {namespace}.{dataset}"):
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
            raise _outrun(table, commit, base, f"now it is at {snapshot_id(table)}")
        removed = set(commit.removed)
        try:
            _commit(table, commit, [file for file in live_files(table) if file.file_path in removed])
        except _LOST_RACE as error:
            if _is_in(table.refresh(), commit):  # an earlier attempt of this work, which landed late
                return table
            raise _outrun(table, commit, base, str(error)) from error
        return table


def _is_in(table: Table, commit: Commit) -> bool:
    return any(_summary(snapshot).get("work") == commit.work for snapshot in _lineage(table))


def _outrun(table: Table, commit: Commit, base: int | None, how: str) -> Outrun:
    return Outrun(
        f"{'.'.join(table.name())}: run {commit.run_id} computed from snapshot {base}, and another run published "
        f"meanwhile ({how}). Nothing of it was published; run it again, when no other run is at it."
    )


def amend(namespace: str, dataset: str, location: str, change: Change) -> Table | None:
    """Commit what `change` makes of the table's live files: which to add, which to drop.

    It is asked after the table was opened, and the commit is refused when another one came in between, so that what it
    looked at is what is changed. A change of nothing is committed too: whoever opened the table before it is refused.
    """
    with _told(f"changing {namespace}.{dataset}"):
        table = load(namespace, dataset)
        live = live_files(table)
        commit = _without_what_stays(change([file.file_path for file in live]))
        if not (commit.added or commit.removed) and (table is None or _is_newest(table, commit)):
            return table
        if table is None:
            table = _create(namespace, dataset, location, commit.added[0])
            if table.current_snapshot():
                raise TransientError(
                    f"{namespace}.{dataset}: another run made the table at the same moment. Nothing was changed; "
                    "run it again."
                )
        _complete(table, partition="raw_date")
        removed = set(commit.removed)
        _commit(table, commit, [file for file in live if file.file_path in removed])
        return table


def _is_newest(table: Table, commit: Commit) -> bool:
    newest = table.current_snapshot()
    return newest is not None and _summary(newest).get("work") == commit.work


def _without_what_stays(commit: Commit) -> Commit:
    """A change that is repeated, because its answer was lost, finds its own files there: they are not changed."""
    stays = set(commit.added) & set(commit.removed)
    return replace(
        commit,
        added=tuple(path for path in commit.added if path not in stays),
        removed=tuple(path for path in commit.removed if path not in stays),
    )


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """Failures of the catalog and of pyarrow's own S3 client, which raises OSError, as our kinds."""
    try:
        with aws_failures(doing):
            yield
    except _LOST_RACE as error:
        raise TransientError(
            f"{doing}: another run committed at the same moment ({error}). Nothing was changed; run it again."
        ) from error
    except FileNotFoundError as error:
        raise SystemFault(
            f"{doing}: {error}. A file that the table needs is gone: restore it (the bucket keeps versions), or roll the "
            "table back to a snapshot without it."
        ) from error
    except pa.ArrowInvalid as error:
        raise SystemFault(f"{doing}: {error}. A file was overwritten or cut off: restore it.") from error
    except OSError as error:
        text = f"{doing}: {error}"
        if "ACCESS_DENIED" in text:
            raise SystemFault(f"{text}. Give the worker's role this permission.") from error
        raise TransientError(f"{text}. It may pass by itself; if it lasts, run again later.") from error


def replace_as_of(namespace: str, name: str, location: str, commit: Commit, as_of: date) -> int | None:
    """Make the rows of one as-of day exactly the commit's files; returns the snapshot that holds them."""
    if not commit.added:
        raise SystemFault(
            f"{namespace}.{name}: work {commit.work} of run {commit.run_id} has no file to publish."
        )
    with _told(f"publishing to {namespace}.{name}"):
        table = load(namespace, name) or _create(namespace, name, location, commit.added[0])
        _complete(table, partition="as_of")
        stale = live_files(table, f"as_of = '{as_of.isoformat()}'")
        if {file.file_path for file in stale} != set(commit.added):
            _commit(table, commit, stale)
        return snapshot_id(table)


def _create(namespace: str, dataset: str, location: str, sample: str) -> Table:
    return catalog().create_table_if_not_exists(
        (namespace, dataset),
        schema=_file_schema(sample),
        location=location,
        partition_spec=UNPARTITIONED_PARTITION_SPEC,
        properties=_PROPERTIES,
    )


def _complete(table: Table, partition: str | None = None) -> None:
    """What a table needs before its first file. Looked at each time, because its creator may have been killed."""
    is_unpartitioned = partition is not None and table.spec().is_unpartitioned()
    if _NAME_MAPPING in table.properties and not is_unpartitioned:
        return
    with table.transaction() as change:
        mapping = create_mapping_from_schema(table.schema())
        change.set_properties({_NAME_MAPPING: mapping.model_dump_json()})
        if partition and is_unpartitioned:
            with change.update_spec() as spec:
                spec.add_identity(partition)


def _file_schema(path: str) -> pa.Schema:
    """The file's columns, all nullable: whether a job happened to write a column as required is no promise."""
    with _told(f"reading the columns of {path}"):
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
    """A backfill of years commits a file for every raw date: one by one their footers would take minutes."""

    def described(path: str) -> DataFile:
        return parquet_file_to_data_file(_Footers(), metadata, path)  # type: ignore[arg-type]  # asks it for nothing else

    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        return list(pool.map(described, paths))


class _Footers:
    def new_input(self, location: str) -> FooterOf:
        return FooterOf(location)


def _widen(change: Any, added: tuple[str, ...]) -> None:
    """A column that the contract gained appears in the table with the first file that has it."""
    if not added:
        return
    arrow = _file_schema(added[0])
    known = {f.name for f in change.table_metadata.schema().fields}
    if set(arrow.names) - known:
        with change.update_schema() as schema:
            schema.union_by_name(_pyarrow_to_schema_without_ids(arrow))
        mapping = create_mapping_from_schema(change.table_metadata.schema())
        change.set_properties({_NAME_MAPPING: mapping.model_dump_json()})
