"""The versions of a key in bronze: each at its time, once.

Bronze has each version at least once, in any order. What comes out depends on the set of its rows alone.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import name
from contracts.dialects.spark_sql import content_sha256
from contracts.language.dataset import Dataset

DATED_AT, IS_GONE = "dated_at", "is_gone"
BEGINNING = "TIMESTAMP'0001-01-01 00:00:00'"
_TOMBSTONE = "coalesce(is_tombstone, false)"
_GONE_AT = "__gone_at"
_EXTRACTED = "unix_micros(extraction_timestamp)"


def versions(bronze: DataFrame, dataset: Dataset) -> DataFrame:
    """One row for each key and time: the contract's columns, dated_at, is_gone, extraction_timestamp, is_tombstone.

    Of equal times a tombstone stands, else the row that was extracted last, else the greater digest.
    """
    at_one_time = Window.partitionBy(*map(name, dataset.key), DATED_AT).orderBy(
        F.expr(_TOMBSTONE).desc(),
        F.col("extraction_timestamp").desc(),
        F.expr(content_sha256(dataset)).desc(),
    )
    ranked = _dated(bronze, dataset).withColumn("__rank", F.row_number().over(at_one_time))
    return ranked.where("__rank = 1").selectExpr(
        *map(name, dataset.names),
        DATED_AT,
        f"{_TOMBSTONE} OR coalesce(is_deleted, false) AS {IS_GONE}",
        "extraction_timestamp",
        f"{_TOMBSTONE} AS is_tombstone",
    )


def newest(bronze: DataFrame, dataset: Dataset) -> DataFrame:
    """One row for each key: its newest content, when its newest version is dated, whether it is gone, and is_known.

    A tombstone has no content: the version before it stands. A key is known if there is such a version.
    """
    content = [column for column in dataset.names if column not in dataset.key]
    members = ", ".join(map(name, content))
    found = (
        versions(bronze, dataset)
        .groupBy(*map(name, dataset.key))
        .agg(
            F.expr(f"max_by(struct({members}), CASE WHEN NOT is_tombstone THEN {DATED_AT} END)").alias(
                "__content"
            ),
            F.max(DATED_AT).alias(DATED_AT),
            F.max_by(IS_GONE, DATED_AT).alias(IS_GONE),
            F.expr("bool_or(NOT is_tombstone)").alias("is_known"),
        )
    )
    columns = [
        name(column) if column in dataset.key else f"__content.{name(column)}" for column in dataset.names
    ]
    return found.selectExpr(*columns, DATED_AT, IS_GONE, "is_known")


def _dated(bronze: DataFrame, dataset: Dataset) -> DataFrame:
    """Each row with its time. A key that is found again after a tombstone of that time or later enters when it was found."""
    before = (
        Window.partitionBy(*map(name, dataset.key))
        .orderBy(F.expr(_EXTRACTED))
        .rangeBetween(Window.unboundedPreceding, -1)
    )
    dated = bronze.withColumn(DATED_AT, F.expr(f"coalesce(updated_at, created_at, {BEGINNING})"))
    gone_at = F.max(F.expr(f"CASE WHEN {_TOMBSTONE} THEN {DATED_AT} END")).over(before)
    found_again = f"NOT {_TOMBSTONE} AND {_GONE_AT} >= {DATED_AT}"
    return (
        dated.withColumn(_GONE_AT, gone_at)
        .withColumn(
            DATED_AT, F.expr(f"CASE WHEN {found_again} THEN extraction_timestamp ELSE {DATED_AT} END")
        )
        .drop(_GONE_AT)
    )
