"""python -m bench.day_on_history --rows 1000000 10000000: does a day cost more where there is more history?

A day of 20,000 order lines, 19,000 new ones in time order and 1,000 corrections of the last 14 days, is curated onto a
table of daily files, once with the bounds that Iceberg keeps of its files and once without. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from pyiceberg.catalog.memory import InMemoryCatalog

from bench import measure
from bench.sales_etl import DATA, ROOT, spark_submit
from contracts.catalog import contract
from contracts.dialects.drift import delivered_columns
from contracts.language.document import document
from tasks.publishing.curation import published

FIRST = dt.date(2023, 1, 1)
LINES, CORRECTED, CORRECTED_DAYS = 20_000, 1_000, 14
RUN = "bench"
GOAL = 1.2
VARIANTS = ("no history", "with bounds", "without")


def deliver(path: Path, day: int, corrected: int = 0) -> dict[str, Any]:
    """A raw file, and its entry in a manifest. A line's number says its key and its day."""
    raw_date = FIRST + dt.timedelta(days=day)
    first, step = day * LINES, max(1, CORRECTED_DAYS * LINES // max(corrected, 1))
    numbers = f"SELECT unnest(range({first}, {first + LINES - corrected})) AS n, 12 AS hour"
    again = f"SELECT n, 13 FROM (SELECT unnest(range({first}, {first - CORRECTED_DAYS * LINES}, -{step})) - 1 AS n)"
    duckdb.sql(f"""
        COPY (
            SELECT printf('SO%010d', n) AS order_id, printf('SKU-%05d', n * 7 % 2000) AS sku_code,
                printf('C%06d', hash(n) % 20000) AS customer_id, printf('IN-%03d', n % 60) AS region_code,
                (n % 60 + 1)::VARCHAR AS quantity, round(20 + hash(n) % 100000 / 7, 2) AS net_revenue,
                (DATE '{FIRST}' + (n // {LINES})::INTEGER)::VARCHAR AS order_date, 'Modern Trade' AS channel,
                round(30 + hash(n) % 100000 / 7, 2) AS gross_revenue, 10.0 AS trade_discount,
                '{raw_date} ' || hour || ':00:00' AS changed_at
            FROM ({numbers}{f" UNION ALL {again} LIMIT {LINES}" if corrected else ""})
        ) TO '{path}' (FORMAT parquet)
    """)
    columns = delivered_columns(pq.read_schema(path), str(path))
    return {"path": path.as_uri(), "raw_date": raw_date.isoformat(), "rows": LINES, "columns": columns}


def make_history(template: Path, days: int, folder: Path) -> list[Path]:
    """Daily files like the one that the job wrote of the first day: its rows with the numbers and dates of each day."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"day-{day:05d}.parquet" for day in range(days)]
    for day, path in enumerate(files):
        if path.exists():
            continue
        pending = path.with_suffix(".pending")
        number = f"substr(order_id, 3)::BIGINT + {day * LINES}"
        duckdb.sql(f"""
            COPY (
                SELECT * REPLACE (
                    printf('SO%010d', {number}) AS order_id, printf('SKU-%05d', ({number}) * 7 % 2000) AS sku_code,
                    order_date + {day} AS order_date, source_date + {day} AS source_date,
                    changed_at + INTERVAL {day} DAY AS changed_at
                ) FROM '{template}/*.parquet'
            ) TO '{pending}' (FORMAT parquet, COMPRESSION zstd)
        """)
        pending.rename(path)
    return files


def known(files: Sequence[Path]) -> list[dict[str, Any]]:
    """What the worker writes into the manifest, of a real Iceberg table of these files."""
    with tempfile.TemporaryDirectory() as place:
        catalog = InMemoryCatalog("bench", warehouse=f"file://{place}")
        catalog.create_namespace("curated")
        table = catalog.create_table("curated.sales", pq.read_schema(files[0]))
        table.add_files([path.as_uri() for path in files], check_duplicate_files=False)
        return published("sales", table)


def curate(entry: dict[str, Any], history: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "events").mkdir(parents=True)
    work = {
        "contract": document(contract("sales")),
        "output": (folder / "out").as_uri(),
        "quarantine": (folder / "quarantine").as_uri(),
        "staging": (folder / "staging").as_uri(),
        "inputs": [entry],
        "history": history,
    }
    asked = folder / "manifest.json"
    asked.write_text(json.dumps({"run_id": RUN, "datasets": [work]}))
    given = ("--manifest", asked.as_uri(), "--figures", folder.as_uri(), "--JOB_RUN_ID", RUN)
    command = spark_submit("jobs/glue/curate.py", *given)
    command[1:1] = [
        "--conf", "spark.eventLog.enabled=true",
        "--conf", f"spark.eventLog.dir={(folder / 'events').as_uri()}",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable, "TZ": "UTC"}
    cost = measure.run(command, {**environment, "SPARK_LOCAL_IP": "127.0.0.1"}, folder / "log")
    figures = json.loads((folder / RUN / "figures.json").read_text())["datasets"]["sales"]
    return {**vars(cost), "bytes_read": bytes_read(folder / "events"), "figures": figures}


def bytes_read(events: Path) -> int:
    """Of files, by all tasks, as Spark counts them."""
    total = 0
    for log in events.iterdir():
        for line in log.read_text().strip().split("\n"):
            event = json.loads(line)
            if event["Event"] == "SparkListenerTaskEnd":
                total += event["Task Metrics"]["Input Metrics"]["Bytes Read"]
    return total


def _middle(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The run of the middle CPU time: other work on the machine makes single runs dearer."""
    return sorted(runs, key=lambda run: float(run["cpu_seconds"]))[len(runs) // 2]


def compare(sizes: Sequence[int], times: int, data: Path) -> dict[str, Any]:
    """All variants in turn, as often as is asked: an hour in which the machine is slow is so for each of them."""
    data.mkdir(parents=True, exist_ok=True)
    curate(deliver(data / "first.parquet", 0), [], data / "first")
    template = data / "first" / "out" / RUN / "published"
    worlds = [(rows, *world(rows, template, data)) for rows in sizes]
    runs: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for turn in range(times):
        for rows, entry, histories in worlds:
            for name, history in histories.items():
                print(f"{rows} rows, {name}, {turn + 1} of {times} ...", file=sys.stderr, flush=True)
                runs[rows, name].append(curate(entry, history, data / "run"))
    found = {rows: _beside({name: runs[rows, name] for name in VARIANTS}) for rows in sizes}
    ratios = {
        name: round(found[sizes[-1]][name]["cpu_seconds"] / found[sizes[0]][name]["cpu_seconds"], 3)
        for name in VARIANTS
    }
    return {"history": found, "cpu_ratio_of_most_to_least": ratios, "goal": GOAL}


def world(rows: int, template: Path, data: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """A day's delivery, and what each variant knows of the history before it."""
    days = rows // LINES
    entry = deliver(data / f"day-{days}.parquet", days, CORRECTED)
    bounded = known(make_history(template, days, data / "history"))
    unbounded = [{**file, "bounds": {}} for file in bounded]
    return entry, dict(zip(VARIANTS, ([], bounded, unbounded), strict=True))


def _beside(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    middle = {name: _middle(made) for name, made in runs.items()}
    assert middle["with bounds"]["figures"] == middle["without"]["figures"]
    return {
        name: {
            **_shown(run, middle["no history"]),
            "cpu_seconds_of_all": [made["cpu_seconds"] for made in runs[name]],
        }
        for name, run in middle.items()
    }


def _shown(run: dict[str, Any], empty: dict[str, Any]) -> dict[str, Any]:
    counted = ("rows_published", "rows_superseded", "rows_survivors")
    return {
        **{name: run[name] for name in ("cpu_seconds", "wall_seconds", "peak_memory_mb")},
        "history_megabytes_read": round((run["bytes_read"] - empty["bytes_read"]) / 1e6, 1),
        "touched_files": len(run["figures"]["touched_files"]),
        **{name: run["figures"][name] for name in counted},
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.day_on_history", description="Cost of a day by history."
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000], help="of the history")
    parser.add_argument("--times", type=int, default=3, help="runs of each variant; the middle one counts")
    parser.add_argument(
        "--data", type=Path, default=DATA / "day", help="where generated files and results are kept"
    )
    given = parser.parse_args(arguments)
    print(json.dumps(compare(given.rows, given.times, given.data.resolve()), indent=2))


if __name__ == "__main__":
    main()
