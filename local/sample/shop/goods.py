"""What is sold: products, and the lines of an order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from local.sample.shop.rows import Item, Order, Product

_KINDS = {
    "Tea": ("Assam", "Darjeeling", "Green Tea", "Masala Chai", "Oolong"),
    "Coffee": ("Filter Coffee", "Espresso Beans", "Instant Coffee", "Decaf", "Cold Brew"),
    "Snacks": ("Murukku", "Crackers", "Salted Nuts", "Crisps", "Trail Mix"),
    "Sweets": ("Jaggery Toffee", "Dark Chocolate", "Shortbread", "Halva", "Fudge"),
    "Home": ("Soap", "Candle", "Tea Towel", "Mug", "Tray"),
}
_BRANDS = ("Nordlys", "Malabar", "Old Mill", "Everyday")
PRODUCTS = 60
CENT = Decimal("0.01")


def product(number: int, created_at: datetime, draw: random.Random) -> Product:
    category = list(_KINDS)[number % len(_KINDS)]
    kinds, brand = _KINDS[category], _BRANDS[number // 3 % len(_BRANDS)]
    return Product(
        product_id=f"P{number:04}",
        product_name=f"{brand} {kinds[number // len(_KINDS) % len(kinds)]} {draw.choice((100, 250, 500))}",
        category=category,
        brand=brand,
        unit_price=Decimal(draw.randint(150, 9_999)) / 100,
        is_active=True,
        is_deleted=False,
        created_at=created_at,
        updated_at=created_at,
    )


def repriced(product: Product, factor: Decimal) -> Decimal:
    """The new price, another one in any case."""
    price = (product.unit_price * factor).quantize(CENT)
    return price if price != product.unit_price else price + CENT


def lines(order: Order, on_sale: Sequence[Product], at: datetime, draw: random.Random) -> list[Item]:
    """One to four lines, each of another product."""
    count = draw.choices((1, 2, 3, 4), (4, 3, 2, 1))[0]
    return [
        _line(order, number, bought, at, draw) for number, bought in enumerate(draw.sample(on_sale, count), 1)
    ]


def _line(order: Order, number: int, bought: Product, at: datetime, draw: random.Random) -> Item:
    quantity = draw.choices((1, 2, 3, 6), (6, 3, 2, 1))[0]
    gross = bought.unit_price * quantity
    discount = (gross * Decimal(draw.choice((0, 0, 0, 5, 10, 20))) / 100).quantize(CENT)
    return Item(
        order_id=order.order_id,
        line_number=number,
        product_id=bought.product_id,
        quantity=quantity,
        unit_price=bought.unit_price,
        discount=discount,
        line_amount=gross - discount,
        is_deleted=False,
        created_at=at,
        updated_at=at,
    )


def of_no_quantity(line: Item) -> Item:
    return replace(line, quantity=0, discount=Decimal("0.00"), line_amount=Decimal("0.00"))


def of_negative_amount(line: Item) -> Item:
    return replace(line, line_amount=-line.line_amount)
