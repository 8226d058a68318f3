"""Stores of four groups and what they sell. A store's day depends on the seed, the store and the day alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

_GROUPS = {
    "North": "Café Nord",
    "South": "Südmarkt",
    "East": "Ørsted Kiosk",
    "West": "O'Brien & Sons, Grocers",
}
_STORES = 30
_ROLES = ("cashier", "caissière", "manager", None)
_RETURNS = 0.03
_PER_RECEIPT = 2


@dataclass(frozen=True)
class Store:
    group: str
    token: str
    name: str


@dataclass(frozen=True)
class Sale:
    store_token: str
    transaction_id: str
    receipt_token: str
    sold_at: datetime
    amount: Decimal
    user_role: str | None

    def corrected(self) -> Sale:
        return replace(self, amount=self.amount + Decimal("1.00"))


def stores(group: str) -> list[Store]:
    """The stores of a group. Tokens keep their leading zeros, as 0012 is not 12."""
    numbers = range(1, _STORES + 1)
    places = list(_GROUPS)
    return [
        Store(group, f"{number:04}", f"{_GROUPS[group]} {number}")
        for number in numbers
        if places[number % len(places)] == group
    ]


def sales(store: Store, day: date, seed: int) -> list[Sale]:
    draw = random.Random(f"{seed}/{store.token}/{day}")
    opening = datetime.combine(day, time(6), UTC)
    count = draw.randint(20, 50)
    minutes = sorted(draw.randrange(12 * 60) for _ in range(count))
    return [
        Sale(
            store.token,
            f"T{day:%y%m%d}-{number:03}",
            f"R{day:%y%m%d}-{number // _PER_RECEIPT:03}",
            opening + timedelta(minutes=minute, seconds=draw.randrange(60)),
            _amount(draw),
            draw.choice(_ROLES),
        )
        for number, minute in enumerate(minutes)
    ]


def _amount(draw: random.Random) -> Decimal:
    amount = Decimal(draw.randint(50, 15_000)) / 100
    return -amount if draw.random() < _RETURNS else amount
