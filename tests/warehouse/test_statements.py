"""The SQL as text, where the text is what matters on real Snowflake."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from contracts.catalog import DATASETS, contract
from contracts.language.columns import required
from contracts.language.dataset import Dataset
from warehouse.load import change_statements, stage_statements
from warehouse.load.cpg.mart_changes import SHOWN
from warehouse.load.dimensions import CUSTOMER, GEOGRAPHY, SKU
from warehouse.load.snapshot import Snapshot
from warehouse.load.staging import copy_text, create_text
from warehouse.marts import forecast
from warehouse.marts.cpg import PROMOTIONS, SALES, refresh
from warehouse.marts.cpg.refresh import Changes
from warehouse.names import chunks, stage_paths
from warehouse.statement import Statement

FILE = "s3://highwater-lake/curated/market/data/w1/published/part-0.parquet"


def load_statements(dataset: str, files: Sequence[str] = (), **given: Any) -> list[Statement]:
    snapshot = Snapshot(contract(dataset), tuple(files), 7, 3, "run-1", **given)
    return [*stage_statements(snapshot), *change_statements(snapshot)]


def test_copy() -> None:
    assert (
        copy_text("CURATED.MARKET_STAGE", ["a/part-0.parquet", "a/part-1.parquet"])
        == """COPY INTO CURATED.MARKET_STAGE
FROM @CURATED.LAKE
FILES = (
    'a/part-0.parquet',
    'a/part-1.parquet'
)
FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)
MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE
FORCE = TRUE"""
    )


def test_staging_table() -> None:
    assert (
        create_text("CURATED.X_STAGE", {"a": "VARCHAR", "b": "NUMBER(18, 4)"})
        == "CREATE OR REPLACE TEMPORARY TABLE CURATED.X_STAGE (\n    a VARCHAR,\n    b NUMBER(18, 4)\n)"
    )


def test_market_in_order() -> None:
    steps = load_statements("market", [FILE])
    assert [statement.step for statement in steps] == [
        "create staging table",
        "copy files, part 1 of 1",
        "infer geography",
        "record retractions",
        "merge",
        "recompute shares",
        "record",
    ]
    assert (
        steps[4].sql
        == """MERGE INTO DW.FACT_MARKET tgt
USING (
    SELECT newest.* FROM (
    SELECT *, YEAR(week_start) * 10000 + MONTH(week_start) * 100 + DAY(week_start) AS date_key
    FROM CURATED.MARKET_STAGE
    QUALIFY ROW_NUMBER() OVER (PARTITION BY week_start, geo_key, category, brand ORDER BY source_date DESC, content_hash DESC) = 1
    ) newest
    LEFT JOIN CURATED.MARKET_TAKEN_BACK tomb ON tomb.week_start = newest.week_start AND tomb.geo_key = newest.geo_key AND tomb.category = newest.category AND tomb.brand = newest.brand AND tomb.source_date > newest.source_date
    WHERE tomb.source_date IS NULL
) src
ON tgt.week_start = src.week_start AND tgt.geo_key = src.geo_key AND tgt.category = src.category AND tgt.brand = src.brand
WHEN MATCHED AND (src.source_date > tgt.source_date OR (src.source_date = tgt.source_date AND src.content_hash <> tgt.content_hash)) AND COALESCE(src.is_deleted, FALSE) THEN DELETE
WHEN MATCHED AND (src.source_date > tgt.source_date OR (src.source_date = tgt.source_date AND src.content_hash <> tgt.content_hash)) THEN UPDATE SET
    units = src.units,
    value = src.value,
    distribution_pct = src.distribution_pct,
    week = src.week,
    source_date = src.source_date,
    source_file = src.source_file,
    run_id = src.run_id,
    content_hash = src.content_hash,
    date_key = src.date_key
