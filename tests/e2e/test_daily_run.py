"""The daily run: what it publishes, what it says, and what it refuses before anything is touched."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from flows.cpg_daily import cpg_daily
from tasks.intake.sources import ALL_SOURCES
from tasks.lake import lake_tables
from tasks.publishing.quality import Quality
from tests.e2e.deliveries import address, deliver, everything_but_sales, masters, parquet, put, sale, table
from tests.e2e.world import OPEN, World

DAY = date(2025, 1, 6)
NEXT = DAY + timedelta(days=1)


def sales_of(world: World) -> list[tuple[str, str, float]]:
    rows = world.sql(
        "SELECT f.order_id, s.sku_code, f.net_revenue FROM DW.FACT_SALES f "
        "JOIN DW.DIM_SKU s ON s.sku_key = f.sku_key ORDER BY 1, 2"
    )
    return [(row["ORDER_ID"], row["SKU_CODE"], float(row["NET_REVENUE"])) for row in rows]


def test_a_whole_day_reaches_every_table_and_repeats_change_nothing(world: World) -> None:
    everything_but_sales(DAY)
    lines = [
        sale("O1", DAY, 100),
        sale("O1", DAY, 50, sku_code=" sku-2 "),  # a second line of the same order, badly spelled
        sale("O1", DAY, 100),  # an exact repeat
        sale("O2", DAY, 70, channel="Modern Trade"),
        sale("O3", DAY, "12,50"),  # not a number
    ]
    deliver("sales", DAY, lines)
    assert world.daily(DAY, ALL_SOURCES).is_completed()

    assert sales_of(world) == [("O1", "SKU-1", 100.0), ("O1", "SKU-2", 50.0), ("O2", "SKU-1", 70.0)]
    assert world.last_run() == (5, 3, 1, 1, "published")
    assert {r["DATASET"]: (r["ROWS_RAW"], r["ROWS_PUBLISHED"]) for r in world.runs()} == {
        "sales": (5, 3),
        "inventory": (1, 1),
        "market": (2, 2),
        "promotions": (2, 2),
        "sku": (2, 2),
        "geography": (2, 2),
        "customer": (1, 1),
    }
    (broken,) = world.quarantine()
    assert broken["net_revenue"] == "12,50"
    assert broken["reasons"] == ["net_revenue:type"]
    assert broken["source_file"] == f"s3://highwater-lake/{address('sales', DAY)}"
    assert broken["raw_date"] == DAY
    (aside,) = lake_tables.live_files(lake_tables.load(lake_tables.QUARANTINE, "sales"))
    assert aside.file_path.startswith("s3://highwater-lake/quarantine/sales/data/")
    shares = world.sql("SELECT brand, unit_share FROM DW.FACT_MARKET ORDER BY brand")
    assert [(r["BRAND"], r["UNIT_SHARE"]) for r in shares] == [("Aarna", 0.3), ("Rival", 0.7)]
    assert world.one("SELECT SUM(units) FROM MARTS.SALES_PERFORMANCE_MART") == 30
    assert world.one("SELECT COUNT(*) FROM DW.FACT_PROMOTION WHERE NOT is_withdrawn") == 2
    figures = world.sql("SELECT metric, value, passed FROM MONITORING.DQ_RESULTS WHERE dataset = 'sales'")
    assert {r["METRIC"]: r["VALUE"] for r in figures}["duplicate_rate"] == 0.2
    told = world.alerts()
    assert [(a["severity"], a["channel"]) for a in told] == [("INFO", "data-pipelines")]
    assert "sales: 5 raw = 3 published + 1 superseded + 1 quarantined" in told[0]["message"]

    before = world.state()
    for _ in range(2):
        assert world.daily(DAY, ALL_SOURCES).is_completed()
        assert world.state() == before
        assert world.last_run() == (5, 3, 1, 1, "unchanged")


def test_a_correction_updates_and_a_stale_version_does_not(world: World) -> None:
    deliver("sales", DAY, [sale("O1", DAY, 100), sale("O2", DAY, 5)])
    deliver("sales", NEXT, [sale("O1", DAY, 120, changed_at=f"{NEXT} 09:00:00")])
    third = NEXT + timedelta(days=1)
    deliver(
        "sales",
        third,
        [sale("O1", DAY, 80, changed_at=f"{DAY} 07:00:00"), sale("O2", DAY, 6, changed_at=None)],
    )
    for day, counts in ((DAY, (2, 2, 0, 0)), (NEXT, (1, 1, 0, 0)), (third, (2, 0, 2, 0))):
        assert world.daily(day).is_completed()
        assert world.last_run()[:4] == counts
    assert sales_of(world) == [("O1", "SKU-1", 120.0), ("O2", "SKU-1", 5.0)]
    assert len(world.curated("sales")) == 2


def test_a_correction_that_breaks_a_rule_leaves_the_older_line_standing(world: World) -> None:
    deliver("sales", DAY, [sale("O1", DAY, 100)])
    deliver("sales", NEXT, [sale("O1", DAY, -1, changed_at=f"{NEXT} 09:00:00"), sale("O2", NEXT, 7)])
    for day in (DAY, NEXT):
        assert world.daily(day).is_completed()
    assert sales_of(world) == [("O1", "SKU-1", 100.0), ("O2", "SKU-1", 7.0)]
    assert world.last_run()[:4] == (2, 1, 0, 1)


def test_files_of_one_prefix_are_read_each_by_its_own_schema(world: World) -> None:
    deliver("sales", DAY, [sale("O1", DAY, 100, loyalty="gold")])
    typed = pa.table(
        {
            "order_id": ["O2"],
            "sku_code": ["SKU-1"],
            "customer_id": ["C1"],
            "region_code": ["NORTH"],
            "quantity": pa.array([4], pa.int32()),
            "net_revenue": pa.array([9.5]),
            "order_date": pa.array([DAY], pa.date32()),
            "channel": ["ecommerce"],
        }
    )
    put(address("sales", DAY, "typed.parquet"), parquet(typed))
    assert world.daily(DAY).is_completed()
    assert sales_of(world) == [("O1", "SKU-1", 100.0), ("O2", "SKU-1", 9.5)]
    assert any('"kept_aside": "{\\"extra\\"' in row and "gold" in row for row in world.curated("sales"))


def test_missing_sources_are_named_and_nothing_is_touched(world: World) -> None:
    deliver("sales", DAY, [sale("O1", DAY)])
    masters(DAY - timedelta(days=8))
    before = world.state()
    outcome = world.daily(DAY, ALL_SOURCES)
    assert outcome.is_failed()
    assert "raw/sap/inventory/year=2025/month=01/day=06/" in str(outcome.message)
    (alert,) = world.alerts()
    assert alert["severity"] == "HIGH"
    for prefix in (
        "raw/sap/inventory/year=2025/month=01/day=06/",
        "raw/nielsen/market_share/week=2025-W01/",
        "raw/trade_promotions/promo_calendar/",
        "raw/sap/masters/customer/",
    ):
        assert prefix in alert["message"]
    assert world.state() == before
    assert [r["STATUS"] for r in world.sql("SELECT status FROM MONITORING.PIPELINE_RUNS")] == ["FAILED"]


def test_a_master_that_was_cut_off_is_refused_unless_it_is_accepted(world: World) -> None:
    masters(DAY, skus=[f"SKU-{n}" for n in range(9)])
    assert world.daily(DAY, ["masters"]).is_completed()
    before = world.state()
    masters(NEXT, skus=["SKU-1"])
    refused = world.daily(NEXT, ["masters"])
    assert refused.is_failed()
    assert f"sku {NEXT} has 1 rows, the snapshot of {DAY} had 9" in str(refused.message)
    assert world.state() == before

    accepted: Any = cpg_daily(
        run_date=NEXT,
        sources=["masters"],
        quality=OPEN,
        forecast="never",
        accept_truncated=True,
        return_state=True,
    )
    assert accepted.is_completed()
    (noted,) = [r for r in world.runs() if r["DATASET"] == "sku" and r["RUN_DATE"] == NEXT]
    assert (noted["ROWS_RAW"], noted["STATUS"]) == (1, "published")


def test_a_failed_audit_publishes_nothing_of_any_dataset(world: World) -> None:
    everything_but_sales(DAY)
    rows = [sale(f"O{n}", DAY, quantity="ten" if n < 6 else "10") for n in range(100)]
    deliver("sales", DAY, rows)
    limits = OPEN.model_copy(update={"sales": Quality().sales.model_copy(update={"row_count_min": 1})})
    before = world.state()
    outcome = world.daily(DAY, ALL_SOURCES, limits)
    assert outcome.is_failed()
    assert "sales 2025-01-06 rejected_rate = 0.06 (limit 0.05) FAILED" in str(outcome.message)
    assert world.state() == before
    assert len(world.quarantine()) == 6
    assert world.alerts()[-1]["severity"] == "HIGH"
    assert world.one("SELECT COUNT(*) FROM MONITORING.DQ_RESULTS WHERE NOT passed") == 1
    assert world.last_run() == (100, 94, 0, 6, "rejected")  # what would have been published
    assert {r["DATASET"]: (r["ROWS_RAW"], r["STATUS"]) for r in world.runs()} == {
        "sales": (100, "rejected"),
        "inventory": (1, "rejected"),
        "market": (2, "rejected"),
        "promotions": (2, "rejected"),
        "sku": (2, "rejected"),
        "geography": (2, "rejected"),
        "customer": (1, "rejected"),
    }

    assert world.daily(DAY, ALL_SOURCES).is_completed()  # the limits were wrong, a person raised them
    assert world.last_run() == (100, 94, 0, 6, "published")


@pytest.mark.parametrize(
    ("name", "body", "complaint"),
    [
        ("empty.parquet", b"", "is empty"),
        ("cut.parquet", parquet(table([sale("O9", DAY)]))[:-50], "not a whole Parquet file"),
        (
            "no-customer.parquet",
            parquet(table([sale("O9", DAY)]).drop_columns(["customer_id"])),
            "customer_id",
        ),
        (
            "nested.parquet",
            parquet(
                table([sale("O9", DAY)]).set_column(4, "quantity", pa.array([[1]], pa.list_(pa.int64())))
            ),
            "quantity",
        ),
    ],
)
def test_a_broken_file_stops_the_run_before_anything_is_written(
    world: World, name: str, body: bytes, complaint: str
) -> None:
    deliver("sales", DAY, [sale("O1", DAY)])
    put(address("sales", DAY, name), body)
    outcome = world.daily(DAY)
    assert outcome.is_failed()
    assert name in str(outcome.message)
    assert complaint in str(outcome.message)
    assert world.curated("sales") == []
    assert world.quarantine() == []


def test_parameters_that_make_no_sense_are_refused_told_and_on_record(world: World) -> None:
    refused = {
        "run_date 2090-01-01 is in the future": world.daily(date(2090, 1, 1)),
        "Input should be 'sales', 'inventory'": world.daily(DAY, ["weather"]),
    }
    told = world.alerts()
    assert [alert["severity"] for alert in told] == ["HIGH", "HIGH"]
    for alert, (complaint, outcome) in zip(told, refused.items(), strict=True):
        assert outcome.is_failed()
        assert complaint in str(outcome.message)
        assert complaint in alert["message"]
    runs = world.sql("SELECT status, message, ended_at FROM MONITORING.PIPELINE_RUNS")
    assert [r["STATUS"] for r in runs] == ["FAILED", "FAILED"]
    assert all(r["ENDED_AT"] for r in runs)


def test_a_late_master_fills_its_inferred_member_and_keys_stay(world: World) -> None:
    masters(DAY - timedelta(days=3), skus=["SKU-1"])
    deliver("sales", DAY, [sale("O1", DAY, sku_code="SKU-NEW")])
    assert world.daily(DAY, ["sales", "masters"]).is_completed()
    (inferred,) = world.sql(
        "SELECT sku_key, sku_name, is_inferred FROM DW.DIM_SKU WHERE sku_code = 'SKU-NEW'"
    )
    assert (inferred["SKU_NAME"], inferred["IS_INFERRED"]) == (None, True)
    masters(NEXT, skus=["SKU-1", "SKU-NEW"])
    deliver("sales", NEXT, [sale("O2", NEXT)])
    assert world.daily(NEXT, ["sales", "masters"]).is_completed()
    (filled,) = world.sql("SELECT sku_key, sku_name, is_inferred FROM DW.DIM_SKU WHERE sku_code = 'SKU-NEW'")
    assert (filled["SKU_NAME"], filled["IS_INFERRED"]) == ("Name of SKU-NEW", False)
    assert filled["SKU_KEY"] == inferred["SKU_KEY"]
    assert world.one("SELECT sku_key FROM DW.FACT_SALES WHERE order_id = 'O1'") == filled["SKU_KEY"]
    assert world.one("SELECT COUNT(*) FROM DW.DIM_SKU") == 2
