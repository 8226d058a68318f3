"""What the lake last knew of each key, with the digest of its row."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from contracts.dialects.row_digests import spark_digest_of, spark_number, spark_text
from contracts.dialects.spark_literals import name
from jobs.glue.digest.digest_manifest import DigestWork

BUCKET, DIGEST, DATED_AT, GONE_AT = "bucket", "digest", "dated_at", "gone_at"
_BEGINNING = "TIMESTAMP'0001-01-01 00:00:00'"


def newest_versions(rows: DataFrame, work: DigestWork) -> DataFrame:
    """One row per key: the key, its bucket, the digest of its newest version (null if that is a tombstone), its date, and
    the date of its last tombstone. Dates are in microseconds."""
    key = list(work.dataset.key)
    dated = _dated(rows, work)
    first = Window.partitionBy(*key).orderBy(
        F.desc(DATED_AT), F.desc("is_tombstone"), F.desc("extraction_timestamp"), F.desc("content")
    )
    bucket = f"CAST({spark_number(spark_digest_of(spark_text(work.key_kinds)))} % {work.buckets} AS int)"
    digest = spark_digest_of(spark_text(work.kinds))
    return (
        dated.withColumn("place", F.row_number().over(first))
        .where("place = 1")
        .selectExpr(
            *map(name, key),
            f"{bucket} AS {BUCKET}",
            f"CASE WHEN NOT is_tombstone THEN {digest} END AS {DIGEST}",
            f"unix_micros({DATED_AT}) AS {DATED_AT}",
            f"unix_micros({GONE_AT}) AS {GONE_AT}",
        )
    )


def _dated(rows: DataFrame, work: DigestWork) -> DataFrame:
    """Each row with its date. One that was found again after its key was found gone is dated when it was found."""
    of_key = Window.partitionBy(*work.dataset.key)
    tombstone = "CASE WHEN is_tombstone THEN struct(updated_at, extraction_timestamp) END"
    content = {column: work.dataset.column(column).kind for column in work.dataset.names}
    return (
        rows.withColumn("gone", F.collect_list(F.expr(tombstone)).over(of_key))
        .withColumn("at", F.expr(f"coalesce(updated_at, created_at, {_BEGINNING})"))
        .withColumn(
            DATED_AT,
            F.expr(
                "CASE WHEN NOT is_tombstone AND exists(gone, g -> g.updated_at >= at AND "
                "g.extraction_timestamp < extraction_timestamp) THEN extraction_timestamp ELSE at END"
            ),
        )
        .withColumn(GONE_AT, F.expr("array_max(transform(gone, g -> g.updated_at))"))
        .withColumn("content", F.expr(f"sha2({spark_text(content)}, 256)"))
    )
