"""Frames of a layer's tables, and the rows of them that belong to some keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import name
from contracts.dialects.spark_types import spark_type_of
from contracts.language.dataset import Dataset
from jobs.glue import parquet

PROVENANCE = (
    "extraction_timestamp timestamp, source_system string, window_id string, run_id string, query_hash string, "
    "is_tombstone boolean"
)
FEW_KEYS = 200_000
"""So many keys are sent to every executor, so that a table is read without a shuffle."""


def schema(dataset: Dataset) -> str:
    return ", ".join(f"{name(column.name)} {spark_type_of(column.kind)}" for column in dataset.columns)


def table(spark: SparkSession, dataset: Dataset, files: Iterable[str], beside: str = "") -> DataFrame:
    """The rows of these files. A column that a file lacks is null."""
    columns = ", ".join(filter(None, (schema(dataset), beside)))
    paths = list(files)
    return parquet.scan(spark, paths, columns) if paths else spark.createDataFrame([], columns)


def bronze(spark: SparkSession, dataset: Dataset, files: Iterable[str]) -> DataFrame:
    return table(spark, dataset, files, PROVENANCE)


def settled(rows: DataFrame) -> DataFrame:
    """The rows, computed now and kept on the executors.

    What is used more than once is settled. A cache would keep the plan too: a cache of caches has a plan that doubles with
    each step, until the driver has no memory left for its text.
    """
    return rows.localCheckpoint()


def keys_of(rows: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The distinct keys, settled."""
    return settled(rows.select(*columns).distinct())


def of_keys(rows: DataFrame, keys: DataFrame, columns: Sequence[str]) -> DataFrame:
    """The rows with one of the keys. A null is a value like any other."""
    few = F.broadcast(keys) if keys.count() <= FEW_KEYS else keys
    return rows.alias("r").join(few.alias("k"), _same(columns), "left_semi")


def _same(columns: Sequence[str]) -> Column:
    equal = [F.col(f"r.{name(column)}").eqNullSafe(F.col(f"k.{name(column)}")) for column in columns]
    return reduce(lambda one, other: one & other, equal)
