"""Silver's own job on files: its manifest, its run by spark-submit, and the tables that come of it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from bench import measure
from bench.sales_etl import ROOT, spark_submit
from contracts.shop import EXTRACTED, SILVER

ENTITIES = tuple(EXTRACTED)
_OF = {"dim_customers": ("customers",), "dim_products": ("products",)}


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "UTC",
    }


@dataclass
class Ours:
    """Bronze customers and silver's tables of them. There are no orders: what they cost is not in these figures."""

    folder: Path
    files: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in SILVER})
    known: list[str] = field(default_factory=list)
    runs: int = 0

    def run(self, bronze: list[Path]) -> measure.Cost:
        """Bring silver up to date with these files of bronze."""
        self.runs += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"jr_{self.runs}"
        manifest = self.folder / f"manifest-{self.runs}.json"
        customers = [path.resolve().as_uri() for path in bronze]
        manifest.write_text(json.dumps(self._work(customers)))
        command = spark_submit("jobs/glue/silver.py", "--manifest", manifest.resolve().as_uri())
        command += ["--figures", self.folder.resolve().as_uri(), "--JOB_RUN_ID", name]
        cost = measure.run(command, environment(), self.folder / f"{name}.log")
        figures = json.loads((self.folder / name / "figures.json").read_text())
        for table, change in figures["tables"].items():
            kept = set(self.files[table]) - set(change["removed"])
            self.files[table] = sorted(kept | set(change["added"]))
        self.known = customers
        return cost

    def _work(self, customers: list[str]) -> dict[str, Any]:
        nothing: dict[str, list[str]] = {"added": [], "removed": []}
        fresh = {"added": [file for file in customers if file not in self.known], "removed": []}
        sources = {name: customers if name == "customers" else [] for name in ENTITIES}
        deltas = {name: fresh if name == "customers" else nothing for name in ENTITIES}
        tables = {
            name: {
                "files": self.files[name],
                "output": (self.folder / name).resolve().as_uri(),
                "is_whole": self.runs == 1,
                "small": [],
                "deltas": {source: deltas[source] for source in _OF.get(name, ENTITIES)},
            }
            for name in SILVER
        }
        return {"run_id": f"bench-{self.runs}", "sources": sources, "tables": tables, "parameters": {}}

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        """These columns of the customers' history."""
        files = [file.removeprefix("file://") for file in self.files["dim_customers"]]
        return rows_of(files, columns)


def rows_of(files: list[str], columns: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        return list(database.execute(f"SELECT {columns} FROM read_parquet({files})").fetchall())
