"""Rows for quarantine, in a Parquet file with the columns of RAW.QUARANTINED_ROWS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.marketing.deliveries import version_of
from tasks.services.objects import Found

PLACES = ("record_number", "line_number", "byte_offset")
SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("batch_date", pa.date32()),
        ("received_at", pa.timestamp("us")),
        ("source_file", pa.string()),
        ("version_id", pa.string()),
        ("load_id", pa.string()),
        *((place, pa.int64()) for place in PLACES),
        ("raw_line", pa.string()),
        ("reasons", pa.string()),
    ]
)
_RAW_CHARACTERS = 16_384


class Rejects:
    """The rejects of one dataset and day, with how often each reason was given."""

    def __init__(self, kind: str, day: date, file: Path) -> None:
        self.path, self.rows = file, 0
        self.reasons: Counter[str] = Counter()
        self._same = {"kind": kind, "batch_date": day}
        self._writer = pq.ParquetWriter(file, SCHEMA, compression="zstd")

    def add(self, source: Found, found: Iterator[tuple[Mapping[str, int], str, list[str]]]) -> int:
        """Add places, raw text and reasons. Returns how many there were."""
        version, load_id = version_of(source)
        told = {
            **self._same,
            "received_at": source.modified.astimezone(UTC).replace(tzinfo=None),
            "source_file": source.key,
            "version_id": version,
            "load_id": load_id,
        }
        rows: list[dict[str, Any]] = []
        for places, raw, reasons in found:
            self.reasons.update(reasons)
            line = {"raw_line": raw[:_RAW_CHARACTERS], "reasons": ", ".join(reasons)}
            rows.append({**told, **{place: places[place] for place in PLACES}, **line})
        if rows:
            self._writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
        self.rows += len(rows)
        return len(rows)

    def close(self) -> None:
        self._writer.close()
