"""The Glue job highwater-silver: silver.py --manifest s3://... --figures s3://... --JOB_RUN_ID jr_...

Silver is a function of the versions in bronze. A run computes anew what new rows concern, and writes what differs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession

from jobs.glue import request, session
from jobs.glue.layers import manifest
from jobs.glue.layers.manifest import LayerWork
from jobs.glue.shop.silver_run import SilverRun
from jobs.glue.storage import Storage


def main(arguments: Sequence[str] | None = None) -> None:
    asked = request.parse("silver", arguments)
    spark = session.open_session("highwater-silver")
    storage = Storage(spark)
    work = manifest.parse(storage.read_text(asked.manifest), asked.manifest).own(asked)
    storage.write_text(asked.figures, json.dumps(build(spark, storage, work), sort_keys=True))
    spark.stop()


def build(spark: SparkSession, storage: Storage, work: LayerWork) -> dict[str, Any]:
    """Bring the tables of silver up to date, and say what was written and what is amiss in it."""
    session.size_shuffles(spark, 0)
    figures = SilverRun(spark, storage, work).run()
    spark.catalog.clearCache()
    print(json.dumps({"event": "silver", "run": work.run_id, **figures["rows"]}, sort_keys=True), flush=True)
    return figures


if __name__ == "__main__":
    main()
