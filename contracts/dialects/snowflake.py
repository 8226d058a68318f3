"""What a contract's columns are in Snowflake: in the staging tables, in the DW and on the contracts' pages."""

from __future__ import annotations

from contracts.dialects.spark_types import MONEY_PRECISION, MONEY_SCALE

_TYPES = {
    "integer": "BIGINT",
    "decimal": f"NUMBER({MONEY_PRECISION}, {MONEY_SCALE})",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ",  # in UTC, as the session's time zone is
}


def snowflake_type(kind: str) -> str:
    """A text's length is the contract's to judge: a column as long as Snowflake lets it be costs nothing there."""
    return _TYPES.get(kind, "VARCHAR")
