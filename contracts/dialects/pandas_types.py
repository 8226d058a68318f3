"""The pandas type for each kind of value.

All are Arrow types, because NumPy has no exact decimal, no date and no nullable integer, and cannot distinguish null from
NaN.
"""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from contracts.dialects.spark_types import MONEY_PRECISION, MONEY_SCALE, TEXT_KINDS

PANDAS_TYPES: dict[str, pd.ArrowDtype] = {
    **dict.fromkeys(sorted(TEXT_KINDS), pd.ArrowDtype(pa.string())),
    "integer": pd.ArrowDtype(pa.int64()),
    "decimal": pd.ArrowDtype(pa.decimal128(MONEY_PRECISION, MONEY_SCALE)),
    "number": pd.ArrowDtype(pa.float64()),
    "boolean": pd.ArrowDtype(pa.bool_()),
    "date": pd.ArrowDtype(pa.date32()),
    "timestamp": pd.ArrowDtype(pa.timestamp("us", tz="UTC")),
}
