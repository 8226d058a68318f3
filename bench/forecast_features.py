"""What every method of bench.forecast is given: the product's feature table as of each origin, and what was sold after it.

The files go through the product's own curation and feature job. With a folder to keep them in, tables are
made once per data and code, so that an experiment with the model takes seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from contracts.catalog import contract
from contracts.dialects.drift import delivered_columns
from contracts.language.document import document
from jobs.glue import curate, demand_features, session
from jobs.glue.curation import manifest
from jobs.glue.demand import demand_manifest
from jobs.glue.storage import Storage
from jobs.sagemaker.panel import read_features

KEYS = ["sku_code", "region_code", "week"]
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Asked:
    """`files` are the raw ones by dataset; `fewest` the weeks of history without which the job refuses."""

    files: dict[str, Path]
    horizon: int
    origins: Sequence[date]
    fewest: int


@dataclass(frozen=True)
class Given:
    origin: date
    features: pd.DataFrame
    sold: pd.DataFrame
    seconds: float


def given_at(
    asked: Asked, spark: Callable[[], SparkSession], work: Path, kept: Path | None
) -> Iterator[Given]:
    """Of each origin; `spark` is asked for a session only where a table isn't in `kept` yet."""
    tables: dict[str, Any] | None = None
    store = None if kept is None else kept / _digest(asked)
    for origin in asked.origins:
        at = None if store is None else store / origin.isoformat()
        if at is not None and (at / "seconds").is_file():
            features, sold = (pd.read_parquet(at / f"{name}.parquet") for name in ("features", "sold"))
            yield Given(origin, features, sold, float((at / "seconds").read_text()))
            continue
        tables = tables or curated(spark(), asked.files, work)
        started = time.monotonic()
        features = features_at(spark(), tables, origin, asked.horizon, work, asked.fewest)
        seconds = time.monotonic() - started
        sold = actuals(tables["sales"]["files"], origin, asked.horizon)
        if at is not None:
            at.mkdir(parents=True, exist_ok=True)
            features.to_parquet(at / "features.parquet")
            sold.to_parquet(at / "sold.parquet")
            (at / "seconds").write_text(str(seconds))
        yield Given(origin, features, sold, seconds)


def _digest(asked: Asked) -> str:
    """Of the files and of the code that makes features of them."""
    found = hashlib.sha256(f"{asked.horizon} {asked.fewest}".encode())
    code = [*(ROOT / "jobs" / "glue").rglob("*.py"), *(ROOT / "contracts").rglob("*.py")]
    code += [ROOT / "jobs" / "demand_columns.py", Path(__file__)]
    for path in (*asked.files.values(), *sorted(code)):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def open_spark() -> SparkSession:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    settings = {
        "spark.master": "local[2]",
        "spark.driver.memory": "3g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -Duser.timezone=UTC",
    }
    builder = SparkSession.builder.appName("bench.forecast")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    session.configure(spark)
    return spark


def curated(spark: SparkSession, files: dict[str, Path], folder: Path) -> dict[str, dict[str, Any]]:
    """The raw files as the daily run would have published them."""
    works = [
        {
            "contract": document(contract(dataset)),
            "output": f"file://{folder}/{dataset}",
            "quarantine": f"file://{folder}/{dataset}-quarantine",
            "staging": f"file://{folder}/{dataset}-staging",
            "inputs": [
                {
                    "path": f"file://{path.resolve()}",
                    "raw_date": (
                        date.today() + timedelta(days=1)
                    ).isoformat(),  # nothing may be dated after it
                    "rows": pq.read_metadata(path).num_rows,
                    "columns": delivered_columns(pq.read_schema(path), str(path)),
                }
            ],
            "history": [],
        }
        for dataset, path in files.items()
    ]
    parsed = manifest.parse(json.dumps({"run_id": "bench", "datasets": works}), "bench")
    for dataset, figures in curate.curate(spark, parsed)["datasets"].items():
        tell(
            f"{dataset}: {figures['rows_raw']} rows, {figures['rows_quarantined']} break the contract {figures['reasons']}"
        )
    published = {dataset: sorted((folder / dataset / "published").glob("*.parquet")) for dataset in files}
    published["sales"] = [_delivered_when_sold(path) for path in published["sales"]]
    return {
        dataset: {"snapshot_id": 0, "files": [f"file://{path}" for path in paths]}
        for dataset, paths in published.items()
    }


def _delivered_when_sold(path: Path) -> Path:
    """One file holds all years: taken at its date of delivery, nothing of it was known at any origin."""
    table = pq.read_table(path)
    place = table.schema.get_field_index("source_date")
    known = path.with_name(f"known-{path.name}")  # Spark keeps checksums beside what it wrote
    pq.write_table(table.set_column(place, "source_date", table["order_date"]), known)
    return known


def features_at(
    spark: SparkSession, tables: dict[str, Any], origin: date, horizon: int, folder: Path, fewest: int
) -> pd.DataFrame:
    asked = {
        "run_id": "bench",
        "as_of": origin.isoformat(),
        "horizon_weeks": horizon,
        "output": f"file://{folder}/features-{origin}",
        "tables": tables,
        "minimum_weeks": fewest,
    }
    work = demand_manifest.parse(json.dumps(asked), "bench")
    figures = demand_features.build(spark, Storage(spark), work)
    if figures["weeks"] < demand_manifest.MINIMUM_WEEKS:
        tell(
            f"{origin}: only {figures['weeks']} weeks of history; the product asks for {demand_manifest.MINIMUM_WEEKS}"
        )
    features = read_features(folder / f"features-{origin}" / "features")
    features["week"] = pd.to_datetime(features["week"])
    return features


def actuals(sales: list[str], origin: date, horizon: int) -> pd.DataFrame:
    """Weekly units of the horizon, read only after everybody has forecast."""
    frames = [
        pq.read_table(
            path.removeprefix("file://"), columns=["sku_code", "region_code", "order_date", "quantity"]
        ).to_pandas()
        for path in sales
    ]
    rows = pd.concat(frames)
    day = pd.to_datetime(rows["order_date"])
    week = day - pd.to_timedelta(day.dt.day_of_week, "D")
    start = pd.Timestamp(origin)
    within = (week >= start) & (week < start + pd.Timedelta(weeks=horizon))
    sums = rows.assign(week=week)[within].groupby(KEYS)["quantity"].sum()
    sold: pd.DataFrame = sums.rename("actual").reset_index()
    return sold


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
