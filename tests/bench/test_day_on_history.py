"""The benchmark's day is what its table says: new orders in time order, corrections of the last 14 days, daily files."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from bench import day_on_history
from bench.day_on_history import CORRECTED, CORRECTED_DAYS, FIRST, LINES


def test_a_day_corrects_a_line_of_every_hour_of_the_days_before(tmp_path: Path) -> None:
    day = CORRECTED_DAYS + 1
    entry = day_on_history.deliver(tmp_path / "day.parquet", day, CORRECTED)
    assert entry["rows"] == pq.read_metadata(tmp_path / "day.parquet").num_rows == LINES
    sold = duckdb.sql(f"""
        SELECT DATE '{FIRST}' + {day} - order_date::DATE AS ago, count(DISTINCT order_id), count(DISTINCT changed_at)
        FROM '{tmp_path}/day.parquet' GROUP BY 1 ORDER BY 1
    """).fetchall()
    assert sold[0] == (0, LINES - CORRECTED, 1)
    assert [ago for ago, *_ in sold] == list(range(CORRECTED_DAYS + 1))
    assert sum(lines for _, lines, _ in sold[1:]) == CORRECTED
    assert max(lines for _, lines, _ in sold[1:]) - min(lines for _, lines, _ in sold[1:]) <= 1


def test_a_day_of_history_has_the_keys_that_the_deliveries_name(tmp_path: Path) -> None:
    day_on_history.deliver(tmp_path / "first.parquet", 0)
    lines = duckdb.sql(f"""
        SELECT order_id, sku_code, order_date::DATE AS order_date, changed_at::TIMESTAMP AS changed_at,
            DATE '{FIRST}' AS source_date FROM '{tmp_path}/first.parquet'
    """)
    template = tmp_path / "template"
    template.mkdir()
    lines.write_parquet(str(template / "part.parquet"))

    files = day_on_history.make_history(template, 3, tmp_path / "history")

    day_on_history.deliver(tmp_path / "third.parquet", 2)
    keys = ["order_id", "sku_code", "order_date"]
    delivered = pq.read_table(tmp_path / "third.parquet", columns=keys).to_pylist()
    published = pq.read_table(files[2], columns=keys).cast(pa.schema([(key, pa.string()) for key in keys]))
    assert sorted(published.to_pylist(), key=str) == sorted(delivered, key=str)
    assert [file["bounds"]["order_id"] for file in day_on_history.known(files)] == [
        [f"SO{day * LINES:010d}", f"SO{(day + 1) * LINES - 1:010d}"] for day in range(3)
    ]
