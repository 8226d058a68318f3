"""The rows of a shop at one time, and the changes that lead from one time to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from local.sample.shop.rows import TABLE_OF, Customer, Item, Key, Order, Product, Row

Kind = Literal["insert", "update", "delete"]


@dataclass(frozen=True)
class Change:
    kind: Kind
    row: Row
    """As it is afterwards. Of a delete, as it was."""
    reason: str

    @property
    def table(self) -> str:
        return TABLE_OF[type(self.row)].name


@dataclass
class Shop:
    customers: dict[Key, Customer] = field(default_factory=dict)
    products: dict[Key, Product] = field(default_factory=dict)
    orders: dict[Key, Order] = field(default_factory=dict)
    items: dict[Key, Item] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Shop:
        """The shop with these rows, in the order of their keys: what is drawn must not depend on how they are stored."""
        shop = cls()
        for row in sorted(rows, key=lambda row: row.key):
            shop._rows(row)[row.key] = row
        return shop

    @property
    def tables(self) -> Mapping[str, Mapping[Key, Row]]:
        return {
            "CUSTOMERS": self.customers,
            "PRODUCTS": self.products,
            "ORDERS": self.orders,
            "ORDER_ITEMS": self.items,
        }

    def rows(self) -> Iterator[Row]:
        for table in self.tables.values():
            yield from table.values()

    def __bool__(self) -> bool:
        return any(self.tables.values())

    @property
    def clock(self) -> datetime:
        """The shop's own now: the latest time that any row was written."""
        return max(max(row.created_at, row.updated_at or row.created_at) for row in self.rows())

    def after(self, changes: Iterable[Change]) -> Shop:
        shop = Shop.of(self.rows())
        for change in changes:
            shop.apply(change)
        return Shop.of(shop.rows())

    def apply(self, change: Change) -> None:
        rows, key = self._rows(change.row), change.row.key
        if (key in rows) == (change.kind == "insert"):
            raise ValueError(
                f"{change.table} {key}: an {change.kind} of a row that is {'there' if key in rows else 'not there'}"
            )
        if change.kind == "delete":
            del rows[key]
        else:
            rows[key] = change.row

    def lines(self, order: Order) -> list[Item]:
        """The order's items. Line numbers begin at 1 and are below 10."""
        keys: Iterator[Key] = ((order.order_id, number) for number in range(1, 10))
        return [self.items[key] for key in keys if key in self.items]

    def _rows(self, row: Row) -> dict[Key, Any]:
        kinds: dict[type, dict[Key, Any]] = {
            Customer: self.customers,
            Product: self.products,
            Order: self.orders,
            Item: self.items,
        }
        return kinds[type(row)]
