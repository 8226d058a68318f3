"""The Glue job highwater-curate: curate.py --manifest s3://... --figures s3://... --JOB_RUN_ID jr_...

Runs unchanged on Glue and on a laptop. Its output and its figures are in places of this run alone (jobs/glue/request.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from jobs.glue import request, session
from jobs.glue.curation import manifest
from jobs.glue.curation.curation import Curation
from jobs.glue.curation.manifest import Work
from jobs.glue.errors import CurationFailed
from jobs.glue.storage import Storage, failure

DATASETS_AT_ONCE = 4


def main(arguments: Sequence[str] | None = None) -> None:
    asked = request.parse("curate", arguments)
    spark = session.open_session("highwater-curate")
    storage = Storage(spark)
    works = manifest.parse(storage.read_text(asked.manifest), asked.manifest)
    works = [work.own(asked) for work in works]
    storage.write_text(asked.figures, json.dumps(curate(spark, works), sort_keys=True))
    spark.stop()


def curate(spark: SparkSession, works: Sequence[Work]) -> dict[str, Any]:
    """Curate the datasets concurrently: small ones use the cores that a large one leaves idle between its stages."""
    session.size_shuffles(spark, max(work.rows for work in works))
    with ThreadPoolExecutor(DATASETS_AT_ONCE) as pool:
        figures = list(pool.map(lambda work: _curate_one(spark, work), works))
    return {"datasets": {work.dataset.table: found for work, found in zip(works, figures, strict=True)}}


def _curate_one(spark: SparkSession, work: Work) -> dict[str, Any]:
    started = time.monotonic()
    try:
        found = Curation(spark, Storage(spark), work).run()
    except (PySparkException, Py4JError) as error:
        raise CurationFailed(f"{work.dataset.table}: {failure(error)}") from error
    event = {
        "event": "curated",
        "dataset": work.dataset.table,
        "run": work.run_id,
        "seconds": round(time.monotonic() - started, 2),
        **{name: count for name, count in found.items() if name.startswith("rows_")},
    }
    print(json.dumps(event), flush=True)
    return found


if __name__ == "__main__":
    main()
