"""The JVM of a job takes Spark's classes from the archive, and does without where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.aws import class_archive
from local.aws.java import java_home
from local.aws.spark_conf import Cluster, SparkTuning

pytestmark = pytest.mark.e2e  # for its JVMs, not for a server

SCRIPT = """
from pyspark.sql import SparkSession
print(SparkSession.builder.getOrCreate().range(10).count())
"""


def loaded(folder: Path) -> str:
    """Where the JVM of a job found its classes, a line each."""
    tuning = SparkTuning(cores=1, driver_memory="512m")
    cluster = Cluster.of(folder / "conf", folder, folder, tuning, {})
    cluster.write()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={
            **os.environ,
            "JAVA_HOME": str(java_home()),
            "JAVA_TOOL_OPTIONS": f"-Xlog:class+load:file={folder}/loaded.%p",
            "PYSPARK_SUBMIT_ARGS": cluster.submit_arguments,
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout.split()[-1:]) == (0, ["10"]), done.stderr
    return "\n".join(path.read_text() for path in folder.glob("loaded.*"))


def test_spark_comes_out_of_the_archive(tmp_path: Path) -> None:
    if class_archive.make() is None:
        pytest.skip("this JVM has no archive of its own classes, so it can make none of Spark's")
    class_archive.options.cache_clear()
    kept = [line for line in loaded(tmp_path).splitlines() if "shared objects file (top)" in line]
    assert any("org.apache.spark.sql.SparkSession " in line for line in kept)
    assert len(kept) > 5_000


def test_a_job_runs_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_archive, "options", lambda: "")
    assert "shared objects file (top)" not in loaded(tmp_path)
