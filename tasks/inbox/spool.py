"""Arrow tables put aside until their file has been read to its end: in memory while they are small, else on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# A run reads 200 files at a time.
IN_MEMORY_BYTES = 1 << 20
_BATCH_ROWS = 20_000


class Spool:
    def __init__(self, schema: pa.Schema, file: Path) -> None:
        """`file` is where the tables go when they become many."""
        self.schema, self.rows = schema, 0
        self.path = file
        self._kept: list[pa.Table] = []
        self._bytes = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        self.rows += table.num_rows
        if not table.num_rows:
            return
        self._kept.append(table)
        self._bytes += table.nbytes
        if self._bytes > IN_MEMORY_BYTES:
            self._flush()

    def close(self) -> None:
        """Nothing is added any more."""
        if self._writer:
            self._flush()
            self._writer.close()

    def discard(self) -> None:
        self.close()
        self._kept, self._bytes, self.rows = [], 0, 0
        self.path.unlink(missing_ok=True)

    @property
    def file(self) -> Path | None:
        """The Parquet file that has all rows, if they became too many for memory."""
        return self.path if self._writer else None

    def tables(self) -> Iterator[pa.Table]:
        if self._writer is None:
            yield from self._kept
            return
        with pq.ParquetFile(self.path) as source:
            for batch in source.iter_batches(_BATCH_ROWS):
                yield pa.Table.from_batches([batch])

    def _flush(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, self.schema, compression="zstd")
        if self._kept:
            self._writer.write_table(pa.concat_tables(self._kept))
        self._kept, self._bytes = [], 0
