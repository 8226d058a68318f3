"""A digest of a row that Snowflake and Spark compute alike, each where its rows are: equal digests mean equal rows.

The text of a row is its values in the contract's order, one | between two. A null is nothing at all, and a value is never
nothing: a text has its length before it, a decimal as many digits as the contract says, a time is in microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping

from contracts.dialects import spark_digest
from contracts.dialects.spark_literals import name as spark_name
from contracts.language.kinds import exact_size

_HEX = 16
"""The last digits of an MD5 that count: 64 bits, which Snowflake has as a number."""
_MOST_SCALE = 6
"""Spark writes smaller decimals as 1E-7."""
_KINDS = ("text", "identifier", "integer", "boolean", "date", "timestamp")


def snowflake_text(kinds: Mapping[str, str]) -> str:
    """The text of a row. `kinds` has the kind of each column, in order."""
    return " || '|' || ".join(f"COALESCE({_snowflake(kind, column)}, '')" for column, kind in kinds.items())


def snowflake_digest(text: str) -> str:
    return f"RIGHT(MD5({text}), {_HEX})"


def snowflake_number(text: str) -> str:
    """The digest as a number, to sum up."""
    return f"MD5_NUMBER_LOWER64({text})"


def spark_text(kinds: Mapping[str, str]) -> str:
    parts = [f"coalesce({_spark(kind, spark_name(column))}, '')" for column, kind in kinds.items()]
    return f"concat_ws('|', {', '.join(parts)})"


def spark_digest_of(text: str) -> str:
    return f"right(md5({text}), {_HEX})"


def spark_number(digest: str) -> str:
    return f"CAST(conv({digest}, 16, 10) AS decimal(20,0))"


def _snowflake(kind: str, at: str) -> str:
    _require(kind)
    if kind in ("text", "identifier"):
        return f"LENGTH({at}) || ':' || {at}"
    if kind == "timestamp":
        return f"CAST(DATE_PART(EPOCH_MICROSECOND, DATE_TRUNC('MICROSECOND', {at})) AS VARCHAR)"
    if kind == "date":
        return f"CAST(DATEDIFF('DAY', DATE '1970-01-01', {at}) AS VARCHAR)"
    if kind == "boolean":
        return f"CASE WHEN {at} THEN 'true' WHEN NOT {at} THEN 'false' END"
    size = exact_size(kind)
    # With as many digits before the point as there can be: a value that fits no contract differs, and fails nothing.
    return f"CAST(CAST({at} AS NUMBER(38, {size.scale if size else 0})) AS VARCHAR)"


def _spark(kind: str, at: str) -> str:
    _require(kind)
    return spark_digest.canonical(kind, at)


def _require(kind: str) -> None:
    size = exact_size(kind)
    if kind not in _KINDS and (size is None or size.scale > _MOST_SCALE):
        raise ValueError(f"no digest of a {kind}: its text is not the same in Snowflake and in Spark")