WHEN NOT MATCHED AND NOT COALESCE(src.is_deleted, FALSE) THEN INSERT (
    category, brand, units, value, distribution_pct, week, week_start, geo_key, source_date, source_file, run_id, content_hash, date_key
) VALUES (
    src.category, src.brand, src.units, src.value, src.distribution_pct, src.week, src.week_start, src.geo_key, src.source_date, src.source_file, src.run_id, src.content_hash, src.date_key
)"""  # noqa: E501
    )
    assert steps[-1].parameters == ("market", 7, 3, "run-1", 1, "market", 7)


def test_the_record_is_the_last_statement_of_every_load() -> None:
    for dataset in DATASETS:
        assert load_statements(dataset)[-1].step == "record"


def test_the_changes_of_a_load_are_one_transaction() -> None:
    """DDL would commit what is before it, and COPY is done by then."""
    for dataset in DATASETS.values():
        snapshot = Snapshot(dataset, (FILE,), 1, 1, "r", (date(2025, 1, 1),), (FILE,))
        for statement in change_statements(snapshot):
            assert re.match(r"(MERGE INTO|UPDATE|INSERT INTO|DELETE FROM) ", statement.sql), statement.sql
        for statement in stage_statements(snapshot):
            assert re.match(r"CREATE OR REPLACE TEMPORARY TABLE|COPY INTO", statement.sql), statement.sql


def test_each_mart_is_one_select() -> None:
    for mart in (SALES, PROMOTIONS, *forecast.MARTS):
        statement = mart.overwrite()
        code = re.sub(r"--[^\n]*", "", statement.sql)
        assert re.match(rf"INSERT OVERWRITE INTO {mart.table}\s+(SELECT|WITH)\s", code), mart.name
        assert ";" not in code
        assert "{" not in code
        assert statement.sql.count("%s") == len(statement.parameters)


def test_the_marts_show_no_attribute_whose_changes_are_not_recorded() -> None:
    aliases = {"k": SKU, "g": GEOGRAPHY, "c": CUSTOMER}
    shown = re.findall(r"\b([kgc])\.(\w+)", SALES.select())
    shown += re.findall(r"\b([kg])\.(\w+)", PROMOTIONS.select())
    for alias, column in shown:
        dimension = aliases[alias]
        assert column in (dimension.key, dimension.code, *SHOWN[dimension]), f"{dimension.table}.{column}"


def test_a_refresh_is_one_transaction() -> None:
    day = date(2025, 1, 5)
    changes = Changes(refresh.rules(), day, day, day, 4, day, 1, 20250105, 20250105, 1, 1, 9, 9)
    for statement in (*refresh.update(changes), *refresh.rebuild(changes)):
        assert re.match(r"(INSERT (OVERWRITE )?INTO|DELETE FROM) (MARTS|CURATED)\.", statement.sql), (
            statement.sql
        )
        assert statement.sql.count("%s") == len(statement.parameters)


def test_more_files_than_a_copy_takes_are_copied_in_parts() -> None:
    files = [f"s3://highwater-lake/c/part-{n:05d}.parquet" for n in range(2001)]
    copies = [s for s in load_statements("sku", files) if s.step.startswith("copy")]
    assert [len(re.findall(r"\.parquet'", copy.sql)) for copy in copies] == [1000, 1000, 1]
    assert [len(part) for part in chunks(stage_paths(files))] == [1000, 1000, 1]


@pytest.mark.parametrize(
    "file",
    [
        "s3://highwater-lake/a'/b.parquet",
        "s3://highwater-lake/a/../../b.parquet",
        "s3://highwater-lake/a b.parquet",
        "s3://highwater-lake/a.csv",
        "/tmp/a.parquet",
        "",
    ],
)
def test_a_file_name_that_copy_cannot_be_given_is_refused(file: str) -> None:
    with pytest.raises(ValueError, match="is not the s3:// address"):
        stage_paths([file])


def test_files_of_two_buckets_are_refused() -> None:
    with pytest.raises(ValueError, match="several buckets"):
        stage_paths(["s3://bucket-a/x.parquet", "s3://bucket-b/x.parquet"])


def test_a_dataset_without_a_load_is_refused() -> None:
    for domain in ("cpg", "unheard_of"):
        dataset = Dataset(domain, "orders", "Orders.", (required("id", "code", "Its id."),), ("id",))
        with pytest.raises(
            ValueError, match=f"the warehouse has no load for {domain}.orders: add it to APPLY"
        ):
            change_statements(Snapshot(dataset, (), 1, 1, "r"))
