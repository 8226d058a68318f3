"""The four functions of the SageMaker XGBoost container's script mode: customers in, probabilities and reasons out.

Batch transform sends Parquet and gets Parquet; an endpoint sends {"instances": [{feature: value}]}. A bad request
is answered with 400 and the name of the column. The container's server passes on the status of its own errors alone.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.sagemaker.churn.churner import Churner
from jobs.sagemaker.churn.reasons import reasons
from jobs.sagemaker.churn.request import KEYS, BadRequest, checked, instances

PARQUET, JSON = "application/x-parquet", "application/json"
SCHEMA = pa.schema(
    [
        ("customer_key", pa.int64()),
        ("customer_id", pa.string()),
        ("as_of", pa.date32()),
        ("probability", pa.float64()),
        ("reasons", pa.string()),
    ]
)
"""`reasons` is a JSON list of three sentences."""


@dataclass(frozen=True)
class Loaded:
    model: Churner
    columns: list[str]
    nullable: list[str]


def model_fn(model_dir: str) -> Loaded:
    told = json.loads((Path(model_dir) / "metadata.json").read_text())
    return Loaded(Churner.load(Path(model_dir)), told["columns"], told["nullable"])


def input_fn(request_body: bytes | str, content_type: str) -> pd.DataFrame:
    """The container hands over JSON as text and Parquet as bytes."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == JSON:
        return instances(request_body)
    if kind != PARQUET or isinstance(request_body, str):
        raise BadRequest(
            f"content type {content_type!r} is not understood; send {PARQUET} or {JSON}",
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )
    try:
        rows: pd.DataFrame = pq.read_table(io.BytesIO(request_body)).to_pandas()
    except pa.ArrowInvalid as error:
        raise BadRequest(f"the body is no Parquet: {error}") from error
    return rows


def predict_fn(input_data: pd.DataFrame, model: Loaded) -> pd.DataFrame:
    """One row out for each row in, in their order."""
    rows = checked(input_data, model.columns, model.nullable)
    found = input_data[[name for name in KEYS if name in input_data]].copy()
    if rows.empty:
        return found.assign(probability=0.0, reasons=None)
    found["probability"], contributions = model.model.explained(rows)
    found["reasons"] = reasons(rows, contributions)
    return found


def output_fn(prediction: pd.DataFrame, accept: str) -> bytes | str:
    kind = accept.partition(";")[0].strip().lower()
    if kind == PARQUET:
        return _parquet(prediction)
    if kind in (JSON, "*/*", ""):
        return json.dumps({"predictions": [_plain(row) for row in prediction.to_dict("records")]})
    raise BadRequest(f"cannot answer with {accept!r}; accept {PARQUET} or {JSON}", HTTPStatus.NOT_ACCEPTABLE)


def _parquet(prediction: pd.DataFrame) -> bytes:
    shown = prediction.assign(reasons=[json.dumps(ones) for ones in prediction["reasons"]])
    if "as_of" in shown:
        shown["as_of"] = pd.to_datetime(shown["as_of"]).dt.date
    for name in SCHEMA.names:
        if name not in shown:
            shown[name] = None
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(shown[SCHEMA.names], schema=SCHEMA, preserve_index=False), buffer)
    return buffer.getvalue()


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    shown = {str(name): value for name, value in row.items()}
    if "as_of" in shown:
        shown["as_of"] = str(shown["as_of"])[:10]
    return shown
