"""Snowflake column types for contract kinds, in staging tables, in the DW and on the contracts' pages."""

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
    """The Snowflake type of a kind. Text is unlimited: the contract checks lengths, and a limit would save nothing."""
    return _TYPES.get(kind, "VARCHAR")
