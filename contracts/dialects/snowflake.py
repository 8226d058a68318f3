"""Snowflake's SQL for a contract: types of columns (in tables, on the contracts' pages), and which rows break a rule."""

from __future__ import annotations

from contracts.dialects.spark_sql import outside
from contracts.language.dataset import ContractError, Dataset, Rule
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


def name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def literal(value: str | int) -> str:
    """A backslash in a string begins an escape."""
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def broken(dataset: Dataset) -> str:
    """A condition on typed rows, never null: a required column is null, or a value breaks a rule."""
    cases = [f"{name(column.name)} IS NULL" for column in dataset.required]
    for column in dataset.columns:
        cases += [f"COALESCE({_broken(rule, name(column.name))}, FALSE)" for rule in column.rules]
    return " OR ".join(cases) or "FALSE"


def _broken(rule: Rule, column: str) -> str:
    match rule.name:
        case "allowed":
            return f"{column} NOT IN ({', '.join(map(literal, rule.allowed))})"
        case "range":
            return outside(column, rule)
        case "length":
            return outside(f"LENGTH({column})", rule)
    raise ContractError(f"rule {rule} cannot be written as Snowflake's SQL")
