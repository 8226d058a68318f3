"""A model's answers, held against their contract, written to the lake, and merged into the warehouse."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.cpg.predictions import DEMAND_PREDICTIONS
from tasks.errors import DataError, aws_failures
from tasks.events import log
from tasks.forecast.forecast_features import Features, first_week
from tasks.models.model_registry import ModelVersion
from tasks.services import aws
from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_write import writing
from warehouse.load import predictions as statements

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_ANSWER = ".out"
_STAGED_MOST = 2


@dataclass(frozen=True)
class Predictions:
    model_version: str
    files: tuple[str, ...]
    rows: int
    units: float
    by_type: dict[str, int]


def accept(features: Features, model: ModelVersion, answers: str, run_id: str) -> Predictions:
    """Write what may be published. Nothing is written unless every row of every file is sound and none is missing.

    One file at a time is held, so each is read twice: to be judged, and once all of them are, to be written.
    """
    addresses = _answers(answers)
    kinds, units = _judged(features, model, answers, addresses)
    target = answers.replace("/raw/", "/data/", 1)
    files = tuple(f"{target}/part-{number:05d}.parquet" for number in range(len(addresses)))
    for file, address in zip(files, addresses, strict=True):
        _write(file, _with_origin(_read(address), features, model, run_id))
    return Predictions(model.name, files, kinds.total(), units, dict(kinds))


def _judged(
    features: Features, model: ModelVersion, answers: str, addresses: Iterable[str]
) -> tuple[Counter[str], float]:
    """Rows by model type, and units. A broken file does not end it, so that people see all that is broken at once."""
    from contracts.dialects.pandera_schema import breaches  # a second of imports, which no other step needs

    found: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    units = 0.0
    for address in addresses:
        table = _read(address)
        broken = Counter(breaches(DEMAND_PREDICTIONS, table)) + Counter(_outside(table, features))
        found.update(broken)
        if not broken:
            kinds.update(table.column("model_type").to_pylist())
            units += pc.sum(table.column("predicted_units")).as_py() or 0.0
    if found:
        told = ", ".join(f"{rule}: {rows}" for rule, rows in sorted(found.items()))
        raise DataError(
            f"predictions of model {model.name} break their contract ({told}); none was published. Look at {answers}."
        )
    if kinds.total() != features.rows_future:
        raise DataError(
            f"model {model.name} was asked for {features.rows_future} rows and answered {kinds.total()}; none was "
            f"published. Look at {answers}."
        )
    return kinds, units


def load(connection: SnowflakeConnection, predictions: Predictions, load_date: date) -> int:
    """Stage, compare, merge. A repeat changes nothing. Returns the rows that the warehouse has of this version."""
    _stage(connection, predictions)
    with writing(connection, f"load of the predictions of model {predictions.model_version}"):
        execute(connection, statements.merge(load_date))
    (loaded,) = execute(connection, statements.count_loaded(predictions.model_version))
    log("predictions loaded", model=predictions.model_version, rows=predictions.rows, of_this_version=loaded)
    return int(loaded)


def _stage(connection: SnowflakeConnection, predictions: Predictions) -> None:
    """Anew once: a COPY whose answer was lost may run twice."""
    rows = keys = -1
    for _ in range(_STAGED_MOST):
        for statement in statements.stage_statements(predictions.files):
            execute(connection, statement)
        rows, keys = execute(connection, statements.count_staged())
        if rows == keys == predictions.rows:
            return
    raise DataError(
        f"{predictions.rows} predictions of model {predictions.model_version} were written, {rows} with {keys} "
        f"different keys arrived in the warehouse; none was merged. Look at {predictions.files[0]}."
    )


def _answers(folder: str) -> list[str]:
    bucket, prefix = aws.split(f"{folder}/")
    with aws_failures(f"listing {folder}"):
        pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = sorted(item["Key"] for page in pages for item in page.get("Contents", []))
    return [f"s3://{bucket}/{key}" for key in keys if key.endswith(_ANSWER)]


def _read(address: str) -> pa.Table:
    bucket, key = aws.split(address)
    with aws_failures(f"reading {address}"):
        body = aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        table = pq.read_table(io.BytesIO(body))
        return table.select([name for name in DEMAND_PREDICTIONS.names if name in table.column_names])
    except pa.ArrowInvalid as error:
        raise DataError(f"{address} is not the Parquet file that the model should answer: {error}") from error


def _outside(table: pa.Table, features: Features) -> dict[str, int]:
    """Weeks that nobody asked for."""
    if "forecast_week" not in table.column_names:
        return {}
    first = first_week(features.inputs.as_of)
    last = first + timedelta(weeks=features.inputs.horizon_weeks - 1)
    weeks = table.column("forecast_week")
    if not pa.types.is_date(weeks.type):
        return {}  # the contract says so
    asked = pc.and_(pc.greater_equal(weeks, first), pc.less_equal(weeks, last))
    outside = table.num_rows - (pc.sum(asked).as_py() or 0)
    return {"forecast_week:horizon": outside} if outside else {}


def _with_origin(table: pa.Table, features: Features, model: ModelVersion, run_id: str) -> pa.Table:
    constants = {
        "model_version": pa.scalar(model.name),
        "as_of": pa.scalar(features.inputs.as_of, pa.date32()),
        "run_id": pa.scalar(run_id),
    }
    for name, value in constants.items():
        table = table.append_column(name, pa.repeat(value, table.num_rows))
    return table


def _write(address: str, table: pa.Table) -> None:
    bucket, key = aws.split(address)
    body = io.BytesIO()
    pq.write_table(table, body)
    with aws_failures(f"writing {address}"):
        aws.s3().put_object(Bucket=bucket, Key=key, Body=body.getvalue())
