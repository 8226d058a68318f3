"""A contract as DuckDB SQL, for rows delivered as text: the query that casts and validates each row and lists reasons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from contracts.dialects import duckdb_nested
from contracts.dialects.duckdb_values import listed, literal, name, trimmed, value
from contracts.dialects.spark_sql import outside
from contracts.language.dataset import Column, ContractError, Dataset, Rule
from contracts.language.kinds import TEXT_KINDS
from contracts.language.nested import is_nested


def select(
    dataset: Dataset,
    delivered: Collection[str],
    rows: str,
    source_date: dt.date,
    carried: Collection[str] = (),
) -> str:
    """A query over `rows`, a relation of text columns, that returns the contract's columns and `reasons`.

    `reasons` is a sorted list, empty for a valid row. An undelivered required column is reported as missing in every row.
    `carried` columns of `rows` are returned as they are.
    """
    provided = "".join(f", {name(column)}" for column in (*dataset.provided, *carried))
    texts = ", ".join(
        f"{trimmed(name(column.name)) if column.name in delivered else 'NULL::VARCHAR'} AS {_text(column.name)}"
        for column in dataset.columns
    )
    values = ", ".join(f"{_value(column)} AS {name(column.name)}" for column in dataset.columns)
    kept = ", ".join(f"{_kept(column)} AS {name(column.name)}" for column in dataset.columns)
    return f"""SELECT {kept}{provided}, {_reasons(dataset)} AS reasons
FROM (
    SELECT {values}, COLUMNS('^text__'), source_date{provided}
    FROM (SELECT {texts}, DATE '{source_date}' AS source_date{provided} FROM {rows})
)"""


def _value(column: Column) -> str:
    cast = duckdb_nested.value if is_nested(column.kind) else value
    return cast(column.kind, _text(column.name))


def broken(rule: Rule, column: str) -> str:
    """An expression that is true if the value breaks the rule, and false or null otherwise."""
    match rule.name:
        case "allowed":
            return f"{column} NOT IN {listed(rule.allowed)}"
        case "range":
            return outside(column, rule)
        case "length":
            return outside(f"length({column})", rule)
        case "pattern" if rule.pattern is not None:
            return f"NOT regexp_full_match({column}, {literal(rule.pattern)})"
        case "monday":
            return f"isodow({column}) <> 1"
        case "future" if rule.limit and rule.days is not None:
            return f"{column} >= CAST({name(rule.limit)} + {rule.days + 1} AS TIMESTAMP)"
        case "future" | "exceeds" if rule.limit:
            return f"{column} > {name(rule.limit)}"
        case "too_old" if rule.limit and rule.years is not None:
            return f"{column} < CAST({name(rule.limit)} - INTERVAL '{rule.years} years' AS DATE)"
    raise ContractError(f"rule {rule} cannot be written as DuckDB's SQL")


def _reasons(dataset: Dataset) -> str:
    cases: dict[str, list[str]] = {}
    for column in dataset.required:
        at, text = name(column.name), _text(column.name)
        cases[f"{column.name}:missing"] = [f"{text} IS NULL"]
        if column.kind not in TEXT_KINDS:
            cases[f"{column.name}:type"] = [f"{at} IS NULL AND {text} IS NOT NULL"]
        for rule in column.rules:
            cases.setdefault(f"{column.name}:{rule.name}", []).append(broken(rule, at))
    found = ", ".join(
        f"CASE WHEN {' OR '.join(f'({case})' for case in cases[reason])} THEN {literal(reason)} END"
        for reason in sorted(cases)
    )
    return f"list_filter([{found}], lambda reason: reason IS NOT NULL)" if found else "[]::VARCHAR[]"


def _kept(column: Column) -> str:
    """The value to keep: null for an optional value that breaks a rule. Required values are kept, for the reasons."""
    at = name(column.name)
    if column.required or not column.rules:
        return at
    return (
        f"CASE WHEN {' OR '.join(f'({broken(rule, at)})' for rule in column.rules)} THEN NULL ELSE {at} END"
    )


def _text(column: str) -> str:
    return name(f"text__{column}")
