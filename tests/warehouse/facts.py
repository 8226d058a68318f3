"""A small world of facts, written straight into the DW: what the marts read, without the loads that usually bring it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_marts import refresh_marts
from tests.warehouse.standin import Warehouse
from warehouse.records import bound_rows
from warehouse.statement import Statement

FIRST_WEEK = date(2025, 3, 3)
REGION = "R1"
_TABLES = (
    "DW.FACT_SALES",
    "DW.FACT_PROMOTION",
    "DW.FACT_INVENTORY",
    "DW.DIM_SKU",
    "DW.DIM_GEOGRAPHY",
)


def day(week: int, weekday: int = 0) -> date:
    """Weekday 0 is the Monday of the week; week 0 is FIRST_WEEK."""
    return FIRST_WEEK + timedelta(weeks=week, days=weekday)


@dataclass(frozen=True)
class Sold:
    week: int
    weekday: int = 0
    units: int = 1
    margin: int | None = 2
    """Of one unit; its price is ten."""
    flag: bool | None = None
    promo: str | None = None
    sku: int = 1

    @property
    def date(self) -> date:
        return day(self.week, self.weekday)

    @property
    def revenue(self) -> int:
        return 10 * self.units


@dataclass(frozen=True)
class Line:
    promo: str
    week: int
    spend: int | None = 70
    promoted: bool | None = True
    withdrawn: bool = False
    sku: int = 1


@dataclass(frozen=True)
class Stock:
    week: int
    weekday: int
    closing: int
    sku: int = 1


@dataclass(frozen=True)
class World:
    sales: Iterable[Sold]
    lines: Iterable[Line] = ()
    stock: Iterable[Stock] = field(default=())

    def write(self, warehouse: Warehouse) -> None:
        for table in _TABLES:
            warehouse.rows(f"DELETE FROM {table}")
        skus = sorted({fact.sku for fact in (*self.sales, *self.lines, *self.stock)})
        stamp = {"is_inferred": True, "created_at": "2025-01-01", "updated_at": "2025-01-01"}
        _insert(warehouse, "DW.DIM_SKU", [{"sku_key": n, "sku_code": f"S{n}", **stamp} for n in skus])
        _insert(warehouse, "DW.DIM_GEOGRAPHY", [{"geo_key": 1, "region_code": REGION, **stamp}])
        _insert(warehouse, "DW.FACT_SALES", [_sale(n, fact) for n, fact in enumerate(self.sales)])
        _insert(warehouse, "DW.FACT_PROMOTION", [_line(line) for line in self.lines])
        _insert(warehouse, "DW.FACT_INVENTORY", [_stock(fact) for fact in self.stock])

    def measured(self, warehouse: Warehouse) -> None:
        """Rebuilt whole, because nothing recorded what was written."""
        self.write(warehouse)
        refresh_marts(warehouse.connection, whole=True)


def _key(day: date) -> int:
    return day.year * 10000 + day.month * 100 + day.day


def _sale(number: int, fact: Sold) -> dict[str, Any]:
    return {
        "order_id": f"O{number}",
        "sku_key": fact.sku,
        "geo_key": 1,
        "customer_key": 1,
        "date_key": _key(fact.date),
        "order_date": str(fact.date),
        "channel": "ecommerce",
        "is_modern_trade": False,
        "quantity": fact.units,
        "net_revenue": fact.revenue,
        "gross_margin": None if fact.margin is None else fact.margin * fact.units,
        "is_promo_sale": fact.flag,
        "promo_id": fact.promo,
        "is_revenue_anomaly": False,
        "source_date": str(fact.date),
        "content_hash": number,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "promo_id": line.promo,
        "sku_key": line.sku,
        "geo_key": 1,
        "week_start": str(day(line.week)),
        "date_key": _key(day(line.week)),
        "promo_type": "price_off",
        "promo_discount_pct": 0.25,
        "is_promoted": line.promoted,
        "planned_spend": line.spend,
        "is_withdrawn": line.withdrawn,
        "source_date": str(day(line.week)),
        "content_hash": 1,
    }


def _stock(fact: Stock) -> dict[str, Any]:
    when = day(fact.week, fact.weekday)
    return {
        "sku_key": fact.sku,
        "geo_key": 1,
        "snapshot_date": str(when),
        "date_key": _key(when),
        "closing_stock": fact.closing,
        "stockout_flag": fact.closing <= 0,
        "overstock_flag": False,
        "source_date": str(when),
        "content_hash": 1,
    }


_SPECIAL = {
    "net_revenue": "NUMBER(18, 4)",
    "gross_margin": "NUMBER(18, 4)",
    "planned_spend": "NUMBER(18, 4)",
    "promo_discount_pct": "DOUBLE",
    "created_at": "TIMESTAMP_NTZ",
    "updated_at": "TIMESTAMP_NTZ",
    **dict.fromkeys(("order_date", "week_start", "snapshot_date", "source_date"), "DATE"),
    **dict.fromkeys(("quantity", "closing_stock", "content_hash", "date_key"), "BIGINT"),
    **dict.fromkeys(("sku_key", "geo_key", "customer_key"), "BIGINT"),
}


def _type(column: str) -> str:
    if column.startswith("is_") or column.endswith("_flag"):
        return "BOOLEAN"
    return _SPECIAL.get(column, "VARCHAR")


def _insert(warehouse: Warehouse, table: str, rows: list[Mapping[str, Any]] | list[dict[str, Any]]) -> None:
    if rows:
        types = {column: _type(column) for column in rows[0]}
        sql = f"INSERT INTO {table} ({', '.join(types)}) SELECT {', '.join(types)} FROM ({bound_rows(types)}) given_rows"
        execute(warehouse.connection, Statement(f"writing {table}", sql, (json.dumps(rows),)))
