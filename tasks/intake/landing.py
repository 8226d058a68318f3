"""Find and inspect the files that a run will read, from their Parquet footers, before anything is started or written.

The result goes into the run's manifest, the only place where the Spark job looks up its input. A run's input is therefore
fixed at its start: a file that lands later belongs to the next run.
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
from contracts.language.delivery import Delivery
from contracts.language.document import rules_document
from tasks.errors import DataError, StaleResult
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
    """For a replayed file: the quarantined file itself, or the one that this is a corrected copy of."""

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
        """A hash of the files, their content and the contract without its descriptions; nothing else changes it."""
        rules = json.dumps(rules_document(rules_of(self.dataset)), sort_keys=True)
        parts = [self.dataset, rules, *(f"{f.path} {f.etag} {f.rows}" for f in self.inputs)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _listed(bucket: str, expected: Delivery, first: date, last: date) -> Iterator[LandedFile]:
    """Files under the prefix with raw dates in the range, in one listing: date prefixes sort by date."""
    for found in objects.listed(f"s3://{bucket}/{expected.root}", after=expected.address(first)):
        day = expected.date_of(found.key)
        if day is not None and day > last:
            return
        is_hidden = any(
            part.startswith(("_", ".")) for part in found.key.split("/")
        )  # also skips writers' temporary folders
        is_folder = found.size == 0 and found.key.endswith(("/", "_$folder$"))
        if day is not None and not (is_hidden or is_folder):
            yield LandedFile(found.key, found.size, found.etag, day)


def find(bucket: str, datasets: Iterable[str], first: date, last: date) -> dict[str, list[LandedFile]]:
    """The files that daily runs of first..last would read.

    Raises DataError that lists every missing delivery; consecutive days share a line.
    """
    found: dict[str, list[LandedFile]] = {}
    absent: set[str] = set()
    absent_lines: list[str] = []
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
        absent_lines += [f"- {expected.missing(bucket, *days)}" for days in _ranges(gaps)]
        found[dataset] = [file for file in landed if file.raw_date in wanted]
    if absent:
        lines = "\n".join(absent_lines)
        raise DataError(
            f"{len(absent)} source(s) have not landed for {first}..{last}:\n{lines}\n"
            "Nothing was changed. Run the date again when they have landed."
        )
    return found


def relist(bucket: str, slice_: Slice) -> Slice:
    """The slice of the same raw dates from the files that are there now. A replay's slice is returned unchanged."""
    if slice_.is_replay or not slice_.inputs:
        return slice_
    files = _of_dates(bucket, slice_)
    if gone := set(slice_.raw_dates) - {file.raw_date for file in files}:
        missing = delivery(slice_.dataset).missing(bucket, min(gone))
        raise DataError(
            f"{missing}: its files were removed during the run. Deliver them again, then run the date again."
        )
    return inspect(bucket, slice_.dataset, files)


def require_unchanged(bucket: str, slice_: Slice) -> None:
    """Raise StaleResult if the files of the slice's raw dates have changed since it was listed."""
    if slice_.is_replay or not slice_.inputs:
        return
    read = {(file.path, file.etag) for file in slice_.inputs}
    now = {(f"s3://{bucket}/{file.key}", file.etag) for file in _of_dates(bucket, slice_)}
    if changed := sorted(path for path, _ in read ^ now):
        raise StaleResult(
            f"{slice_.dataset}: {changed[0]} was added, changed or removed after the run listed its files. Run the date "
            "again when its delivery is complete."
        )


def _of_dates(bucket: str, slice_: Slice) -> list[LandedFile]:
    """The files that are now under the slice's raw dates."""
    wanted = set(slice_.raw_dates)
    landed = _listed(bucket, delivery(slice_.dataset), min(wanted), max(wanted))
    return [file for file in landed if file.raw_date in wanted]


def _ranges(days: list[date]) -> list[tuple[date, date]]:
    """The first and last day of each run of consecutive days."""
    ranges: list[tuple[date, date]] = []
    for day in days:
        if ranges and day - ranges[-1][1] == timedelta(days=1):
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


def inspect(bucket: str, dataset: str, files: list[LandedFile]) -> Slice:
    """Read the footers: columns and row counts of every file. Raises DataError for a damaged file or schema drift."""
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
            f"{path} is not a .parquet file. Ask the source to deliver it as Parquet with that extension; if it does not "
            "belong there, remove it or prefix its name with _. Then run the date again; nothing was written."
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
