"""Account for every line of a file: header, row, reject or blank. Lines are counted twice, and the counts compared.

The lines are counted in the bytes as they stream by, apart from the splitters that make records of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tasks.errors import DataError


@dataclass
class LineCount:
    """Physical lines of a stream of bytes: LF, CRLF or CR ends one, and the last may lack its end."""

    lf: int = 0
    crlf: int = 0
    cr: int = 0
    _last: int = field(default=-1, repr=False)

    def add(self, chunk: bytes) -> None:
        if not chunk:
            return
        octets = np.frombuffer(chunk, dtype=np.uint8)
        feeds = octets == 10
        returns = pairs = 0
        if b"\r" in chunk:
            carriage = octets == 13
            returns = int(np.count_nonzero(carriage))
            pairs = int(np.count_nonzero(carriage[:-1] & feeds[1:]))
        self.crlf += pairs
        self.lf += int(np.count_nonzero(feeds)) - pairs
        self.cr += returns - pairs
        if self._last == 13 and chunk[0] == 10:
            # CRLF across two chunks was counted as a CR and an LF.
            self.crlf, self.cr, self.lf = self.crlf + 1, self.cr - 1, self.lf - 1
        self._last = chunk[-1]

    @property
    def lines(self) -> int:
        unended = self._last not in (-1, 10, 13)
        return self.lf + self.crlf + self.cr + unended

    @property
    def newline(self) -> str:
        """LF, CRLF, CR, mixed, or nothing where no line has an end."""
        kinds = [name for name, count in (("LF", self.lf), ("CRLF", self.crlf), ("CR", self.cr)) if count]
        return kinds[0] if len(kinds) == 1 else "mixed" if kinds else ""


@dataclass
class Account:
    """What became of the records. records = header_lines + rows + rejected_records + blank_lines, always."""

    records: int = 0
    header_lines: int = 0
    rows: int = 0
    rejected_records: int = 0
    blank_lines: int = 0
    # Physical lines of all records: more than records where quoted fields span lines.
    lines: int = 0

    def check(self, name: str, counted: LineCount) -> None:
        """Raise DataError if a line or record is unaccounted for. It is a bug of this reader."""
        ends = self.header_lines + self.rows + self.rejected_records + self.blank_lines
        if ends != self.records or self.lines != counted.lines:
            raise DataError(
                f"{name}: {counted.lines:,} lines were counted and {self.lines:,} read; of {self.records:,} records "
                f"{ends:,} are accounted for. Nothing of this file may be used. Report this fault of tasks/delimited."
            )
