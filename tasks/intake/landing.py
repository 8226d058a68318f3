"""What has landed for a run: the exact files, judged by their footers before anything is started or written.

The outcome is the run's manifest, the one thing that the Spark job reads. A run's input is therefore fixed at its start:
a file that lands a second later belongs to the next run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from contracts.catalog import contract
from contracts.dialects import drift
from contracts.language.dataset import document
from contracts.language.delivery import Delivery
from tasks.errors import DataError, Outrun
from tasks.intake.rules import delivery, rules_of
from tasks.lake.footers import read_footer
from tasks.services import objects


@dataclass(frozen=True)
class LandedFile:
    key: str
    size: int
    etag: str
    raw_date: date


@dataclass(frozen=True)
class InputFile:
    path: str
    raw_date: date
    rows: int
    columns: dict[str, str]
    etag: str
    replay: bool = False
    origin: str | None = None
    """Of a replayed file: the quarantined file that it is, or is a corrected copy of."""

    def for_manifest(self) -> dict[str, Any]:
        entry = {
            "path": self.path,
            "raw_date": self.raw_date.isoformat(),
            "rows": self.rows,
            "columns": self.columns,
        }
        return {**entry, "replay": True} if self.replay else entry


@dataclass(frozen=True)
class Slice:
    """Everything of one dataset that a run reads."""

    dataset: str
    inputs: tuple[InputFile, ...]
    extra_columns: tuple[str, ...] = ()
    missing_columns: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.inputs)

    @property
    def raw_dates(self) -> list[date]:
        return sorted({file.raw_date for file in self.inputs})

    @property
    def is_replay(self) -> bool:
        return any(file.replay for file in self.inputs)

    def fingerprint(self) -> str:
        """Changes when any file, its content or the contract changes, and with nothing else."""
        rules = json.dumps(document(rules_of(self.dataset)), sort_keys=True)
        parts = [self.dataset, rules, *(f"{f.path} {f.etag} {f.rows}" for f in self.inputs)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _listed(bucket: str, expected: Delivery, first: date, last: date) -> Iterator[LandedFile]:
    """Files of the prefix with raw dates in the range, in one sweep: date prefixes sort by date."""
    for found in objects.listed(f"s3://{bucket}/{expected.root}", after=expected.address(first)):
        day = expected.date_of(found.key)
        if day is not None and day > last:
            return
        is_hidden = any(
            part.startswith(("_", ".")) for part in found.key.split("/")
        )  # a writer's temporary folders too
        is_folder = found.size == 0 and found.key.endswith(("/", "_$folder$"))
        if day is not None and not (is_hidden or is_folder):
            yield LandedFile(found.key, found.size, found.etag, day)


def find(bucket: str, datasets: Iterable[str], first: date, last: date) -> dict[str, list[LandedFile]]:
    """The files that daily runs of first..last would read; DataError names every prefix that has nothing, those of
    consecutive days in one line."""
    found: dict[str, list[LandedFile]] = {}
    absent: set[str] = set()
    shown: list[str] = []
    for dataset in datasets:
        expected = delivery(dataset)
        landed = list(_listed(bucket, expected, expected.earliest(first), last))
        dates = {file.raw_date for file in landed}
        wanted: set[date] = set()
        gaps: list[date] = []
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            needed = expected.needed(day, dates)
            if needed is None:
                gaps.append(day)
            else:
                wanted.add(needed)
        absent.update(expected.missing(bucket, day) for day in gaps)
        shown += [f"- {expected.missing(bucket, *stretch)}" for stretch in _stretches(gaps)]
        found[dataset] = [file for file in landed if file.raw_date in wanted]
    if absent:
        lines = "\n".join(shown)
        raise DataError(
            f"{len(absent)} source(s) have not landed for {first}..{last}:\n{lines}\n"
            "Nothing was touched. Run the date again when they are there."
        )
    return found


def again(bucket: str, slice_: Slice) -> Slice:
    """The slice of the same raw dates, from the files that are there now. What a replay reads is not listed: it stays."""
    if slice_.is_replay or not slice_.inputs:
        return slice_
    files = _of_dates(bucket, slice_)
    if gone := set(slice_.raw_dates) - {file.raw_date for file in files}:
        missing = delivery(slice_.dataset).missing(bucket, min(gone))
        raise DataError(
            f"{missing}: its files were removed while the run was at work. Deliver them, then run the date again."
        )
    return inspect(bucket, slice_.dataset, files)


def require_unchanged(bucket: str, slice_: Slice) -> None:
    """Outrun, when the files of the slice's raw dates are no longer those that it was made from."""
    if slice_.is_replay or not slice_.inputs:
        return
    read = {(file.path, file.etag) for file in slice_.inputs}
    now = {(f"s3://{bucket}/{file.key}", file.etag) for file in _of_dates(bucket, slice_)}
    if changed := sorted(path for path, _ in read ^ now):
        raise Outrun(
            f"{slice_.dataset}: {changed[0]} came, changed or went after the run had listed its files. Run the date again "
            "when its delivery is complete."
        )


def _of_dates(bucket: str, slice_: Slice) -> list[LandedFile]:
    """One sweep over the range of the slice's raw dates."""
    wanted = set(slice_.raw_dates)
    landed = _listed(bucket, delivery(slice_.dataset), min(wanted), max(wanted))
    return [file for file in landed if file.raw_date in wanted]


def _stretches(days: list[date]) -> list[tuple[date, date]]:
    """The first and the last of each stretch of consecutive days."""
    stretches: list[tuple[date, date]] = []
    for day in days:
        if stretches and day - stretches[-1][1] == timedelta(days=1):
            stretches[-1] = (stretches[-1][0], day)
        else:
            stretches.append((day, day))
    return stretches


def inspect(bucket: str, dataset: str, files: list[LandedFile]) -> Slice:
    """The files with their columns and row counts; DataError for a damaged file or a broken contract."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        checked = list(pool.map(lambda file: _inspect_file(bucket, dataset, file), files))
    extra: set[str] = set()
    absent: set[str] = set()
    for _, found in checked:
        extra.update(found.extra)
        absent.update(found.missing_optional)
    return Slice(dataset, tuple(file for file, _ in checked), tuple(sorted(extra)), tuple(sorted(absent)))


def _inspect_file(bucket: str, dataset: str, file: LandedFile) -> tuple[InputFile, drift.Drift]:
    path = f"s3://{bucket}/{file.key}"
    if not path.endswith(".parquet"):
        raise DataError(
            f"{path} is no .parquet file, and nothing else is read. Ask the source to deliver it as Parquet under such a "
            "name; if it is none, remove it or let its name start with _. Then run the date again; nothing was written."
        )
    footer = read_footer(path, file.size)
    try:
        columns = drift.delivered_columns(footer.schema, path)
        found = drift.check(contract(dataset), columns, path)
    except drift.SchemaDrift as error:
        raise DataError(f"{error} Nothing was written.") from error
    return InputFile(path, file.raw_date, footer.rows, columns, file.etag), found


def write_manifest(bucket: str, key: str, manifest: dict[str, Any]) -> str:
    return objects.write(f"s3://{bucket}/{key}", json.dumps(manifest, sort_keys=True).encode())
