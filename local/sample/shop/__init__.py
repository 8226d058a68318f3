"""A shop's tables, and how they change as time goes by. Pure: what they are depends on the seed and the advances alone."""

from local.sample.shop.advancing import advance
from local.sample.shop.filling import fill
from local.sample.shop.rows import TABLES, Customer, Item, Order, Product, Table
from local.sample.shop.state import Change, Shop

__all__ = ["TABLES", "Change", "Customer", "Item", "Order", "Product", "Shop", "Table", "advance", "fill"]
