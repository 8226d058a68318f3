"""The shop domain: tables of the source that the Snowflake medallion extracts."""

from __future__ import annotations

from contracts.language.dataset import Dataset
from contracts.shop.customers import CUSTOMERS
from contracts.shop.order_items import ORDER_ITEMS
from contracts.shop.orders import ORDERS
from contracts.shop.products import PRODUCTS

EXTRACTED: dict[str, Dataset] = {
    dataset.name: dataset for dataset in (CUSTOMERS, PRODUCTS, ORDERS, ORDER_ITEMS)
}
"""What is extracted, by name. Only a key part is required: of all else, what a rule does not forbid passes."""
