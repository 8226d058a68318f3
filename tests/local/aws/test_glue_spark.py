"""Whole Spark jobs on the local Glue: they read and write s3:// and know nothing of where they are."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = [pytest.mark.spark, pytest.mark.e2e]

COPY = """
import argparse
from pyspark.sql import SparkSession, functions as F

parser = argparse.ArgumentParser()
for name in ("--source", "--target", "--figures"):
    parser.add_argument(name)
args, _ = parser.parse_known_args()
spark = SparkSession.builder.getOrCreate()
frame = spark.read.parquet(args.source).withColumn("at", F.timestamp_seconds("n").cast("string"))
frame.write.mode("overwrite").parquet(args.target)
doubled = spark.createDataFrame([(1,)], ["n"]).rdd.map(lambda row: row.n * 2).first()

path = spark._jvm.org.apache.hadoop.fs.Path(args.figures)
stream = path.getFileSystem(spark._jsc.hadoopConfiguration()).create(path, True)
stream.write(bytearray(f"{frame.count()} {doubled}", "utf-8"))
stream.close()
"""
BREAKS = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.range(3).write.parquet("s3://lake/partial/")
spark.read.parquet("s3://lake/none/")
"""


def put_numbers(s3: Any, key: str, count: int) -> None:
    body = io.BytesIO()
    pq.write_table(pa.table({"n": list(range(count))}), body)
    s3.put_object(Bucket="lake", Key=key, Body=body.getvalue())


def listed(s3: Any, prefix: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])]


def test_a_job_reads_and_overwrites_s3(run_job: Callable[..., dict[str, Any]], s3: Any) -> None:
    put_numbers(s3, "spark/in/day=1/a.parquet", 3)
    put_numbers(s3, "spark/out/stale.parquet", 1)
    s3.put_object(Bucket="lake", Key="spark/figures.txt", Body=b"of an earlier run, and longer")
    arguments = {
        "--source": "s3://lake/spark/in/",
        "--target": "s3://lake/spark/out/",
        "--figures": "s3://lake/spark/figures.txt",
    }

    run = run_job(COPY, arguments, seconds=120)

    assert run["JobRunState"] == "SUCCEEDED", run
    written = [key for key in listed(s3, "spark/out/") if key.endswith(".parquet")]
    assert "spark/out/stale.parquet" not in written
    frames = [
        pq.read_table(io.BytesIO(s3.get_object(Bucket="lake", Key=key)["Body"].read())) for key in written
    ]
    rows = pa.concat_tables(frames).sort_by("n").to_pylist()
    assert rows == [{"n": n, "day": 1, "at": f"1970-01-01 00:00:0{n}"} for n in range(3)]
    assert "spark/out/_SUCCESS" in listed(s3, "spark/out/")
    assert [key for key in listed(s3, "spark/") if key.endswith(".crc") or "_temporary" in key] == []
    assert s3.get_object(Bucket="lake", Key="spark/figures.txt")["Body"].read() == b"3 2"


def test_a_failed_job_says_why_and_keeps_what_it_had_written(
    run_job: Callable[..., dict[str, Any]], s3: Any
) -> None:
    run = run_job(BREAKS, seconds=120)

    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"] == (
        "pyspark.errors.exceptions.captured.AnalysisException: "
        "[PATH_NOT_FOUND] Path does not exist: s3://lake/none."
    )
    assert "partial/_SUCCESS" in listed(s3, "partial/")


def test_two_jobs_run_side_by_side_and_one_is_stopped_with_its_jvm(
    glue: Any, s3: Any, new_job: Any, wait_for: Any
) -> None:
    stuck = new_job(
        "import time\nfrom pyspark.sql import SparkSession\n"
        "spark = SparkSession.builder.getOrCreate()\n"
        "spark.range(1).write.parquet('s3://lake/stuck/')\n"
        "print('stuck', flush=True)\ntime.sleep(600)"
    )
    other = new_job(
        "from pyspark.sql import SparkSession\n"
        "SparkSession.builder.getOrCreate().range(2).write.parquet('s3://lake/other/')"
    )
    stuck_run = glue.start_job_run(JobName=stuck)["JobRunId"]
    other_run = glue.start_job_run(JobName=other)["JobRunId"]

    wait_for(other, other_run, "SUCCEEDED", seconds=120)
    assert glue.get_job_run(JobName=stuck, RunId=stuck_run)["JobRun"]["JobRunState"] == "RUNNING"
    glue.batch_stop_job_run(JobName=stuck, JobRunIds=[stuck_run])
    wait_for(stuck, stuck_run, "STOPPED")

    assert "other/_SUCCESS" in listed(s3, "other/")
    assert [mark for mark in running_marks() if stuck_run in mark] == []


def running_marks() -> list[str]:
    from local.aws.processes import MARK_VARIABLE, marked
    from local.process_trees import value_of

    return [mark for process in marked(lambda _: True) if (mark := value_of(process, MARK_VARIABLE))]
