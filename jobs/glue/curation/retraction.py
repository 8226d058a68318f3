"""Retract rows that a newer delivery lacks, if the files of a raw date are a complete delivery.

Such a row is published once more with is_deleted, so that the warehouse learns of it from the table's log as of any
other version. A row that is invalid in the newer delivery is kept, and so is a row that a person corrected, which was
never in a file.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import literal, name
from contracts.dialects.spark_sql import content_hash
from contracts.language.dataset import RETRACTED, SOURCE_DATE
from jobs.glue.curation import reading, touched
from jobs.glue.curation.manifest import Work
from jobs.glue.curation.touched import Published
from jobs.glue.curation.versions import IS_CORRECTED, PRIOR_FILE

FOLDER = "retracted"


def retract(spark: SparkSession, work: Work, staging: str, part: str) -> tuple[int, list[str]]:
    """Write the retractions below the staging folder. Returns their number and the published files that hold the rows.

    `part` is the folder of the whole slice, including rejected rows.
    """
    files_of_dates = of_dates(work)
    if not files_of_dates:
        return 0, []
    delivered = spark.read.parquet(f"{staging}/{part}").drop(part)
    published = reading.scan_with_file(spark, [file.path for file in files_of_dates], delivered.schema)
    gone = missing(published, delivered, work)
    seen = Observation()
    files = F.expr(f"concat_ws('\n', collect_set({PRIOR_FILE}))")
    gone = gone.observe(seen, F.count(F.lit(1)).alias("rows"), files.alias("files"))
    taken_back = {RETRACTED: "true", "run_id": literal(work.run_id)}
    rows = gone.selectExpr(
        *(f"{taken_back.get(column, name(column))} AS {name(column)}" for column in delivered.columns)
    )
    rows = rows.withColumn("content_hash", F.expr(content_hash(work.dataset)))
    rows.coalesce(1).write.mode("overwrite").parquet(f"{staging}/{FOLDER}")
    return int(seen.get["rows"]), seen.get["files"].splitlines()


def of_dates(work: Work) -> list[Published]:
    """The published files that may contain a row of the slice's raw dates."""
    return touched.files(work.history, {SOURCE_DATE: [touched.day(day) for day in work.raw_dates]})


def missing(published: DataFrame, delivered: DataFrame, work: Work) -> DataFrame:
    dates = ", ".join(f"DATE'{day}'" for day in work.raw_dates)
    live = published.where(
        f"source_date IN ({dates}) AND NOT coalesce({RETRACTED}, false) AND NOT {IS_CORRECTED}"
    )
    return live.join(delivered.select(*work.dataset.key), list(work.dataset.key), "left_anti")
