"""A file of JSON objects as Arrow batches of text, with each record's place, and the rejects with their reasons.

    with opened(path, CLICKSTREAM.columns) as reading:
        for batch, rejects in reading.pieces():
            ...
        print(reading.description())

Nothing is complete before the stream is exhausted: only then is every byte accounted for, or a DataError says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from contracts.language.dataset import Column
from tasks.delimited.accounting import Account
from tasks.delimited.encoding import Encoding, find_encoding, utf8_chunks
from tasks.delimited.reader import Piece, Reject
from tasks.delimited.tables import POSITIONS
from tasks.delimited.unpacking import Limits, unpacked
from tasks.errors import DataError
from tasks.json_lines.splitting import Place, Record, elements, is_array, lines
from tasks.json_lines.values import Malformed, content_hash, parsed, texts

CONTENT_HASH = "content_hash"
_BATCH_RECORDS = 20_000
_MOST_EXTRA_KEYS = 20


@contextmanager
def opened(
    path: Path,
    columns: Sequence[Column],
    *,
    name: str = "",
    scratch: Path | None = None,
    limits: Limits | None = None,
) -> Iterator[Reading]:
    """Open a file, which may be packed. `columns`: a contract's, named as the keys are. `name`: for messages."""
    with unpacked(path, limits, scratch) as (plain, packing):
        yield Reading(plain, columns, name or path.name, packing)


class Reading:
    """One pass over a file. The account is complete when the pass is."""

    def __init__(self, plain: Path, columns: Sequence[Column], name: str, packing: str) -> None:
        self.name, self.packing, self.account = name, packing, Account()
        self.encoding = _of_json(find_encoding(plain, name))
        self.is_array = False
        self.extra_keys: set[str] = set()
        self._plain, self._columns = plain, columns
        self._names = {column.name for column in columns}
        self._place = Place(name, self.encoding.name, len(self.encoding.bom))

    @property
    def schema(self) -> Any:
        texts_ = [(column.name, pa.string()) for column in self._columns]
        return pa.schema([*texts_, (CONTENT_HASH, pa.string()), *((each, pa.int64()) for each in POSITIONS)])

    def pieces(self) -> Iterator[Piece]:
        """The objects as batches of text columns with content hash, record number, line number and byte offset."""
        records = self._records()
        while some := list(islice(records, _BATCH_RECORDS)):
            rows: list[tuple[Any, ...]] = []
            rejects: list[Reject] = []
            for record in some:
                self._sort(record, rows, rejects)
            values = zip(*rows, strict=True) if rows else [()] * len(self.schema)
            arrays = [
                pa.array(list(each), field.type) for each, field in zip(values, self.schema, strict=True)
            ]
            yield Piece(pa.record_batch(arrays, schema=self.schema), rejects)
        self._check()

    def description(self) -> dict[str, Any]:
        """What was found and what became of it, in the words of tasks/delimited."""
        account = self.account
        return {
            "packing": self.packing,
            "encoding": self.encoding.label,
            "layout": "array" if self.is_array else "lines",
            "extra_keys": sorted(self.extra_keys),
            "records": account.records,
            "blank_lines": account.blank_lines,
            "rows": account.rows,
            "rejected_records": account.rejected_records,
        }

    def _records(self) -> Iterator[Record]:
        start = next((chunk for chunk in utf8_chunks(self._plain, self.encoding) if chunk.strip()), b"")
        self.is_array = is_array(start)
        split = elements if self.is_array else lines
        return split(utf8_chunks(self._plain, self.encoding), self._place)

    def _sort(self, record: Record, rows: list[tuple[Any, ...]], rejects: list[Reject]) -> None:
        account = self.account
        account.records += 1
        if not record.text and not self.is_array:
            account.blank_lines += 1
            return
        place = (account.records, record.line, record.offset)
        try:
            event = parsed(record.text)
            rows.append((*texts(event, self._columns), content_hash(event), *place))
        except (Malformed, RecursionError) as error:
            reason = str(error) if isinstance(error, Malformed) else "nested too deep"
            raw = record.text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            rejects.append(Reject(*place, raw, reason))
            account.rejected_records += 1
        else:
            account.rows += 1
            self._note_extra(event)

    def _note_extra(self, event: dict[str, Any]) -> None:
        if len(self.extra_keys) < _MOST_EXTRA_KEYS and not event.keys() <= self._names:
            extra = event.keys() - self._names - self.extra_keys
            self.extra_keys.update(sorted(extra)[: _MOST_EXTRA_KEYS - len(self.extra_keys)])

    def _check(self) -> None:
        """Raise DataError if a byte or a record is unaccounted for. It is a bug of this reader."""
        account, size = self.account, self._plain.stat().st_size
        ends = account.rows + account.rejected_records + account.blank_lines
        if ends != account.records or self._place.offset != size:
            raise DataError(
                f"{self.name}: {self._place.offset:,} of {size:,} bytes were read; of {account.records:,} records {ends:,} "
                "are accounted for. Nothing of this file may be used. Report this fault of tasks/json_lines."
            )


def _of_json(found: Encoding) -> Encoding:
    """JSON is in UTF-8, or by its marks in UTF-16: what else has bytes beyond ASCII is UTF-8 with broken ones."""
    return found if found.name.startswith("utf-") else Encoding("utf-8", found.bom)
