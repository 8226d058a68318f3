"""Build an archive of Spark's loaded classes (JVM class data sharing). It saves a small job a third of its CPU and time.

Run `python -m local.aws.class_archive` once per virtual environment to build it. Without an archive, or with one that
the JVM rejects, jobs load their classes from the jars.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pyspark

from local.aws import s3_on_disk
from local.aws.java import java_home
from local.aws.job_runner import CannotRunError

# Uses each Spark feature of our jobs once, so that the archive contains the classes they need.
PROGRAM = """
import sys
from pyspark.sql import Observation, SparkSession, functions as F

spark = SparkSession.builder.getOrCreate()
folder = sys.argv[1]
rows = spark.range(1000).selectExpr(
    "id", "id % 7 AS part", "concat('SKU-', id) AS code", "CAST(id AS decimal(18,4)) AS money",
    "date_add(DATE'2025-01-01', int(id % 90)) AS day", "to_json(struct(id)) AS document",
)
seen = Observation()
rows.observe(seen, F.count(F.lit(1)).alias("rows")).write.partitionBy("part").parquet(f"{folder}/rows")
read = spark.read.schema(rows.schema).parquet(f"{folder}/rows")
read = read.where("code RLIKE '^[A-Z0-9-]+$' AND try_cast(code AS int) IS NULL")
few = F.broadcast(read.groupBy("part").count().withColumn("hash", F.xxhash64("part")))
ranked = read.join(few, "part").selectExpr("*", "row_number() OVER (PARTITION BY part ORDER BY day DESC) AS place")
ranked.repartition("part").where("place = 1").selectExpr("*", "sha2(code, 256) AS digest").write.parquet(f"{folder}/few")
spark.read.parquet(f"{folder}/few").groupBy("day").agg(F.sum("money"), F.collect_set("code")).collect()
spark.stop()
"""
_TIMEOUT_SECONDS = 300


@cache
def options() -> str:
    """JVM options that load the archive, to be put before a job's own options. Empty if there is no archive."""
    path = _path()
    return f'-XX:SharedArchiveFile="{path}" -Xlog:cds*=off' if path.exists() else ""


def make() -> Path | None:
    """Build the archive if it does not exist. Returns None if the JVM cannot write one, as some small JREs cannot."""
    path = _path()
    if path.exists():
        return path
    with tempfile.TemporaryDirectory(dir=s3_on_disk.COMPILED) as scratch:
        pending = Path(scratch, "classes.jsa")
        _run_program(Path(scratch), pending)
        if not pending.exists():
            return None
        for other in path.parent.glob("classes-*.jsa"):  # built for another Spark or Java; about 100 MB each
            other.unlink()
        pending.replace(path)
    return path


def _run_program(scratch: Path, archive: Path) -> None:
    program = scratch / "program.py"
    program.write_text(PROGRAM)
    java_options = f'-XX:TieredStopAtLevel=1 "-XX:ArchiveClassesAtExit={archive}" -Xlog:cds*=off'
    settings = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.driver.extraJavaOptions": java_options,
        **s3_on_disk.settings(scratch),
    }
    # Use spark-submit, which waits until the JVM exits: the JVM writes the archive on exit.
    submit = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit")]
    for name, value in settings.items():
        submit += ["--conf", f"{name}={value}"]
    places = {"JAVA_HOME": str(java_home()), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    ended = subprocess.run(
        [*submit, str(program), f"{scratch}/data"],
        env={**os.environ, **places},
        cwd=scratch,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    if ended.returncode:
        raise CannotRunError(f"Spark could not run here:\n{ended.stdout}{ended.stderr}")


def _path() -> Path:
    """The archive's path. It contains a hash of the program, the JVM and the jars: an archive is valid only for these."""
    java = java_home()
    release = java / "release"
    jars = sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar"))
    about = [
        PROGRAM,
        str(java),
        release.read_text() if release.exists() else "",
        *map(str, jars),
        str(s3_on_disk.jar()),
    ]
    digest = hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]
    return s3_on_disk.COMPILED / f"classes-{digest}.jsa"


if __name__ == "__main__":
    try:
        made = make()
    except (CannotRunError, subprocess.TimeoutExpired) as error:
        print(f"no archive of Spark's classes was made, jobs start as ever: {error}")
    else:
        print(f"Spark's classes are in {made}" if made else "this JVM keeps no classes: jobs start as ever")
