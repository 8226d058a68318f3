"""Read files of any delivered types into one frame with the contract's columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from contracts.dialects.spark_literals import literal, name
from contracts.dialects.spark_sql import kept, spark_schema, stages, tie_breaker
from contracts.dialects.spark_types import spark_type_of
from contracts.language.dataset import Dataset
from jobs.glue.curation import touched, versions
from jobs.glue.curation.manifest import Input, Work
from jobs.glue.curation.touched import Published
from jobs.glue.parquet import scan
from jobs.glue.storage import Storage

FILE = "__file"
EXTRA_VALUES = "extra_values"
_PROVIDED = {
    "week": "format_string('%04d-W%02d', date_part('YEAROFWEEK', source_date), weekofyear(source_date))"
}


def slice_frame(spark: SparkSession, storage: Storage, work: Work) -> DataFrame:
    """All rows of the slice after the contract's stages: typed columns, reasons, raw values."""
    replayed = [file for file in work.inputs if file.replay]
    frames = [
        _delivered(spark, storage, work, columns, files)
        for columns, files in _alike([file for file in work.inputs if not file.replay])
    ]
    if replayed:
        frames.append(_replayed(spark, work.dataset, replayed))
    return reduce(DataFrame.unionByName, frames)


def _alike(files: Iterable[Input]) -> list[tuple[dict[str, str], list[Input]]]:
    """Group files whose common columns have the same types. They are read together; missing columns are null.

    Each group is a branch of the plan that Spark has to optimise, compile and schedule, so fewer groups are better.
    """
    groups: list[tuple[dict[str, str], list[Input]]] = []
    for file in files:
        for columns, members in groups:
            if all(columns.get(column, kind) == kind for column, kind in file.columns.items()):
                columns.update(file.columns)
                members.append(file)
                break
        else:
            groups.append((dict(file.columns), [file]))
    return groups


def scan_with_file(spark: SparkSession, paths: Iterable[str], schema: str | StructType) -> DataFrame:
    """The rows, each with its file."""
    rows = scan(spark, paths, schema)
    return rows.select("*", F.col("_metadata.file_path").alias(versions.PRIOR_FILE))


def staged(frame: DataFrame, dataset: Dataset, delivered: Mapping[str, str]) -> DataFrame:
    provided = [f"{_PROVIDED[column]} AS {name(column)}" for column in dataset.provided]
    frame = frame.selectExpr("*", *provided)
    for projection in stages(dataset, delivered):
        frame = frame.selectExpr(*projection)
    return frame


def _delivered(
    spark: SparkSession, storage: Storage, work: Work, columns: dict[str, str], files: list[Input]
) -> DataFrame:
    schema = spark_schema({c: t for c, t in columns.items() if c not in work.dataset.provided})
    rows = scan(spark, [file.path for file in files], schema).select(
        "*", F.col("_metadata.file_path").alias(FILE)
    )
    # Sorted, so that the JSON of extra columns does not depend on the order of a file's columns.
    return staged(_located(spark, storage, rows, files), work.dataset, dict(sorted(columns.items())))


def _located(spark: SparkSession, storage: Storage, rows: DataFrame, files: list[Input]) -> DataFrame:
    """The rows with their file and raw date from the manifest, not parsed from a path."""
    dates = {file.raw_date for file in files}
    if len(dates) == 1 and all(storage.spells_alike(file.path) for file in files):
        return rows.withColumnRenamed(FILE, "source_file").withColumn("source_date", F.lit(dates.pop()))
    return rows.join(F.broadcast(_origins(spark, storage, files)), FILE).drop(FILE)


def _origins(spark: SparkSession, storage: Storage, files: list[Input]) -> DataFrame:
    rows = [
        f"({literal(spelling)}, {literal(file.path)}, DATE'{file.raw_date}')"
        for file in files
        for spelling in sorted(storage.spellings(file.path))
    ]
    return spark.sql(f"SELECT * FROM VALUES {', '.join(rows)} AS origins({FILE}, source_file, source_date)")


def _replayed(spark: SparkSession, dataset: Dataset, files: list[Input]) -> DataFrame:
    """Rows from quarantine, with their original source file and raw date."""
    columns = dict.fromkeys([*dataset.names, EXTRA_VALUES], "string")
    schema = f"{spark_schema(columns)}, source_file string, raw_date date"
    rows = scan(spark, [file.path for file in files], schema).withColumnRenamed("raw_date", "source_date")
    return staged(rows, dataset, columns)


def keys_of(rows: DataFrame, dataset: Dataset) -> dict[str, set[touched.Value]]:
    """The distinct values of each key column of valid rows, in the form that touched.files compares."""
    columns = touched.expressions(dataset)
    if not columns:
        return {}
    different = [F.collect_set(F.expr(value)).alias(column) for column, value in columns.items()]
    (row,) = rows.agg(*different).collect()
    return {column: {bytes(v) if isinstance(v, bytearray) else v for v in row[column]} for column in columns}


def history_frame(spark: SparkSession, work: Work, files: Collection[Published]) -> DataFrame | None:
    """The columns of published rows that decide between versions: key, version, content, tie-breaker and file.

    Only a replay reads whole rows: its rows are not a redelivery, so the tie-breaker of every published row counts.
    Other runs need it only for rows that a replay published, and those rows store it.
    """
    if not files:
        return None
    dataset = work.dataset
    kinds = {column.name: spark_type_of(column.kind) for column in dataset.columns}
    narrow = {column: kinds.get(column, "string") for column in dataset.key}
    if dataset.version_column:
        narrow[dataset.version_column] = kinds[dataset.version_column]
    narrow |= {"source_date": "date", "content_hash": "bigint"}
    digested = kinds if work.is_replay else {"kept_aside": "string"}
    tie = tie_breaker(dataset) if work.is_replay else versions.MARKED_TIE
    schema = ", ".join(f"{name(column)} {type_name}" for column, type_name in (narrow | digested).items())
    # A version that today's contract rejects is ignored, although it was published. It would win forever otherwise.
    read = {
        column: kept(dataset.column(column)) if column == dataset.version_column else name(column)
        for column in narrow
    }
    return scan(spark, [file.path for file in files], schema).select(
        *(F.expr(expression).alias(column) for column, expression in read.items()),
        F.expr(tie).alias(versions.TIE),
        F.col("_metadata.file_path").alias(versions.PRIOR_FILE),
    )
