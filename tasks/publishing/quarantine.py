"""What the quarantine of a raw date holds: the rows that its last run refused, without those that a person has mended since.

A row has the same id every time that it is refused. Corrected rows that a replay took through are remembered by these ids
under s3://<lake>/mended/, because their raw file is as broken as before: when its date is run again, they stay out.
"""

from __future__ import annotations

import hashlib
import logging
import re
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.catalog import contract
from tasks.errors import SystemFault
from tasks.events import log
from tasks.intake import landing
from tasks.lake import lake_commits, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.publishing.corrections import ID
from tasks.publishing.curation import Curated, location, output_files
from tasks.services import objects
from tasks.settings import settings

PAIRS = ".pairs"
"""Beside a corrected copy: a line for each corrected row, its id before and its id if it is refused again."""
_BATCH_ROWS = 10_000
_DAY = re.compile(r"/day=(\d{4}-\d{2}-\d{2})/")
_MENDED = re.compile(r"(\d{4}-\d{2}-\d{2})/[0-9a-f]{24}")

Ids = Mapping[date, Collection[str]]


def put_aside(curated: Curated, run_id: str) -> None:
    """Make the quarantine of the slice's raw dates exactly the rows that the job refused and nobody has mended.

    Raises Outrun when other files are there by now. Each commit to the quarantine thus stands for a listing that is newer
    than the commit before it: of two runs of a date, whatever their order, the last to commit has seen every file.
    """
    days = sorted(curated.by_date)

    def change(live: list[str]) -> Commit:
        # Asked after the table was opened: who has seen more commits afterwards, and then this commit is refused.
        landing.require_unchanged(settings().lake_bucket, curated.slice)
        mended = mended_rows(curated.dataset, days[0], days[-1])
        kept = [
            _without(path, mended.get(raw_date_of(path), ())) for path in output_files(curated, "quarantined")
        ]
        stale = [path for path in live if _day_of(path) in curated.by_date]
        return _commit(curated, run_id, [path for path in kept if path], stale)

    _amend(curated, run_id, change)


def settle(curated: Curated, run_id: str) -> None:
    """After a replay: of the files that it read, only what the job refused again stays."""
    taken = _taken_through(curated)
    for day, ids in taken.items():
        body = "\n".join(sorted(ids)).encode()
        objects.write(f"{_mended_folder(curated.dataset)}{day}/{hashlib.sha256(body).hexdigest()[:24]}", body)
    read: dict[date, set[str]] = defaultdict(set)
    for file in curated.slice.inputs:
        read[file.raw_date].add(file.origin or file.path)

    def change(live: list[str]) -> Commit:
        added: list[str] = []
        removed: list[str] = []
        refused = output_files(curated, "quarantined")
        for day, paths in read.items():
            if paths <= set(live):
                removed += paths
                added += [path for path in refused if raw_date_of(path) == day]
                continue
            # Another run has put its rows in the place of those that were read: of them, the mended ones go.
            for path in (path for path in live if _day_of(path) == day):
                if (kept := _without(path, taken.get(day, ()))) != path:
                    removed.append(path)
                    added += [kept] if kept else []
        return _commit(curated, run_id, added, removed)

    _amend(curated, run_id, change)


def mended_rows(dataset: str, first: date, last: date) -> dict[date, set[str]]:
    """The ids of rows that replays took through after a person's correction, by raw date."""
    found: dict[date, set[str]] = defaultdict(set)
    folder = _mended_folder(dataset)
    _, start = folder.removeprefix("s3://").split("/", 1)
    for file in objects.listed(folder, after=f"{start}{first}"):
        day = _mended_day(file.key.removeprefix(start))
        if day is None:
            log("no list of mended rows, passed over", level=logging.WARNING, file=file.address)
        elif day > last:
            break
        else:
            found[day].update(objects.read(file.address).decode().splitlines())
    return dict(found)


def _mended_day(name: str) -> date | None:
    """Of a list that a replay wrote; None for whatever else somebody put beside it."""
    parts = _MENDED.fullmatch(name)
    try:
        return date.fromisoformat(parts[1]) if parts else None
    except ValueError:
        return None


