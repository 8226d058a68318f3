"""Sales files for the inbox's benchmark, and what must be in RAW once they are loaded.

Everything about a row follows from its number: no two files share a row, and the sums are known without reading a file.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

HEADER = "store_token,transaction_id,receipt_token,transaction_time,amount,user_role"
FIRST = dt.date(2025, 1, 1)
DAYS, STORES, ROLES = 28, 400, ("cashier", "manager", "kiosk", "")
BROKEN_EVERY = 500
"""One row in so many has no amount: that is one row of a small file at most, which is not refused for it."""
_LARGEST, _RETURNED = 100_000, 5_000
_STEP = 7_919  # a prime: neighbours differ
ROWS_A_FILE = 20


@dataclass(frozen=True)
class Truth:
    rows: int
    broken: int
    cents: int
    """Of the rows that are not broken."""

    @property
    def loaded(self) -> int:
        return self.rows - self.broken


def truth(first: int, rows: int) -> Truth:
    numbers = np.arange(first, first + rows, dtype=np.int64)
    good = numbers[numbers % BROKEN_EVERY != 0]
    return Truth(rows, rows - len(good), int((good * _STEP % _LARGEST - _RETURNED).sum()))


def line(number: int) -> str:
    cents = number * _STEP % _LARGEST - _RETURNED
    amount = "ten" if number % BROKEN_EVERY == 0 else f"{cents / 100:.2f}"
    day = FIRST + dt.timedelta(days=number % DAYS)
    clock = dt.timedelta(seconds=number % 86_400)
    return (
        f"S{number % STORES:04d},T{number:010d},R{number // 2:010d},"
        f"{dt.datetime.combine(day, dt.time()) + clock:%Y-%m-%dT%H:%M:%S},{amount},{ROLES[number % len(ROLES)]}"
    )


def small_name(at: int) -> str:
    return f"sales_{FIRST + dt.timedelta(days=at % DAYS):%Y%m%d}_{at:06d}.csv"


def small(first: int, rows: int = ROWS_A_FILE) -> bytes:
    """A file of the rows from a number on."""
    return "\n".join([HEADER, *map(line, range(first, first + rows)), ""]).encode()


def write_large(file: Path, size: int, first: int) -> int:
    """Write a file of about so many bytes, by DuckDB: Python would take a minute for a gigabyte. Returns its rows."""
    rows = size // len(line(first) + "\n")
    cents = f"(n * {_STEP} % {_LARGEST} - {_RETURNED})"
    amount = f"printf('%s%d.%02d', CASE WHEN {cents} < 0 THEN '-' ELSE '' END, abs({cents}) // 100, abs({cents}) % 100)"
    roles = ", ".join(f"'{role}'" for role in ROLES)
    with duckdb.connect() as database:
        database.execute(f"""
            COPY (
                SELECT printf('S%04d', n % {STORES}) AS store_token, printf('T%010d', n) AS transaction_id,
                    printf('R%010d', n // 2) AS receipt_token,
                    strftime(
                        TIMESTAMP '{FIRST}' + to_days((n % {DAYS})::INTEGER) + to_seconds(n % 86400), '%Y-%m-%dT%H:%M:%S'
                    ) AS transaction_time,
                    CASE WHEN n % {BROKEN_EVERY} = 0 THEN 'ten' ELSE {amount} END AS amount,
                    nullif([{roles}][n % {len(ROLES)} + 1], '') AS user_role
                FROM range({first}, {first + rows}) t(n)
            ) TO '{file}' (FORMAT csv, HEADER, DELIMITER ',', QUOTE '"')
        """)
    return rows
