"""A contract on a pandas frame: what pandera finds, told as the reasons a quarantined row carries."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pandera.pandas as pa
import pyarrow
from pandera.errors import SchemaErrorReason

from contracts.catalog import MODELS
from contracts.drift import SchemaDrift
from contracts.kinds import KINDS, Day
from contracts.model import rule_of
from contracts.spec import Spec
from contracts.values import present, value_of


@dataclass(frozen=True)
class Judged:
    """A frame by contract and, per row, why it would be quarantined: an empty list for a valid row."""

    frame: pd.DataFrame
    reasons: pd.Series[Any]


def validate(spec: Spec, typed: pd.DataFrame) -> pd.DataFrame:
    """Pandera's verdict on typed rows that are to be published: every rule, and one row per key."""
    schema = copy.deepcopy(_schema(spec))  # pandera hands out one schema per model
    schema.unique = list(spec.key)
    validated: pd.DataFrame = schema.validate(typed, lazy=True)
    return validated


def normalise(spec: Spec, raw: pd.DataFrame, source_date: dt.date) -> pd.DataFrame:
    return judge(spec, raw, source_date).frame


def reasons(spec: Spec, raw: pd.DataFrame, source_date: dt.date) -> pd.Series[Any]:
    return judge(spec, raw, source_date).reasons


def judge(spec: Spec, raw: pd.DataFrame, source_date: dt.date) -> Judged:
    """Cast a delivered frame and let pandera judge it. Optional values that break a rule become null."""
    delivered = _delivered(spec, raw)
    frame = pd.DataFrame(
        {
            column.name: pd.Series(
                [value_of(column.kind, raw_value) for raw_value in delivered[column.name]],
                dtype=KINDS[column.kind].type,
            )
            for column in spec.columns
        }
    )
    for name in spec.provided:
        frame[name] = raw[name].to_numpy()
    frame["source_date"] = pd.Series([source_date] * len(raw), dtype=Day.type)

    found: list[set[str]] = [set() for _ in range(len(raw))]
    for row, name, rule in _failures(spec, frame):
        if not spec.column(name).required:
            frame.loc[row, name] = pd.NA
        elif rule == "missing" and present(delivered[name][row]):
            found[row].add(f"{name}:type")
        else:
            found[row].add(f"{name}:{rule}")
    return Judged(
        frame.set_axis(raw.index), pd.Series([sorted(row) for row in found], index=raw.index, dtype=object)
    )


def _failures(spec: Spec, frame: pd.DataFrame) -> list[tuple[int, str, str]]:
    """Row, column and rule of everything that pandera's lazy validation found."""
    try:
        _schema(spec).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        return [failure for error in errors.schema_errors for failure in _told(error)]
    return []


def _told(error: Any) -> list[tuple[int, str, str]]:
    if error.reason_code == SchemaErrorReason.SERIES_CONTAINS_NULLS:
        column, rule = error.schema.name, "missing"
    elif error.reason_code == SchemaErrorReason.DATAFRAME_CHECK:
        column = (error.check.statistics or {}).get("column") or error.schema.name
        rule = rule_of(error.check).name
    else:
        raise error
    return [(int(row), column, rule) for row in set(error.failure_cases["index"])]


def _schema(spec: Spec) -> Any:
    return MODELS[spec.dataset].to_schema()


def _delivered(spec: Spec, raw: pd.DataFrame) -> Mapping[str, Sequence[object]]:
    absent = [column.name for column in spec.required if column.name not in raw]
    if absent:
        raise SchemaDrift(f"{spec.dataset}: the frame lacks required column(s) {', '.join(absent)}")
    nothing: list[object] = [None] * len(raw)
    return {name: _python_values(raw[name]) if name in raw else nothing for name in spec.names}


def _python_values(series: pd.Series[Any]) -> list[object]:
    """Values as Python has them. Only an Arrow column can hold a NaN beside nulls; elsewhere a NaN is a null."""
    if isinstance(series.dtype, pd.ArrowDtype):
        values: list[object] = pyarrow.array(series.array).to_pylist()
        return values
    return [None if pd.api.types.is_scalar(value) and pd.isna(value) else value for value in series.tolist()]
