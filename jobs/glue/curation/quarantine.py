"""Rejected rows: the delivered values, the reasons, and what a replay needs."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import literal, name
from contracts.language.dataset import Dataset
from jobs.glue.curation.manifest import Work
from jobs.glue.curation.reading import EXTRA_VALUES

DAY = "day"
# A rejected row is written in the curated schema, in its free-text column, so that one write holds all rows.
ENVELOPE = "to_json(struct(reasons, raw_values))"
_OPENED = "from_json(kept_aside, 'reasons array<string>, raw_values string')"
_RAW = "from_json(opened.raw_values, 'map<string,string>')"


def quarantined(travelled: DataFrame, work: Work) -> DataFrame:
    dataset = work.dataset
    raw = {column: f"raw[{literal(column)}]" for column in dataset.names}
    columns = {
        **raw,
        "reasons": "opened.reasons",
        "source_file": "source_file",
        "raw_date": "source_date",
        "run_id": literal(work.run_id),
        "contract_version": literal(dataset.version),
        "row_id": _row_id(dataset),
        EXTRA_VALUES: EXTRA_VALUES,
        DAY: "source_date",
    }
    return (
        travelled.selectExpr("source_file", "source_date", f"{_OPENED} AS opened")
        .selectExpr("*", f"{_RAW} AS raw")
        .selectExpr("*", f"{_extra_values(dataset)} AS {EXTRA_VALUES}")
        .selectExpr(*(f"{expression} AS {name(column)}" for column, expression in columns.items()))
    )


def _extra_values(dataset: Dataset) -> str:
    """The columns that are not in the contract, as JSON. A replayed row keeps the JSON that it had."""
    known = ", ".join(literal(column) for column in dataset.names)
    extra = f"map_filter(raw, (k, v) -> k NOT IN ({known}) AND v IS NOT NULL)"
    alone = f"map_keys({extra}) = array({literal(EXTRA_VALUES)})"
    return (
        f"CASE WHEN {alone} THEN raw[{literal(EXTRA_VALUES)}] "
        f"WHEN cardinality({extra}) > 0 THEN to_json({extra}) END"
    )


def _row_id(dataset: Dataset) -> str:
    """The id of a row, the same each time it is rejected, in any run and by any contract version.

    A later column without a value does not take part.
    """

    def sized(field: str) -> str:
        return f"concat(char_length({field}), ':', {field})"

    parts = [f"coalesce({sized('source_file')}, '')"]
    for column in dataset.columns:
        field = sized(f"raw[{literal(column.name)}]")
        parts.append(field if column.is_later else f"coalesce({field}, '')")
    parts.append(f"coalesce({sized(EXTRA_VALUES)}, '')")
    return f"sha2(concat_ws('|', {', '.join(parts)}), 256)"


def write(rows: DataFrame, folder: str) -> None:
    """Write one file per raw date, as the table is partitioned by it."""
    # Many writers with few rows each are open at once, so none needs a buffer of 128 MB.
    small = rows.repartition("raw_date").write.option("parquet.block.size", 8 * 2**20)
    small.mode("overwrite").partitionBy(DAY).parquet(folder)


def sighted(spark: SparkSession, folder: str, dataset: Dataset) -> DataFrame:
    """The keys of written rows, as delivered, and their raw dates: all that the warehouse learns of them."""
    keys = [name(column) for column in dataset.key]
    schema = ", ".join([*(f"{key} string" for key in keys), "raw_date date"])
    return spark.read.schema(schema).parquet(folder).select(*keys, "raw_date").coalesce(1)


def tally(rows: DataFrame) -> DataFrame:
    """The number of times that each reason was given per raw date."""
    return rows.select("raw_date", F.explode("reasons").alias("reason")).groupBy("raw_date", "reason").count()
