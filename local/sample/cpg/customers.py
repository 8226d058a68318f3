"""Customers: regular ones, and newcomers who order before their master record arrives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from local.sample.cpg.assortment import REGIONS
from local.sample.cpg.profile import Profile
from local.sample.cpg.timeline import EPOCH, Stream, monday, rng, week_of

NEWCOMER_EVERY_WEEKS = 4
NEWCOMER_WEEKDAY = 2
"""A Wednesday. The snapshot of the next Monday is the first to list the newcomer."""
NEWCOMER_STAYS_WEEKS = 40
"""After this, the customer no longer appears in orders and snapshots."""
FIRST_NEWCOMER = 90_000

TERMS = {"modern_trade": 0.045, "general_trade": 0.020, "ecommerce": 0.035}
TYPES = {
    "modern_trade": ("Hypermarket", "Supermarket chain", "Cash & carry"),
    "general_trade": ("Distributor", "Wholesaler", "Kirana"),
    "ecommerce": ("Marketplace", "Quick commerce"),
}
NAMES = {
    "modern_trade": ("Apna Bazaar", "Big Basket House", "Café Zoë Stores", "SuperSaver", "Reliant Fresh"),
    "general_trade": ("श्री गणेश किराना", "Gupta & Sons", "நல்ல கடை", "মা দুর্গা ভাণ্ডার", "Patel Traders", "Jain Brothers"),
    "ecommerce": ("QuickKart", "Zippy Mart", "Ghar Pe"),
}  # fmt: skip
MANAGERS = ("A. Iyer", "R. Mehta", "S. Banerjee", "P. D’Souza", "N. Khan", "ಲಕ್ಷ್ಮಿ Rao", "V. Patil")


@dataclass(frozen=True)
class Customer:
    id: str
    name: str
    kind: str
    channel: str
    region: int
    weight: float
    joined: date
    left: date | None
    """The first day on which the customer no longer orders."""

    def buys_on(self, day: date) -> bool:
        return self.joined <= day and (self.left is None or day < self.left)

    @property
    def is_newcomer(self) -> bool:
        return self.left is not None

    def credit_limit(self, day: date) -> float:
        base = 100_000 + 25_000 * (sum(map(ord, self.id)) % 17)
        return float(base * (1 + (day - EPOCH).days // 365 // 2))

    def manager(self, day: date) -> str:
        return MANAGERS[(sum(map(ord, self.id)) + week_of(day) // 52) % len(MANAGERS)]


class Customers:
    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._steady = _steady(profile)

    def buying_on(self, day: date) -> list[Customer]:
        return self._steady + [one for one in self._newcomers_around(day) if one.buys_on(day)]

    def newcomer_of(self, day: date) -> Customer | None:
        """The customer who joins on this day, if any."""
        return next((one for one in self._newcomers_around(day) if one.joined == day), None)

    def _newcomers_around(self, day: date) -> list[Customer]:
        week = week_of(day)
        return [
            _newcomer(self._profile, joined)
            for joined in range(week - NEWCOMER_STAYS_WEEKS, week + 1)
            if joined % NEWCOMER_EVERY_WEEKS == 1
        ]


def _steady(profile: Profile) -> list[Customer]:
    draw = rng(profile.seed, Stream.CUSTOMER)
    customers = []
    for number in range(profile.customers):
        region = number % profile.regions
        turn = number // profile.regions
        channel = ("general_trade", "modern_trade", "ecommerce")[turn] if turn < 3 else _channel(region, draw)
        customers.append(
            _customer(
                f"C{number + 1:05d}", channel, region, number, float(draw.lognormal(0, 0.5)), EPOCH, None
            )
        )
    return customers


def newcomer_id(day: date) -> str | None:
    """The id of the customer who joins in the week of this day, if any."""
    week = week_of(day)
    return f"C{FIRST_NEWCOMER + week:05d}" if week % NEWCOMER_EVERY_WEEKS == 1 else None


def _newcomer(profile: Profile, week: int) -> Customer:
    draw = rng(profile.seed, Stream.NEWCOMER, week)
    region = int(draw.integers(0, profile.regions))
    joined = monday(week) + timedelta(days=NEWCOMER_WEEKDAY)
    left = monday(week + NEWCOMER_STAYS_WEEKS)
    number = FIRST_NEWCOMER + week
    return _customer(f"C{number:05d}", _channel(region, draw), region, number, 0.6, joined, left)


def _channel(region: int, draw: np.random.Generator) -> str:
    share = float(draw.random())
    place = REGIONS[region]
    if share < place.modern_trade_share:
        return "modern_trade"
    return "ecommerce" if share < place.modern_trade_share + place.ecommerce_share else "general_trade"


def _customer(
    code: str, channel: str, region: int, number: int, weight: float, joined: date, left: date | None
) -> Customer:
    kinds, names = TYPES[channel], NAMES[channel]
    name = f"{names[number % len(names)]}, {REGIONS[region].state} {number % 97 + 1}"
    return Customer(code, name, kinds[number % len(kinds)], channel, region, weight, joined, left)
