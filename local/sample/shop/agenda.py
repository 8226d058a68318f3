"""What is planned in a shop, done one after the other in the order of time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from local.sample.shop.rows import Customer, Item, Order, Product, Row
from local.sample.shop.state import Change, Shop

R = TypeVar("R", bound=Row)


@dataclass
class Agenda:
    shop: Shop
    start: datetime
    end: datetime
    draw: random.Random
    changes: list[Change] = field(default_factory=list)
    _planned: list[tuple[datetime, int, Callable[[Agenda], None]]] = field(default_factory=list)
    _count: int = 0

    def __post_init__(self) -> None:
        self.now = self.start

    def sometime(self) -> datetime:
        span = (self.end - self.start) // timedelta(microseconds=1)
        return self.start + timedelta(microseconds=self.draw.randint(1, span - 1))

    def at(self, time: datetime, event: Callable[[Agenda], None]) -> None:
        self._count += 1
        heapq.heappush(self._planned, (time, self._count, event))

    def run(self) -> None:
        while self._planned:
            self.now, _, event = heapq.heappop(self._planned)
            event(self)

    def insert(self, row: Row, reason: str) -> None:
        self._do(Change("insert", row, reason))

    def update(self, row: R, reason: str, **values: object) -> R:
        """The row with these values, changed now unless they say otherwise."""
        changed: R = replace(row, **{"updated_at": self.now, **values})  # type: ignore[arg-type]
        self._do(Change("update", changed, reason))
        return changed

    def delete(self, row: Row, reason: str) -> None:
        self._do(Change("delete", row, reason))

    def _do(self, change: Change) -> None:
        self.shop.apply(change)
        self.changes.append(change)

    def any_of(self, rows: Iterable[R]) -> R | None:
        """One of the rows that no write from the future of this moment has touched."""
        found = [row for row in rows if (row.updated_at or row.created_at) < self.now]
        return self.draw.choice(found) if found else None

    def customer(self) -> Customer | None:
        return self.any_of(c for c in self.shop.customers.values() if not c.is_deleted)

    def product(self) -> Product | None:
        return self.any_of(p for p in self.shop.products.values() if not p.is_deleted)

    def order(self) -> Order | None:
        return self.any_of(o for o in self.shop.orders.values() if not o.is_deleted)

    def line(self) -> Item | None:
        return self.any_of(i for i in self.shop.items.values() if not i.is_deleted)

    def on_sale(self) -> list[Product]:
        return [p for p in self.shop.products.values() if p.is_active and not p.is_deleted]

    def next_customer(self) -> int:
        """After all that are known, and all that orders name."""
        named = (order.customer_id for order in self.shop.orders.values())
        return _highest((*(c.customer_id for c in self.shop.customers.values()), *named)) + 1

    def next_order(self) -> int:
        return _highest(order.order_id for order in self.shop.orders.values()) + 1


def _highest(ids: Iterable[str]) -> int:
    return max((int(id_[1:]) for id_ in ids), default=0)
