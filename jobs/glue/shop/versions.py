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
_GONE_AT, _DIGEST = "__gone_at", "__digest"
_EXTRACTED = "unix_micros(extraction_timestamp)"


def versions(bronze: DataFrame, dataset: Dataset) -> DataFrame:
    """One row for each key and time: the contract's columns, dated_at, is_gone, extraction_timestamp, is_tombstone.

    Of equal times a tombstone stands, else the row that was extracted last, else the greater digest.
    """
    at_one_time = Window.partitionBy(*map(name, dataset.key), DATED_AT).orderBy(
        F.expr(_TOMBSTONE).desc(),
        F.col("extraction_timestamp").desc(),
        F.col(_DIGEST).desc(),
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

    A tombstone has no content: what was there before it, or at its time, stands. A key is known if there is such a row.
    """
    content = ", ".join(name(column) for column in dataset.names if column not in dataset.key)
    latest = f"struct({DATED_AT}, extraction_timestamp, {_DIGEST})"
    last = f"struct({DATED_AT}, {_TOMBSTONE}, extraction_timestamp, {_DIGEST})"
    found = (
        _dated(bronze, dataset)
        .groupBy(*map(name, dataset.key))
        .agg(
            F.expr(f"max_by(struct({content}), CASE WHEN NOT {_TOMBSTONE} THEN {latest} END)").alias(
                "__content"
            ),
            F.expr(f"max_by({_TOMBSTONE} OR coalesce(is_deleted, false), {last})").alias(IS_GONE),
            F.expr(f"bool_or(NOT {_TOMBSTONE})").alias("is_known"),
            F.max(DATED_AT).alias(DATED_AT),
        )
    )
    columns = [
        name(column) if column in dataset.key else f"__content.{name(column)}" for column in dataset.names
    ]
    return found.selectExpr(*columns, DATED_AT, IS_GONE, "is_known")


def _dated(bronze: DataFrame, dataset: Dataset) -> DataFrame:
    """Each row with its time. A key that is found again after a tombstone of that time or later enters when it was found.

    Digests take half of the time. They are made for rows only that another of their key was extracted together with.
    """
    as_extracted = Window.partitionBy(*map(name, dataset.key)).orderBy(F.expr(_EXTRACTED))
    before = as_extracted.rangeBetween(Window.unboundedPreceding, -1)
    dated = bronze.withColumn(DATED_AT, F.expr(f"coalesce(updated_at, created_at, {BEGINNING})"))
    gone_at = F.max(F.expr(f"CASE WHEN {_TOMBSTONE} THEN {DATED_AT} END")).over(before)
    extracted = F.expr(_EXTRACTED)
    is_together = [extracted.eqNullSafe(beside(extracted).over(as_extracted)) for beside in (F.lag, F.lead)]
    found_again = F.expr(f"NOT {_TOMBSTONE} AND {_GONE_AT} >= {DATED_AT}")
    return (
        dated.select("*", gone_at.alias(_GONE_AT), (is_together[0] | is_together[1]).alias("__together"))
        .withColumn(DATED_AT, F.when(found_again, F.col("extraction_timestamp")).otherwise(F.col(DATED_AT)))
        .withColumn(_DIGEST, F.expr(f"CASE WHEN __together THEN {content_sha256(dataset)} END"))
    )
