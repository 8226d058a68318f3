"""python -m bench.forecast --sales S.parquet --promotions P.parquet --horizon-weeks H --origins 2025-01-06,2025-04-07

Ours beside what one would pick instead, on any data in the raw formats. The files go through the product's own curation,
feature job and training code, in one Spark session and without Glue and SageMaker around it. An origin is the Monday of the
first forecast week; of what is dated from it on only the promotion calendar is seen. Prints one JSON object; progress
goes to stderr. `seconds` is a method's own time, `features_seconds` that of the feature job, which every method needs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

# Two programs that both busy-wait for two cores take ten times as long as two that wait their turn.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pandas as pd
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from bench.forecast_peers import PEERS, peers_table
from contracts.catalog import contract
from contracts.dialects.drift import delivered_columns
from contracts.language.dataset import document
from jobs.glue import curate, demand_features, session
from jobs.glue.curation import manifest
from jobs.glue.demand import demand_manifest
from jobs.glue.storage import Storage
from jobs.sagemaker.forecaster import Fits
from jobs.sagemaker.panel import columns_of, panel, read_features
from jobs.sagemaker.scores import bias, coverage, mape, rounded, wmape
from jobs.sagemaker.train import furthest_step
from jobs.sagemaker.trees import Settings

OURS = "ours"
FEWEST_WEEKS = 30
KEYS = ["sku_code", "region_code", "week"]


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
        _tell(
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
        _tell(
            f"{origin}: only {figures['weeks']} weeks of history; the product asks for {demand_manifest.MINIMUM_WEEKS}"
        )
    features = read_features(folder / f"features-{origin}" / "features")
    features["week"] = pd.to_datetime(features["week"])
    return features


def ours(features: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    history = panel(features)
    future = features[features["is_future"].astype(bool)].sort_values(KEYS).reset_index(drop=True)
    forecaster = Fits(history, settings, furthest_step(features, settings)).at(len(history.weeks))
    forecast = forecaster.predict(columns_of(future), future["model_type"].to_numpy(dtype=object))
    return pd.concat([future[KEYS], forecast.rename(columns={"predicted_units": "forecast"})], axis=1)


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


def judged(forecasts: pd.DataFrame, sold: pd.DataFrame) -> pd.DataFrame:
    """Weeks without a sale count as zero; a series that nobody could know of is in nobody's rows."""
    rows = forecasts.merge(sold, on=KEYS, how="left")
    rows["actual"] = rows["actual"].fillna(0.0)
    return rows


def scored(rows: pd.DataFrame, seconds: float, features_seconds: float) -> dict[str, Any]:
    actual, forecast = rows["actual"].to_numpy(float), rows["forecast"].to_numpy(float)
    has_interval = "lower" in rows and rows["lower"].notna().all()
    covered = (
        coverage(actual, rows["lower"].to_numpy(float), rows["upper"].to_numpy(float))
        if has_interval
        else None
    )
    return {
        "wmape": rounded(wmape(actual, forecast)),
        "mape": rounded(mape(actual, forecast)),
        "bias": rounded(bias(actual, forecast)),
        "coverage80": None if covered is None else rounded(covered),
        "seconds": round(seconds, 1),
        "features_seconds": round(features_seconds, 1),
    }


def compare(
    spark: SparkSession,
    files: dict[str, Path],
    horizon: int,
    origins: Sequence[date],
    out: Path | None,
    fewest: int,
    methods: Sequence[str],
) -> dict[str, Any]:
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    features_seconds = 0.0
    with tempfile.TemporaryDirectory(prefix="bench-forecast-") as name:
        folder = Path(name)
        tables = curated(spark, files, folder)
        for origin in origins:
            started = time.monotonic()
            features = features_at(spark, tables, origin, horizon, folder, fewest)
            features_seconds += time.monotonic() - started
            forecasts = {}
            for method in methods:
                started = time.monotonic()
                forecasts[method] = _forecast(method, features, Settings(horizon_weeks=horizon))
                seconds[method] += time.monotonic() - started
                _tell(f"{origin}: {method} in {time.monotonic() - started:.1f} s")
            sold = actuals(tables["sales"]["files"], origin, horizon)
            for method, rows in forecasts.items():
                found[method].append(judged(rows, sold).assign(origin=pd.Timestamp(origin)))
    pooled = {method: pd.concat(rows, ignore_index=True) for method, rows in found.items()}
    if out is not None:
        _write(pooled[OURS], files["sales"], out)
    _tell(f"{len(pooled[methods[0]])} rows")
    return {method: scored(rows, seconds[method], features_seconds) for method, rows in pooled.items()}


