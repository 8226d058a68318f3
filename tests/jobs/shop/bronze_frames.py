"""Rows of bronze as a frame of Spark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from contracts.language.dataset import Dataset
from jobs.glue import session
from jobs.glue.layers import frames


def bronze(spark: SparkSession, dataset: Dataset, rows: Iterable[dict[str, Any]]) -> DataFrame:
    session.configure(spark)
    names = [*dataset.names, *(part.split()[0] for part in frames.PROVENANCE.split(", "))]
    columns = f"{frames.schema(dataset)}, {frames.PROVENANCE}"
    return spark.createDataFrame([tuple(row[name] for name in names) for row in rows], columns)
