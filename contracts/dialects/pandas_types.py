"""The pandas type for each kind of value.

All are Arrow types, because NumPy has no exact decimal, no date and no nullable integer, and cannot distinguish null from
NaN.
"""

from __future__ import annotations

import pandas as pd

from contracts.dialects.arrow_types import arrow_type


def pandas_type(kind: str) -> pd.ArrowDtype:
    return pd.ArrowDtype(arrow_type(kind))
