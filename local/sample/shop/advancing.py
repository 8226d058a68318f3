"""What happens in a shop while some time goes by."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

from local.sample.shop import events
from local.sample.shop.agenda import Agenda
from local.sample.shop.state import Change, Shop

_DAY = timedelta(days=1)
_NEW_CUSTOMERS_A_DAY = 0.01
"""Of each customer."""
_OFTEN, _DAILY = 3.0, 1.0
_LATELY = 30
"""Days."""
_A_DAY: dict[Callable[[Agenda], None], float] = {
    events.a_customer_moves: _OFTEN,
    events.a_customer_changes_the_email: _OFTEN,
    events.a_customer_changes_the_phone: 2.0,
    events.a_customer_is_saved_three_times_in_a_second: _DAILY,
    events.a_row_is_saved_without_a_change: 2.0,
    events.a_row_changes_in_silence: _DAILY,
    events.a_customer_comes_or_goes: _DAILY,
    events.a_price_changes: 2.0,
    events.a_brand_gets_dearer: _DAILY,
    events.an_order_is_returned: _DAILY,
    events.an_order_without_its_items: 2.0,
    events.an_order_of_a_customer_to_come: _DAILY,
    events.an_undated_order: _DAILY,
    events.an_order_of_unknown_status: _DAILY,
    events.a_line_of_no_quantity: _DAILY,
    events.a_line_of_negative_amount: _DAILY,
    events.a_customer_is_deleted: _DAILY,
    events.an_order_is_deleted: _DAILY,
    events.a_line_is_deleted: _DAILY,
    events.a_product_is_deleted: 0.3,
    events.something_deleted_comes_back: _DAILY,
    events.a_customer_vanishes: _DAILY,
    events.an_order_vanishes: 0.5,
    events.a_line_vanishes: _DAILY,
}
_LATE_A_DAY: dict[Callable[[Agenda], None], float] = {
    events.an_order_is_committed_late: 2.0,
    events.a_customer_is_committed_late: 2.0,
    events.an_order_is_committed_very_late: _DAILY,
}


def advance(shop: Shop, by: timedelta, seed: int) -> list[Change]:
    """The changes of this time, in their order. The last one is of the shop's new now."""
    if by < timedelta(seconds=1):
        raise ValueError("a shop goes on by a second at least")
    start = shop.clock
    draw = random.Random(f"{seed}/advance/{start}/{by}")
    agenda = Agenda(Shop.of(shop.rows()), start, start + by, draw)
    _plan(agenda, len(shop.customers), by / _DAY)
    agenda.run()
    agenda.now = agenda.end
    events.an_order_is_placed(agenda)
    return agenda.changes


def _plan(agenda: Agenda, customers: int, days: float) -> None:
    """Events of a rate of at least one a day happen at least once in a day."""
    for event, rate in _LATE_A_DAY.items():
        for _ in range(_times(rate * days, agenda.draw)):
            agenda.at(agenda.start, event)
    for event in (events.the_customers_of_orders_come, events.the_items_of_orders_come):
        agenda.at(agenda.sometime(), event)
    for order in agenda.shop.orders.values():
        events.go_on(agenda, order, agenda.start)
    rates = {
        **_A_DAY,
        events.a_customer_signs_up: customers * _NEW_CUSTOMERS_A_DAY,
        events.an_order_is_placed: _orders_a_day(agenda.shop),
    }
    for event, rate in rates.items():
        for _ in range(_times(rate * days, agenda.draw)):
            agenda.at(agenda.sometime(), event)


def _orders_a_day(shop: Shop) -> float:
    """As many as lately."""
    since = shop.clock - timedelta(days=_LATELY)
    return sum(order.created_at > since for order in shop.orders.values()) / _LATELY


def _times(expected: float, draw: random.Random) -> int:
    return int(expected + draw.random())
