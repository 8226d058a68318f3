"""The Hadoop file system that maps s3:// to a run's local mirror. It is compiled by the Scala compiler in Spark.

`python -m local.aws.s3_on_disk` compiles it before the first job. It takes some seconds, once per virtual environment.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pyspark

from local.aws.java import java_home
from local.aws.job_runner import CannotRunError

SOURCE = Path(__file__).parent / "hadoop" / "S3OnDisk.scala"
CLASS = "highwater.local.S3OnDisk"
COMPILED = Path(sys.prefix) / "highwater"
_TIMEOUT_SECONDS = 300


@cache
def jar() -> Path:
    digest = hashlib.sha256(SOURCE.read_bytes() + pyspark.__version__.encode()).hexdigest()[:16]
    path = COMPILED / f"s3-on-disk-{digest}.jar"
    if not path.exists():
        _compile(path)
    return path


def settings(root: Path) -> dict[str, str]:
    """Spark settings that map s3://bucket/key to the file root/bucket/key."""
    schemes = {f"spark.hadoop.fs.{scheme}.impl": CLASS for scheme in ("s3", "s3a")}
    return {
        **schemes,
        "spark.hadoop.fs.s3-on-disk.root": str(root),
        "spark.driver.extraClassPath": str(jar()),
    }


def _compile(jar: Path) -> None:
    COMPILED.mkdir(parents=True, exist_ok=True)
    sparks = Path(pyspark.__file__).parent / "jars" / "*"
    java = java_home() / "bin" / "java"
    compiler = [str(java), "-XX:TieredStopAtLevel=1", "-cp", str(sparks), "scala.tools.nsc.Main"]
    with tempfile.TemporaryDirectory(dir=COMPILED) as scratch:
        pending = Path(scratch) / jar.name
        ended = subprocess.run(
            [*compiler, "-usejavacp", "-d", str(pending), str(SOURCE)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        if ended.returncode:
            raise CannotRunError(f"{SOURCE.name} could not be compiled:\n{ended.stdout}{ended.stderr}")
        pending.replace(jar)  # atomic; a file that another process put here is equivalent


if __name__ == "__main__":
    print(f"Spark's way to the local S3 is in {jar()}")