def raw_date_of(path: str) -> date:
    """The job writes a file per raw date, in a folder that is named by it."""
    day = _day_of(path)
    if day is None:
        raise SystemFault(
            f"{path} is in no folder day=..., so whose rows it holds is not known. Only the job's files belong into a "
            "quarantine table: take it out."
        )
    return day


def _day_of(path: str) -> date | None:
    """None for a file that the job did not write: a run leaves it alone."""
    found = _DAY.search(path)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


@contextmanager
def opened(path: str) -> Iterator[pq.ParquetFile]:
    """A file to be read in batches, from the disk: no more of it is in memory than a batch and its pages."""
    with tempfile.TemporaryDirectory() as folder:
        file = objects.download(path, Path(folder) / "file.parquet")
        try:
            source = pq.ParquetFile(file)
        except pa.ArrowInvalid as error:
            raise SystemFault(f"{path}: {error}. It was overwritten or cut off: restore it.") from error
        with source:
            yield source


def batches(source: pq.ParquetFile, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """A row group at a time: asked for all of them at once, pyarrow keeps what it has read of each."""
    for group in range(source.num_row_groups):
        yield from source.iter_batches(_BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False)


def writer(file: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(file, schema, use_dictionary=False, compression="zstd")


def _taken_through(curated: Curated) -> dict[date, set[str]]:
    """The corrected rows that the job did not refuse again, by the ids that they had."""
    after: dict[str, tuple[date, str]] = {}
    for file in curated.slice.inputs:
        if file.origin and file.path != file.origin:
            for line in objects.read(f"{file.path.removesuffix('.parquet')}{PAIRS}").decode().splitlines():
                before, refused_as = line.split()
                after[refused_as] = (file.raw_date, before)
    candidates = pa.array(list(after), pa.string())
    for path in output_files(curated, "quarantined") if after else ():
        with opened(path) as source:
            for batch in batches(source, [ID]):
                ids = batch.column(0)
                for still_broken in ids.filter(pc.is_in(ids, value_set=candidates)).to_pylist():
                    after.pop(still_broken, None)
    taken: dict[date, set[str]] = defaultdict(set)
    for day, before in after.values():
        taken[day].add(before)
    return dict(taken)


def _without(path: str, ids: Collection[str]) -> str | None:
    """The file, or a copy without these rows, or None when nothing else is in it."""
    if not ids:
        return path
    gone = pa.array(sorted(ids), pa.string())
    digest = hashlib.sha256("\n".join([path, *gone.to_pylist()]).encode()).hexdigest()[:16]
    # Beside the job's own folder, not in it: what is in there is taken for what the job wrote.
    address = (
        f"{path.partition('/quarantined')[0]}/quarantined-without-{digest}/day={path.partition('/day=')[2]}"
    )
    dropped = kept = 0
    with tempfile.TemporaryDirectory() as folder, opened(path) as source:
        copy = Path(folder) / "copy.parquet"
        with writer(copy, source.schema_arrow) as target:
            for batch in batches(source):
                stays = pc.invert(pc.is_in(batch.column(ID), value_set=gone))
                rest = batch.filter(stays)
                dropped += batch.num_rows - rest.num_rows
                kept += rest.num_rows
                if rest.num_rows:
                    target.write_table(pa.Table.from_batches([rest]))
        if not dropped:
            return path
        log("mended rows stay out of quarantine", rows=dropped, file=path)
        return objects.upload(copy, address) if kept else None


def _mended_folder(dataset: str) -> str:
    return f"s3://{settings().lake_bucket}/mended/{dataset}/"


def _amend(curated: Curated, run_id: str, change: lake_commits.Change) -> None:
    lake_commits.amend(
        lake_tables.QUARANTINE, curated.dataset, location(lake_tables.QUARANTINE, curated.dataset), change
    )
    log("quarantined", dataset=curated.dataset, rows=curated.total.rows_quarantined, run=run_id)


def _commit(curated: Curated, run_id: str, added: Collection[str], removed: Collection[str]) -> Commit:
    return Commit(
        work=curated.work,
        run_id=run_id,
        raw_dates=tuple(sorted(curated.by_date)),
        contract_version=contract(curated.dataset).version,
        added=tuple(sorted(added)),
        removed=tuple(sorted(removed)),
    )
