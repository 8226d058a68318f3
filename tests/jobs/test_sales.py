"""One slice of sales: cleaning, quarantine, versions and figures, with values."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xxhash

pytestmark = pytest.mark.spark

JAN_5, JAN_6 = date(2025, 1, 5), date(2025, 1, 6)


def surrogate(code: str) -> int:
    return int(xxhash.xxh64(code.encode(), seed=42).intdigest()) & (2**63 - 1)


def test_a_slice_of_differently_delivered_files(lake: Any, line: Any) -> None:
    typed = pa.Table.from_pylist([line(f"SO-{n}", cost_of_goods=Decimal("60.5")) for n in (1, 2)])
    as_text = pa.Table.from_pylist(
        [
            {
                **line("SO-3", " sku-ü ", region_code="in-ka "),
                "quantity": "5.0",
                "net_revenue": "1,000",
                "cost_of_goods": None,
                "Remark": None,
            },
            {
                **line(" SO-4", "sku-4 ", region_code="in-ka ", channel="General-Trade", customer_id="Čuk"),
                "quantity": "5.0",
                "net_revenue": "12.34567",
                "changed_at": "2025-01-05T10:00:00+05:30",
                "cost_of_goods": "lots",
                "Remark": "strange",
            },
        ]
    )
    only_required = pa.Table.from_pylist(
        [{k: v for k, v in line("SO-5", order_date="2024-12-30").items() if k != "changed_at"}]
    )
    inputs = [
        lake.deliver(JAN_5, table, name=f"a b%20[{n}]{{x,y}}*.parquet")
        for n, table in enumerate((typed, as_text, only_required))
    ]

    (sales,) = lake.curate(lake.work("sales", inputs))

    rows = {row["order_id"]: row for row in sales.rows("published")}
    assert sorted(rows) == ["SO-1", "SO-2", "SO-4", "SO-5"]
    four = rows["SO-4"]
    assert (four["sku_code"], four["region_code"], four["channel"]) == ("SKU-4", "IN-KA", "general_trade")
    assert (four["quantity"], four["net_revenue"]) == (5, Decimal("12.3457"))
    assert four["changed_at"] == datetime(2025, 1, 5, 4, 30, tzinfo=UTC)
    assert (four["cost_of_goods"], four["gross_margin"]) == (None, None)
    assert four["kept_aside"] == '{"extra":{"remark":"strange"},"uncast":{"cost_of_goods":"lots"}}'
    assert four["revenue_per_unit"] == pytest.approx(12.3457 / 5)
    assert [four[key] for key in ("sku_key", "geo_key", "customer_key")] == [
        surrogate(code) for code in ("SKU-4", "IN-KA", "Čuk")
    ]
    assert (four["source_date"], four["source_file"], four["run_id"]) == (JAN_5, inputs[1]["path"], "run-1")
    assert rows["SO-1"]["gross_margin"] == Decimal("39.5000")
    turn = rows["SO-5"]
    assert [turn[part] for part in ("iso_year", "iso_week", "year", "month", "quarter", "date_key")] == [
        2025, 1, 2024, 12, 4, 20241230,
    ]  # fmt: skip
    assert (turn["is_modern_trade"], four["is_modern_trade"]) == (True, False)

    (refused,) = sales.rows("quarantined")
    assert refused["reasons"] == ["net_revenue:type", "sku_code:pattern"]
    assert (refused["sku_code"], refused["net_revenue"], refused["quantity"]) == (" sku-ü ", "1,000", "5.0")
    assert (refused["raw_date"], refused["source_file"]) == (JAN_5, inputs[1]["path"])
    assert (refused["run_id"], refused["contract_version"]) == ("run-1", "1.1.0")

    assert {name: sales.figures[name] for name in sales.figures if name.startswith("rows_")} == {
        "rows_raw": 5,
        "rows_published": 4,
        "rows_superseded": 0,
        "rows_quarantined": 1,
        "rows_written": 4,
        "rows_retracted": 0,
        "rows_survivors": 0,
    }
    assert sales.figures["reasons"] == {"net_revenue:type": 1, "sku_code:pattern": 1}
    assert sales.figures["uncast"] == {"changed_at": 0, "cost_of_goods": 1}
    assert sales.figures["extra_columns"] == ["remark"]
    assert len(sales.files("published")) == 1
    assert [path.name for path in sales.output.iterdir()] == ["published"]
    assert not sales.staging.exists()


def test_the_newest_version_of_a_line_stands(lake: Any, line: Any) -> None:
    early, late = "2025-01-05 09:00:00", "2025-01-05 18:00:00"
    monday = [
        line("later", quantity=1, changed_at=early),
        line("null-is-oldest", quantity=2, changed_at=early),
        line("stale", quantity=2, changed_at=late),
        line("broken-correction", quantity=2, changed_at=early),
        line("repeated", quantity=2),
        line("repeated", quantity=2),
        line("repeated", quantity=2),
        line("two lines", "SKU-1"),
        line("two lines", "SKU-2"),
        line("same version", quantity=1),
        line("same version", quantity=2),
        line("no change date", quantity=1),
    ]
    tuesday = [
        line("later", quantity=2, changed_at=late),
        line("null-is-oldest", quantity=1),
        line("stale", quantity=1, changed_at=early),
        line("broken-correction", quantity=-1, changed_at=late),
        line("no change date", quantity=2),
        line("future", order_date="2025-01-07"),
        line(" ", quantity=2),
    ]
    inputs = [lake.deliver(JAN_5, monday), lake.deliver(JAN_6, tuesday)]

    (sales,) = lake.curate(lake.work("sales", inputs))

    rows = sales.rows("published")
    digests = {row["content_hash"] for row in rows if row["order_id"] == "same version"}
    assert len(digests) == 1
    assert {(r["order_id"], r["sku_code"]) for r in rows} == {
        (order, "SKU-1")
        for order in (
            "later", "null-is-oldest", "stale", "broken-correction", "repeated", "two lines", "same version",
            "no change date",
        )
    } | {("two lines", "SKU-2")}  # fmt: skip
    assert {row["quantity"] for row in rows if row["order_id"] not in ("two lines", "same version")} == {2}
    assert sales.refused("order_id", "raw_date") == {
        ("broken-correction", JAN_6),
        ("future", JAN_6),
        (" ", JAN_6),
    }
    totals = sales.figures
    assert (totals["rows_raw"], totals["rows_published"], totals["rows_superseded"]) == (19, 9, 7)
    assert (totals["repeats"], totals["rows_quarantined"]) == (2, 3)
    by_date = totals["by_date"]
    counted = ("rows_raw", "rows_published", "rows_superseded", "repeats", "rows_quarantined")
    assert [by_date["2025-01-05"][name] for name in counted] == [12, 7, 5, 2, 0]
    assert [by_date["2025-01-06"][name] for name in counted] == [7, 2, 2, 0, 3]
    assert by_date["2025-01-06"]["nulls"]["order_id"] == totals["nulls"]["order_id"] == 1
    assert totals["reasons"] == {"order_date:future": 1, "order_id:missing": 1, "quantity:range": 1}
    assert len(sales.files("quarantined")) == 1


def test_default_dates_of_a_source_are_refused_and_do_not_stop_the_job(lake: Any, line: Any) -> None:
    """Spark fails on dates before 1582 in a file that it did not write, unless it is told how to read them."""
    first = date(1, 1, 1)
    days = pa.Table.from_pylist([line("SO-1", order_date=first), line("SO-2", order_date=JAN_5)])
    changed_at = pa.array([datetime(1, 1, 1), datetime(2025, 1, 5, 7)], pa.timestamp("us", "UTC"))
    days = days.set_column(days.schema.get_field_index("changed_at"), "changed_at", changed_at)

    (sales,) = lake.curate(lake.work("sales", [lake.deliver(JAN_5, days)]))

    assert sales.published("order_id", "changed_at") == {("SO-2", datetime(2025, 1, 5, 7, tzinfo=UTC))}
    assert [(row["order_id"], row["reasons"]) for row in sales.rows("quarantined")] == [
        ("SO-1", ["order_date:type"])
    ]


def test_timestamps_as_old_writers_left_them_are_read_in_utc(lake: Any, line: Any) -> None:
    entry = lake.deliver(JAN_5, [line("SO-1"), line("SO-2")])
    path = entry["path"].removeprefix("file://")
    moments = pa.array([datetime(1895, 1, 1), datetime(2025, 1, 5, 7)], pa.timestamp("us"))
    table = pq.read_table(path)
    table = table.set_column(table.schema.get_field_index("changed_at"), "changed_at", moments)
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    entry["columns"]["changed_at"] = "timestamp"

    (sales,) = lake.curate(lake.work("sales", [entry]))

    assert sales.published("order_id", "changed_at") == {
        ("SO-1", None),
        ("SO-2", datetime(2025, 1, 5, 7, tzinfo=UTC)),
    }
