"""The shop is the same for the same seed and advances, has every defect, and changes nothing without a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta

import pytest

from local.sample.shop import TABLES, Change, Customer, Shop, advance, fill

NOW = datetime(2026, 11, 29, 12)
DAY = timedelta(days=1)
STATUSES = {"placed", "paid", "shipped", "delivered", "cancelled", "returned"}


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop().after(fill(1, NOW))


@pytest.fixture(scope="module")
def day(shop: Shop) -> list[Change]:
    return advance(shop, DAY, 1)


def counts(changes: Sequence[Change]) -> dict[tuple[str, str], int]:
    return dict(Counter((change.table, change.kind) for change in changes))


def test_tables_have_the_columns_of_the_source() -> None:
    assert {table.name: (table.key, list(table.columns)) for table in TABLES} == {
        "CUSTOMERS": (
            ("customer_id",),
            [
                "customer_id",
                "first_name",
                "last_name",
                "email",
                "phone",
                "address",
                "city",
                "state",
                "zip_code",
                "country",
                "is_active",
                "is_deleted",
                "created_at",
                "updated_at",
            ],
        ),
        "PRODUCTS": (
            ("product_id",),
            [
                "product_id",
                "product_name",
                "category",
                "brand",
                "unit_price",
                "is_active",
                "is_deleted",
                "created_at",
                "updated_at",
            ],
        ),
        "ORDERS": (
            ("order_id",),
            [
                "order_id",
                "customer_id",
                "order_ts",
                "status",
                "currency",
                "is_deleted",
                "created_at",
                "updated_at",
            ],
        ),
        "ORDER_ITEMS": (
            ("order_id", "line_number"),
            [
                "order_id",
                "line_number",
                "product_id",
                "quantity",
                "unit_price",
                "discount",
                "line_amount",
                "is_deleted",
                "created_at",
                "updated_at",
            ],
        ),
    }
    items = TABLES[3]
    assert items.columns["line_number"] == items.columns["quantity"] == "NUMBER(10,0)"
    assert items.columns["line_amount"] == "NUMBER(14,2)"
    assert items.creation("SHOP.PUBLIC").endswith("PRIMARY KEY (order_id, line_number))")


def test_the_same_seed_and_advances_give_the_same_shop(shop: Shop, day: list[Change]) -> None:
    again = Shop().after(fill(1, NOW))
    assert again == shop
    assert advance(again, DAY, 1) == day
    assert advance(Shop.of(reversed(list(shop.rows()))), DAY, 1) == day
    assert fill(2, NOW) != fill(1, NOW)
    assert advance(shop, DAY, 2) != day


def test_the_first_filling(shop: Shop) -> None:
    assert [len(rows) for rows in shop.tables.values()] == [300, 60, 2000, 4004]
    assert shop.clock == NOW
    assert min(order.order_ts for order in shop.orders.values()) > NOW - 90 * DAY
    assert len(Shop().after(fill(1, NOW, 40)).customers) == 40
    with pytest.raises(ValueError, match="too few"):
        fill(1, NOW, 9)


def test_customers_of_a_long_history_come_and_go() -> None:
    """Who has bought often lately is more likely to buy again, and many never do."""
    shop = Shop().after(fill(1, NOW, 600, 730))
    bought: dict[str, list[datetime]] = {}
    for order in shop.orders.values():
        bought.setdefault(order.customer_id, []).append(order.order_ts)
    assert len(shop.orders) == 4000
    assert NOW - 730 * DAY < min(min(times) for times in bought.values()) < NOW - 600 * DAY
    day = NOW - 90 * DAY
    lately = {name: sum(day - 180 * DAY <= at < day for at in times) for name, times in bought.items()}
    back = {name for name, times in bought.items() if times[-1] >= day}
    shares = [
        sum(name in back for name in names) / len(names)
        for names in (
            [name for name, orders in lately.items() if orders == 1],
            [name for name, orders in lately.items() if orders > 2],
        )
    ]
    assert 0.3 < shares[0] < shares[1] - 0.15


def test_every_defect_of_customers_is_there(shop: Shop) -> None:
    customers = shop.customers.values()
    emails = [c.email for c in customers if c.email]
    assert {
        "email null": sum(c.email is None for c in customers),
        "email in capitals": sum(e != e.lower() for e in emails),
        "email with blanks around": sum(e != e.strip() for e in emails),
        "email nonsense": sum(
            "@example.com" not in e.lower() or e in ("@example.com", "a b@example.com") for e in emails
        ),
        "phone null": sum(c.phone is None for c in customers),
        "phone too short": sum(c.phone is not None and sum(map(str.isdigit, c.phone)) < 9 for c in customers),
        "name with double blanks": sum("  " in (c.first_name or "") for c in customers),
        "no last name": sum(c.last_name is None for c in customers),
        "country in lower case": sum(c.country is not None and c.country.islower() for c in customers),
        "a part of the address null": sum(
            None in (c.address, c.city, c.state, c.zip_code, c.country) for c in customers
        ),
        "undated": sum(c.updated_at is None for c in customers),
        "inactive": sum(not c.is_active for c in customers),
        "deleted": sum(c.is_deleted for c in customers),
    } == {
        "email null": 19,
        "email in capitals": 23,
        "email with blanks around": 22,
        "email nonsense": 11,
        "phone null": 11,
        "phone too short": 15,
        "name with double blanks": 15,
        "no last name": 12,
        "country in lower case": 29,
        "a part of the address null": 17,
        "undated": 10,
        "inactive": 17,
        "deleted": 7,
    }
    assert len({c.phone[:4] for c in customers if c.phone}) > 20


def test_every_defect_of_orders_is_there(shop: Shop) -> None:
    orders, items = shop.orders.values(), shop.items.values()
    with_items = {item.order_id for item in items}
    assert {
        "customer not there yet": sum((o.customer_id,) not in shop.customers for o in orders),
        "items not there yet": sum(o.order_id not in with_items for o in orders),
        "unknown status": sum(o.status not in STATUSES for o in orders),
        "order undated": sum(o.updated_at is None for o in orders),
        "order deleted": sum(o.is_deleted for o in orders),
        "item undated": sum(i.updated_at is None for i in items),
        "no quantity": sum(i.quantity == 0 for i in items),
        "negative amount": sum(i.line_amount < 0 for i in items),
    } == {
        "customer not there yet": 2,
        "items not there yet": 3,
        "unknown status": 3,
        "order undated": 3,
        "order deleted": 42,
        "item undated": 14,
        "no quantity": 3,
        "negative amount": 3,
    }
    assert {o.status for o in orders} > STATUSES
    assert {o.currency for o in orders} == {"INR", "USD", "GBP", "EUR"}


def test_items_belong_to_orders_and_products_and_add_up(shop: Shop, day: list[Change]) -> None:
    for found in (shop, shop.after(day)):
        for item in found.items.values():
            assert (item.order_id,) in found.orders
            assert (item.product_id,) in found.products
            assert abs(item.line_amount) == item.quantity * item.unit_price - item.discount


def test_a_day_has_changes_of_every_kind(shop: Shop, day: list[Change]) -> None:
    assert counts(day) == {
        ("CUSTOMERS", "delete"): 1,
        ("CUSTOMERS", "insert"): 5,
        ("CUSTOMERS", "update"): 18,
        ("ORDERS", "delete"): 1,
        ("ORDERS", "insert"): 34,
        ("ORDERS", "update"): 73,
        ("ORDER_ITEMS", "delete"): 2,
        ("ORDER_ITEMS", "insert"): 71,
        ("ORDER_ITEMS", "update"): 2,
        ("PRODUCTS", "update"): 18,
    }
    assert {change.reason for change in day} >= {
        *(
            "signed up",
            "placed",
            "paid",
            "shipped",
            "delivered",
            "moved",
            "email",
            "phone",
            "price",
            "brand's prices",
        ),
        *(
            "burst",
            "touched",
            "silent",
            "active",
            "late",
            "very late",
            "returned",
            "undated",
            "unknown status",
        ),
        *("no quantity", "negative amount", "deleted", "undeleted", "vanished", "placed, items later"),
        *("placed, customer later", "items of an earlier order", "customer of an earlier order"),
    }
    assert shop.after(day).clock == NOW + DAY


def test_what_was_missing_comes_with_the_next_advance(shop: Shop, day: list[Change]) -> None:
    after = shop.after(day)
    for order in shop.orders.values():
        if order.key in after.orders:
            assert (order.customer_id,) in after.customers or not any(
                c.customer_id == order.customer_id for c in shop.customers.values()
            )
            assert after.lines(order)
    missing = {o.customer_id for o in shop.orders.values()} - {c.customer_id for c in shop.customers.values()}
    assert len(missing) == 2
    assert all((customer_id,) in after.customers for customer_id in missing)


def test_nothing_changes_without_a_reason(shop: Shop, day: list[Change]) -> None:
    now = Shop.of(shop.rows())
    for change in day:
        before = dict(now.tables[change.table]).get(change.row.key)
        if change.kind == "update":
            assert before is not None
            differing = {
                f.name for f in fields(before) if getattr(before, f.name) != getattr(change.row, f.name)
            }
            assert differing, change
            if change.reason == "touched":
                assert differing == {"updated_at"}
            elif change.reason == "silent":
                assert differing == {"city"}
            elif change.reason != "burst":
                assert differing > {"updated_at"}, change
        now.apply(change)
    touched = {(change.table, change.row.key) for change in day}
    after = shop.after(day)
    for name, rows in shop.tables.items():
        untouched = {key: row for key, row in rows.items() if (name, key) not in touched}
        assert {key: after.tables[name].get(key) for key in untouched} == untouched


def test_times_of_a_row_never_go_back_and_stay_within_the_advance(shop: Shop) -> None:
    now = shop
    for by in (DAY, timedelta(hours=12), timedelta(minutes=30), 7 * DAY):
        start, running = now.clock, Shop.of(now.rows())
        for change in (changes := advance(now, by, 1)):
            before = dict(running.tables[change.table]).get(change.row.key)
            if change.kind == "update" and before and before.updated_at:
                assert change.row.updated_at is not None
                assert change.row.updated_at >= before.updated_at
            assert (change.row.updated_at or change.row.created_at) <= start + by
            running.apply(change)
        now = now.after(changes)
        assert now.clock == start + by


def test_late_rows_are_dated_before_the_last_now(day: list[Change]) -> None:
    ages = {
        r: [NOW - c.row.updated_at for c in day if c.reason == r and c.row.updated_at]
        for r in ("late", "very late")
    }
    assert all(timedelta(seconds=40) <= age <= timedelta(minutes=9) for age in ages["late"])
    assert all(timedelta(minutes=30) <= age <= timedelta(hours=5) for age in ages["very late"])
    assert len(ages["late"]) >= 4


def test_three_versions_of_a_row_within_a_second(day: list[Change]) -> None:
    first, second, third = (c.row for c in day if c.reason == "burst")
    assert isinstance(third, Customer)
    assert first.key == second.key == third.key
    assert first.updated_at
    assert second.updated_at
    assert timedelta(0) < second.updated_at - first.updated_at < timedelta(seconds=1)
    assert second.updated_at == third.updated_at
    assert replace(third, is_active=not third.is_active) == second


def test_keys_are_never_used_twice(shop: Shop) -> None:
    now, gone = shop, set()
    for by in [DAY] * 5 + [timedelta(minutes=30)] * 20:
        changes = advance(now, by, 3)
        inserted = {(c.table, c.row.key) for c in changes if c.kind == "insert"}
        assert not inserted & gone
        gone |= {(c.table, c.row.key) for c in changes if c.kind == "delete"}
        now = now.after(changes)
    assert len(gone) > 10


def test_an_advance_of_no_time_is_refused(shop: Shop) -> None:
    with pytest.raises(ValueError, match="a second at least"):
        advance(shop, timedelta(0), 1)
