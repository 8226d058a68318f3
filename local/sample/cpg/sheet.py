"""The content of a file before it is written: typed columns, in which single cells can be overwritten.

Source systems deliver typed columns on some days and text on others. A cell that does not fit its type ("5 pcs" as a
quantity) exists only if its column is delivered as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Cell = str | int | float | date | None
AnyArray = NDArray[np.generic] | NDArray[np.object_]


class Sheet:
    def __init__(self, types: Mapping[str, pa.DataType], columns: Mapping[str, AnyArray]) -> None:
        self.types, self.columns = types, columns
        self.rows = len(next(iter(columns.values())))
        self._cells: dict[str, dict[int, Cell]] = {}

    def put(self, column: str, row: int, cell: Cell) -> None:
        self._cells.setdefault(column, {})[row] = cell

    def is_put(self, column: str, row: int) -> bool:
        return row in self._cells.get(column, {})

    def respell(self, column: str, rows: Sequence[int] | NDArray[np.int64], how: int) -> None:
        """Replace codes by careless spellings. Cells that are already overwritten keep their defect."""
        for number, row in enumerate(rows):
            if not self.is_put(column, int(row)):
                value = str(self.columns[column][row])
                lower, padded = value.lower(), f"  {value} "
                self.put(column, int(row), (lower, padded, f" {lower}")[(number + how) % 3])

    def table(
        self,
        rows: NDArray[np.int64] | None = None,
        text: frozenset[str] = frozenset(),
        lacks: str | None = None,
        extra: Mapping[str, AnyArray] | None = None,
    ) -> pa.Table:
        """The given rows in this order. `text` names the columns to deliver as text."""
        rows = np.arange(self.rows) if rows is None else rows
        columns = {name: self._column(name, rows, name in text) for name in self.types if name != lacks}
        for name, values in (extra or {}).items():
            columns[name] = pa.array(values[rows], type=pa.string())
        return pa.table(columns)

    def _column(self, name: str, rows: NDArray[np.int64], as_text: bool) -> pa.Array:
        type_ = self.types[name]
        array = pa.array(self.columns[name][rows])
        if not array.type.equals(type_):
            array = array.cast(type_)
        if as_text:
            array = array.cast(pa.string())
        cells = self._cells.get(name)
        if not cells:
            return array
        is_put = np.zeros(self.rows, dtype=np.bool_)
        is_put[list(cells)] = True
        overwritten = is_put[rows]
        put = [cells[int(row)] for row in rows[overwritten]]
        new = pa.array([_text(cell) for cell in put] if as_text else put, type=array.type)
        return pc.replace_with_mask(array, pa.array(overwritten), new)


def _text(cell: Cell) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, float) and np.isnan(cell):
        return "NaN"
    return cell.isoformat() if isinstance(cell, date) else str(cell)
