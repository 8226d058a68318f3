"""The quarantine tables. A raw date's quarantine holds the rows its latest run rejected, minus those corrected since.

A row has the same id every time it is rejected. The ids of corrected rows that a replay accepted are stored under
s3://<lake>/mended/. Their raw file is still broken, so when its date is run again, these ids are left out.
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
from tasks.publishing.curated import Curated
from tasks.publishing.curation import location, rejected_files
from tasks.services import objects
from tasks.settings import settings

PAIRS = ".pairs"
"""Suffix of the file next to a corrected copy: per corrected row, its old id and the id it gets if rejected again."""
_BATCH_ROWS = 10_000
_COPY = re.compile(r"-without-[0-9a-f]{16}$")
_DAY = re.compile(r"/day=(\d{4}-\d{2}-\d{2})/")
_CORRECTED_LIST = re.compile(r"(\d{4}-\d{2}-\d{2})/[0-9a-f]{24}")

Ids = Mapping[date, Collection[str]]


def put_aside(curated: Curated, run_id: str) -> None:
    """Replace the quarantine of the slice's raw dates with the rows that the job rejected and nobody has corrected.

    Raises StaleResult if the slice's files have changed. Each commit is therefore based on a listing newer than the previous
    commit: whichever of two runs of a date commits last has seen every file.
    """
    days = sorted(curated.by_date)

    def change(live: list[str]) -> Commit:
        # Must come after the table was opened: a run that has listed newer files commits after that, so this one conflicts.
        landing.require_unchanged(settings().lake_bucket, curated.slice)
        corrected = corrected_rows(curated.dataset, days[0], days[-1])
        kept = [_without(path, corrected.get(raw_date_of(path), ())) for path in rejected_files(curated)]
        stale = [path for path in live if _day_of(path) in curated.by_date]
        return _commit(curated, run_id, [path for path in kept if path], stale)

    _amend(curated, run_id, change)


def settle(curated: Curated, run_id: str) -> None:
    """After a replay, remove the rows it read from quarantine, except those that the job rejected again."""
    accepted = _accepted_corrections(curated)
    for day, ids in accepted.items():
        body = "\n".join(sorted(ids)).encode()
        objects.write(
            f"{corrections_folder(curated.dataset)}{day}/{hashlib.sha256(body).hexdigest()[:24]}", body
        )
    read: dict[date, set[str]] = defaultdict(set)
    for file in curated.slice.inputs:
        read[file.raw_date].add(file.origin or file.path)

    def change(live: list[str]) -> Commit:
        added: list[str] = []
        removed: list[str] = []
        rejected = rejected_files(curated)
        for day, paths in read.items():
            if paths <= set(live):
                removed += paths
                added += [path for path in rejected if raw_date_of(path) == day]
                continue
            # Another run has replaced the files that the replay read: remove only the corrected rows from the new ones.
            for path in (path for path in live if _day_of(path) == day):
                if (kept := _without(path, accepted.get(day, ()))) != path:
                    removed.append(path)
                    added += [kept] if kept else []
        return _commit(curated, run_id, added, removed)

    _amend(curated, run_id, change)


def corrected_rows(dataset: str, first: date, last: date) -> dict[date, set[str]]:
    """The ids of corrected rows that replays accepted, by raw date."""
    found: dict[date, set[str]] = defaultdict(set)
    folder = corrections_folder(dataset)
    _, start = folder.removeprefix("s3://").split("/", 1)
    for file in objects.listed(folder, after=f"{start}{first}"):
        day = _corrected_day(file.key.removeprefix(start))
        if day is None:
            log("not a list of corrected rows, ignored", level=logging.WARNING, file=file.address)
        elif day > last:
            break
        else:
            found[day].update(objects.read(file.address).decode().splitlines())
    return dict(found)


def _corrected_day(name: str) -> date | None:
    """The raw date of a list that a replay wrote; None for any other file in the folder."""
    parts = _CORRECTED_LIST.fullmatch(name)
    try:
        return date.fromisoformat(parts[1]) if parts else None
    except ValueError:
        return None


def raw_date_of(path: str) -> date:
    """The raw date of a quarantine file: the job writes one file per raw date, in a folder named after it."""
    day = _day_of(path)
    if day is None:
        raise SystemFault(
            f"{path} is not in a day=... folder, so its raw date is unknown. Only the job's files belong in a quarantine "
            "table: remove it from the table."
        )
    return day


def _day_of(path: str) -> date | None:
    """The raw date in the path; None for a file that the job did not write, which a run leaves alone."""
    found = _DAY.search(path)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


@contextmanager
def opened(path: str) -> Iterator[pq.ParquetFile]:
    """Download a file to disk and open it for reading in batches, so that only one batch is in memory at a time."""
    with tempfile.TemporaryDirectory() as folder:
        file = objects.download(path, Path(folder) / "file.parquet")
        try:
            source = pq.ParquetFile(file)
        except pa.ArrowInvalid as error:
            raise SystemFault(f"{path}: {error}. It was overwritten or truncated: restore it.") from error
        with source:
            yield source


def batches(source: pq.ParquetFile, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Batches, one row group at a time: when asked for all row groups, pyarrow keeps those it has read in memory."""
    for group in range(source.num_row_groups):
        yield from source.iter_batches(_BATCH_ROWS, row_groups=[group], columns=columns, use_threads=False)


