"""What can happen in a shop. Each event happens at the agenda's now, or not at all if there is nothing it could befall."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from local.sample.shop import goods, people
from local.sample.shop.agenda import Agenda
from local.sample.shop.filling import new_order
from local.sample.shop.lifecycle import UNKNOWN_STATUS, steps
from local.sample.shop.rows import Customer, Item, Order

_RETURN_DAYS = 30


def a_customer_signs_up(agenda: Agenda) -> None:
    agenda.insert(people.customer(agenda.next_customer(), agenda.now, agenda.draw), "signed up")


def an_order_is_placed(agenda: Agenda) -> None:
    order = _placed(agenda, agenda.now)
    _with_lines(agenda, order, "placed")


def an_order_without_its_items(agenda: Agenda) -> None:
    agenda.insert(_placed(agenda, agenda.now), "placed, items later")


def an_order_of_a_customer_to_come(agenda: Agenda) -> None:
    order = replace(_placed(agenda, agenda.now), customer_id=f"C{agenda.next_customer():06}")
    _with_lines(agenda, order, "placed, customer later")


def an_undated_order(agenda: Agenda) -> None:
    order = _placed(agenda, agenda.now)
    agenda.insert(replace(order, updated_at=None), "undated")
    _lines(agenda, order, "undated")


def an_order_of_unknown_status(agenda: Agenda) -> None:
    order = replace(_placed(agenda, agenda.now), status=UNKNOWN_STATUS)
    _with_lines(agenda, order, "unknown status")


def a_line_of_no_quantity(agenda: Agenda) -> None:
    _broken_line(agenda, "no quantity")


def a_line_of_negative_amount(agenda: Agenda) -> None:
    _broken_line(agenda, "negative amount")


def _broken_line(agenda: Agenda, reason: str) -> None:
    order = _placed(agenda, agenda.now)
    agenda.insert(order, reason)
    broken = goods.of_no_quantity if reason == "no quantity" else goods.of_negative_amount
    first, *others = goods.lines(order, agenda.on_sale(), agenda.now, agenda.draw)
    for line in (broken(first), *others):
        agenda.insert(line, reason)


def the_items_of_orders_come(agenda: Agenda) -> None:
    """Of the orders that an earlier time has left without."""
    for order in list(agenda.shop.orders.values()):
        if order.created_at <= agenda.start and not agenda.shop.lines(order):
            _lines(agenda, order, "items of an earlier order")


def the_customers_of_orders_come(agenda: Agenda) -> None:
    named = {o.customer_id for o in agenda.shop.orders.values() if o.created_at <= agenda.start}
    for customer_id in sorted(named - {c.customer_id for c in agenda.shop.customers.values()}):
        agenda.insert(
            people.customer(int(customer_id[1:]), agenda.now, agenda.draw), "customer of an earlier order"
        )


def go_on(agenda: Agenda, order: Order, since: datetime) -> None:
    """Plan what becomes of an order."""
    for at, status in steps(order.status, since, agenda.end, agenda.draw):
        agenda.at(at, lambda agenda, status=status, key=order.key: _step(agenda, key, status))  # type: ignore[misc]


def _step(agenda: Agenda, key: tuple[str, ...], status: str) -> None:
    order = agenda.shop.orders.get(key)
    if order and not order.is_deleted:
        agenda.update(order, status, status=status)


def an_order_is_returned(agenda: Agenda) -> None:
    since = agenda.now - timedelta(days=_RETURN_DAYS)
    orders = agenda.shop.orders.values()
    if found := agenda.any_of(
        o for o in orders if o.status == "delivered" and not o.is_deleted and o.order_ts > since
    ):
        agenda.update(found, "returned", status="returned")


def a_customer_moves(agenda: Agenda) -> None:
    if customer := agenda.customer():
        _move(agenda, customer, "moved")


def _move(agenda: Agenda, customer: Customer, reason: str) -> Customer:
    new = people.moved(customer, agenda.draw)
    return agenda.update(
        customer, reason, address=new.address, city=new.city, state=new.state, zip_code=new.zip_code
    )


def a_customer_changes_the_email(agenda: Agenda) -> None:
    if customer := agenda.customer():
        clean = people.email(customer.first_name, customer.last_name, agenda.draw.randrange(1_000, 10_000))
        dirty = people.dirty_email(clean, agenda.draw)
        new = clean if agenda.draw.random() < 0.7 or dirty == customer.email else dirty
        agenda.update(customer, "email", email=new)


def a_customer_changes_the_phone(agenda: Agenda) -> None:
    if customer := agenda.customer():
        new = people.phone(customer.country, agenda.draw)
        agenda.update(customer, "phone", phone=None if new == customer.phone else new)


def a_customer_is_saved_three_times_in_a_second(agenda: Agenda) -> None:
    """The last two at the same microsecond."""
    if customer := agenda.customer():
        agenda.now = min(agenda.now.replace(microsecond=0) + timedelta(microseconds=120_000), agenda.end)
        if (customer.updated_at or customer.created_at) >= agenda.now:
            return
        customer = _move(agenda, customer, "burst")
        later = min(agenda.now + timedelta(microseconds=500_000), agenda.end)
        customer = agenda.update(
            customer, "burst", phone=people.phone(customer.country, agenda.draw), updated_at=later
        )
        agenda.update(customer, "burst", is_active=not customer.is_active, updated_at=later)


def a_row_is_saved_without_a_change(agenda: Agenda) -> None:
    row = agenda.draw.choice((agenda.customer, agenda.product, agenda.order))()
    if row:
        agenda.update(row, "touched")


def a_row_changes_in_silence(agenda: Agenda) -> None:
    """By somebody who forgets to say when."""
    if customer := agenda.customer():
        city = f"{(customer.city or 'Pune').strip()} {'East' if agenda.draw.random() < 0.5 else 'West'}"
        agenda.update(customer, "silent", city=city, updated_at=customer.updated_at)


def a_customer_comes_or_goes(agenda: Agenda) -> None:
    if customer := agenda.customer():
        agenda.update(customer, "active", is_active=not customer.is_active)


def a_price_changes(agenda: Agenda) -> None:
    if product := agenda.product():
        factor = Decimal(agenda.draw.choice((90, 95, 105, 110))) / 100
        agenda.update(product, "price", unit_price=goods.repriced(product, factor))


def a_brand_gets_dearer(agenda: Agenda) -> None:
    """All of its products at the same time."""
    if chosen := agenda.product():
        for product in list(agenda.shop.products.values()):
            if product.brand == chosen.brand and not product.is_deleted:
                agenda.update(product, "brand's prices", unit_price=goods.repriced(product, Decimal("1.03")))


def a_customer_is_deleted(agenda: Agenda) -> None:
    if customer := agenda.customer():
        agenda.update(customer, "deleted", is_deleted=True)


def an_order_is_deleted(agenda: Agenda) -> None:
    if order := agenda.order():
        for line in agenda.shop.lines(order):
            if not line.is_deleted:
                agenda.update(line, "deleted", is_deleted=True)
        agenda.update(order, "deleted", is_deleted=True)


def a_line_is_deleted(agenda: Agenda) -> None:
    if line := agenda.line():
        agenda.update(line, "deleted", is_deleted=True)


def a_product_is_deleted(agenda: Agenda) -> None:
    if product := agenda.product():
        agenda.update(product, "deleted", is_deleted=True)


def something_deleted_comes_back(agenda: Agenda) -> None:
    """A customer, or an order with its lines."""
    customer = agenda.any_of(c for c in agenda.shop.customers.values() if c.is_deleted)
    order = agenda.any_of(o for o in agenda.shop.orders.values() if o.is_deleted)
    if customer and (order is None or agenda.draw.random() < 0.5):
        agenda.update(customer, "undeleted", is_deleted=False)
    elif order:
        agenda.update(order, "undeleted", is_deleted=False)
        for line in agenda.shop.lines(order):
            if line.is_deleted:
                agenda.update(line, "undeleted", is_deleted=False)


def a_customer_vanishes(agenda: Agenda) -> None:
    """One of whom there is no order. Never the latest, so that no id is used twice."""
    customers = agenda.shop.customers
    kept = {order.customer_id for order in agenda.shop.orders.values()} | {max(customers)[0]}
    if found := agenda.any_of(c for c in customers.values() if c.customer_id not in kept):
        agenda.delete(found, "vanished")


def an_order_vanishes(agenda: Agenda) -> None:
    """With its lines. Never one of this time, so that no id is used twice."""
    if found := agenda.any_of(o for o in agenda.shop.orders.values() if o.created_at < agenda.start):
        for line in agenda.shop.lines(found):
            agenda.delete(line, "vanished")
        agenda.delete(found, "vanished")


def a_line_vanishes(agenda: Agenda) -> None:
    """The second line of an order of several."""
    items = agenda.shop.items.values()
    if found := agenda.any_of(
        line for line in items if line.line_number == 2 and line.created_at < agenda.start
    ):
        agenda.delete(found, "vanished")


def an_order_is_committed_late(agenda: Agenda) -> None:
    """Written before the last look at the shop, and seen only after it."""
    _late(agenda, timedelta(seconds=agenda.draw.randint(40, 540)), "late")


def an_order_is_committed_very_late(agenda: Agenda) -> None:
    _late(agenda, timedelta(minutes=agenda.draw.randint(30, 300)), "very late")


def _late(agenda: Agenda, by: timedelta, reason: str) -> None:
    order = _placed(agenda, agenda.now - by)
    agenda.insert(order, reason)
    for line in goods.lines(order, agenda.on_sale(), order.created_at, agenda.draw):
        agenda.insert(line, reason)


def a_customer_is_committed_late(agenda: Agenda) -> None:
    agenda.now = agenda.start - timedelta(seconds=agenda.draw.randint(40, 540))
    if customer := agenda.customer():
        _move(agenda, customer, "late")


def _placed(agenda: Agenda, at: datetime) -> Order:
    customers = [c for c in agenda.shop.customers.values() if not c.is_deleted and c.created_at < at]
    buyer = agenda.draw.choice(customers or list(agenda.shop.customers.values()))
    return new_order(agenda.next_order(), buyer.customer_id, people.currency(buyer), at)


def _with_lines(agenda: Agenda, order: Order, reason: str) -> None:
    agenda.insert(order, reason)
    _lines(agenda, order, reason)
    go_on(agenda, order, agenda.now)


def _lines(agenda: Agenda, order: Order, reason: str) -> list[Item]:
    found = goods.lines(order, agenda.on_sale(), agenda.now, agenda.draw)
    for line in found:
        agenda.insert(line, reason)
    return found