def _forecast(method: str, features: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    if method == OURS:
        return ours(features, settings)
    forecaster: Callable[[pd.DataFrame], pd.DataFrame] = PEERS[method]
    rows = forecaster(peers_table(features))
    keys = rows["unique_id"].str.split("|", n=1, expand=True)
    return rows.assign(sku_code=keys[0], region_code=keys[1], week=rows["ds"]).drop(
        columns=["unique_id", "ds"]
    )


def _as_delivered(codes: pd.Series[str], sales: Path, column: str) -> pd.Series[str]:
    """The contract's spelling of a code back to the file's, so that the rows can be joined to it."""
    delivered = pq.read_table(sales, columns=[column]).column(column).unique().to_pylist()
    spelled = {str(code).strip().upper(): code for code in delivered if code is not None}
    return codes.map(lambda code: spelled.get(code, code))


def _write(rows: pd.DataFrame, sales: Path, out: Path) -> None:
    names = {"week": "forecast_week", "forecast": "predicted_units"}
    columns = ["sku_code", "region_code", "forecast_week", "origin", "predicted_units", "lower", "upper"]
    table = rows.rename(columns=names)[columns]
    table = table.assign(
        **{name: _as_delivered(table[name], sales, name) for name in ("sku_code", "region_code")}
    )
    days = {
        name: table[name].to_numpy().astype("datetime64[D]").astype(object)
        for name in ("forecast_week", "origin")
    }
    table.assign(**days).to_parquet(out, index=False)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _mondays(text: str) -> list[date]:
    days = [date.fromisoformat(part.strip()) for part in text.split(",")]
    if wrong := [day.isoformat() for day in days if day.weekday() != 0]:
        raise argparse.ArgumentTypeError(f"an origin is a Monday; not so {', '.join(wrong)}")
    return days


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.forecast", description="Forecast accuracy beside peers."
    )
    parser.add_argument("--sales", type=Path, required=True, help="sales orders in the raw format")
    parser.add_argument(
        "--promotions", type=Path, required=True, help="the promotion calendar in the raw format"
    )
    parser.add_argument("--sku", type=Path, help="the SKU master in the raw format, for categories")
    parser.add_argument("--horizon-weeks", type=int, required=True)
    parser.add_argument(
        "--origins", type=_mondays, required=True, help="Mondays of first forecast weeks, comma-separated"
    )
    parser.add_argument("--out", type=Path, help="our forecasts row by row, as Parquet")
    parser.add_argument("--minimum-weeks", type=int, default=FEWEST_WEEKS, help="the job itself asks for 60")
    parser.add_argument("--methods", default=",".join([OURS, *PEERS]), help="which to run")
    given = parser.parse_args(arguments)
    files = {"sales": given.sales, "promotions": given.promotions}
    if given.sku:
        files["sku"] = given.sku
    for path in files.values():
        if not path.is_file():
            parser.error(f"{path} does not exist")
    with _nothing_printed():
        spark = open_spark()
        found = compare(
            spark,
            files,
            given.horizon_weeks,
            given.origins,
            given.out,
            given.minimum_weeks,
            given.methods.split(","),
        )
        spark.stop()
    print(json.dumps(found, indent=2))


@contextlib.contextmanager
def _nothing_printed() -> Iterator[None]:
    """The jobs tell their figures on standard output, and the JVM its troubles: there they go to stderr, whoever writes."""
    sys.stdout.flush()
    standard = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(standard, 1)
        os.close(standard)


if __name__ == "__main__":
    main()
