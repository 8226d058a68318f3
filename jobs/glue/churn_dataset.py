"""The Glue job highwater-churn-dataset: churn_dataset.py --manifest s3://... --figures s3://... --JOB_RUN_ID jr_...

From silver, gold and the feature store to what the churn model learns from and scores: a row per due customer and day, with
the features that were known on the day and, where that is over, whether he stayed away. And what became of the customers
of earlier scorings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from jobs.glue import request, session
from jobs.glue.churn import churn_manifest, outcomes
from jobs.glue.churn.churn_manifest import FACTS, HORIZONS, PREDICTIONS, ChurnWork
from jobs.glue.churn.churn_rows import ChurnRows, refused, to_use
from jobs.glue.churn.due_customers import days_frame, due_customers
from jobs.glue.errors import DataError
from jobs.glue.layers.frames import settled, table
from jobs.glue.shop.spending import counted
from jobs.glue.storage import Storage

ROWS_PER_FILE = 250_000
ROWS_A_REQUEST = 50_000
"""Batch transform takes a file as a request, of 100 MB at most; a row is about 1 KB before it is encoded."""


def main(arguments: Sequence[str] | None = None) -> None:
    asked = request.parse("churn_dataset", arguments)
    spark = session.open_session("highwater-churn-dataset")
    storage = Storage(spark)
    work = churn_manifest.parse(storage.read_text(asked.manifest), asked.manifest)
    work = replace(work, output=asked.own(work.output), outcomes=asked.own(work.outcomes))
    storage.write_text(asked.figures, json.dumps(build(spark, storage, work), sort_keys=True))
    spark.stop()


def build(spark: SparkSession, storage: Storage, work: ChurnWork) -> dict[str, Any]:
    """Writes <output>/history, <output>/future, <output>/refused and the outcomes, and says what is in them."""
    session.size_shuffles(spark, 0)
    rows = ChurnRows(spark, work)
    span = _span(rows.facts, work)
    origins = _possible(span["first_order"], work)
    due = settled(due_customers(rows.facts, days_frame(rows.facts, (*origins, work.as_of)), work))
    _require_due(due, work)
    judged = rows.judged(due)
    scored = table(spark, CHURN_PREDICTIONS, work.sources[PREDICTIONS])
    became = settled(outcomes.outcomes(rows.facts, scored, work.as_of))
    figures = {
        **_figures(judged, origins, work),
        **{name: str(day) for name, day in span.items()},
        "outcomes": outcomes.counts(became),
    }
    _require_rows(figures, work)
    storage.remove(work.output)
    storage.remove(work.outcomes)
    _write(to_use(judged).where("NOT is_future"), f"{work.output}/history", figures["rows_history"])
    _write(to_use(judged).where("is_future"), f"{work.output}/future", 1, ROWS_A_REQUEST)
    _write(refused(judged), f"{work.output}/refused", 1)
    if days := len(figures["outcomes"]):
        outcomes.write(became, work.outcomes, days)
    print(json.dumps({"event": "churn dataset", "run": work.run_id, **figures}, sort_keys=True), flush=True)
    return figures


def _span(facts: DataFrame, work: ChurnWork) -> dict[str, date]:
    """The days of the first and of the last order before `as_of`. Raises DataError if they are too close to it."""
    before = counted(facts).where(f"order_ts < TIMESTAMP'{work.as_of} 00:00:00'")
    found = before.agg(F.expr("date(min(order_ts)) AS first"), F.expr("date(max(order_ts)) AS last")).first()
    assert found is not None
    if found["first"] is None:
        raise DataError(f"silver.{FACTS} has no order before {work.as_of} that counts: extract orders first")
    days, needed = (work.as_of - found["first"]).days, HORIZONS * work.horizon_days
    if days < needed:
        raise DataError(
            f"the first order is of {found['first']}, {days} days before {work.as_of}; a horizon of {work.horizon_days} "
            f"days needs {needed} days of history. Choose a later day or a shorter horizon"
        )
    return {"first_order": found["first"], "last_order": found["last"]}


def _possible(first: date, work: ChurnWork) -> tuple[date, ...]:
    latest = first + timedelta(days=work.history_days)
    found = tuple(day for day in work.origins if day >= latest)
    if not found:
        raise DataError(
            f"none of the {len(work.origins)} origins before {work.as_of} has {work.history_days} days of history: the "
            f"first order is of {first}, so {latest} is the earliest possible. Choose a later day or a shorter horizon"
        )
    return found


def _require_due(due: DataFrame, work: ChurnWork) -> None:
    customers = due.where("is_future").count()
    if customers < work.minimum_due:
        raise DataError(
            f"{customers} customers ordered in the {work.due_days} days before {work.as_of}; a model needs "
            f"{work.minimum_due}. Choose another day, or a lower minimum_due if so few are to be scored"
        )


def _require_rows(figures: dict[str, Any], work: ChurnWork) -> None:
    for name, what in (("rows_history", "to learn from"), ("rows_future", "to score")):
        if not figures[name]:
            raise DataError(
                f"no row {what} as of {work.as_of} is left: {json.dumps(figures, sort_keys=True)}. Allow features to be "
                "reconstructed, or fill the feature store and gold.ml_features of that day"
            )


def _figures(judged: DataFrame, origins: Iterable[date], work: ChurnWork) -> dict[str, Any]:
    counts = (
        judged.groupBy("as_of", "origin_of_features", "reason")
        .agg(F.count(F.lit(1)).alias("rows"), F.expr("count_if(churned)").alias("churned"))
        .collect()
    )
    by_origin = [_of_day([row for row in counts if row["as_of"] == day], day) for day in origins]
    future = _of_day([row for row in counts if row["as_of"] == work.as_of], work.as_of)
    return {
        "as_of": work.as_of.isoformat(),
        "horizon_days": work.horizon_days,
        "origins": by_origin,
        "origins_too_early": [str(day) for day in work.origins if day not in set(origins)],
        "future": {name: value for name, value in future.items() if name != "churned"},
        "rows_history": sum(day["rows"] for day in by_origin),
        "rows_future": future["rows"],
        "rows_refused": future["due"] - future["rows"],
        "due": future["due"],
        "churned": sum(day["churned"] for day in by_origin),
    }


def _of_day(counts: list[Row], day: date) -> dict[str, Any]:
    """`churned` and `by_features` are of the rows that are used."""
    used = [row for row in counts if row["reason"] is None]
    refused_rows = [row for row in counts if row["reason"] is not None]
    return {
        "as_of": day.isoformat(),
        "due": sum(row["rows"] for row in counts),
        "rows": sum(row["rows"] for row in used),
        "churned": sum(row["churned"] for row in used),
        "by_features": {row["origin_of_features"]: row["rows"] for row in used},
        "refused": _added_up((row["reason"], row["rows"]) for row in refused_rows),
    }


def _added_up(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for reason, rows in counts:
        found[reason] = found.get(reason, 0) + rows
    return found


def _write(rows: DataFrame, folder: str, count: int, rows_a_file: int = 0) -> None:
    """Files in the order of day and customer, the same for the same rows."""
    order, files = ("as_of", "customer_id", "customer_key"), -(-count // ROWS_PER_FILE)
    laid = rows.repartitionByRange(files, *order) if files > 1 else rows.repartition(1)
    written = laid.sortWithinPartitions(*order).write.mode("overwrite")
    written.option("maxRecordsPerFile", rows_a_file).parquet(folder)


if __name__ == "__main__":
    main()
