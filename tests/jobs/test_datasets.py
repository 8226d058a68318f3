"""Market, inventory, promotions and masters: their keys, derived columns and files; several in one session."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
import xxhash

pytestmark = pytest.mark.spark

SUNDAY_OF_W01 = date(2025, 1, 5)
OLDER, NEWER = date(2025, 1, 1), date(2025, 1, 8)


def surrogate(code: str) -> int:
    return int(xxhash.xxh64(code.encode(), seed=42).intdigest()) & (2**63 - 1)


def market_line(brand: str, **values: Any) -> dict[str, Any]:
    return {"region_code": "in-mh", "category": "Tea", "brand": brand, "units": 10, "value": 99.5, **values}


def promotion(promo: str, week: str, **values: Any) -> dict[str, Any]:
    return {
        "promo_id": promo,
        "sku_code": "sku-1",
        "region_code": "IN-MH",
        "week": week,
        "promo_type": "display",
        "promo_discount_pct": 0.25,
        "is_promoted": True,
        "planned_spend": 5000,
        **values,
    }


def test_five_datasets_side_by_side(lake: Any) -> None:
    stock = {
        "sku_code": "sku-1",
        "region_code": "in-mh",
        "snapshot_date": "2025-01-05",
        "opening_stock": 10,
        "closing_stock": 4,
        "reorder_point": 5,
    }
    geography = {
        "region_code": "IN-MH",
        "region_name": "महाराष्ट्र",
        "zone": "West",
        "state": "Maharashtra",
        "city_tier": "T1",
        "population": 1_000,
    }
    market, inventory, promotions, regions, customers = lake.curate(
        lake.work(
            "market",
            [lake.deliver(SUNDAY_OF_W01, [market_line("अमृत"), market_line("अमृत"), market_line("Ours")])],
        ),
        lake.work(
            "inventory", [lake.deliver(OLDER, [stock]), lake.deliver(NEWER, [{**stock, "closing_stock": 7}])]
        ),
        lake.work(
            "promotions",
            [
                lake.deliver(
                    OLDER,
                    [
                        promotion("P-1", "2025-01-06"),
                        promotion("P-1", "2025-01-13"),
                        promotion("P-2", "2025-01-07"),
                    ],
                )
            ],
        ),
        lake.work(
            "geography",
            [lake.deliver(NEWER, [{**geography, "zone": "new"}]), lake.deliver(OLDER, [geography])],
        ),
        lake.work("customer", [lake.deliver(OLDER, [{"customer_id": "c-1", "customer_name": "Čuk"}])]),
    )

    assert market.published("week", "week_start", "region_code", "brand", "units", "value", "geo_key") == {
        ("2025-W01", date(2024, 12, 30), "IN-MH", brand, 10, Decimal("99.5000"), surrogate("IN-MH"))
        for brand in ("अमृत", "Ours")
    }
    assert (market.figures["rows_superseded"], market.figures["repeats"]) == (1, 1)
    assert inventory.published("closing_stock", "date_key", "source_date", "sku_key") == {
        (7, 20250105, NEWER, surrogate("SKU-1"))
    }
    assert promotions.published("promo_id", "week", "week_start", "promo_discount_pct") == {
        ("P-1", monday, monday, 0.25) for monday in (date(2025, 1, 6), date(2025, 1, 13))
    }
    assert promotions.figures["reasons"] == {"week:monday": 1}
    # What the load learns of a refused line: its key as delivered, and when it was seen.
    assert promotions.rows("sightings") == [
        {
            "promo_id": "P-2",
            "sku_code": promotion("P-2", "")["sku_code"],
            "region_code": promotion("P-2", "")["region_code"],
            "week": "2025-01-07",
            "raw_date": OLDER,
        }
    ]
    assert sorted(path.name for path in promotions.output.iterdir()) == ["published", "sightings"]
    assert [path.name for path in inventory.output.iterdir()] == ["published"]
    assert regions.published("region_code", "region_name", "zone", "source_date") == {
        ("IN-MH", "महाराष्ट्र", "new", NEWER)
    }
    assert customers.published("customer_id", "customer_name", "customer_key") == {
        ("c-1", "Čuk", surrogate("c-1"))
    }


def test_a_newer_snapshot_takes_over_every_row_and_an_older_one_none(lake: Any) -> None:
    calendar = [promotion("P-1", "2025-01-06"), promotion("P-1", "2025-01-13")]
    (base,) = lake.curate(lake.work("promotions", [lake.deliver(OLDER, calendar)]))
    (newer,) = lake.curate(
        lake.work("promotions", [lake.deliver(NEWER, calendar[1:])], base.files("published"))
    )
    assert newer.published("week", "source_date") == {(date(2025, 1, 13), NEWER)}
    assert [row["week"] for row in newer.rows("survivors")] == [date(2025, 1, 6)]
    live = newer.files("published") + newer.files("survivors")

    (stale,) = lake.curate(lake.work("promotions", [lake.deliver(OLDER, calendar)], live))

    assert (stale.figures["rows_published"], stale.figures["rows_superseded"]) == (1, 1)
    assert stale.figures["touched_files"] == []
    assert stale.rows("published") == []


def test_quarantine_is_one_file_per_raw_date_with_equal_bounds(lake: Any, line: Any) -> None:
    days = [date(2024, 12, 31), date(2025, 1, 1)]
    inputs = [
        lake.deliver(day, [line(str(n), order_date=str(day), quantity=0) for n in range(3)]) for day in days
    ]

    (sales,) = lake.curate(lake.work("sales", inputs))

    bounds = []
    for path in sales.files("quarantined"):
        group = pq.ParquetFile(path.removeprefix("file://")).metadata.row_group(0)
        (raw_date,) = [
            group.column(n) for n in range(group.num_columns) if group.column(n).path_in_schema == "raw_date"
        ]
        bounds.append((raw_date.statistics.min, raw_date.statistics.max, group.num_rows))
    assert bounds == [(day, day, 3) for day in days]
    assert sales.figures["rows_published"] == 0
    assert len({row["row_id"] for row in sales.rows("quarantined")}) == 6
