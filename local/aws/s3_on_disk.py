"""The Hadoop file system through which local Spark sees a run's mirror of S3, compiled by the Scala that Spark brings along.

`python -m local.aws.s3_on_disk` compiles it ahead of the first job: some seconds, once for a virtual environment.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import pyspark

from local.aws.java import java_home
from local.aws.job_runner import CannotRunError

SOURCE = Path(__file__).parent / "hadoop" / "S3OnDisk.scala"
CLASS = "highwater.local.S3OnDisk"
_COMPILED = Path(sys.prefix) / "highwater"
_TIMEOUT_SECONDS = 300


@cache
def classes() -> Path:
    """The directory for Spark's class path."""
    digest = hashlib.sha256(SOURCE.read_bytes() + pyspark.__version__.encode()).hexdigest()[:16]
    home = _COMPILED / digest
    if not home.exists():
        _compile(home)
    return home


def settings(root: Path) -> dict[str, str]:
    """Spark's settings under which s3://bucket/key is the file root/bucket/key."""
    schemes = {f"spark.hadoop.fs.{scheme}.impl": CLASS for scheme in ("s3", "s3a")}
    return {
        **schemes,
        "spark.hadoop.fs.s3-on-disk.root": str(root),
        "spark.driver.extraClassPath": str(classes()),
    }


def _compile(home: Path) -> None:
    _COMPILED.mkdir(parents=True, exist_ok=True)
    jars = Path(pyspark.__file__).parent / "jars" / "*"
    java = java_home() / "bin" / "java"
    compiler = [str(java), "-XX:TieredStopAtLevel=1", "-cp", str(jars), "scala.tools.nsc.Main"]
    with tempfile.TemporaryDirectory(dir=_COMPILED) as scratch:
        ended = subprocess.run(
            [*compiler, "-usejavacp", "-d", scratch, str(SOURCE)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        if ended.returncode:
            raise CannotRunError(f"{SOURCE.name} could not be compiled:\n{ended.stdout}{ended.stderr}")
        compiled = shutil.copytree(scratch, f"{scratch}.whole")
        with suppress(FileExistsError, OSError):  # another process was faster
            Path(compiled).rename(home)
        shutil.rmtree(compiled, ignore_errors=True)


if __name__ == "__main__":
    print(f"Spark's way to the local S3 is in {classes()}")
