"""The shop as it is found first: two years of customers, and the orders of the last days of them.

Each customer buys at a rate of their own, and for a time of their own: some have left without a word.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from local.sample.shop import goods, people
from local.sample.shop.lifecycle import UNKNOWN_STATUS, steps
from local.sample.shop.rows import Customer, Item, Order, Product, Row
from local.sample.shop.state import Change, Shop

R = TypeVar("R", Customer, Product)
CUSTOMERS = 300
DAYS = 90
_ORDERS_A_CUSTOMER = 2_000 / 300
_MEAN_STAY = 500.0
"""Days after which customers leave, on average."""
_HISTORY = timedelta(days=730)
_UNDATED, _DELETED, _RETURNED = 0.005, 0.02, 0.04
_LATER_CUSTOMERS, _LATER_ITEMS, _BROKEN = 2, 3, 3


@dataclass(frozen=True)
class Buyer:
    customer: Customer
    rate: float
    first: datetime
    last: datetime

    @property
    def weight(self) -> float:
        return self.rate * max((self.last - self.first).total_seconds(), 1.0)


def fill(seed: int, now: datetime, customers: int = CUSTOMERS, days: int = DAYS) -> list[Change]:
    """Everything as it stands at `now`, the time of the newest row, with the orders of so many days."""
    if customers < 10:
        raise ValueError(f"{customers} customers are too few for all defects: at least 10 are needed")
    draw = random.Random(f"{seed}/fill/{customers}/{days}/{now}")
    people_ = _customers(customers, now, draw)
    on_sale = [goods.product(number, _long_ago(now, draw), draw) for number in range(1, goods.PRODUCTS + 1)]
    orders = list(_orders(people_, now, days, draw))
    without_items = {order.order_id for order in orders[-1 - _LATER_ITEMS : -1]}
    items = [
        line
        for order in orders
        if order.order_id not in without_items
        for line in _lines(order, on_sale, draw)
    ]
    rows: list[Row] = [
        *(_aged(customer, now, draw) for customer in people_),
        *(_aged(product, now, draw) for product in on_sale),
        *_broken_orders(orders),
        *_broken_items(items),
    ]
    return [Change("insert", row, "filled") for row in Shop.of(rows).rows()]


def _customers(count: int, now: datetime, draw: random.Random) -> list[Customer]:
    times = sorted(_long_ago(now, draw) for _ in range(count))
    return [people.customer(number, at, draw) for number, at in enumerate(times, 1)]


def _orders(customers: list[Customer], now: datetime, days: int, draw: random.Random) -> Iterator[Order]:
    """The last of them is placed now. Two are of customers whom nobody knows yet."""
    count = round(len(customers) * _ORDERS_A_CUSTOMER)
    buyers = [_buyer(customer, now, days, draw) for customer in customers]
    bought = draw.choices(buyers, [buyer.weight for buyer in buyers], k=count - 1)
    placed = sorted(
        ((_between(buyer.first, buyer.last, draw), buyer.customer) for buyer in bought), key=_time
    )
    for number, (at, customer) in enumerate([*placed, (now, placed[-1][1])], 1):
        later = count - 10 < number <= count - 10 + _LATER_CUSTOMERS
        customer_id = f"C{len(customers) + number - count + 10:06}" if later else customer.customer_id
        yield _lived(new_order(number, customer_id, people.currency(customer), at), now, draw)


def _time(placed: tuple[datetime, Customer]) -> datetime:
    return placed[0]


def _buyer(customer: Customer, now: datetime, days: int, draw: random.Random) -> Buyer:
    """Who leaves before the orders begin had them before that: their last day is then the first."""
    begin = max(customer.created_at, now - timedelta(days=days))
    left = customer.created_at + timedelta(days=draw.expovariate(1 / _MEAN_STAY))
    return Buyer(customer, draw.gammavariate(1.5, 1.0), begin, min(max(left, begin), now))


def new_order(number: int, customer_id: str, currency: str, at: datetime) -> Order:
    return Order(
        order_id=f"O{number:07}",
        customer_id=customer_id,
        order_ts=at.replace(microsecond=0),
        status="placed",
        currency=currency,
        is_deleted=False,
        created_at=at,
        updated_at=at,
    )


def _lived(order: Order, now: datetime, draw: random.Random) -> Order:
    for at, status in steps(order.status, order.created_at, now, draw):
        order = replace(order, status=status, updated_at=at)
    if order.status == "delivered" and draw.random() < _RETURNED:
        order = replace(order, status="returned", updated_at=_between(order.updated_at, now, draw))
    if order.created_at < now and draw.random() < _DELETED:
        order = replace(order, is_deleted=True, updated_at=_between(order.updated_at, now, draw))
    return order


def _lines(order: Order, on_sale: list[Product], draw: random.Random) -> list[Item]:
    """Lines come with their order, and go with it."""
    found = goods.lines(order, on_sale, order.created_at, draw)
    if order.is_deleted:
        return [replace(line, is_deleted=True, updated_at=order.updated_at) for line in found]
    return [replace(line, updated_at=None) if draw.random() < _UNDATED else line for line in found]


def _aged(row: R, now: datetime, draw: random.Random) -> R:
    """As later writes have left it."""
    if draw.random() < 0.4:
        row = replace(row, updated_at=_between(row.created_at, now, draw))
    chance = draw.random()
    if chance < _DELETED:
        return replace(row, is_deleted=True, is_active=False)
    if chance < 2 * _DELETED:
        return replace(row, is_active=False)
    return replace(row, updated_at=None) if chance > 1 - 4 * _UNDATED else row


def _broken_orders(orders: list[Order]) -> list[Order]:
    """Some of a status that nobody knows, and some without a time of change."""
    found = list(orders)
    for place in range(_BROKEN):
        at = len(orders) // (_BROKEN + 1) * (place + 1)
        found[at] = replace(found[at], status=UNKNOWN_STATUS)
        found[at + 1] = replace(found[at + 1], updated_at=None)
    return found


def _broken_items(items: list[Item]) -> list[Item]:
    """Some of no quantity, and some of a negative amount."""
    found = list(items)
    for place in range(_BROKEN):
        at = len(items) // (_BROKEN + 1) * (place + 1)
        found[at] = goods.of_no_quantity(found[at])
        found[at + 1] = goods.of_negative_amount(found[at + 1])
    return found


def _long_ago(now: datetime, draw: random.Random) -> datetime:
    return _between(now - _HISTORY, now - timedelta(hours=1), draw)


def _between(first: datetime | None, last: datetime, draw: random.Random) -> datetime:
    first = first or last
    return first + timedelta(
        microseconds=draw.randint(0, max((last - first) // timedelta(microseconds=1) - 1, 0))
    )
