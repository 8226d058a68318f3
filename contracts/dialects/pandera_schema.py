"""A contract as a pandera schema: the same rules as in every other dialect, each check named after its rule."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pandera.pandas as pa
import pyarrow
from pandera.errors import SchemaErrorReason

from contracts.dialects.pandas_types import pandas_type
from contracts.language.dataset import Column, Dataset, Rule
from contracts.language.rules import keeps


def schema(dataset: Dataset, *, unique: bool = False) -> pa.DataFrameSchema:
    """The schema of a dataset. Extra columns are accepted."""
    columns = {
        column.name: pa.Column(
            pandas_type(column.kind),
            checks=[_of_column(rule) for rule in column.rules if rule.limit is None],
            nullable=not column.required,
        )
        for column in dataset.columns
    }
    between = [_of_row(column, rule) for column in dataset.columns for rule in column.rules if rule.limit]
    return pa.DataFrameSchema(columns, checks=between, unique=list(dataset.key) if unique else None)


def breaches(dataset: Dataset, rows: pyarrow.Table) -> dict[str, int]:
    """The number of rows that break each rule. Empty if the rows may be published."""
    try:
        schema(dataset, unique=True).validate(rows.to_pandas(types_mapper=pd.ArrowDtype), lazy=True)
    except pa.errors.SchemaErrors as errors:
        found: Counter[str] = Counter()
        for error in errors.schema_errors:
            # CHECK_ERROR: the column is missing or of the wrong type, which has an error of its own.
            if error.reason_code != SchemaErrorReason.CHECK_ERROR:
                found[_name(dataset, error)] += _rows(error)
        return dict(found)
    return {}


def column_and_rule(error: pa.errors.SchemaError) -> tuple[str | None, str]:
    """The column and the rule, or pandera's own name for the check if it is not a rule of ours."""
    reason = error.reason_code.name.lower()
    if reason == "dataframe_check":
        return error.check.title or error.schema.name, error.check.name
    column = getattr(error.schema, "name", None)
    return column, "missing" if reason == "series_contains_nulls" else reason


def _name(dataset: Dataset, error: pa.errors.SchemaError) -> str:
    column, rule = column_and_rule(error)
    return f"{column}:{rule}" if column in dataset.names else rule


def _rows(error: pa.errors.SchemaError) -> int:
    """The number of rows with the error. An error of the column as a whole, such as its type, counts as one."""
    if error.reason_code == SchemaErrorReason.WRONG_DATATYPE:
        return 1
    cases = error.failure_cases
    rows = cases["index"].nunique() if isinstance(cases, pd.DataFrame) and "index" in cases else 0
    return max(int(rows), 1)


def _of_column(rule: Rule) -> pa.Check:
    return pa.Check(lambda value: keeps(rule, value), name=rule.name, element_wise=True)


def _of_row(column: Column, rule: Rule) -> pa.Check:
    """A check of a value against another column of the same row. Passes if either is null."""

    def check(frame: pd.DataFrame) -> pd.Series[bool]:
        pairs = zip(frame[column.name].tolist(), frame[rule.limit].tolist(), strict=True)
        kept = [pd.isna(value) or pd.isna(limit) or keeps(rule, value, limit) for value, limit in pairs]
        return pd.Series(kept, index=frame.index, dtype=bool)

    return pa.Check(check, name=rule.name, title=column.name)
