"""What the lake last knew of each key, with the digest of its row."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from contracts.dialects.row_digests import spark_digest_of, spark_number, spark_text
from contracts.dialects.spark_literals import name
from jobs.glue.digest.digest_manifest import DigestWork
from jobs.glue.shop.versions import DATED_AT, versions

BUCKET, DIGEST, GONE_AT = "bucket", "digest", "gone_at"


def newest_versions(rows: DataFrame, work: DigestWork) -> DataFrame:
    """One row per key: the key, its bucket, the digest of its newest version (null if that is a tombstone), its date, and
    the date of its last tombstone. Dates are in microseconds."""
    key = list(work.dataset.key)
    of_key = Window.partitionBy(*key)
    bucket = f"CAST({spark_number(spark_digest_of(spark_text(work.key_kinds)))} % {work.buckets} AS int)"
    digest = spark_digest_of(spark_text(work.kinds))
    return (
        versions(rows, work.dataset)
        .withColumn(GONE_AT, F.max(F.expr(f"CASE WHEN is_tombstone THEN {DATED_AT} END")).over(of_key))
        .withColumn("place", F.row_number().over(of_key.orderBy(F.desc(DATED_AT))))
        .where("place = 1")
        .selectExpr(
            *map(name, key),
            f"{bucket} AS {BUCKET}",
            f"CASE WHEN NOT is_tombstone THEN {digest} END AS {DIGEST}",
            f"unix_micros({DATED_AT}) AS {DATED_AT}",
            f"unix_micros({GONE_AT}) AS {GONE_AT}",
        )
    )
