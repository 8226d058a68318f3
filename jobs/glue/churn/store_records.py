"""What the feature store knew of a customer on a day: by when it was so, and by when it was written."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts.dialects.spark_types import spark_type_of
from contracts.shop.ml_features import ML_FEATURES
from jobs.glue import parquet
from jobs.glue.churn.churn_manifest import ChurnWork
from jobs.glue.errors import DataError

EVENT, WRITTEN, CALLED, GONE = "event_time", "write_time", "api_invocation_time", "is_deleted"
"""Columns of the offline store's files beside the features; GONE is true in a record that deletes."""
STORED = tuple(column for column in ML_FEATURES.columns if column.name != GONE)
"""A deleted customer has no record, so whether he is deleted is no feature: the name is the store's own."""


def records(spark: SparkSession, files: Sequence[str]) -> DataFrame:
    """The records of the offline store: customer_id, event_at, written_at, called_at, is_gone, features.

    `features` is a struct with the columns of ML_FEATURES in their types.
    """
    if not files:
        return spark.createDataFrame([], _schema())
    rows = parquet.as_written(spark, files)
    asked = (EVENT, WRITTEN, CALLED, GONE, *(column.name for column in STORED))
    if missing := [name for name in asked if name not in rows.columns]:
        raise DataError(
            f"the {len(files)} files of the feature store, {files[0]} among them, lack the columns {', '.join(missing)}: "
            "they are of another version of the feature group. Leave them out, or write the group anew"
        )
    members = ", ".join(
        f"cast({column.name if column in STORED else 'false'} AS {spark_type_of(column.kind)}) AS {column.name}"
        for column in ML_FEATURES.columns
    )
    return rows.selectExpr(
        "customer_id",
        f"{_moment(rows, EVENT)} AS event_at",
        f"{_moment(rows, WRITTEN)} AS written_at",
        f"{_moment(rows, CALLED)} AS called_at",
        f"coalesce({GONE}, false) AS is_gone",
        f"struct({members}) AS features",
    )


def known(found: DataFrame, days: DataFrame, work: ChurnWork) -> DataFrame:
    """What the store knew on each day: customer_id, as_of, is_gone, features.

    Of the records whose event is at the day's 00:00 UTC or less than `max_age_days` before, and that were written until
    `known_within_days` after it, the one of the latest event; of several the one that was written first. What is
    written later, whatever day it is about, changes nothing.
    """
    day = "cast(as_of AS timestamp)"
    in_time = (
        f"event_at <= {day} AND event_at > {day} - INTERVAL {work.max_age_days} DAYS "
        f"AND written_at <= {day} + INTERVAL {work.known_within_days} DAYS"
    )
    first = "struct(-unix_micros(event_at), written_at, called_at, is_gone, to_json(features))"
    return (
        found.join(days, F.expr(in_time))
        .groupBy("customer_id", "as_of")
        .agg(F.expr(f"min_by(struct(is_gone, features), {first})").alias("found"))
        .select("customer_id", "as_of", "found.*")
    )


def _moment(rows: DataFrame, name: str) -> str:
    """A timestamp, or a text in ISO 8601. Spark reads nanoseconds as whole numbers (jobs/glue/session.py)."""
    is_number = dict(rows.dtypes)[name] == "bigint"
    return f"timestamp_micros({name} div 1000)" if is_number else f"cast({name} AS timestamp)"


def _schema() -> str:
    members = ", ".join(f"`{column.name}`: {spark_type_of(column.kind)}" for column in ML_FEATURES.columns)
    moments = ", ".join(f"{name} timestamp" for name in ("event_at", "written_at", "called_at"))
    return f"customer_id string, {moments}, is_gone boolean, features struct<{members}>"
