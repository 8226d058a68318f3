"""A shop's tables, and how they change as time goes by. Pure: a seed, the advances and their presents decide it all."""

from local.sample.shop.advancing import advance
from local.sample.shop.filling import DAYS, fill
from local.sample.shop.rows import TABLES, Customer, Item, Order, Product, Table
from local.sample.shop.stamping import LAG, stamped
from local.sample.shop.state import Change, Shop

__all__ = [
    "DAYS",
    "LAG",
    "TABLES",
    "Change",
    "Customer",
    "Item",
    "Order",
    "Product",
    "Shop",
    "Table",
    "advance",
    "fill",
    "stamped",
]
