"""Rows as the curation job writes them, and the Parquet files that hold them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.catalog import contract
from warehouse.columns import sighted, staged

_ARROW = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "INT": pa.int32(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "DATE": pa.date32(),
    "TIMESTAMP_NTZ": pa.timestamp("us", tz="UTC"),
    "NUMBER(18, 4)": pa.decimal128(18, 4),
}


def hashed(code: str) -> int:
    return int(hashlib.md5(code.encode()).hexdigest()[:15], 16)


def content_hash(row: dict[str, Any], *without: str) -> int:
    content = {name: value for name, value in row.items() if name not in without}
    return int(hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()[:15], 16)


def _curated(row: dict[str, Any], source_date: str, **derived: Any) -> dict[str, Any]:
    lineage = {
        "source_date": date.fromisoformat(source_date),
        "source_file": f"s3://highwater-lake/raw/{source_date}.parquet",
        "run_id": "curation",
        "content_hash": content_hash(row),
    }
    return {**row, **derived, **lineage}


def _number(day: date) -> int:
    return day.year * 10000 + day.month * 100 + day.day


def sale(
    order_id: str,
    order_date: str,
    source_date: str,
    *,
    sku: str = "S1",
    region: str = "R1",
    customer: str = "C1",
    quantity: int = 1,
    revenue: str = "100",
    cost: str | None = None,
    channel: str = "ecommerce",
    changed_at: str | None = None,
    is_promo_sale: bool | None = None,
    promo_id: str | None = None,
    is_deleted: bool | None = None,
) -> dict[str, Any]:
    day = date.fromisoformat(order_date)
    net = Decimal(revenue)
    row = {
        "order_id": order_id,
        "sku_code": sku,
        "customer_id": customer,
        "region_code": region,
        "quantity": quantity,
        "net_revenue": net,
        "order_date": day,
        "channel": channel,
        "gross_revenue": None,
        "trade_discount": None,
        "cost_of_goods": None if cost is None else Decimal(cost),
        "is_promo_sale": is_promo_sale,
        "promo_id": promo_id,
        "changed_at": None if changed_at is None else datetime.fromisoformat(changed_at + "+00:00"),
        "is_deleted": is_deleted,
    }
    return _curated(
        row,
        source_date,
        sku_key=hashed(sku),
        geo_key=hashed(region),
        customer_key=hashed(customer),
        date_key=_number(day),
        is_modern_trade=channel == "modern_trade",
        revenue_per_unit=float(net / quantity),
        gross_margin=None if cost is None else net - Decimal(cost),
    )


def stock(
    snapshot_date: str, source_date: str, closing: int, *, sku: str = "S1", region: str = "R1"
) -> dict[str, Any]:
    day = date.fromisoformat(snapshot_date)
    row = {
        "sku_code": sku,
        "region_code": region,
        "snapshot_date": day,
        "opening_stock": closing + 1,
        "closing_stock": closing,
        "reorder_point": None,
    }
    return _curated(row, source_date, sku_key=hashed(sku), geo_key=hashed(region), date_key=_number(day))


def market(
    week_start: str,
    brand: str,
    units: int,
    value: str,
    *,
    source_date: str | None = None,
    region: str = "R1",
    category: str = "Snacks",
    is_deleted: bool | None = None,
) -> dict[str, Any]:
    monday = date.fromisoformat(week_start)
    year, week, _ = monday.isocalendar()
    row = {
        "region_code": region,
        "category": category,
        "brand": brand,
        "units": units,
        "value": Decimal(value),
        "distribution_pct": 81.5,
        "is_deleted": is_deleted,
    }
    raw_date = source_date or (monday + timedelta(days=6)).isoformat()
    return _curated(row, raw_date, geo_key=hashed(region), week=f"{year}-W{week:02d}", week_start=monday)


def promotion(
    promo_id: str,
    week: str,
    source_date: str,
    *,
    sku: str = "S1",
    region: str = "R1",
    spend: str | None = "1000",
    is_promoted: bool | None = True,
) -> dict[str, Any]:
    monday = date.fromisoformat(week)
    row = {
        "promo_id": promo_id,
        "sku_code": sku,
        "region_code": region,
        "week": monday,
        "promo_type": "price_off",
        "promo_discount_pct": 0.25,
        "is_promoted": is_promoted,
        "planned_spend": None if spend is None else Decimal(spend),
    }
    return _curated(row, source_date, sku_key=hashed(sku), geo_key=hashed(region), week_start=monday)


def sku(code: str, source_date: str, *, brand: str | None = "Asha", **attributes: Any) -> dict[str, Any]:
    blank = dict.fromkeys(
        ("sku_name", "category", "sub_category", "pack_size", "pack_type", "mrp", "is_active", "launch_date")
    )
    row = {"sku_code": code, "brand": brand, **blank, "discontinue_date": None, **attributes}
    return _curated(row, source_date, sku_key=hashed(code))


def geography(
    code: str, source_date: str, *, zone: str | None = "North", **attributes: Any
) -> dict[str, Any]:
    blank = dict.fromkeys(("region_name", "state", "city_tier", "population"))
    return _curated(
        {"region_code": code, "zone": zone, **blank, **attributes}, source_date, geo_key=hashed(code)
    )


def customer(code: str, source_date: str, **attributes: Any) -> dict[str, Any]:
    blank = dict.fromkeys(("customer_name", "customer_type", "channel", "account_manager", "credit_limit"))
    return _curated({"customer_id": code, **blank, **attributes}, source_date, customer_key=hashed(code))


def parquet(dataset: str, rows: Sequence[dict[str, Any]]) -> bytes:
    columns = sighted(contract("promotions")) if dataset == "sightings" else staged(contract(dataset))
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), buffer)
    return buffer.getvalue()
