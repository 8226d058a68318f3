"""Snowflake text, whole."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.catalog import contract
from contracts.snowflake import merge_sql, staging_table_ddl
from contracts.spec import ContractError

LINEAGE = {"source_date": "DATE", "run_id": "VARCHAR(100)", "content_hash": "BIGINT"}


def test_staging_table_of_a_dataset() -> None:
    assert (
        staging_table_ddl(contract("geography"), "HIGHWATER.CURATED.STG_GEOGRAPHY", LINEAGE)
        == """\
CREATE OR REPLACE TABLE HIGHWATER.CURATED.STG_GEOGRAPHY (
  region_code VARCHAR(50),
  region_name VARCHAR(500),
  zone VARCHAR(200),
  state VARCHAR(200),
  city_tier VARCHAR(200),
  population NUMBER(38,0),
  source_date DATE,
  run_id VARCHAR(100),
  content_hash BIGINT
)"""
    )


def test_a_lineage_column_may_not_contradict_the_contract() -> None:
    assert "changed_at TIMESTAMP_NTZ(6)" in staging_table_ddl(
        contract("sales"), "STG", {"changed_at": "TIMESTAMP_NTZ(6)"}
    )
    with pytest.raises(ContractError, match=r"sales.quantity is NUMBER\(38,0\) by contract, not FLOAT"):
        staging_table_ddl(contract("sales"), "STG", {"quantity": "FLOAT"})


def merge(**change: Any) -> str:
    arguments = {
        "key": ["order_id", "sku_key"],
        "version": ["changed_at", "source_date"],
        "update": ["quantity", "changed_at"],
        "insert": ["order_id", "sku_key", "quantity", "changed_at"],
    }
    return merge_sql("DW.FACT_SALES", "SELECT *\nFROM CURATED.STG_SALES", **{**arguments, **change})


def test_merge_takes_the_newest_row_per_key_and_never_an_older_version() -> None:
    assert (
        merge()
        == """\
MERGE INTO DW.FACT_SALES tgt
USING (
  SELECT * FROM (
    SELECT *
    FROM CURATED.STG_SALES
  )
  QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id, sku_key ORDER BY changed_at DESC NULLS LAST, \
source_date DESC NULLS LAST, content_hash DESC NULLS LAST) = 1
) src
ON tgt.order_id = src.order_id AND tgt.sku_key = src.sku_key
WHEN MATCHED AND ((src.changed_at > tgt.changed_at OR (src.changed_at IS NOT NULL AND tgt.changed_at IS NULL))
  OR src.changed_at IS NOT DISTINCT FROM tgt.changed_at AND (src.source_date > tgt.source_date \
OR (src.source_date IS NOT NULL AND tgt.source_date IS NULL))
  OR src.changed_at IS NOT DISTINCT FROM tgt.changed_at AND src.source_date IS NOT DISTINCT FROM tgt.source_date \
AND src.content_hash IS DISTINCT FROM tgt.content_hash) THEN UPDATE SET
  quantity = src.quantity,
  changed_at = src.changed_at
WHEN NOT MATCHED THEN INSERT (order_id, sku_key, quantity, changed_at)
VALUES (src.order_id, src.sku_key, src.quantity, src.changed_at)"""
    )


@pytest.mark.parametrize(
    "change", [{"key": ["a; drop table x"]}, {"update": ["a-b"]}, {"insert": ['"a"']}, {"content": "1a"}]
)
def test_names_that_are_no_plain_identifiers_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match="is no plain SQL identifier"):
        merge(**change)


def test_types_tables_and_empty_keys_are_checked() -> None:
    with pytest.raises(ContractError, match="is no Snowflake type"):
        staging_table_ddl(contract("sku"), "STG", {"x": "INT); DROP TABLE y"})
    with pytest.raises(ContractError, match=r"more parts than database.schema.table"):
        staging_table_ddl(contract("sku"), "A.B.C.D", {})
    with pytest.raises(ContractError, match="key and version columns are both needed"):
        merge(key=[])
