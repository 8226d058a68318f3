"""The Glue job highwater-demand-features: demand_features.py --manifest s3://... --figures s3://...
--JOB_RUN_ID jr_...

From curated tables to one row per (sku, region, week): what was known before the week, what is planned for it, and, where
the week is over, the units sold. The horizon's rows are the same with the state of the origin, so that a model needs no
other file to forecast from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.demand_columns import KIND, MODEL, PLAN, PROFILE, STATE, ZERO
from jobs.glue import request, session
from jobs.glue.demand import demand_manifest
from jobs.glue.demand.demand_manifest import EPOCH, FeatureWork, monday_of
from jobs.glue.demand.demand_plan import promoted_weeks, with_plan, with_year_ago
from jobs.glue.demand.demand_state import (
    WEEKS_IN_STOCK,
    with_contradictions,
    with_level,
    with_prices,
    with_state,
)
from jobs.glue.demand.demand_suspects import suspect_calendar_weeks, with_trust
from jobs.glue.demand.demand_weeks import (
    SERIES,
    Span,
    articles_without_series,
    calendar,
    observed,
    span,
    stock_weeks,
    table,
    weekly_sales,
)
from jobs.glue.errors import DataError
from jobs.glue.storage import Storage

LEAST_KNOWN_WEEKS = 4
"""A series that is younger is forecast from its category's profile; one that sold nothing in so many, as nothing."""
SILENT_WEEKS = 52
"""A series that sold nothing for so long is forecast as nothing."""
SELLING_WEEKS = 4
"""A series that sold within so many weeks is sold, whatever its master says."""
ROWS_A_REQUEST = 50_000
"""Batch transform takes 100 MB at most; a row is about 1 KB before it is encoded."""
MOST_SERIES_NAMED = 10
_OUTCOME = ("price", "price_index", "stockout_days", "is_stockout", "contradicts", "is_cut", "is_normal")
_PART = "part"
_STATE = (*STATE, WEEKS_IN_STOCK)
_NEVER_SOLD = "weeks_since_sale IS NULL"
_MODEL_TYPE = (
    f"CASE WHEN is_off_sale AND is_future THEN '{ZERO}' "
    f"WHEN weeks_known >= {SILENT_WEEKS} AND coalesce(mean_{SILENT_WEEKS}, 0) = 0 THEN '{ZERO}' "
    f"WHEN {_NEVER_SOLD} AND {WEEKS_IN_STOCK} >= {LEAST_KNOWN_WEEKS} THEN '{ZERO}' "
    f"WHEN {_NEVER_SOLD} OR weeks_known < {LEAST_KNOWN_WEEKS} OR base_units IS NULL THEN '{PROFILE}' "
    f"ELSE '{MODEL}' END"
)


def main(arguments: Sequence[str] | None = None) -> None:
    asked = request.parse("demand_features", arguments)
    spark = session.open_session("highwater-demand-features")
    storage = Storage(spark)
    work = demand_manifest.parse(storage.read_text(asked.manifest), asked.manifest)
    work = replace(work, output=asked.own(work.output))
    storage.write_text(asked.figures, json.dumps(build(spark, storage, work), sort_keys=True))
    spark.stop()


def build(spark: SparkSession, storage: Storage, work: FeatureWork) -> dict[str, Any]:
    """Writes <output>/features and <output>/future, and says what is in them."""
    session.size_shuffles(spark, 0)
    sales = table(spark, work, "sales")
    weekly = weekly_sales(sales, work).persist()
    history = span(sales, weekly, work)
    if history.weeks < work.minimum_weeks:
        raise DataError(
            f"there are {history.weeks} weeks with sales before {work.as_of}, of {history.calendar_weeks} since the first; "
            f"a forecast needs {work.minimum_weeks}. Backfill sales, or wait for them" + _left_out(history)
        )
    promotions = promoted_weeks(table(spark, work, "promotions"), work).persist()
    storage.remove(work.output)
    _write(feature_rows(spark, work, history, weekly, promotions), storage, work)
    rows = spark.read.parquet(f"{work.output}/features")
    figures = {
        **_figures(rows, promotions, history, work),
        "articles_without_series": articles_without_series(table(spark, work, "sku"), rows, work),
    }
    spark.catalog.clearCache()
    print(json.dumps({"event": "demand features", "run": work.run_id, **figures}, sort_keys=True), flush=True)
    return figures


def _left_out(history: Span) -> str:
    if not history.units_delivered_later:
        return ""
    return (
        f". {history.units_delivered_later} units more were sold before that day, but delivered on it or later: a forecast "
        "as of a past day knows nothing of them. Choose a later as_of"
    )


def feature_rows(
    spark: SparkSession, work: FeatureWork, history: Span, weekly: DataFrame, promotions: DataFrame
) -> DataFrame:
    stock = stock_weeks(table(spark, work, "inventory"), work)
    grid = calendar(weekly, stock, promotions, table(spark, work, "sku"), history, work)
    cells = _settled(observed(grid, weekly, stock, promotions, history), work, "cells")
    cells = _settled(with_prices(with_year_ago(with_plan(with_trust(cells)))), work, "prices")
    cells = _settled(with_level(with_contradictions(cells)), work, "levels")
    cells = _settled(with_state(cells), work, "state")
    past = cells.where(f"week_no < {history.origin}").selectExpr(
        *_columns(_STATE), "1 AS step", "false AS is_future"
    )
    origin = cells.where(f"week_no = {history.origin}").select(*SERIES, *_STATE)
    ahead = cells.where(f"week_no >= {work.first_forecast_week}").drop(*_STATE).join(origin, list(SERIES))
    future = ahead.selectExpr(
        *_columns(_STATE), f"week_no - {history.origin} + 1 AS step", "true AS is_future"
    )
    rows = past.unionByName(future).selectExpr(
        "*",
        f"{_MODEL_TYPE} AS model_type",
        f"DATE'{work.as_of}' AS as_of",
        f"'{_quoted(work.run_id)}' AS run_id",
    )
    return rows.drop(WEEKS_IN_STOCK)


