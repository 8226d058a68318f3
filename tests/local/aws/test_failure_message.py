from __future__ import annotations

from pathlib import Path

import pytest

from local.aws.failure_message import MESSAGE_LIMIT, failure_message

PY4J = """\
12:00:01 ERROR Executor: Exception in task 0.0 in stage 1.0 (TID 1)
Traceback (most recent call last):
  File "/job.py", line 3, in <module>
    frame.write.parquet("s3://lake/out")
  File "/pyspark/sql/utils.py", line 179, in deco
    return f(*a, **kw)
py4j.protocol.Py4JJavaError: An error occurred while calling o45.parquet.
: org.apache.spark.SparkException: Job aborted due to stage failure
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:1)
\t... 12 more
Caused by: java.io.IOException: disk
12:00:02 WARN ShutdownHookManager: late
"""
CHAINED = """\
Traceback (most recent call last):
  File "/job.py", line 3, in <module>
KeyError: 'sku'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/job.py", line 5, in <module>
    raise ValueError("no such column: sku") from error
ValueError: no such column: sku
"""
ANALYSIS = """\
Traceback (most recent call last):
  File "/job.py", line 5, in <module>
    spark.read.parquet("s3://lake/none")
pyspark.errors.exceptions.captured.AnalysisException: [PATH_NOT_FOUND] Path does not exist: s3://lake/none.
"""
GROUP = """\
Traceback (most recent call last):
  File "/job.py", line 5, in <module>
ValueError: first line
second line

a line of another program
"""


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (
            PY4J,
            "py4j.protocol.Py4JJavaError: An error occurred while calling o45.parquet. "
            ": org.apache.spark.SparkException: Job aborted due to stage failure",
        ),
        (CHAINED, "ValueError: no such column: sku"),
        (
            ANALYSIS,
            "pyspark.errors.exceptions.captured.AnalysisException: "
            "[PATH_NOT_FOUND] Path does not exist: s3://lake/none.",
        ),
        (GROUP, "ValueError: first line second line"),
        (
            "the manifest names no dataset\n\n",
            "the script ended with exit code 1: the manifest names no dataset",
        ),
        ("", "the script ended with exit code 1, and wrote nothing"),
        (
            "Traceback (most recent call last):\n",
            "the script ended with exit code 1: Traceback (most recent call last):",
        ),
    ],
)
def test_the_message_is_the_last_exceptions(tmp_path: Path, log: str, message: str) -> None:
    (tmp_path / "log").write_text(log)

    assert failure_message(tmp_path / "log", 1) == message


def test_a_signal_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("reading\n")

    assert failure_message(tmp_path / "log", -9) == "the script was killed by SIGKILL: reading"


def test_a_missing_log_and_an_endless_message_are_harmless(tmp_path: Path) -> None:
    assert failure_message(tmp_path / "none", 2) == "the script ended with exit code 2, and wrote nothing"
    (tmp_path / "log").write_bytes(b"\xff" + b"x" * 1_000_000)
    assert len(failure_message(tmp_path / "log", 1)) == MESSAGE_LIMIT
