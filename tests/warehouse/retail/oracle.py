"""The retail warehouse in plain Python: what the tables hold, whatever the order in which files were loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Sale:
    store_token: str
    transaction_id: str
    receipt_token: str
    transaction_time: datetime
    amount: Decimal
    user_role: str | None

    @property
    def key(self) -> tuple[str, ...]:
        return self.store_token, self.transaction_id

    @property
    def day(self) -> date:
        return self.transaction_time.astimezone(UTC).date()


@dataclass(frozen=True)
class Store:
    store_group: str | None
    store_token: str
    store_name: str

    @property
    def key(self) -> tuple[str, ...]:
        return (self.store_token,)


@dataclass(frozen=True, order=True)
class Arrival:
    """An object version. Those of one content differ in their dates, their names or both."""

    received_at: datetime
    source_file: str
    version_id: str
    batch_date: date


@dataclass(frozen=True)
class Content:
    number: int
    kind: str
    rows: Sequence[Any]
    arrivals: Sequence[Arrival]
    broken_lines: int = 0


Version = tuple[date, datetime, str, str, int]


@dataclass(frozen=True)
class Expected:
    raw: Mapping[str, list[tuple[Any, ...]]]
    quarantined: list[tuple[Any, ...]]
    sales: Mapping[tuple[str, ...], tuple[Version, Sale]]
    stores: Mapping[tuple[str, ...], tuple[Version, Store]]

    @property
    def daily_sales(self) -> dict[tuple[date, str], tuple[Any, ...]]:
        return {
            (day, token): (
                *self._name_and_group(token),
                len(sales),
                len({sale.receipt_token for sale in sales}),
                sum(sale.amount for sale in sales),
                sum(sale.amount for sale in sales if sale.amount < 0),
            )
            for (day, token), sales in self._sales_by(lambda sale: (sale.day, sale.store_token)).items()
        }

    @property
    def store_performance(self) -> dict[str, tuple[Any, ...]]:
        of_store = self._sales_by(lambda sale: sale.store_token)
        amounts = {token: sum(sale.amount for sale in sales) for token, sales in of_store.items()}
        groups = {token: self._name_and_group(token)[1] for token in of_store}
        return {
            token: (
                *self._name_and_group(token),
                min(sale.day for sale in sales),
                max(sale.day for sale in sales),
                len(sales),
                amounts[token],
                float(amounts[token]) / len({sale.receipt_token for sale in sales}),
                1
                + sum(
                    (-amounts[other], other) < (-amounts[token], token)
                    for other in of_store
                    if groups[other] == groups[token]
                ),
            )
            for token, sales in of_store.items()
        }

    @property
    def top_stores(self) -> dict[tuple[date, int], tuple[str, Decimal]]:
        months: defaultdict[date, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for _, sale in self.sales.values():
            months[sale.day.replace(day=1)][sale.store_token] += sale.amount
        return {
            (month, place): (token, amount)
            for month, amounts in months.items()
            for place, (token, amount) in enumerate(
                sorted(amounts.items(), key=lambda item: (-item[1], item[0]))[:10], start=1
            )
        }

    def _name_and_group(self, token: str) -> tuple[str | None, str | None]:
        if (token,) not in self.stores:
            return None, None
        store = self.stores[(token,)][1]
        return store.store_name, store.store_group

    def _sales_by(self, of: Any) -> dict[Any, list[Sale]]:
        grouped = defaultdict(list)
        for _, sale in self.sales.values():
            grouped[of(sale)].append(sale)
        return grouped


def expected(contents: Iterable[Content]) -> Expected:
    raw: dict[str, list[tuple[Any, ...]]] = {"sales": [], "stores": []}
    quarantined = []
    stage: dict[str, dict[tuple[str, ...], tuple[Version, Any]]] = {"sales": {}, "stores": {}}
    for content in contents:
        first = min(content.arrivals)
        batch_date = max(arrival.batch_date for arrival in content.arrivals)
        where = (batch_date, first.received_at, first.source_file, first.version_id)
        for line, row in enumerate(content.rows, start=2):
            version = (*where, line)
            raw[content.kind].append((version, row))
            known = stage[content.kind].get(row.key)
            if known is None or version > known[0]:
                stage[content.kind][row.key] = (version, row)
        quarantined += [(*where, content.kind, line) for line in range(content.broken_lines)]
    return Expected(raw, quarantined, stage["sales"], stage["stores"])
