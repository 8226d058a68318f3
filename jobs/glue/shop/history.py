"""History (SCD type 2) as a function of versions: a row for each run of neighbours with the same content."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import name
from jobs.glue.shop.versions import DATED_AT, IS_GONE

EFFECTIVE_AT, EXPIRED_AT = "effective_at", "expired_at"
OPEN_END = "TIMESTAMP'9999-12-31 00:00:00'"


def history(versions: DataFrame, key: Sequence[str], tracked: Sequence[str]) -> DataFrame:
    """The versions at which the content changes, each with the time from which and up to which it holds.

    `tracked` is the content. A version without a difference from the one before makes no row. A version that is gone ends
    the row before it, and the next that is not begins a new one, whatever its content.
    """
    in_time = Window.partitionBy(*map(name, key)).orderBy(DATED_AT)
    state = F.struct(
        IS_GONE, *(F.expr(f"CASE WHEN NOT {IS_GONE} THEN {name(column)} END") for column in tracked)
    )
    before = F.lag("__state").over(in_time)
    changes = (
        versions.withColumn("__state", state).withColumn("__before", before).where("NOT __state <=> __before")
    )
    ended = F.coalesce(F.lead(DATED_AT).over(in_time), F.expr(OPEN_END))
    return (
        changes.withColumn(EXPIRED_AT, ended)
        .where(f"NOT {IS_GONE}")
        .withColumn(EFFECTIVE_AT, F.col(DATED_AT))
        .drop("__state", "__before")
    )
