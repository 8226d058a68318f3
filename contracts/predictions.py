"""What a forecast must look like before anybody can see it.

Not a delivered dataset: nothing is cast and no row is set aside. One broken row means that the model or its inputs are
broken, so the whole forecast is refused.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import ClassVar

import pandas as pd
import pandera.pandas as pa
import pyarrow

from contracts.kinds import Code, Day, Number, Text
from contracts.model import Contract, required
from contracts.spec import CODE_PATTERN

VERSION = "1.0.0"
KEY = ("sku_code", "region_code", "forecast_week")
MODEL_TYPES = ("model", "category_profile", "zero")
_FINITE = sys.float_info.max


class DemandPredictions(Contract):
    """Weekly demand per SKU and region, with the interval that should hold the actual units in 80 of 100 weeks."""

    sku_code: Code = required("Article, as in the SKU master.", str_matches=CODE_PATTERN)
    region_code: Code = required("Region.", str_matches=CODE_PATTERN)
    forecast_week: Day = required("Monday that the week starts on.", monday={})
    predicted_units: Number = required("Units expected.", in_range={"min_value": 0, "max_value": _FINITE})
    lower: Number = required("Lower end of the interval.", in_range={"min_value": 0, "max_value": _FINITE})
    upper: Number = required("Upper end of the interval.", in_range={"min_value": 0, "max_value": _FINITE})
    model_type: Text = required("How the series was forecast.", isin=MODEL_TYPES)

    class Config:
        unique: ClassVar[list[str]] = list(KEY)

    @pa.dataframe_check
    @classmethod
    def interval_holds_prediction(cls, frame: pd.DataFrame) -> pd.Series:
        inside = (frame["lower"] <= frame["predicted_units"]) & (frame["predicted_units"] <= frame["upper"])
        return inside.fillna(False).astype(bool)


COLUMNS = tuple(str(name) for name in DemandPredictions.to_schema().columns)


def breaches(predictions: pyarrow.Table) -> dict[str, int]:
    """Every rule that is broken, with the number of its rows; empty for a forecast that may be published."""
    frame = predictions.to_pandas(types_mapper=pd.ArrowDtype)
    try:
        DemandPredictions.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        found: Counter[str] = Counter()
        for error in errors.schema_errors:
            found[_rule(error)] += _rows(error)
        return dict(found)
    return {}


def _rule(error: pa.errors.SchemaError) -> str:
    name = getattr(error.check, "name", None) or error.reason_code.name.lower()
    column = getattr(error.schema, "name", None)
    return f"{column}:{name}" if column in COLUMNS else str(name)


def _rows(error: pa.errors.SchemaError) -> int:
    """What concerns a column as a whole, such as its type, counts once."""
    cases = error.failure_cases
    rows = cases["index"].nunique() if isinstance(cases, pd.DataFrame) and "index" in cases else 0
    return max(int(rows), 1)
