"""Snowflake's types of a dataset's columns, whole."""

from __future__ import annotations

from contracts.catalog import contract
from contracts.snowflake import snowflake_type


def test_types_of_datasets() -> None:
    geography = {column.name: snowflake_type(column) for column in contract("geography").columns}
    assert geography == {
        "region_code": "VARCHAR(50)",
        "region_name": "VARCHAR(500)",
        "zone": "VARCHAR(200)",
        "state": "VARCHAR(200)",
        "city_tier": "VARCHAR(200)",
        "population": "NUMBER(38,0)",
    }
    sales = {column.name: snowflake_type(column) for column in contract("sales").columns}
    assert sales["order_id"] == "VARCHAR(100)"
    assert (sales["net_revenue"], sales["order_date"], sales["changed_at"]) == (
        "NUMBER(18,4)",
        "DATE",
        "TIMESTAMP_NTZ(6)",
    )
