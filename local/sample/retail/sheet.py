"""A partner's file in the making. It knows what it has put in, and so what a careful reader finds."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from local.sample.retail.partners import SALES, STORES, Partner
from local.sample.retail.trade import Sale, Store

Cells = dict[str, str]
BREAKS: tuple[Callable[[Cells], Cells], ...] = (
    lambda cells: cells | {"amount": cells["amount"].replace(".", ",")},
    lambda cells: cells | {"transaction_id": " "},
    lambda cells: cells | {"transaction_time": "2025-02-30T10:00:00"},
    lambda cells: cells | {"amount": f"{cells['amount']}5"},
    lambda cells: {name: cell for name, cell in cells.items() if name != "receipt_token"},
)
"""Ways in which a sale is broken: decimal comma, no id, impossible time, three places, a field too few."""


class Sheet:
    """Lines of text with their counts. Rows are added in the order in which they stand in the file."""

    def __init__(self, partner: Partner, kind: str) -> None:
        self._partner = partner
        self._columns = partner.columns if kind == "sales" else STORES
        self._extra = ("till",) if partner.till and kind == "sales" else ()
        self._lines = list(partner.preamble)
        self.rows: list[Sale | Store] = []
        self.quarantined = self.blank_lines = 0
        if partner.header:
            self._write([partner.header(name) for name in (*self._columns, *self._extra)])
        self.header_lines = len(self._lines)

    @property
    def records(self) -> int:
        return len(self._lines)

    def sales(self, found: Iterable[Sale]) -> None:
        for sale in found:
            self.rows.append(sale)
            self._row(self._cells(sale))

    def broken(self, found: Iterable[Sale]) -> None:
        """Sales that cannot be loaded, for one reason or another."""
        for sale in found:
            self.quarantined += 1
            self._row(BREAKS[sale.sold_at.minute % len(BREAKS)](self._cells(sale)))

    def stores(self, found: Iterable[Store]) -> None:
        for store in found:
            self.rows.append(store)
            self._row({"store_group": store.group, "store_token": store.token, "store_name": store.name})

    def blank(self) -> None:
        self.blank_lines += 1
        self._lines.append("")

    def body(self) -> bytes:
        text = "".join(line + self._partner.newline for line in self._lines)
        return self._partner.packed(text.encode(self._partner.encoding))

    def _cells(self, sale: Sale) -> Cells:
        told = (
            sale.store_token,
            sale.transaction_id,
            sale.receipt_token,
            self._partner.time(sale.sold_at),
            f"{sale.amount:.2f}",
            sale.user_role or "",
        )
        return dict(zip(SALES, told, strict=True))

    def _row(self, cells: Cells) -> None:
        self._write([*(cells[name] for name in self._columns if name in cells), *("1" for _ in self._extra)])

    def _write(self, cells: Sequence[str]) -> None:
        line = io.StringIO()
        csv.writer(line, delimiter=self._partner.delimiter, lineterminator="").writerow(cells)
        self._lines.append(line.getvalue())
