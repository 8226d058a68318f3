"""Predictions: validate a model's output against its contract, write it to the lake, merge it into the warehouse."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from contracts.cpg.predictions import DEMAND_PREDICTIONS
from tasks.errors import DataError
from tasks.events import log
from tasks.forecast.forecast_features import Features, first_week
from tasks.models import answers
from tasks.models.model_registry import ModelVersion
from tasks.services import aws, objects
from tasks.services.snowflake import execute
from tasks.settings import settings
from tasks.warehouse.warehouse_write import writing
from warehouse.load import predictions as statements

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

ACCEPTED = "ml/predictions/accepted"
"""In the lake bucket: a note of each forecast that was accepted, written after all of its files."""
_MAX_STAGINGS = 2


@dataclass(frozen=True)
class Predictions:
    model_version: str
    files: tuple[str, ...]
    rows: int
    units: float
    by_type: dict[str, int]


def accept(features: Features, model: ModelVersion, folder: str, run_id: str) -> Predictions:
    """Validate the model's output and write it to the lake. If any row is invalid or missing, nothing is written.

    Only one file is held in memory, so each is read twice: once to validate it, and again to write it when all are valid.
    """
    addresses = answers.files(folder)
    kinds, units = _validated(features, model, folder, addresses)
    files = tuple(f"{published(folder)}/part-{number:05d}.parquet" for number in range(len(addresses)))
    for file, address in zip(files, addresses, strict=True):
        forecast = answers.read(address, DEMAND_PREDICTIONS.names)
        answers.write(file, answers.with_constants(forecast, _origin(features, model, run_id)))
    found = Predictions(model.name, files, kinds.total(), units, dict(kinds))
    noted = {**asdict(found), "accepted_at": datetime.now(UTC).isoformat()}
    answers.note(
        f"s3://{settings().lake_bucket}/{ACCEPTED}/{folder.rpartition('/')[2]}-{model.name}.json", noted
    )
    return found


def accepted_so_far() -> tuple[list[tuple[datetime, Predictions]], list[DataError]]:
    """All forecasts that were accepted, and when: the earliest first; and of each note that cannot be read, why. A warehouse
    is rebuilt from them (tasks/recovery)."""
    found, broken = [], []
    for file in objects.listed(f"s3://{settings().lake_bucket}/{ACCEPTED}/"):
        try:
            found.append(_noted(file.address))
        except DataError as error:
            broken.append(error)
    return sorted(found, key=lambda each: (each[0], each[1].files)), broken


def _noted(address: str) -> tuple[datetime, Predictions]:
    """Its files are taken to be in this lake, also where the note is of another one, whose copies were brought here."""
    try:
        said = json.loads(objects.read(address))
        when = datetime.fromisoformat(said.pop("accepted_at"))
        files = tuple(f"s3://{settings().lake_bucket}/{aws.split(file)[1]}" for file in said["files"])
        return when, Predictions(**{**said, "files": files})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{address} is no note of a forecast ({type(error).__name__}: {error}): restore its first version and run again."
        ) from error


def published(folder: str) -> str:
    """The folder of what is accepted of a folder of answers. Snowflake may read it."""
    return folder.replace("/raw/", "/data/", 1)


def _validated(
    features: Features, model: ModelVersion, folder: str, addresses: Iterable[str]
) -> tuple[Counter[str], float]:
    """Row counts by model type, and total units. Checks every file before raising, so that all breaches are reported."""
    from contracts.dialects.pandera_schema import breaches  # a second of imports, which no other step needs

    found: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    units = 0.0
    for address in addresses:
        table = answers.read(address, DEMAND_PREDICTIONS.names)
        broken = Counter(breaches(DEMAND_PREDICTIONS, table)) + Counter(_outside(table, features))
        found.update(broken)
        if not broken:
            kinds.update(table.column("model_type").to_pylist())
            units += pc.sum(table.column("predicted_units")).as_py() or 0.0
    if found:
        counts = ", ".join(f"{rule}: {rows}" for rule, rows in sorted(found.items()))
        raise DataError(
            f"predictions of model {model.name} break their contract ({counts}); none was published. Look at {folder}."
        )
    if kinds.total() != features.rows_future:
        raise DataError(
            f"model {model.name} was asked for {features.rows_future} rows and returned {kinds.total()}; none was "
            f"published. Look at {folder}."
        )
    return kinds, units


def load(connection: SnowflakeConnection, predictions: Predictions, load_date: date) -> int:
    """Stage, check and merge. A repeat changes nothing. Returns the number of rows in the warehouse of this version."""
    stage(connection, predictions)
    return merge(connection, predictions, load_date)


def merge(connection: SnowflakeConnection, predictions: Predictions, load_date: date) -> int:
    """Merge what is staged. Returns the number of rows in the warehouse of this version."""
    with writing(connection, f"load of the predictions of model {predictions.model_version}"):
        execute(connection, statements.merge(load_date))
    (loaded,) = execute(connection, statements.count_loaded(predictions.model_version))
    log("predictions loaded", model=predictions.model_version, rows=predictions.rows, of_this_version=loaded)
    return int(loaded)


def stage(connection: SnowflakeConnection, predictions: Predictions) -> None:
    """Stage the files and check the row count. Retries once: a COPY whose response was lost may run twice."""
    rows = keys = -1
    for _ in range(_MAX_STAGINGS):
        for statement in statements.stage_statements(predictions.files):
            execute(connection, statement)
        rows, keys = execute(connection, statements.count_staged())
        if rows == keys == predictions.rows:
            return
    raise DataError(
        f"{predictions.rows} predictions of model {predictions.model_version} were written, {rows} with {keys} "
        f"different keys arrived in the warehouse; none was merged. Look at {predictions.files[0]}."
    )


def _outside(table: pa.Table, features: Features) -> dict[str, int]:
    """The number of rows outside the forecast horizon, by rule name."""
    if "forecast_week" not in table.column_names:
        return {}
    first = first_week(features.inputs.as_of)
    last = first + timedelta(weeks=features.inputs.horizon_weeks - 1)
    weeks = table.column("forecast_week")
    if not pa.types.is_date(weeks.type):
        return {}  # the contract check reports it
    within = pc.and_(pc.greater_equal(weeks, first), pc.less_equal(weeks, last))
    outside = table.num_rows - (pc.sum(within).as_py() or 0)
    return {"forecast_week:horizon": outside} if outside else {}


def _origin(features: Features, model: ModelVersion, run_id: str) -> dict[str, pa.Scalar]:
    return {
        "model_version": pa.scalar(model.name),
        "as_of": pa.scalar(features.inputs.as_of, pa.date32()),
        "run_id": pa.scalar(run_id),
    }
