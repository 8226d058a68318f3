"""Snowflake column types for contract kinds, in staging tables, in the DW and on the contracts' pages."""

from __future__ import annotations

from contracts.language.kinds import MONEY, exact_size
from contracts.language.nested import element_of, is_nested

_TYPES = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP_NTZ",  # in UTC, as the session's time zone is
    "local_timestamp": "TIMESTAMP_NTZ",
}


def snowflake_type(kind: str) -> str:
    """The Snowflake type of a kind.

    Text is unlimited: the contract checks lengths, and a limit would save nothing. JSON is text too: COPY by column name
    would put it into a VARIANT as one string. PARSE_JSON accepts all of it.
    """
    if is_nested(kind):
        return "ARRAY" if element_of(kind) is not None else "OBJECT"
    size = MONEY if kind == "decimal" else exact_size(kind)
    return f"NUMBER({size.precision}, {size.scale})" if size else _TYPES.get(kind, "VARCHAR")
