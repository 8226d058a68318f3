"""What a file is, decided before its rows are read: encoding, dialect, header, width. Or why it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from tasks.delimited import dialect as dialects
from tasks.delimited import header as headers
from tasks.delimited.dialect import Candidate
from tasks.delimited.encoding import Encoding, find_encoding, pinned_encoding, utf8_chunks
from tasks.delimited.header import Header
from tasks.delimited.mending import column_kinds
from tasks.delimited.preamble import describe
from tasks.delimited.splitting import Dialect
from tasks.errors import DataError

SAMPLE_BYTES = 128 << 10
_TRIED = 12
# What begins every line of a text that only looks delimited: a contract whose columns are all text would take it.
_FOREIGN = {"{": "JSON", "[": "JSON", "<": "XML or HTML"}


@dataclass(frozen=True)
class Pin:
    """The agreed form of a feed. Any deviation is an error; nothing is guessed but the encoding,
    if that is left out. `columns`: the names of the file's columns in their order."""

    columns: tuple[str, ...]
    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = '"'
    header: bool = True
    encoding: str | None = None


@dataclass(frozen=True)
class Plan:
    """How a file is read. `skip`: records of preamble and header. `width`: the usual number of fields of a record."""

    encoding: Encoding
    dialect: Dialect
    width: int
    header: Header
    columns: tuple[str, ...]
    rejecting: bool
    doubts: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def skip(self) -> int:
        return self.header.records


def plan(path: Path, name: str, columns: Sequence[str] = (), pin: Pin | None = None) -> Plan:
    """Decide how to read a plain file. Raises DataError where nothing sure can be said."""
    encoding = (
        pinned_encoding(path, pin.encoding, name) if pin and pin.encoding else find_encoding(path, name)
    )
    sample, complete = _sample(path, encoding)
    doubts = (encoding.doubt,) if encoding.doubt else ()
    if not sample.strip():
        if columns or pin:
            raise DataError(f"{name}: the file is empty. Ask the sender to send it again.")
        return Plan(encoding, Dialect(None), 1, Header(0), (), False, ("the file is empty",))
    if pin:
        made = _pinned(name, encoding, sample, complete, tuple(columns), pin)
    elif columns:
        made = _by_contract(name, encoding, sample, complete, tuple(columns))
    else:
        made = _by_looks(name, encoding, sample, complete)
    return replace(made, doubts=doubts + made.doubts)


def _sample(path: Path, encoding: Encoding) -> tuple[str, bool]:
    chunks = list(islice(utf8_chunks(path, encoding, SAMPLE_BYTES), 2))
    text = b"".join(chunks[:1]).decode("utf-8", "replace")
    return text, len(chunks) < 2


def _by_looks(name: str, encoding: Encoding, sample: str, complete: bool) -> Plan:
    decision = dialects.decide(sample, complete)
    best = decision.best
    if rival := decision.rival:
        shown = f"{best.dialect.delimiter!r} ({best.width} columns) and {rival.dialect.delimiter!r} ({rival.width} columns)"
        raise DataError(
            f"{name}: ambiguous: the delimiters {shown} explain it alike. Name the columns, or pin the feed's dialect."
        )
    rows = [row.cells for row in dialects.split_sample(sample, best.dialect, complete)]
    header = describe(rows, best.width)
    named = tuple(
        name or f"column_{place}" for place, name in enumerate(header.names or [""] * best.width, 1)
    )
    header, kinds = replace(header, places=tuple(range(best.width))), column_kinds(rows, best.width)
    return Plan(encoding, best.dialect, best.width, header, named, False, kinds=kinds)


def _by_contract(
    name: str, encoding: Encoding, sample: str, complete: bool, columns: tuple[str, ...]
) -> Plan:
    """The dialect under which the contract's names are a header; without a header, the one that gives as many columns."""
    candidates = dialects.ranked(sample, complete)[:_TRIED]
    refusal: DataError | None = None
    for candidate in candidates:
        rows = [row.cells for row in dialects.split_sample(sample, candidate.dialect, complete)]
        try:
            header = headers.find_by_names(rows, columns, name)
        except DataError as error:
            refusal = refusal or error
            continue
        if header:
            width = dialects.usual_width(rows[header.records :]) or len(header.names)
            return Plan(encoding, candidate.dialect, max(width, len(header.names)), header, columns, True)
    if refusal:
        raise refusal
    headers.refuse_names_beside(sample, columns, name)
    _refuse_foreign(sample, name)
    made = _without_header(name, encoding, candidates, columns)
    rows = [row.cells for row in dialects.split_sample(sample, made.dialect, complete)]
    headers.refuse_part_of_header(rows, columns, name)
    return made


def _refuse_foreign(sample: str, name: str) -> None:
    lines = [line.lstrip() for line in sample.splitlines() if line.strip()]
    sign = lines[0][0]
    if sign in _FOREIGN and all(line.startswith(sign) for line in lines):
        raise DataError(f"{name}: this is {_FOREIGN[sign]}, not delimited text. Ask the sender for CSV.")


def _without_header(
    name: str, encoding: Encoding, candidates: Sequence[Candidate], columns: tuple[str, ...]
) -> Plan:
    count = len(columns)
    fitting = [each for each in candidates if each.width == count and each.agreeing > 0.5]
    if not fitting:
        best = candidates[0]
        raise DataError(
            f"{name}: no header with the columns {', '.join(columns)} was found, and no delimiter gives {count} columns "
            f"(the best, {best.dialect.delimiter!r}, gives {best.width}). Check the kind of file, or pin the feed."
        )
    best, rival = fitting[0], dialects.rival_of(fitting)
    if rival:
        raise DataError(
            f"{name}: ambiguous: {best.dialect.delimiter!r} and {rival.dialect.delimiter!r} both give {count} "
            "columns. Pin the feed."
        )
    header = Header(0, tuple(range(count)))
    return Plan(
        encoding,
        best.dialect,
        count,
        header,
        columns,
        True,
        ("no header: columns are taken in the contract's order",),
    )


def _pinned(
    name: str, encoding: Encoding, sample: str, complete: bool, columns: tuple[str, ...], pin: Pin
) -> Plan:
    dialect = Dialect(pin.delimiter, pin.quote, pin.escape)
    rows = [row.cells for row in dialects.split_sample(sample, dialect, complete)]
    agreed = [headers.normalised(column) for column in pin.columns]
    first = [headers.normalised(cell) for cell in rows[0]]
    if pin.header and first != agreed:
        raise DataError(
            f"{name}: its feed is pinned to the header {', '.join(agreed)} with {pin.delimiter!r}, but it begins with "
            f"{', '.join(first)[:200]}. Ask the sender, or change the pin."
        )
    if not pin.header and first == agreed:
        raise DataError(f"{name}: its feed is pinned to have no header, but it has one. Change the pin.")
    width = dialects.usual_width(rows[pin.header :]) or len(agreed)
    if width != len(agreed):
        raise DataError(
            f"{name}: its feed is pinned to {len(agreed)} columns with {pin.delimiter!r}, but its records have {width}. "
            "Ask the sender, or change the pin."
        )
    wanted = columns or pin.columns
    if lacking := [column for column in wanted if headers.normalised(column) not in agreed]:
        raise DataError(f"The pin of {name} lacks the column(s) {', '.join(lacking)}. Correct the pin.")
    places = tuple(agreed.index(headers.normalised(column)) for column in wanted)
    extra = tuple(each for each in agreed if each not in {headers.normalised(column) for column in wanted})
    return Plan(
        encoding, dialect, width, Header(int(pin.header), places, extra, tuple(agreed)), tuple(wanted), True
    )