def _settled(cells: DataFrame, work: FeatureWork, name: str) -> DataFrame:
    """What is summed up and joined to itself is written first: else each such step doubles the plan before it."""
    folder = f"{work.output}/staging/{name}"
    cells.write.mode("overwrite").parquet(folder)
    return cells.sparkSession.read.schema(cells.schema).parquet(folder)


def _columns(state: Sequence[str]) -> list[str]:
    week = f"date_add(DATE'{EPOCH}', week_no * 7) AS week"
    return [
        *SERIES,
        week,
        "category",
        "units",
        *_OUTCOME,
        KIND,
        *PLAN,
        *state,
        "discontinue_date",
        "is_off_sale",
    ]


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _write(rows: DataFrame, storage: Storage, work: FeatureWork) -> None:
    """A file a year of history and one of the future: few files, and each of one partition of the table."""
    staging = f"{work.output}/staging/parts"
    part = F.expr("CASE WHEN is_future THEN 'future' ELSE cast(year(week) AS string) END")
    ordered = rows.withColumn(_PART, part).repartition(_PART).sortWithinPartitions(_PART, *SERIES, "week")
    ordered.write.mode("overwrite").partitionBy(_PART).parquet(staging)
    for folder in storage.folders(staging):
        name = folder.rpartition("=")[2]
        storage.move_into(storage.parquet_files(folder), f"{work.output}/features", prefix=f"{name}-")
    write_future(rows.sparkSession, work.output)
    storage.remove(f"{work.output}/staging")


def write_future(spark: SparkSession, output: str) -> None:
    """Each file is a request to the model, which looks at each row by itself."""
    rows = spark.read.parquet(f"{output}/features").where("is_future")
    ordered = rows.repartition(1).sortWithinPartitions(*SERIES, "week")
    ordered.write.mode("overwrite").option("maxRecordsPerFile", ROWS_A_REQUEST).parquet(f"{output}/future")


def _figures(rows: DataFrame, promotions: DataFrame, history: Span, work: FeatureWork) -> dict[str, Any]:
    counted = rows.agg(
        F.expr("sum(int(NOT is_future))").alias("rows_history"),
        F.expr("sum(int(is_future))").alias("rows_future"),
        F.expr("sum(units)").alias("units_total"),
        F.expr(f"count(DISTINCT {', '.join(SERIES)})").alias("series"),
        F.expr("sum(int(contradicts AND NOT is_future))").alias("contradicting_flags"),
        F.expr("sum(int(is_cut AND NOT is_future))").alias("unplanned_price_cuts"),
        F.expr("sum(int(is_promoted AND NOT is_future))").alias("promoted_rows"),
        F.expr("sum(int(is_stockout AND NOT is_future))").alias("stockout_rows"),
        F.expr(
            f"count(DISTINCT CASE WHEN is_future AND model_type = '{PROFILE}' THEN struct("
            f"{', '.join(SERIES)}) END)"
        ).alias("fallback_series"),
        F.expr(
            f"count(DISTINCT CASE WHEN is_future AND model_type = '{ZERO}' THEN struct({', '.join(SERIES)}) END)"
        ).alias("zero_series"),
        F.expr(
            f"count(DISTINCT CASE WHEN is_future AND is_off_sale AND week <= coalesce(discontinue_date, week) AND "
            f"weeks_since_sale <= {SELLING_WEEKS} THEN struct({', '.join(SERIES)}) END)"
        ).alias("off_sale_but_selling"),
    ).first()
    reach = promotions.agg(F.max("week_no").alias("last")).first()
    if counted is None or reach is None:
        raise AssertionError("an aggregate without groups has one row")
    last = reach["last"]
    short = work.horizon_weeks if last is None else max(0, work.last_forecast_week - last)
    return {
        **counted.asDict(),
        **history.figures(),
        "first_forecast_week": monday_of(work.first_forecast_week).isoformat(),
        "last_forecast_week": monday_of(work.last_forecast_week).isoformat(),
        "horizon_weeks": work.horizon_weeks,
        "calendar_reaches": None if last is None else monday_of(last).isoformat(),
        "weeks_without_calendar": min(short, work.horizon_weeks),
        "contradicting_series": _contradicting_series(rows),
        "suspect_calendar_weeks": suspect_calendar_weeks(rows),
    }


def _contradicting_series(rows: DataFrame) -> list[dict[str, Any]]:
    """Where to look first for the error in the calendar."""
    most = rows.where("contradicts AND NOT is_future").groupBy(*SERIES).agg(F.count(F.lit(1)).alias("weeks"))
    return [row.asDict() for row in most.orderBy(F.desc("weeks"), *SERIES).limit(MOST_SERIES_NAMED).collect()]


if __name__ == "__main__":
    main()
