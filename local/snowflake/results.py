"""Large results: the first rows are in the answer, the rest in files that the connector fetches one by one.

Neither the server nor the client ever holds the whole result in memory.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from fakesnow.rowtype import ColumnInfo, describe_as_rowtype

from local.snowflake.values import as_snowflake

INLINE_ROWS = 10_000
CHUNK_BYTES = 8 * 2**20
_ROWS_READ_AT_ONCE = 25_000
Column = tuple[str, str, None, None, None, None]
"""As DuckDB's DESCRIBE has it: name, type, and what nobody asks for."""


def columns(description: Sequence[Sequence[Any]]) -> list[Column]:
    return [(name, str(type_), None, None, None, None) for name, type_, *_ in description]


@dataclass
class Chunk:
    path: Path
    rows: int
    size: int
    is_fetched: bool = False

    def note_fetched(self) -> None:
        self.is_fetched = True


@dataclass
class LargeResult:
    directory: Path
    rows: int
    chunks: list[Chunk] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self.rows += chunk.rows

    @property
    def is_read(self) -> bool:
        return all(chunk.is_fetched for chunk in self.chunks)

    def answer(self, address: str) -> dict[str, Any]:
        """What the answer says of the chunks, beside the first rows."""
        return {
            "total": self.rows,
            "returned": self.rows,
            "chunks": [
                {
                    "url": f"{address}/results/{self.directory.name}/{number}",
                    "rowCount": chunk.rows,
                    "uncompressedSize": chunk.size,
                    "compressedSize": chunk.size,
                }
                for number, chunk in enumerate(self.chunks)
            ],
        }


class LargeResults:
    """The files of all large results of the account. Those of an earlier server are deleted."""

    def __init__(self, directory: Path) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        self._directory = directory
        self._found: dict[str, LargeResult] = {}

    def read(self, relation: Any) -> tuple[pa.Table, LargeResult | None]:
        """The first rows, and if there are more, the result that has the rest on disk."""
        rowtype = describe_as_rowtype(columns(relation.description))
        reader = relation.to_arrow_reader(_ROWS_READ_AT_ONCE)
        first, rest = _first_rows(reader)
        if (batch := next(rest, None)) is None:
            return first, None
        # Nobody can guess the name, as the real ones' addresses are signed.
        result = LargeResult(self._directory / secrets.token_urlsafe(24), first.num_rows)
        result.directory.mkdir(parents=True)
        try:
            while batch is not None:
                result.add(_written(result.directory / str(len(result.chunks)), batch, rest, rowtype))
                batch = next(rest, None)
        except BaseException:
            shutil.rmtree(result.directory)
            raise
        self._found[result.directory.name] = result
        return first, result

    def chunk(self, name: str, number: int) -> Chunk | None:
        result = self._found.get(name)
        return result.chunks[number] if result and 0 <= number < len(result.chunks) else None

    def forget(self, result: LargeResult) -> None:
        self._found.pop(result.directory.name, None)
        shutil.rmtree(result.directory, ignore_errors=True)


class LargeResultsOfSession:
    """A result is kept until its session ends, or until it was read and the session's next query comes."""

    def __init__(self, all_results: LargeResults) -> None:
        self._all = all_results
        self._of: dict[str, LargeResult] = {}
        self._lock = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._of)

    def keep(self, query_id: str, result: LargeResult) -> None:
        with self._lock:
            self._of[query_id] = result

    def of(self, query_id: str | None) -> LargeResult | None:
        return self._of.get(query_id or "")

    def forget_read(self) -> None:
        self._forget(lambda result: result.is_read)

    def forget_all(self) -> None:
        self._forget(lambda _: True)

    def _forget(self, is_over: Callable[[LargeResult], bool]) -> None:
        with self._lock:
            for query_id, result in list(self._of.items()):
                if is_over(result):
                    del self._of[query_id]
                    self._all.forget(result)


class Spooling:
    """Stands for DuckDB's connection while fakesnow runs a query: it is given the first rows of a large result."""

    def __init__(self, connection: Any, results: LargeResults) -> None:
        self._connection, self._results = connection, results
        self.large: LargeResult | None = None
        self.columns: list[Column] = []

    def execute(self, sql: str, params: Any = None) -> None:
        # What execute() makes is whole in memory, also before it is read. What sql() makes is streamed.
        relation = self._connection.sql(sql, params=params or None)
        self.columns = columns(relation.description)
        self._first, self.large = self._results.read(relation)

    def to_arrow_table(self) -> pa.Table:
        return self._first


def _first_rows(reader: pa.RecordBatchReader) -> tuple[pa.Table, Iterator[pa.RecordBatch]]:
    """At most INLINE_ROWS rows, and all that follows."""
    first: list[pa.RecordBatch] = []
    missing = INLINE_ROWS
    for batch in reader:
        first.append(batch.slice(0, missing))
        if batch.num_rows > missing:
            return pa.Table.from_batches(first, reader.schema), _chained(batch.slice(missing), reader)
        missing -= batch.num_rows
    return pa.Table.from_batches(first, reader.schema), iter(())


def _chained(batch: pa.RecordBatch, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    yield batch
    yield from (batch for batch in reader if batch.num_rows)


def _written(
    path: Path, batch: pa.RecordBatch | None, rest: Iterator[pa.RecordBatch], rowtype: list[ColumnInfo]
) -> Chunk:
    """A chunk of this batch, and of as many of the rest as it takes."""
    table = as_snowflake(pa.Table.from_batches([batch]), rowtype)
    rows = 0
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        while True:
            writer.write_table(table)
            rows += table.num_rows
            if file.tell() >= CHUNK_BYTES or (batch := next(rest, None)) is None:
                break
            table = as_snowflake(pa.Table.from_batches([batch]), rowtype)
    return Chunk(path, rows, path.stat().st_size)
