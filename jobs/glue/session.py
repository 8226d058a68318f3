"""The Spark session of a job: what the results depend on is set here and not left to whoever starts it."""

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
    "spark.sql.parquet.compression.codec": "zstd",
    # Spark refuses nanoseconds unless it may read them as whole numbers, which the contracts then turn to instants.
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # Without it every task sorts its rows by the folder that they go to.
    "spark.sql.maxConcurrentOutputFileWriters": "8",
    # A contract's rules make methods that the JVM refuses to compile; Spark's other way is twice as fast then.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # Hundreds of small files are listed by a few tasks, not by one each.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
}

# A file counts as much as a task may read, so that no second one is put beside it.
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
    """As many partitions as the rows need: two hundred for a hundred rows cost more than the rows do."""
    cores = session.sparkContext.defaultParallelism
    session.conf.set("spark.sql.shuffle.partitions", str(max(2, cores, rows // ROWS_PER_TASK)))


def file_by_file(session: SparkSession) -> SparkSession:
    """A session whose tasks read one file each: what they write is no wider in its keys than the file that it comes from."""
    alone = session.newSession()
    configure(alone)
    shuffles = "spark.sql.shuffle.partitions"
    for setting, value in {**_FILE_BY_FILE, shuffles: str(session.conf.get(shuffles))}.items():
        alone.conf.set(setting, value)
    return alone
