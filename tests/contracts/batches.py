"""Rows of a dataset as hypothesis draws them, and pandera's verdict on them.

Hypothesis draws a pool of values per column; a batch of rows is mixed from the pools, so that one query judges hundreds of
rows and a failing example still shrinks to few values.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from contracts.language.dataset import Dataset
from tests.contracts.frames import judge
from tests.contracts.nested_pools import text_pool, typed_pool
from tests.contracts.pools import column_of

RAW_DATE = dt.date(2025, 1, 4)
ROWS = 250
GOOD_SHARE = 0.93
TEXT_ONLY = ("json", "time")
"""Kinds that Parquet delivers as text."""
EXAMPLES = 2
AGREEMENT = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a failure names its row; shrinking would run Spark for minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def mixed(seed: int, good: list[Any], odd: list[Any]) -> list[Any]:
    dice = random.Random(seed)
    return [dice.choice(good if dice.random() < GOOD_SHARE else odd) for _ in range(ROWS)]


@st.composite
def text_batch(draw: st.DrawFn, dataset: Dataset) -> pa.Table:
    seed = draw(st.integers(0, 2**32))
    pools = {column.name: draw(text_pool(column)) for column in dataset.columns}
    columns = {
        n: pa.array(mixed(seed + at, *pool), pa.string()) for at, (n, pool) in enumerate(pools.items())
    }
    return pa.table(columns)


@st.composite
def typed_batch(draw: st.DrawFn, dataset: Dataset) -> pa.Table:
    """Each column in a type of its own; sometimes text, sometimes an optional column is not there at all."""
    seed = draw(st.integers(0, 2**32))
    columns: dict[str, pa.Array] = {}
    for at, column in enumerate(dataset.columns):
        if not column.required and draw(st.integers(0, 5)) == 0:
            continue
        if column.kind in TEXT_ONLY or draw(st.integers(0, 5)) == 0:
            good, odd = draw(text_pool(column))
            arrow: pa.DataType = pa.string()
        else:
            arrow, good, odd = draw(typed_pool(column))
        columns[column.name] = column_of(mixed(seed + at, good, odd), arrow)
    return pa.table(columns)


def in_micros(arrow: pa.DataType) -> pa.DataType:
    """The type with whole microseconds for every moment in UTC: each engine has its own idea of a time zone."""
    if pa.types.is_list(arrow):
        return pa.list_(in_micros(arrow.value_type))
    if pa.types.is_struct(arrow):
        return pa.struct([field.with_type(in_micros(field.type)) for field in arrow])
    return pa.int64() if pa.types.is_timestamp(arrow) and arrow.tz else arrow


def judged_by_pandera(dataset: Dataset, table: pa.Table) -> list[dict[str, Any]]:
    raw = table.to_pandas(types_mapper=pd.ArrowDtype)
    for name in dataset.provided:
        raw[name] = "2025-W01"
    judged = judge(dataset, raw, RAW_DATE)
    values = {column.name: pa.array(judged.frame[column.name].array) for column in dataset.columns}
    for column in dataset.columns:
        values[column.name] = values[column.name].cast(in_micros(values[column.name].type))
    rows = pa.table(values).to_pylist()
    return [{**row, "reasons": reasons} for row, reasons in zip(rows, judged.reasons, strict=True)]
