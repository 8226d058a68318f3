"""An independent reading of the issue's rules for sales, slow and plain, to hold the truth against."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa

CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,49}")
CHANNELS = {"modern_trade", "general_trade", "ecommerce"}
REQUIRED = (
    "order_id", "sku_code", "customer_id", "region_code", "quantity", "net_revenue", "order_date", "channel",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    values: dict[str, str]
    raw_date: date

    @property
    def key(self) -> tuple[str, str]:
        return self.values["order_id"], self.values["sku_code"]

    @property
    def version(self) -> tuple[str, date]:
        return changed_at(self.values.get("changed_at", "")), self.raw_date

    @property
    def reason(self) -> str | None:
        missing = next((name for name in REQUIRED if not self.values[name]), None)
        if missing:
            return f"{missing}:missing"
        checks = (self._codes, self._channel, self._quantity, self._revenue, self._order_date)
        return next((reason for check in checks if (reason := check())), None)

    def _codes(self) -> str | None:
        bad = (name for name in ("sku_code", "region_code") if not CODE.fullmatch(self.values[name]))
        return next((f"{name}:pattern" for name in bad), None)

    def _channel(self) -> str | None:
        return None if self.values["channel"] in CHANNELS else "channel:allowed"

    def _quantity(self) -> str | None:
        if not re.fullmatch(r"-?\d+(\.0+)?", self.values["quantity"]):
            return "quantity:type"
        return None if float(self.values["quantity"]) > 0 else "quantity:range"

    def _revenue(self) -> str | None:
        if not re.fullmatch(r"-?\d+(\.\d+)?(e\+?\d+)?", self.values["net_revenue"]):
            return "net_revenue:type"
        return None if float(self.values["net_revenue"]) > 0 else "net_revenue:range"

    def _order_date(self) -> str | None:
        try:
            day = date.fromisoformat(self.values["order_date"])
        except ValueError:
            return "order_date:type"
        return "order_date:future" if day > self.raw_date else None


def lines_of(table: pa.Table, raw_date: date) -> list[Line]:
    names = [name for name in table.column_names if name != "sales_rep"]
    columns = [[normalised(name, value) for value in table[name].to_pylist()] for name in names]
    return [Line(dict(zip(names, row, strict=True)), raw_date) for row in zip(*columns, strict=True)]


def normalised(name: str, value: object) -> str:
    text = "" if value is None else str(value).strip()
    if name in ("sku_code", "region_code"):
        return text.upper()
    if name == "channel":
        return re.sub(r"[ -]", "_", text.lower())
    if name == "changed_at":
        return changed_at(text)
    return text.removesuffix(".0")


def changed_at(text: str) -> str:
    if not text:
        return ""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def newest(lines: list[Line]) -> dict[tuple[str, str], Line]:
    winners: dict[tuple[str, str], Line] = {}
    for line in lines:
        held = winners.get(line.key)
        if held is None or line.version > held.version:
            winners[line.key] = line
    return winners
