"""The page of the kinds: what a file may deliver for each, and what it becomes in each dialect."""

from __future__ import annotations

from contracts.dialects.duckdb_values import duckdb_type
from contracts.dialects.pandas_types import pandas_type
from contracts.dialects.snowflake import snowflake_type
from contracts.dialects.spark_types import spark_type_of
from contracts.dialects.spark_values import castable
from contracts.language.kinds import KINDS, MAX_JSON_DEPTH
from contracts.language.nested import NESTED_KINDS, element_of, fields_of

_EXAMPLE = {
    "decimal(p,s)": "decimal(14,2)",
    "array(kind)": "array(integer)",
    "struct(name kind, ...)": "struct(amount decimal(14,2), currency code)",
}
_ANY_TEXT = "any"
_AMOUNT = "`12.5`, `-.5`, `5.`"
_CLOCK = "`2025-01-05 10:00:00`, or with `T`, with up to nine places"
_WRITTEN = {
    "integer": "`5`, `+5`, `5.0`",
    "decimal": f"{_AMOUNT}, `1e3`",
    "decimal(p,s)": f"{_AMOUNT}, `12.50` (no exponent)",
    "number": "`0.25`, `1e-3`",
    "boolean": "`true` `t` `yes` `y` `1` `1.0`, `false` `f` `no` `n` `0` `0.0`, in any case",
    "date": "`2025-01-05`",
    "time": "`09:30`, `09:30:00`, or with up to nine places",
    "timestamp": f"{_CLOCK}; then `Z`, `+05:30` or nothing",
    "local_timestamp": _CLOCK,
    "json": '`{"a": [1, null]}`, `[]`',
    "array(kind)": '`[5, "5.0", null]`, `[]`',
    "struct(name kind, ...)": '`{"amount": 12.50, "currency": "eur"}`, `{}`',
}
_PARQUET = {
    "text": "STRING, ENUM, JSON",
    "whole": "signed and unsigned integers",
    "decimal": "DECIMAL",
    "floating": "FLOAT, DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "instant": "TIMESTAMP in UTC (ms, us), INT96",
    "instant_nanos": "TIMESTAMP in UTC (ns)",
    "timestamp": "TIMESTAMP, local (ms, us)",
    "nanos": "TIMESTAMP, local (ns)",
    "void": "a column of nulls only",
}
"""The Parquet types of each family, in the order of the page."""
_ICEBERG = {
    "bigint": "long",
    "timestamp": "timestamptz",
    "timestamp_ntz": "timestamp",
}


def text() -> str:
    """The page as Markdown."""
    rows = "\n".join(_row(kind, meaning) for kind, meaning in (KINDS | NESTED_KINDS).items())
    families = "\n".join(f"| {_EXAMPLE.get(kind, kind)} | {_parquet(kind)} |" for kind in KINDS)
    families += f"""
| array(kind) | LIST of what the kind may be delivered as, or {_PARQUET["text"]} |
| struct(name kind, ...) | STRUCT of fields, each as its kind may be delivered, or {_PARQUET["text"]} |"""
    return f"""# Kinds of values

<!-- Written by `python -m contracts.pages` from contracts/: change the code, not this page. -->

Each column of a contract has a kind. Whatever engine reads a value, the result is the same: a value, or none if the text or
the number is not valid. Text is trimmed first, and a blank is a null.

| kind | what it is | as text | Spark | Iceberg | pandas | DuckDB | Snowflake |
| --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

A file may deliver a kind as one of these Parquet types; a file with another type is refused before it is read. DuckDB
reads text only.

| kind | Parquet |
| --- | --- |
{families}

- **Places**: `decimal` rounds half up to four places. `decimal(p,s)` never rounds: a value with more than s places is
  refused. In text zeros count as places (`1.000` has three), in Parquet's DECIMAL they do not. A DOUBLE counts as its
  shortest text (0.1 is a tenth), up to 2^53; a FLOAT seldom holds cents.
- **NaN and infinities** are not valid in any kind.
- **Time zones**: `timestamp` converts an offset to UTC (at most 18:00) and takes a value without one as UTC.
  `local_timestamp` takes what the clock shows, also in the hour that daylight saving time skips or repeats, and refuses an
  offset. Names of zones are not read. Both cut off what is finer than a microsecond, and refuse `24:00:00` and second 60.
- **Time of day**: a text of fixed width in Spark and Iceberg (`09:30:00.000000`), which sorts as the time does, because
  Spark 3.5 has no such type. For the same reason it does not read Parquet's TIME: deliver text.
- **JSON** is kept as it was written. A document is an object or an array, nested at most {MAX_JSON_DEPTH} deep, in strict
  JSON (RFC 8259), without repeated keys in an object, because engines differ in which one they take, and without half
  surrogate pairs. It is VARCHAR in Snowflake, because COPY by column name would put it into a VARIANT as one string; use
  `PARSE_JSON`.
- **Arrays and structs**: an element or a field follows the rules of its kind, as if it were a column: text is trimmed,
  a blank is a null. In JSON text, a number counts as the digits that are written there, and what holds for `json` holds
  here too. Names of fields are compared as they are written. A Parquet STRUCT may lack fields; one with a field that the
  contract does not have is refused before it is read, and so is a LIST of TIME, of nulls only or of TIMESTAMP (ns).
  Rules do not apply to these kinds, and a key cannot be of one.
"""


def _row(kind: str, meaning: str) -> str:
    example = _EXAMPLE.get(kind, kind)
    spark = spark_type_of(example)
    types = (
        spark,
        _iceberg(example),
        pandas_type(example).name,
        duckdb_type(example),
        snowflake_type(example),
    )
    return f"| {example} | {meaning} | {_WRITTEN.get(kind, _ANY_TEXT)} | {' | '.join(types)} |"


def _iceberg(kind: str) -> str:
    if (element := element_of(kind)) is not None:
        return f"list<{_iceberg(element)}>"
    if fields := fields_of(kind):
        return f"struct<{', '.join(f'{field}: {_iceberg(inside)}' for field, inside in fields.items())}>"
    spark = spark_type_of(kind)
    return _ICEBERG.get(spark, spark)


def _parquet(kind: str) -> str:
    families = castable(_EXAMPLE.get(kind, kind))
    return ", ".join(name for family, name in _PARQUET.items() if family in families)
