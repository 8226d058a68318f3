"""The Spark session of a job. Settings that affect results are set here, not by the caller."""

from __future__ import annotations

from pyspark.sql import SparkSession

ROWS_PER_TASK = 200_000

_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.caseSensitive": "false",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Without it, one default date of a source (0001-01-01) in a file that Spark did not write fails the whole job.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.compression.codec": "zstd",
    # Spark only reads nanoseconds as integers. The contracts convert them to timestamps.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # Without it, every task sorts its rows by output folder.
    "spark.sql.maxConcurrentOutputFileWriters": "8",
    # A contract's rules generate methods that the JVM does not compile. Without codegen they are twice as fast.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # A few tasks list hundreds of small files, not one task each.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}

# A file counts as the most that a task may read, so no task gets a second one.
_FILE_BY_FILE = {
    "spark.sql.files.maxPartitionBytes": "128m",
    "spark.sql.files.openCostInBytes": "128m",
}


def open_session(name: str) -> SparkSession:
    session = SparkSession.builder.appName(name).getOrCreate()
    configure(session)
    return session


def configure(session: SparkSession) -> None:
    for setting, value in _SETTINGS.items():
        session.conf.set(setting, value)


def size_shuffles(session: SparkSession, rows: int) -> None:
    """Set the number of shuffle partitions by the number of rows. Two hundred partitions for a hundred rows are slow."""
    cores = session.sparkContext.defaultParallelism
    session.conf.set("spark.sql.shuffle.partitions", str(max(2, cores, rows // ROWS_PER_TASK)))


def file_by_file(session: SparkSession) -> SparkSession:
    """A session whose tasks read one file each, so that an output file covers no more keys than its input file."""
    alone = session.newSession()
    configure(alone)
    shuffles = "spark.sql.shuffle.partitions"
    for setting, value in {**_FILE_BY_FILE, shuffles: str(session.conf.get(shuffles))}.items():
        alone.conf.set(setting, value)
    return alone
