"""Customers of the website. Who they are depends on the seed and the day alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta

CUSTOMERS = 120
_FIRST = ("Asha", "Björn", "Chloé", "Dmitri", "Esther", "Farid")
_LAST = ("Rao", "Østby", "O'Brien", "Nguyễn", "Smith, Jr.", "Li")
_REGIONS = ("North", "South", "East", "West", None)
_SIGNED_UP = date(2024, 2, 29)


@dataclass(frozen=True)
class Customer:
    customer_id: str
    first_name: str
    last_name: str
    email: str | None
    region: str | None
    signup_date: date


def snapshot(number: int, seed: int) -> list[Customer]:
    """The customers of a day; the first has number 0.

    Each day one leaves for good, one stays away for that day, one joins, one moves.
    """
    found = []
    for place in range(number, CUSTOMERS + number):
        customer = _customer(place, seed)
        if place == CUSTOMERS // 2 + 2 * number:
            continue
        found.append(replace(customer, region="Moved") if place == CUSTOMERS // 3 + number else customer)
    return found


def _customer(place: int, seed: int) -> Customer:
    draw = random.Random(f"{seed}/customer/{place}")
    first, last = draw.choice(_FIRST), draw.choice(_LAST)
    # Ids keep their zeros, and some addresses are typed in capitals.
    email = f"{first}.{place}@Example.COM" if place % 7 == 0 else f"{first}.{place}@example.com".lower()
    return Customer(
        f"{place:05}",
        first,
        last,
        None if place % 11 == 0 else email,
        draw.choice(_REGIONS),
        _SIGNED_UP + timedelta(days=place),
    )