def writer(file: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(file, schema, use_dictionary=False, compression="zstd")


def _accepted_corrections(curated: Curated) -> dict[date, set[str]]:
    """The corrected rows that the job did not reject again: their old ids, by raw date."""
    by_new_id: dict[str, tuple[date, str]] = {}
    for file in curated.slice.inputs:
        if file.origin and file.path != file.origin:
            for line in objects.read(f"{file.path.removesuffix('.parquet')}{PAIRS}").decode().splitlines():
                old_id, new_id = line.split()
                by_new_id[new_id] = (file.raw_date, old_id)
    candidates = pa.array(list(by_new_id), pa.string())
    for path in rejected_files(curated) if by_new_id else ():
        with opened(path) as source:
            for batch in batches(source, [ID]):
                ids = batch.column(0)
                for still_broken in ids.filter(pc.is_in(ids, value_set=candidates)).to_pylist():
                    by_new_id.pop(still_broken, None)
    accepted: dict[date, set[str]] = defaultdict(set)
    for day, old_id in by_new_id.values():
        accepted[day].add(old_id)
    return dict(accepted)


def _without(path: str, ids: Collection[str]) -> str | None:
    """The file, or a copy without these rows, or None if no other rows are left."""
    if not ids:
        return path
    removed = pa.array(sorted(ids), pa.string())
    digest = hashlib.sha256("\n".join([path, *removed.to_pylist()]).encode()).hexdigest()[:16]
    address = copy_of(path, digest)
    dropped = kept = 0
    with tempfile.TemporaryDirectory() as folder, opened(path) as source:
        copy = Path(folder) / "copy.parquet"
        with writer(copy, source.schema_arrow) as target:
            for batch in batches(source):
                rest = batch.filter(pc.invert(pc.is_in(batch.column(ID), value_set=removed)))
                dropped += batch.num_rows - rest.num_rows
                kept += rest.num_rows
                if rest.num_rows:
                    target.write_table(pa.Table.from_batches([rest]))
        if not dropped:
            return path
        log("corrected rows left out of quarantine", rows=dropped, file=path)
        return objects.upload(copy, address) if kept else None


def copy_of(path: str, digest: str) -> str:
    """Next to the job's own folder, not in it: everything in there counts as written by the job.

    In quarantine also for a file of an earlier release, which wrote below curated/.
    """
    folder, _, file = path.partition("/day=")
    curated, quarantine = (
        location(namespace, "") for namespace in (lake_tables.CURATED, lake_tables.QUARANTINE)
    )
    original = _COPY.sub("", folder).replace(curated, quarantine, 1)
    return f"{original}-without-{digest}/day={file}"


def corrections_folder(dataset: str) -> str:
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
