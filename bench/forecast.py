"""python -m bench.forecast --data FOLDER
python -m bench.forecast --sales S.parquet --promotions P.parquet --horizon-weeks H --origins 2025-01-06,2025-04-07

Ours beside what one would pick instead, on any data in the raw formats. A folder holds sales.parquet, promotions.parquet
and, where there is one, sku.parquet; its meta.json names horizon and origins. All goes through the product's own curation,
feature job and training code, in one Spark session and without Glue and SageMaker around it. An origin is the Monday of the
first forecast week; of what is dated from it on only the promotion calendar is seen. Prints one JSON object; progress
goes to stderr. With --levels it has the errors of sums by article, category, region and of the total, and their bounds.
`seconds` is a method's own time, `features_seconds` that of the feature job, which every method needs.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

# Two programs that both busy-wait for two cores take ten times as long as two that wait their turn.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pandas as pd
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from bench.forecast_features import KEYS, Asked, Given, given_at, open_spark, tell
from bench.forecast_ours import ABLATIONS, by_level, fitted, forecast
from bench.forecast_peers import PEERS, peers_table
from jobs.sagemaker.forecaster import Forecaster
from jobs.sagemaker.scores import bias, coverage, mape, rounded, wmape
from jobs.sagemaker.trees import Settings

OURS = "ours"
FEWEST_WEEKS = 30


def judged(forecasts: pd.DataFrame, sold: pd.DataFrame) -> pd.DataFrame:
    """Weeks without a sale count as zero; a series that nobody could know of is in nobody's rows."""
    rows = forecasts.merge(sold, on=KEYS, how="left")
    rows["actual"] = rows["actual"].fillna(0.0)
    return rows


def scored(rows: pd.DataFrame) -> dict[str, Any]:
    actual, expected = rows["actual"].to_numpy(float), rows["forecast"].to_numpy(float)
    has_interval = "lower" in rows and rows["lower"].notna().all()
    covered = (
        coverage(actual, rows["lower"].to_numpy(float), rows["upper"].to_numpy(float))
        if has_interval
        else None
    )
    return {
        "wmape": rounded(wmape(actual, expected)),
        "mape": rounded(mape(actual, expected)),
        "bias": rounded(bias(actual, expected)),
        "coverage80": None if covered is None else rounded(covered),
    }


def compare(
    asked: Asked,
    spark: Callable[[], SparkSession],
    methods: Sequence[str],
    out: Path | None = None,
    kept: Path | None = None,
    levels: bool = False,
) -> dict[str, Any]:
    """Figures by method: ours, peers, and ours without a correction (`ABLATIONS`), which is fitted once with ours."""
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    features_seconds = 0.0
    with tempfile.TemporaryDirectory(prefix="bench-forecast-") as name:
        for given in given_at(asked, spark, Path(name), kept):
            features_seconds += given.seconds
            model = _fit_once(given, Settings(horizon_weeks=asked.horizon))
            for method in methods:
                started = time.monotonic()
                rows = _forecast(method, given.features, model)
                seconds[method] += time.monotonic() - started
                tell(f"{given.origin}: {method} in {time.monotonic() - started:.1f} s")
                found[method].append(judged(rows, given.sold).assign(origin=pd.Timestamp(given.origin)))
    pooled = {method: pd.concat(rows, ignore_index=True) for method, rows in found.items()}
    if out is not None:
        _write(pooled[OURS], asked.files["sales"], out)
    tell(f"{len(pooled[methods[0]])} rows")
    return {
        method: {
            **scored(rows),
            **({"by_level": by_level(rows)} if levels and method == OURS else {}),
            "by_origin": {str(day)[:10]: scored(part) for day, part in rows.groupby("origin")},
            "seconds": round(seconds[method], 1),
            "features_seconds": round(features_seconds, 1),
        }
        for method, rows in pooled.items()
    }


def _fit_once(given: Given, settings: Settings) -> Callable[[], Forecaster]:
    return functools.cache(lambda: fitted(given.features, settings))


def _forecast(method: str, features: pd.DataFrame, model: Callable[[], Forecaster]) -> pd.DataFrame:
    if method == OURS:
        return forecast(model(), features)
    if method in ABLATIONS:
        return ABLATIONS[method](model(), features)
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


def _mondays(text: str) -> list[date]:
    days = [date.fromisoformat(part.strip()) for part in text.split(",") if part.strip()]
    if wrong := [day.isoformat() for day in days if day.weekday() != 0]:
        raise argparse.ArgumentTypeError(f"an origin is a Monday; not so {', '.join(wrong)}")
    return days


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.forecast", description="Forecast accuracy beside peers."
    )
    parser.add_argument("--data", type=Path, help="a folder with all of it")
    parser.add_argument("--sales", type=Path, help="sales orders in the raw format")
    parser.add_argument("--promotions", type=Path, help="the promotion calendar in the raw format")
    parser.add_argument("--sku", type=Path, help="the SKU master in the raw format, for categories")
    parser.add_argument("--horizon-weeks", type=int)
    parser.add_argument("--origins", type=_mondays, help="Mondays of first forecast weeks, comma-separated")
    parser.add_argument("--out", type=Path, help="our forecasts row by row, as Parquet")
    parser.add_argument(
        "--keep", type=Path, help="a folder for the feature tables, which a later run then reads"
    )
    parser.add_argument("--minimum-weeks", type=int, default=FEWEST_WEEKS, help="the job itself asks for 60")
    parser.add_argument(
        "--methods", default=",".join([OURS, *PEERS]), help=f"which to run; also {', '.join(ABLATIONS)}"
    )
    parser.add_argument("--levels", action="store_true", help="also the sums that planners order by")
    given = parser.parse_args(arguments)
    asked = _asked(parser, given)
    with nothing_printed():
        found = compare(asked, open_spark, given.methods.split(","), given.out, given.keep, given.levels)
        if session := SparkSession.getActiveSession():
            session.stop()
    print(json.dumps(found, indent=2))


def _asked(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Asked:
    """What a folder says, unless an option says otherwise."""
    meta: dict[str, Any] = {}
    files = {name: path for name in ("sales", "promotions", "sku") if (path := getattr(given, name))}
    if given.data:
        inside = {name: given.data / f"{name}.parquet" for name in ("sales", "promotions", "sku")}
        files = {name: path for name, path in inside.items() if path.is_file()} | files
        if (told := given.data / "meta.json").is_file():
            meta = json.loads(told.read_text())
    horizon = given.horizon_weeks or meta.get("horizon_weeks")
    origins = given.origins or _mondays(",".join(meta.get("origins", [])))
    if missing := [name for name in ("sales", "promotions") if name not in files]:
        parser.error(f"no file of {' and '.join(missing)}: give --data or --sales and --promotions")
    for path in files.values():
        if not path.is_file():
            parser.error(f"{path} does not exist")
    if not horizon or not origins:
        parser.error("give --horizon-weeks and --origins, or a folder whose meta.json names them")
    return Asked(files, int(horizon), origins, given.minimum_weeks)


@contextlib.contextmanager
def nothing_printed() -> Iterator[None]:
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
