"""Broken rows: what was delivered, why it was refused, and enough to try it again."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from contracts.dialects.spark_literals import literal, name
from contracts.language.dataset import Dataset
from jobs.glue.curation.manifest import Work
from jobs.glue.curation.reading import EXTRA_VALUES

DAY = "day"
# A broken row travels in the curated schema, in the one column that is free text, so that one write carries all rows.
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
    """What the contract does not know, as JSON. A row that was in quarantine before brings it along as it was."""
    known = ", ".join(literal(column) for column in dataset.names)
    extra = f"map_filter(raw, (k, v) -> k NOT IN ({known}) AND v IS NOT NULL)"
    alone = f"map_keys({extra}) = array({literal(EXTRA_VALUES)})"
    return (
        f"CASE WHEN {alone} THEN raw[{literal(EXTRA_VALUES)}] "
        f"WHEN cardinality({extra}) > 0 THEN to_json({extra}) END"
    )


def _row_id(dataset: Dataset) -> str:
    """The same row has the same id every time that it is refused, whatever run or contract version refuses it: a later
    column that has no value takes no part."""

    def sized(field: str) -> str:
        return f"concat(char_length({field}), ':', {field})"

    parts = [f"coalesce({sized('source_file')}, '')"]
    for column in dataset.columns:
        field = sized(f"raw[{literal(column.name)}]")
        parts.append(field if column.is_later else f"coalesce({field}, '')")
    parts.append(f"coalesce({sized(EXTRA_VALUES)}, '')")
    return f"sha2(concat_ws('|', {', '.join(parts)}), 256)"


def write(rows: DataFrame, folder: str) -> None:
    """One file per raw date: a table partitioned by it can take the files over as they are."""
    # Many writers are open at once, each for a few rows: they need no 128 MB each.
    small = rows.repartition("raw_date").write.option("parquet.block.size", 8 * 2**20)
    small.mode("overwrite").partitionBy(DAY).parquet(folder)


def tally(rows: DataFrame) -> DataFrame:
    """How often each reason was given on each raw date."""
    return rows.select("raw_date", F.explode("reasons").alias("reason")).groupBy("raw_date", "reason").count()
