"""What a contract's columns are in Snowflake, for people; warehouse/load writes the staging tables and the MERGEs."""

from __future__ import annotations

from contracts.spec import ColumnSpec

_LONGEST_CODE = 50
_LONGEST_TEXT = 500
_TYPES = {
    "integer": "NUMBER(38,0)",
    "decimal": "NUMBER(18,4)",
    "number": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ(6)",
}


def snowflake_type(column: ColumnSpec) -> str:
    """The column's type in Snowflake; texts are as long as the contract lets them be."""
    if column.kind in _TYPES:
        return _TYPES[column.kind]
    longest = _LONGEST_CODE if column.kind == "code" else _LONGEST_TEXT
    return f"VARCHAR({column.max_length or longest})"
