"""The four functions of the SageMaker XGBoost container's script mode: the horizon's rows in, their forecasts out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.sagemaker.forecaster import Forecaster
from jobs.sagemaker.panel import columns_of

PARQUET = "application/x-parquet"
SCHEMA = pa.schema(
    [
        ("sku_code", pa.string()),
        ("region_code", pa.string()),
        ("forecast_week", pa.date32()),
        ("predicted_units", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("model_type", pa.string()),
    ]
)


def model_fn(model_dir: str) -> Forecaster:
    return Forecaster.load(Path(model_dir))


def input_fn(request_body: bytes, content_type: str) -> pd.DataFrame:
    if content_type.partition(";")[0].strip().lower() != PARQUET:
        raise ValueError(f"content type {content_type!r} is not understood; send {PARQUET}")
    rows: pd.DataFrame = pq.read_table(io.BytesIO(request_body)).to_pandas()
    return rows


def predict_fn(input_data: pd.DataFrame, model: Forecaster) -> pd.DataFrame:
    """One row out for each row in: nothing is left out, whatever the series' history."""
    model_type = input_data["model_type"].to_numpy(dtype=object)
    forecast = model.predict(columns_of(input_data), model_type.astype(np.object_))
    week = pd.to_datetime(input_data["week"]).dt.date
    keys = input_data[["sku_code", "region_code"]].reset_index(drop=True)
    keys["forecast_week"] = week.to_numpy()
    return pd.concat([keys, forecast], axis=1).assign(model_type=model_type)


def output_fn(prediction: pd.DataFrame, accept: str) -> bytes:
    if accept.partition(";")[0].strip().lower() not in (PARQUET, "*/*", ""):
        raise ValueError(f"cannot answer with {accept!r}; accept {PARQUET}")
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(prediction, schema=SCHEMA, preserve_index=False), buffer)
    return buffer.getvalue()
