"""Small deliveries with values that a person can follow, in the raw formats of the source systems."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.intake.rules import delivery
from tasks.services import aws

BUCKET = "highwater-lake"
Row = dict[str, Any]


def sale(order: str, day: date, net: float | str = 100.0, **values: Any) -> Row:
    return {
        "order_id": order,
        "sku_code": "SKU-1",
        "customer_id": "C1",
        "region_code": "NORTH",
        "quantity": "10",
        "net_revenue": str(net),
        "order_date": day.isoformat(),
        "channel": "modern_trade",
        "changed_at": f"{day.isoformat()} 08:00:00",
        **values,
    }


def table(rows: Iterable[Row]) -> pa.Table:
    """All text, as SAP's extractor delivers it on its bad days."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in names})


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def put(key: str, body: bytes) -> None:
    aws.s3().put_object(Bucket=BUCKET, Key=key, Body=body)


def parquet(content: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(content, buffer)
    return buffer.getvalue()


def address(dataset: str, raw_date: date, name: str = "part-0.parquet") -> str:
    return delivery(dataset).address(raw_date) + name


def deliver(dataset: str, raw_date: date, rows: Iterable[Row], name: str = "part-0.parquet") -> None:
    put(address(dataset, raw_date, name), parquet(table(rows)))


def masters(snapshot: date, skus: Iterable[str] = ("SKU-1", "SKU-2")) -> None:
    deliver(
        "sku",
        snapshot,
        [
            {"sku_code": code, "sku_name": f"Name of {code}", "brand": "Aarna", "category": "Snacks"}
            for code in skus
        ],
    )
    deliver(
        "geography", snapshot, [{"region_code": "NORTH", "zone": "N"}, {"region_code": "SOUTH", "zone": "S"}]
    )
    deliver(
        "customer",
        snapshot,
        [{"customer_id": "C1", "customer_name": "Śrī Traders", "customer_type": "chain"}],
    )


def everything_but_sales(day: date) -> None:
    """The other sources of a day, each with a row or two."""
    monday = day - timedelta(days=day.weekday())
    masters(monday)
    deliver(
        "inventory",
        day,
        [
            {
                "sku_code": "SKU-1",
                "region_code": "NORTH",
                "snapshot_date": day,
                "opening_stock": 80,
                "closing_stock": 70,
                "reorder_point": 20,
            }
        ],
    )
    deliver(
        "market",
        day - timedelta(days=day.isoweekday()),
        [
            {
                "region_code": "NORTH",
                "category": "Snacks",
                "brand": brand,
                "units": units,
                "value": units * 10,
            }
            for brand, units in (("Aarna", 30), ("Rival", 70))
        ],
    )
    deliver(
        "promotions",
        monday,
        [
            {
                "promo_id": "P1",
                "sku_code": "SKU-1",
                "region_code": "NORTH",
                "week": monday + timedelta(days=7 * ahead),
                "promo_type": "price_off",
                "promo_discount_pct": 0.25,
                "is_promoted": True,
                "planned_spend": 500,
            }
            for ahead in (0, 1)
        ],
    )
