"""Spark's configuration for a local Glue run, generated per run, so that scripts need no local settings."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.aws import class_archive, s3_on_disk

DEFAULTS = "spark-defaults.conf"
LOGGING = "log4j2.properties"
LOG4J2 = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.follow = true
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
"""


@dataclass(frozen=True)
class SparkTuning:
    """Spark settings for small data on a laptop: one JVM per run, few partitions, only the fast JIT compiler.

    `warm_jvms` JVMs are kept for later runs, each for up to `runs_per_jvm` runs. With 0, each run starts its own JVM.
    """

    cores: int = min(4, os.cpu_count() or 2)
    driver_memory: str = "2g"
    shuffle_partitions: int = 4
    java_options: str = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
    warm_jvms: int = 2
    runs_per_jvm: int = 25


@dataclass(frozen=True)
class Cluster:
    """All Spark settings of one run, and the directory of the files that pass them to spark-submit."""

    directory: Path
    settings: Mapping[str, str]
    own: Mapping[str, str]  # the settings that are specific to this run

    @classmethod
    def of(
        cls, directory: Path, s3: Path, scratch: Path, tuning: SparkTuning, own: Mapping[str, str]
    ) -> Cluster:
        usual = _usual(scratch, directory / LOGGING, tuning)
        return cls(directory, {**usual, **s3_on_disk.settings(s3), **own}, own)

    def write(self) -> None:
        self.directory.mkdir(parents=True)
        lines = [f"{key} {value}\n" for key, value in self.settings.items()]
        (self.directory / DEFAULTS).write_text("".join(lines))
        (self.directory / LOGGING).write_text(LOG4J2)

    @property
    def submit_words(self) -> list[str]:
        """Arguments for spark-submit. SPARK_CONF_DIR would put a directory on the class path, and disable class archives."""
        return ["--properties-file", str(self.directory / DEFAULTS), "pyspark-shell"]

    @property
    def submit_arguments(self) -> str:
        """The value of PYSPARK_SUBMIT_ARGS."""
        return shlex.join(self.submit_words)


def _usual(scratch: Path, logging: Path, tuning: SparkTuning) -> dict[str, str]:
    java_options = (
        f'{class_archive.options()} {tuning.java_options} -Duser.timezone=UTC "-Djava.io.tmpdir={scratch}" '
        f'"-Dlog4j2.configurationFile={logging.as_uri()}"'
    ).strip()
    return {
        "spark.master": f"local[{tuning.cores}]",
        "spark.driver.memory": tuning.driver_memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": java_options,
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": (scratch / "warehouse").as_uri(),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(tuning.shuffle_partitions),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.maxPlanStringLength": "100",  # plans are written for a UI that nobody opens
    }


def parse_conf_argument(value: str) -> dict[str, str]:
    """Parse Glue's --conf: one setting, or several written as 'a=1 --conf b=2'."""
    words: Iterable[str] = (word for word in shlex.split(value) if word != "--conf")
    settings = {}
    for word in words:
        key, separator, setting = word.partition("=")
        if not separator or not key.startswith("spark."):
            raise ValueError(f"--conf {value!r}: {word!r} is not of the form spark.key=value")
        settings[key] = setting
    return settings
