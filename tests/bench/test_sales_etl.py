"""The benchmark compares like with like: the same rows from every engine, and costs that are really the command's."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import in_warehouse, measure, one_machine, order_lines, sales_etl
from contracts.dialects.drift import delivered_columns
from jobs.glue import curate, request, session
from jobs.glue.curation import manifest
from jobs.glue.curation.manifest import Work

ROWS = 1_500


def test_the_generated_lines_are_the_same_every_time_and_written_once(tmp_path: Path) -> None:
    (one,) = order_lines.delivered(ROWS, tmp_path / "one")
    (other,) = order_lines.delivered(ROWS, tmp_path / "other")
    lines = pq.read_table(one)
    assert lines.num_rows == ROWS
    assert lines.equals(pq.read_table(other))
    written = one.stat().st_mtime_ns
    assert order_lines.delivered(ROWS, tmp_path / "one") == [one]
    assert one.stat().st_mtime_ns == written


def test_rows_are_spread_over_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(order_lines, "LINES_PER_FILE", 400)
    files = order_lines.delivered(1_000, tmp_path)
    assert [pq.read_metadata(path).num_rows for path in files] == [400, 400, 200]


def test_a_command_costs_what_its_children_burn_too(tmp_path: Path) -> None:
    burn = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}], check=True)"
    cost = measure.run([sys.executable, "-c", parent], {}, tmp_path / "log")
    assert 0.5 <= cost.cpu_seconds < 5
    assert cost.peak_memory_mb > 5


def test_a_command_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(measure.CommandFailed, match=r"ended with 3; the end of .*\nwhat went wrong"):
        measure.run(
            [sys.executable, "-c", "print('what went wrong'); raise SystemExit(3)"], {}, tmp_path / "log"
        )


def test_both_spark_variants_run_with_the_same_settings(tmp_path: Path) -> None:
    files = order_lines.delivered(ROWS, tmp_path)
    (tutorial,), (ours, _), _ = sales_etl.commands(files, tmp_path).values()
    settings = 1 + 2 * len(sales_etl.SPARK_SETTINGS)
    assert tutorial[:settings] == ours[:settings]
    assert [Path(command[settings]).name for command in (tutorial, ours)] == ["tutorial.py", "curate.py"]


def asked_of_the_job(files: list[Path], folder: Path) -> tuple[request.Request, Work]:
    _, (job, _), _ = sales_etl.commands(files, folder).values()
    asked = request.parse("curate.py", job[2 + 2 * len(sales_etl.SPARK_SETTINGS) :])
    (work,) = manifest.parse(Path(asked.manifest.removeprefix("file://")).read_text(), asked.manifest)
    return asked, work


def test_the_warehouse_reads_where_the_job_is_asked_to_write(tmp_path: Path) -> None:
    files = order_lines.delivered(ROWS, tmp_path)
    asked, work = asked_of_the_job(files, tmp_path)
    _, (_, warehouse), _ = sales_etl.commands(files, tmp_path).values()
    assert f"{asked.own(work.output)}/published" == Path(warehouse[3]).as_uri()


def is_anomaly(line: dict[str, Any], lines: list[dict[str, Any]]) -> bool:
    """The definition, read aloud: more than three times the mean of the 28 days that end with the line's own."""
    revenues = [
        other["net_revenue"]
        for other in lines
        if other["sku_key"] == line["sku_key"] and 0 <= (line["order_date"] - other["order_date"]).days <= 27
    ]
    return bool(line["net_revenue"] * len(revenues) > 3 * sum(revenues))


def test_the_warehouse_flags_the_anomalies_that_the_definition_names(tmp_path: Path) -> None:
    lines = [
        {
            "order_id": f"SO-{n}",
            "sku_key": n % 2,
            "geo_key": 7,
            "order_date": date(2025, 1, 1) + timedelta(days=n * 3 % 50),
            "net_revenue": Decimal(1000 if n % 9 == 0 else 10 + n),
        }
        for n in range(60)
    ]
    pq.write_table(pa.Table.from_pylist(lines), tmp_path / "part.parquet")
    in_warehouse.flag_anomalies(str(tmp_path), str(tmp_path / "anomalies"))
    found = pq.read_table(tmp_path / "anomalies").to_pylist()
    assert {row["order_id"]: row["is_revenue_anomaly"] for row in found} == {
        line["order_id"]: is_anomaly(line, lines) for line in lines
    }
    assert (
        [row["is_revenue_anomaly"] for row in found].count(True)
        == sum(is_anomaly(x, lines) for x in lines)
        > 2
    )


@pytest.mark.spark
def test_spark_and_duckdb_write_the_same_rows(spark: Any, tmp_path: Path) -> None:
    files = order_lines.delivered(ROWS, tmp_path)
    asked, work = asked_of_the_job(files, tmp_path)
    session.configure(spark)
    figures = curate.curate(spark, [work.own(asked)])["datasets"]["sales"]
    one_machine.curate(str(files[0].parent), tmp_path / "duckdb", order_lines.RAW_DATE.isoformat())

    rows = sales_etl.ROWS_OUT["highwater"](tmp_path)
    assert rows == sales_etl.ROWS_OUT["duckdb"](tmp_path)
    assert rows == {"rows_out": figures["rows_published"], "rows_quarantined": figures["rows_quarantined"]}
    assert rows["rows_quarantined"] == 29
    ours = f"'{asked.own(work.output)}/published/*.parquet'"
    theirs = f"'{tmp_path}/duckdb/published/*.parquet'"
    described = duckdb.sql(f"DESCRIBE SELECT * FROM {theirs}").fetchall()
    columns = ", ".join(column for column, *_ in described if not column.endswith("_key"))
    assert "revenue_per_unit" in columns
    differing = f"SELECT {columns} FROM {ours} EXCEPT SELECT {columns} FROM {theirs}"
    assert duckdb.sql(differing).fetchall() == []
    assert date(2025, 3, 31) == order_lines.RAW_DATE
    assert delivered_columns(pq.read_schema(files[0]), "x")["quantity"] == "string"
