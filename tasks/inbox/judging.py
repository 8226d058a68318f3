"""One file of the inbox: read to its end, every row judged by the contract, every record accounted for."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from contracts.dialects import duckdb_sql
from contracts.language.dataset import Dataset
from contracts.retail import INBOX
from tasks.delimited.ahead import one_ahead
from tasks.delimited.raw_records import raw_records
from tasks.delimited.reader import Piece, Reading, Reject, opened
from tasks.delimited.unpacking import unpacked
from tasks.errors import DataError
from tasks.inbox.feeds import pin_of
from tasks.inbox.file_name import FileName
from tasks.inbox.spool import Spool
from tasks.inbox.waiting import Version

_PLACES = ("record_number", "line_number", "byte_offset")
_CHUNK = 1 << 20
_QUERY_BYTES = 6 << 20
_RAW_CHARACTERS = 16_384
_EXAMPLES = 20
REJECTS = pa.schema(
    [
        ("load_id", pa.string()),
        *((place, pa.int64()) for place in _PLACES),
        ("raw_line", pa.string()),
        ("reasons", pa.string()),
    ]
)


@dataclass(frozen=True)
class Judged:
    """A file after it was read. `refusal` says why nothing of it is loaded; the figures are known as far as it was read.
    `is_gone`: the version was no longer there, so nothing is known of it."""

    version: Version
    name: FileName | None
    file_hash: str = ""
    content_hash: str = ""
    found: Mapping[str, Any] = field(default_factory=dict)
    rows: Spool | None = None
    rejects: Spool | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[Mapping[str, Any]] = ()
    refusal: str | None = None
    is_gone: bool = False

    @property
    def kind(self) -> str | None:
        return self.name.kind if self.name else None

    @property
    def rows_rejected(self) -> int:
        return self.rejects.rows if self.rejects else 0

    @property
    def rows_loaded(self) -> int:
        return self.rows.rows if self.rows else 0


def sha256_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def judge(version: Version, name: FileName, file: Path, scratch: Path, broken_rate_max: float) -> Judged:
    """Judge a downloaded file. What is wrong with the file as a whole is its refusal, never an exception."""
    known: dict[str, Any] = {"version": version, "name": name, "file_hash": sha256_of(file)}
    try:
        with unpacked(file, scratch=scratch) as (plain, packing):
            known["content_hash"] = sha256_of(plain) if packing else known["file_hash"]
            pin = pin_of(version.key)
            with opened(plain, columns=INBOX[name.kind].names, pin=pin, name=version.key) as reading:
                return _judged(known, INBOX[name.kind], reading, plain, scratch, broken_rate_max)
    except DataError as error:
        return Judged(**known, refusal=str(error).replace(file.name, version.key))


def _judged(
    known: Mapping[str, Any], dataset: Dataset, reading: Reading, plain: Path, scratch: Path, limit: float
) -> Judged:
    version: Version = known["version"]
    judging = _Judging(dataset, known["name"], version.load_id, scratch)
    for table, refused in one_ahead(_gathered(reading.pieces())):
        judging.add(table, refused)
    rows, broken = judging.close()
    found = reading.description()
    judged = rows.rows + broken.rows
    examples = _examples(broken, plain, reading)
    if judged and broken.rows > limit * judged:
        refusal = (
            f"{version.key}: {broken.rows:,} of {judged:,} rows are broken ({_most(judging.reasons)}), more than "
            f"{limit:.0%}: the whole file is refused. Correct it and upload it again."
        )
        rows.discard()
        broken.discard()
        return Judged(**known, found=found, reasons=judging.reasons, examples=examples, refusal=refusal)
    with_raw = Spool(REJECTS, broken.path.with_suffix(".raw.parquet"))
    for table in broken.tables():
        with_raw.add(_with_raw(table, plain, reading))
    with_raw.close()
    broken.discard()
    return Judged(
        **known, found=found, rows=rows, rejects=with_raw, reasons=judging.reasons, examples=examples
    )


def _gathered(pieces: Iterable[Piece]) -> Iterator[tuple[pa.Table, list[Reject]]]:
    """Pieces together until they are worth a query: DuckDB takes longer to plan one than to judge a small piece."""
    batches: list[pa.RecordBatch] = []
    refused: list[Reject] = []
    for batch, rejects in pieces:
        batches.append(batch)
        refused += rejects
        if sum(each.nbytes for each in batches) > _QUERY_BYTES:
            yield pa.Table.from_batches(batches), refused
            batches, refused = [], []
    if batches:
        yield pa.Table.from_batches(batches), refused


class _Judging:
    """Rows by the contract, rejects by the reader and by the contract."""

    def __init__(self, dataset: Dataset, name: FileName, load_id: str, scratch: Path) -> None:
        self._columns = [column.name for column in dataset.columns]
        self._load_id = load_id
        self._connection = _engine().cursor()
        self._query = duckdb_sql.select(dataset, self._columns, "delivered", name.batch_date, _PLACES)
        self._scratch = scratch / load_id
        self._rows: Spool | None = None
        self._rejects = Spool(REJECTS, self._scratch.with_suffix(".rejects.parquet"))
        self.reasons: Counter[str] = Counter()

    def add(self, delivered: pa.Table, refused: Sequence[Reject]) -> None:
        self._connection.register("delivered", delivered)
        judged = self._connection.sql(self._query).to_arrow_table()
        is_good = pc.equal(pc.list_value_length(judged.column("reasons")), 0)
        good = judged.filter(is_good).select([*self._columns, "line_number"])
        good = good.append_column("load_id", pa.repeat(self._load_id, good.num_rows))
        if self._rows is None:
            self._rows = Spool(good.schema, self._scratch.with_suffix(".rows.parquet"))
        self._rows.add(good)
        broken = judged.filter(pc.invert(is_good)).select([*_PLACES, "reasons"]).to_pylist()
        for row in broken:
            self.reasons.update(row["reasons"])
        self.reasons.update(reject.reason for reject in refused)
        self._rejects.add(
            pa.Table.from_pylist(
                [{**row, "reasons": ", ".join(row["reasons"]), "load_id": self._load_id} for row in broken]
                + [self._reject(reject) for reject in refused],
                REJECTS,
            )
        )

    def _reject(self, reject: Reject) -> dict[str, Any]:
        places = {place: getattr(reject, place) for place in _PLACES}
        return places | {
            "load_id": self._load_id,
            "raw_line": reject.raw[:_RAW_CHARACTERS],
            "reasons": reject.reason,
        }

    def close(self) -> tuple[Spool, Spool]:
        self._connection.close()
        rows = self._rows or Spool(pa.schema([]), self._scratch.with_suffix(".rows.parquet"))
        rows.close()
        self._rejects.close()
        return rows, self._rejects


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """One database for all files: to open one takes longer than to judge a small file. Each file has its own cursor."""
    return duckdb.connect(config={"threads": 2})


def _with_raw(table: pa.Table, plain: Path, reading: Reading) -> pa.Table:
    """The contract's rejects with the text that they have in the file; the reader's have it already."""
    raws = table.column("raw_line").to_pylist()
    lacking = [place for place, raw in enumerate(raws) if raw is None]
    offsets = [table.column("byte_offset")[place].as_py() for place in lacking]
    for place, raw in zip(lacking, raw_records(plain, reading.plan, offsets), strict=True):
        raws[place] = raw[:_RAW_CHARACTERS]
    at = table.schema.get_field_index("raw_line")
    return table.set_column(at, "raw_line", pa.array(raws, pa.string()))


def _examples(broken: Spool, plain: Path, reading: Reading) -> list[dict[str, Any]]:
    few: list[dict[str, Any]] = []
    for table in _first(broken.tables(), _EXAMPLES):
        few += _with_raw(table, plain, reading).drop_columns(["load_id"]).to_pylist()
    return few


def _first(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    for table in islice(tables, rows):
        yield table.slice(0, rows)
        rows -= table.num_rows
        if rows <= 0:
            return


def _most(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count:,} times" for reason, count in reasons.most_common(3))
