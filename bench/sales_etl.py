"""python -m bench.sales_etl --rows 1000000: our sales job beside what one would write or use instead.

All variants read the same generated files, each in processes of its own, Spark with the same settings. Prints one JSON
object; progress goes to stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyspark

from bench import measure
from bench.order_lines import RAW_DATE, delivered
from contracts.catalog import contract
from contracts.dialects.drift import delivered_columns
from contracts.language.document import document

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(__file__).parent / "data"
GOAL = 0.45
RUN = "jr_bench"
"""The job writes below folders of its run's name."""

SPARK_SETTINGS = {
    "spark.master": "local[*]",
    "spark.driver.memory": "4g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.log.level": "ERROR",
}


def spark_submit(script: str, *arguments: str) -> list[str]:
    command = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit")]
    for name, value in SPARK_SETTINGS.items():
        command += ["--conf", f"{name}={value}"]
    return [*command, str(ROOT / script), *arguments]


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def manifest(files: list[Path], folder: Path) -> str:
    def entry(path: Path) -> dict[str, Any]:
        columns = delivered_columns(pq.read_schema(path), str(path))
        rows = pq.read_metadata(path).num_rows
        return {"path": path.as_uri(), "raw_date": RAW_DATE.isoformat(), "rows": rows, "columns": columns}

    work = {
        "contract": document(contract("sales")),
        "output": (folder / "highwater").as_uri(),
        "quarantine": (folder / "highwater/quarantine").as_uri(),
        "staging": (folder / "highwater/staging").as_uri(),
        "inputs": [entry(path) for path in files],
        "history": [],
    }
    path = folder / "manifest.json"
    path.write_text(json.dumps({"run_id": "bench", "datasets": [work]}))
    return path.as_uri()


def commands(files: list[Path], folder: Path) -> dict[str, list[list[str]]]:
    """What each variant runs, one command after the other."""
    source = str(files[0].parent)
    asked = ("--figures", (folder / "runs").as_uri(), "--JOB_RUN_ID", RUN)
    return {
        "tutorial": [spark_submit("bench/tutorial.py", source, str(folder / "tutorial"))],
        "highwater": [
            spark_submit("jobs/glue/curate.py", "--manifest", manifest(files, folder), *asked),
            python(
                "bench.in_warehouse",
                str(folder / "highwater" / RUN / "published"),
                str(folder / "highwater/anomalies.parquet"),
            ),
        ],
        "duckdb": [
            python("bench.one_machine", source, str(folder / "duckdb"), RAW_DATE.isoformat()),
            python(
                "bench.in_warehouse",
                str(folder / "duckdb/published"),
                str(folder / "duckdb/anomalies.parquet"),
            ),
        ],
    }


def rows_in(folder: Path, pattern: str) -> int:
    return sum(pq.read_metadata(path).num_rows for path in folder.glob(pattern))


ROWS_OUT: dict[str, Callable[[Path], dict[str, int]]] = {
    "tutorial": lambda folder: {"rows_out": rows_in(folder, "tutorial/**/*.parquet"), "rows_quarantined": 0},
    "highwater": lambda folder: {
        "rows_out": rows_in(folder, f"highwater/{RUN}/published/*.parquet"),
        "rows_quarantined": rows_in(folder, f"highwater/quarantine/{RUN}/**/*.parquet"),
    },
    "duckdb": lambda folder: {
        "rows_out": rows_in(folder, "duckdb/published/*.parquet"),
        "rows_quarantined": rows_in(folder, "duckdb/quarantined/*.parquet"),
    },
}


def compare(rows: int, data: Path) -> dict[str, Any]:
    folder = data / str(rows)
    files = delivered(rows, folder)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "UTC",
    }
    variants: dict[str, Any] = {}
    for name, steps in commands(files, folder).items():
        shutil.rmtree(folder / name, ignore_errors=True)
        print(f"{name}: {rows} rows ...", file=sys.stderr, flush=True)
        costs = [measure.run(step, environment, folder / f"{name}.log") for step in steps]
        variants[name] = {**vars(measure.total(costs)), **ROWS_OUT[name](folder)}
    ratio = variants["highwater"]["cpu_seconds"] / variants["tutorial"]["cpu_seconds"]
    return {"rows": rows, "variants": variants, "cpu_ratio_to_tutorial": round(ratio, 3), "goal": GOAL}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sales_etl", description="Cost of the sales job.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="order lines to generate and curate")
    parser.add_argument("--data", type=Path, default=DATA, help="where generated files and results are kept")
    given = parser.parse_args(arguments)
    print(json.dumps(compare(given.rows, given.data), indent=2))


if __name__ == "__main__":
    main()
