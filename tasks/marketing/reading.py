"""The files of one dataset and day: read to their end, every row judged by the contract, every record accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.dialects import duckdb_sql
from contracts.language.kinds import TEXT_KINDS
from tasks.delimited.header import ColumnsMissing
from tasks.delimited.reader import Reject
from tasks.delimited.unpacking import unpacked
from tasks.errors import DataError, SystemFault
from tasks.marketing.forms import Context, Form
from tasks.marketing.rejects import PLACES, Rejects
from tasks.marketing.repeats import REASON, Repeats
from tasks.services import objects
from tasks.services.objects import Found


@dataclass(frozen=True)
class FileRead:
    """records = header_lines + rows + quarantined + blank_lines. `refusal`: why nothing of the file can be used."""

    key: str
    records: int = 0
    header_lines: int = 0
    rows: int = 0
    quarantined: int = 0
    blank_lines: int = 0
    refusal: str = ""

    @property
    def balances(self) -> bool:
        return self.records == self.header_lines + self.rows + self.quarantined + self.blank_lines


@dataclass
class Judged:
    """A dataset's day. `staged` rows are in `rows_file`, with customers that are there twice: the warehouse takes their
    first line, as `repeated` lines are in quarantine."""

    dataset: str
    day: date
    rows_file: Path
    rejects: Rejects
    files: list[FileRead] = field(default_factory=list)
    staged: int = 0
    repeated: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    uncast: Counter[str] = field(default_factory=Counter)

    @property
    def quarantined(self) -> int:
        return self.rejects.rows

    @property
    def rows(self) -> int:
        """What can be loaded."""
        return self.staged - self.repeated

    @property
    def raw(self) -> int:
        return self.rows + self.quarantined

    @property
    def refusals(self) -> list[str]:
        return [file.refusal for file in self.files if file.refusal]


def read(
    form: Form, files: Sequence[Found], day: date, run_id: str, hash_key: bytes, scratch: Path
) -> Judged:
    """Read and judge the files in the order of their names. A file that is refused does not keep the others from it."""
    name = form.dataset.name
    rejects = Rejects(name, day, scratch / f"{name}-rejects.parquet")
    judged = Judged(form.dataset.table, day, scratch / f"{name}-rows.parquet", rejects)
    with _Reader(form, judged, scratch) as reader:
        for file in sorted(files, key=lambda each: each.key):
            judged.files.append(reader.read(file, Context(day, run_id, file.key, hash_key)))
    return judged


class _Reader:
    def __init__(self, form: Form, judged: Judged, scratch: Path) -> None:
        self._form, self._judged, self._scratch = form, judged, scratch
        self._columns = form.dataset.names
        self._writer = pq.ParquetWriter(judged.rows_file, form.schema, compression="zstd")
        self._engine = duckdb.connect(config={"threads": 1})
        self._query = duckdb_sql.select(form.dataset, self._columns, "delivered", judged.day, form.carried)
        self._repeats = Repeats(scratch) if form.dataset.surrogate else None

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._judged.rejects.close()
        self._engine.close()
        if self._repeats:
            self._repeats.close()

    def read(self, file: Found, context: Context) -> FileRead:
        downloaded = objects.download(file.address, self._scratch / "downloaded")
        try:
            with unpacked(downloaded, scratch=self._scratch) as (plain, _):
                return self._read(file, plain, context)
        except ColumnsMissing as error:  # a line break that was lost makes names of people part of the header
            return FileRead(file.key, refusal=error.without_cells.replace(downloaded.name, file.key))
        except DataError as error:
            return FileRead(file.key, refusal=str(error).replace(downloaded.name, file.key))
        except (pa.ArrowException, duckdb.Error) as error:
            # Their messages repeat values, which may be personal.
            raise SystemFault(
                f"{file.key}: {type(error).__name__} while it was judged. Report this fault of tasks/marketing."
            ) from None
        finally:
            downloaded.unlink(missing_ok=True)

    def _read(self, file: Found, plain: Path, context: Context) -> FileRead:
        with self._form.opened(plain, file.key) as reading:
            rows = quarantined = 0
            for batch, refused in reading.pieces():
                good, broken = self._judge(batch)
                self._writer.write_table(self._form.rows(good, context))
                rows += good.num_rows
                quarantined += self._judged.rejects.add(file, _refused(refused))
                quarantined += self._judged.rejects.add(file, self._broken(plain, reading, broken))
            repeated = self._repeated(file, plain, reading)
            found = reading.description()
        self._judged.staged += rows
        self._judged.repeated += repeated
        return FileRead(
            file.key,
            found["records"],
            found.get("header_lines", 0),
            rows - repeated,
            quarantined + repeated,
            found["blank_lines"],
        )

    def _judge(self, batch: pa.RecordBatch) -> tuple[pa.Table, list[dict[str, Any]]]:
        """Good rows, and where the broken ones are and why."""
        self._engine.register("delivered", batch)
        judged = self._engine.sql(self._query).to_arrow_table()
        is_good = pc.equal(pc.list_value_length(judged.column("reasons")), 0)
        good = judged.filter(is_good)
        self._count_nulls(good, pa.Table.from_batches([batch]).filter(is_good))
        if self._repeats and good.num_rows:
            self._repeats.add(good)
        return good, judged.filter(pc.invert(is_good)).select([*PLACES, "reasons"]).to_pylist()

    def _count_nulls(self, good: pa.Table, delivered: pa.Table) -> None:
        for column in self._form.dataset.columns:
            nulls = good.column(column.name).null_count
            self._judged.nulls[column.name] += nulls
            if column.kind not in TEXT_KINDS and nulls:
                text = pc.utf8_trim_whitespace(delivered.column(column.name))
                blank = pc.fill_null(pc.equal(text, ""), True)
                self._judged.uncast[column.name] += nulls - pc.sum(blank).as_py()

    def _broken(
        self, plain: Path, reading: Any, broken: Sequence[Mapping[str, Any]]
    ) -> Iterator[tuple[Mapping[str, int], str, list[str]]]:
        raws = self._form.raw(plain, reading, [row["byte_offset"] for row in broken])
        for row, raw in zip(broken, raws, strict=True):
            yield row, raw, row["reasons"]

    def _repeated(self, file: Found, plain: Path, reading: Any) -> int:
        if self._repeats is None:
            return 0
        found = [{**row, "reasons": [REASON]} for row in self._repeats.of_file()]
        return self._judged.rejects.add(file, self._broken(plain, reading, found))


def _refused(refused: Sequence[Reject]) -> Iterator[tuple[Mapping[str, int], str, list[str]]]:
    for reject in refused:
        yield {place: getattr(reject, place) for place in PLACES}, reject.raw, [reject.reason]
