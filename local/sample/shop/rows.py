"""The shop's four tables: their columns in order, their keys, and their types in Snowflake."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

_SQL = {
    "str": "VARCHAR",
    "Decimal": "NUMBER(14,2)",
    "int": "NUMBER(10,0)",
    "bool": "BOOLEAN",
    "datetime": "TIMESTAMP_NTZ",
}
Key = tuple[str, ...] | tuple[str, int]


@dataclass(frozen=True)
class Customer:
    customer_id: str
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    address: str | None
    city: str | None
    state: str | None
    zip_code: str | None
    country: str | None
    is_active: bool
    is_deleted: bool
    created_at: datetime
    updated_at: datetime | None

    @property
    def key(self) -> Key:
        return (self.customer_id,)


@dataclass(frozen=True)
class Product:
    product_id: str
    product_name: str
    category: str
    brand: str
    unit_price: Decimal
    is_active: bool
    is_deleted: bool
    created_at: datetime
    updated_at: datetime | None

    @property
    def key(self) -> Key:
        return (self.product_id,)


@dataclass(frozen=True)
class Order:
    order_id: str
    customer_id: str
    order_ts: datetime
    status: str
    currency: str
    is_deleted: bool
    created_at: datetime
    updated_at: datetime | None

    @property
    def key(self) -> Key:
        return (self.order_id,)


@dataclass(frozen=True)
class Item:
    order_id: str
    line_number: int
    product_id: str
    quantity: int
    unit_price: Decimal
    discount: Decimal
    line_amount: Decimal
    is_deleted: bool
    created_at: datetime
    updated_at: datetime | None

    @property
    def key(self) -> Key:
        return (self.order_id, self.line_number)


Row = Customer | Product | Order | Item


@dataclass(frozen=True)
class Table:
    name: str
    row: type[Any]
    key: tuple[str, ...]

    @property
    def columns(self) -> dict[str, str]:
        """Each column's type in Snowflake."""
        return {field.name: _SQL[str(field.type).split(" ")[0]] for field in fields(self.row)}

    def creation(self, schema: str) -> str:
        required = dict.fromkeys(self.key, " NOT NULL")
        columns = ", ".join(f"{name} {kind}{required.get(name, '')}" for name, kind in self.columns.items())
        key = f"PRIMARY KEY ({', '.join(self.key)})"
        return f"CREATE TABLE IF NOT EXISTS {schema}.{self.name} ({columns}, {key})"


TABLES = (
    Table("CUSTOMERS", Customer, ("customer_id",)),
    Table("PRODUCTS", Product, ("product_id",)),
    Table("ORDERS", Order, ("order_id",)),
    Table("ORDER_ITEMS", Item, ("order_id", "line_number")),
)
TABLE_OF = {table.row: table for table in TABLES}
