"""`python -m local sql "select …"`: run a statement on the local Snowflake, as its administrator."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snowflake.connector import SnowflakeConnection

from local import resources, snowflake_login
from local.settings import LocalSettings


@dataclass(frozen=True)
class Result:
    columns: list[str]
    rows: list[tuple[Any, ...]]

    def as_csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return text.getvalue().rstrip("\n")

    def as_table(self) -> str:
        cells = [self.columns, *([_shown(value) for value in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        rule = "  ".join("-" * width for width in widths)
        numeric = [_is_numeric([row[i] for row in self.rows]) for i in range(len(self.columns))]
        lines = ["  ".join(_aligned(row, widths, numeric)).rstrip() for row in cells]
        count = f"({len(self.rows)} row{'' if len(self.rows) == 1 else 's'})"
        return "\n".join([lines[0], rule, *lines[1:], count])

    def indented(self) -> str:
        return "\n".join(f"  {line}" for line in self.as_table().splitlines())


def query(statement: str, settings: LocalSettings | None = None) -> Result:
    with connect(settings or LocalSettings()) as connection:
        return answer(connection, statement)


def answer(connection: SnowflakeConnection, statement: str) -> Result:
    cursor = connection.cursor()
    cursor.execute(statement)
    return Result(
        [column.name for column in cursor.description or []],
        [tuple(row) for row in cursor.fetchall() if not isinstance(row, dict)],
    )


def connect(settings: LocalSettings) -> SnowflakeConnection:
    """As the administrator, who may also change by hand what flows may not."""
    return snowflake_login.connect(settings, database=resources.WAREHOUSE.name)


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _is_numeric(values: Sequence[object]) -> bool:
    return all(value is None or hasattr(value, "__float__") for value in values)


def _aligned(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    return [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(row, widths, numeric, strict=True)
    ]
