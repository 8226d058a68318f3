"""The Glue job highwater-bronze-digest: bronze_digest.py --manifest s3://... --figures s3://... --JOB_RUN_ID jr_...

The checksums of what the lake last knew of an entity, in buckets of its key, for a reconciliation to compare with the
source's. The keys and their digests are written in the order of their buckets: who looks into one reads a part of a file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts.dialects.row_digests import spark_number
from contracts.dialects.spark_literals import name
from contracts.dialects.spark_types import spark_type_of
from jobs.glue import request, session
from jobs.glue.digest import digest_manifest
from jobs.glue.digest.digest_manifest import DigestWork
from jobs.glue.digest.newest_versions import BUCKET, DIGEST, newest_versions
from jobs.glue.parquet import scan
from jobs.glue.storage import Storage

_GROUP_BYTES = 1 << 20
_PROVENANCE = "extraction_timestamp timestamp, is_tombstone boolean"


def main(arguments: Sequence[str] | None = None) -> None:
    asked = request.parse("bronze_digest", arguments)
    spark = session.open_session("highwater-bronze-digest")
    storage = Storage(spark)
    work = digest_manifest.parse(storage.read_text(asked.manifest), asked.manifest)
    work = replace(work, output=asked.own(work.output))
    storage.write_text(asked.figures, json.dumps(digest(spark, storage, work), sort_keys=True))
    spark.stop()


def digest(spark: SparkSession, storage: Storage, work: DigestWork) -> dict[str, Any]:
    """Writes <output>/keys, and returns the count and the checksum of each bucket."""
    session.size_shuffles(spark, work.rows)
    folder = f"{work.output}/keys"
    newest = newest_versions(_rows(spark, work), work)
    ordered = newest.repartitionByRange(BUCKET).sortWithinPartitions(BUCKET, *work.dataset.key)
    ordered.write.mode("overwrite").option("parquet.block.size", _GROUP_BYTES).parquet(folder)
    keys = spark.read.schema(newest.schema).parquet(folder)
    figures = {"buckets": _sums(keys), "files": storage.parquet_files(folder), "keys": keys.count()}
    event = {"event": "digested", "dataset": work.dataset.table, "run": work.run_id, "keys": figures["keys"]}
    print(json.dumps(event), flush=True)
    return figures


def _rows(spark: SparkSession, work: DigestWork) -> DataFrame:
    """All versions of all keys, those in quarantine too: they are known."""
    columns = ", ".join(
        f"{name(column.name)} {spark_type_of(column.kind)}" for column in work.dataset.columns
    )
    frames = [
        scan(spark, files, f"{columns}, {_PROVENANCE}") for files in (work.bronze, work.quarantine) if files
    ]
    key = list(work.dataset.key)
    rows = reduce(DataFrame.unionByName, frames).dropna(subset=key)
    if work.pending is None:
        return rows
    kinds = ", ".join(f"{name(column)} {spark_type_of(kind)}" for column, kind in work.key_kinds.items())
    return rows.join(scan(spark, [work.pending], kinds), key, "left_anti")


def _sums(keys: DataFrame) -> dict[str, list[Any]]:
    found = (
        keys.where(f"{DIGEST} IS NOT NULL")
        .groupBy(BUCKET)
        .agg(
            F.count(F.lit(1)).alias("rows"),
            F.expr(f"CAST(sum({spark_number(DIGEST)}) AS string)").alias("sum"),
        )
    )
    return {str(row[BUCKET]): [row["rows"], row["sum"]] for row in found.collect()}


if __name__ == "__main__":
    main()
