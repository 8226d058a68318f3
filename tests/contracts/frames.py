"""A contract on a pandas frame: what pandera finds, told as the reasons a quarantined row carries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pyarrow
from pandera.errors import SchemaErrorReason

from contracts.dialects.drift import SchemaDrift
from contracts.dialects.pandas_types import pandas_type
from contracts.dialects.pandera_schema import column_and_rule, schema
from contracts.language.dataset import Dataset
from tests.contracts.values import present, value_of

_OF_ROWS = (SchemaErrorReason.SERIES_CONTAINS_NULLS, SchemaErrorReason.DATAFRAME_CHECK)


@dataclass(frozen=True)
class Judged:
    """A frame by contract and, per row, why it would be quarantined: an empty list for a valid row."""

    frame: pd.DataFrame
    reasons: pd.Series[Any]


def validate(dataset: Dataset, typed: pd.DataFrame) -> pd.DataFrame:
    """Pandera's verdict on typed rows that are to be published: every rule, and one row per key."""
    validated: pd.DataFrame = schema(dataset, unique=True).validate(typed, lazy=True)
    return validated


def normalise(dataset: Dataset, raw: pd.DataFrame, source_date: dt.date) -> pd.DataFrame:
    return judge(dataset, raw, source_date).frame


def reasons(dataset: Dataset, raw: pd.DataFrame, source_date: dt.date) -> pd.Series[Any]:
    return judge(dataset, raw, source_date).reasons


def judge(dataset: Dataset, raw: pd.DataFrame, source_date: dt.date) -> Judged:
    """Cast a delivered frame and let pandera judge it. Optional values that break a rule become null."""
    delivered = _delivered(dataset, raw)
    frame = pd.DataFrame(
        {
            column.name: pd.Series(
                [value_of(column.kind, raw_value) for raw_value in delivered[column.name]],
                dtype=pandas_type(column.kind),
            )
            for column in dataset.columns
        }
    )
    for name in dataset.provided:
        frame[name] = raw[name].to_numpy()
    frame["source_date"] = pd.Series([source_date] * len(raw), dtype=pandas_type("date"))

    found: list[set[str]] = [set() for _ in range(len(raw))]
    for row, name, rule in _failures(dataset, frame):
        if not dataset.column(name).required:
            frame.loc[row, name] = pd.NA
        elif rule == "missing" and present(delivered[name][row]):
            found[row].add(f"{name}:type")
        else:
            found[row].add(f"{name}:{rule}")
    return Judged(
        frame.set_axis(raw.index), pd.Series([sorted(row) for row in found], index=raw.index, dtype=object)
    )


def _failures(dataset: Dataset, frame: pd.DataFrame) -> list[tuple[int, str, str]]:
    """Row, column and rule of everything that pandera's lazy validation found."""
    try:
        schema(dataset).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        return [failure for error in errors.schema_errors for failure in _failed_rows(error)]
    return []


def _failed_rows(error: Any) -> list[tuple[int, str, str]]:
    column, rule = column_and_rule(error)
    if column is None or error.reason_code not in _OF_ROWS:
        raise error
    return [(int(row), column, rule) for row in set(error.failure_cases["index"])]


def _delivered(dataset: Dataset, raw: pd.DataFrame) -> Mapping[str, Sequence[object]]:
    absent = [column.name for column in dataset.required if column.name not in raw]
    if absent:
        raise SchemaDrift(f"{dataset.name}: the frame lacks required column(s) {', '.join(absent)}")
    nothing: list[object] = [None] * len(raw)
    return {name: _python_values(raw[name]) if name in raw else nothing for name in dataset.names}


def _python_values(series: pd.Series[Any]) -> list[object]:
    """Values as Python has them. Only an Arrow column can hold a NaN beside nulls; elsewhere a NaN is a null."""
    if isinstance(series.dtype, pd.ArrowDtype):
        values: list[object] = pyarrow.array(series.array).to_pylist()
        return values
    return [None if pd.api.types.is_scalar(value) and pd.isna(value) else value for value in series.tolist()]
