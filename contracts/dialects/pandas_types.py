"""The one pandas type that holds each kind of value.

All are Arrow types, because NumPy has no exact decimal, no date and no null integer, and a contract that cannot tell a
null from a NaN cannot say which of the two was delivered.
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
