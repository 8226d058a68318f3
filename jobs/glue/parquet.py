"""Read Parquet files by their exact names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

_PATTERN_SIGNS = re.compile(r"[\\*?\[\]{}]")


def scan(spark: SparkSession, paths: Iterable[str], schema: str | StructType) -> DataFrame:
    """Read exactly these files. A bracket in a file's name is not a pattern.

    Spark's own option against patterns, __globPaths__, reads such files twice if there are several.
    """
    return spark.read.schema(schema).parquet(*(_literally(path) for path in paths))


def as_written(spark: SparkSession, paths: Iterable[str]) -> DataFrame:
    """Read exactly these files with the columns that they have, together. For files that another service writes."""
    return spark.read.option("mergeSchema", True).parquet(*(_literally(path) for path in paths))


def _literally(path: str) -> str:
    return _PATTERN_SIGNS.sub(r"\\\g<0>", path)
