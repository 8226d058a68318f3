"""Snowflake's types of a dataset's columns, whole."""

from __future__ import annotations

from contracts.catalog import contract
from contracts.dialects.snowflake import snowflake_type


def test_types_of_datasets() -> None:
    geography = {column.name: snowflake_type(column.kind) for column in contract("geography").columns}
    assert geography == {
        "region_code": "VARCHAR",
        "region_name": "VARCHAR",
        "zone": "VARCHAR",
        "state": "VARCHAR",
        "city_tier": "VARCHAR",
        "population": "BIGINT",
    }
    sales = {column.name: snowflake_type(column.kind) for column in contract("sales").columns}
    assert sales["order_id"] == "VARCHAR"
    assert (sales["net_revenue"], sales["order_date"], sales["changed_at"]) == (
        "NUMBER(18, 4)",
        "DATE",
        "TIMESTAMP_NTZ",
    )


def test_types_of_the_newer_kinds() -> None:
    kinds = ("decimal(14,2)", "decimal(38,0)", "time", "local_timestamp", "json")
    assert [snowflake_type(kind) for kind in kinds] == [
        "NUMBER(14, 2)",
        "NUMBER(38, 0)",
        "TIME",
        "TIMESTAMP_NTZ",
        "VARCHAR",
    ]
