"""The forecast's features: made by the Glue job from pinned snapshots, checked to the last unit, published to the lake."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from contracts.cpg.predictions import DEMAND_PREDICTIONS
from tasks.errors import BusinessError, DataError, TransientError
from tasks.events import log
from tasks.intake import landing
from tasks.jobs import external_jobs, glue
from tasks.lake import lake_commits, lake_log, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.services import objects
from tasks.services.snowflake import execute
from tasks.settings import settings
from tasks.warehouse import warehouse_load
from warehouse.statement import Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

TABLES = ("sales", "inventory", "promotions", "sku", "geography")
NAMESPACE, TABLE = "ml", "demand_features"
MINIMUM_WEEKS = 60
FEWEST_WEEKS = 30
"""Three origins for the backtest, weeks to calibrate on before each, and weeks to train on before those take so many."""
_DAYS_A_WEEK = 7
_LOOKS_MOST = 5


def first_week(as_of: date) -> date:
    """The Monday on or after the day."""
    return as_of + timedelta(days=(8 - as_of.isoweekday()) % _DAYS_A_WEEK)


def weeks(horizon_days: int) -> int:
    return -(-horizon_days // _DAYS_A_WEEK)


@dataclass(frozen=True)
class Inputs:
    """What a forecast is made from. The same inputs are the same forecast, whoever asks, however often."""

    as_of: date
    horizon_weeks: int
    snapshots: dict[str, int | None]
    units: int
    """Sold and delivered before `as_of`, as the warehouse has it."""
    minimum_weeks: int = MINIMUM_WEEKS

    @property
    def key(self) -> str:
        facts = {**asdict(self), "code": settings().code_version}
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Features:
    inputs: Inputs
    output: str
    figures: Mapping[str, Any]
    job_run_id: str | None

    @property
    def history(self) -> str:
        return f"{self.output}/features/"

    @property
    def future(self) -> str:
        return f"{self.output}/future/"

    @property
    def rows_future(self) -> int:
        return int(self.figures["rows_future"])


def pin(
    connection: SnowflakeConnection, as_of: date, horizon_days: int, minimum_weeks: int = MINIMUM_WEEKS
) -> Inputs:
    """Sales as the warehouse has loaded them, so that the forecast and its actuals speak of the same rows."""
    for _ in range(_LOOKS_MOST):
        loaded = warehouse_load.last_loaded(connection, "sales")
        if loaded is None:
            raise DataError(
                f"no sales are in the warehouse, so nothing can be forecast as of {as_of}: backfill them."
            )
        snapshots = {
            name: lake_log.publication_id(lake_tables.load(lake_tables.CURATED, name)) for name in TABLES
        }
        units = _units_before(connection, as_of)
        # Where sales were loaded meanwhile, the units are those of another snapshot.
        if warehouse_load.last_loaded(connection, "sales") == loaded:
            break
    else:
        raise TransientError(
            f"sales were loaded {_LOOKS_MOST} times while they were summed up before {as_of}."
        )
    return Inputs(
        as_of, weeks(horizon_days), {**snapshots, "sales": loaded.snapshot_id}, units, minimum_weeks
    )


def build(inputs: Inputs, run_id: str, owner: str) -> Features:
    def folder(attempt: int) -> str:
        return f"runs/features-{inputs.key}-{attempt}"

    def figures_folder(attempt: int) -> str:
        return f"s3://{settings().lake_bucket}/{folder(attempt)}"

    def output(attempt: int) -> str:
        return f"s3://{settings().lake_bucket}/{NAMESPACE}/{TABLE}/data/{inputs.key}-{attempt}"

    def request(attempt: int) -> dict[str, str]:
        bucket = settings().lake_bucket
        manifest = {
            "run_id": run_id,
            "as_of": inputs.as_of.isoformat(),
            "horizon_weeks": inputs.horizon_weeks,
            "minimum_weeks": inputs.minimum_weeks,
            "output": output(attempt),
            "tables": {
                name: {
                    "snapshot_id": snapshot,
                    "files": lake_tables.files_of(lake_tables.CURATED, name, snapshot),
                }
                for name, snapshot in inputs.snapshots.items()
            },
        }
        return {
            "--manifest": landing.write_manifest(bucket, f"{folder(attempt)}/manifest.json", manifest),
            "--figures": figures_folder(attempt),
        }

    entry = external_jobs.run(glue.KIND, settings().features_job, f"features/{inputs.key}", request, owner)
    figures = objects.read_json(f"{glue.written_by(entry, figures_folder(entry.attempt))}/figures.json")
    return Features(inputs, glue.written_by(entry, output(entry.attempt)), figures, entry.external_id)


def check(connection: SnowflakeConnection, features: Features) -> None:
    """Every unit sold is in a feature row or accounted for; every series has every week of the horizon."""
    figures, inputs = features.figures, features.inputs
    promised = figures["series"] * inputs.horizon_weeks
    if figures["rows_future"] != promised:
        raise BusinessError(
            f"features as of {inputs.as_of}: {figures['rows_future']} future rows, but {figures['series']} series x "
            f"{inputs.horizon_weeks} weeks are {promised}. Nothing was trained; look at {features.output}."
        )
    accounted = figures["units_total"] + figures["units_open_week"] + figures["units_too_old"]
    if not accounted == figures["units_read"] == inputs.units:
        now = warehouse_load.last_loaded(connection, "sales")
        if now is None or now.snapshot_id != inputs.snapshots["sales"]:
            raise TransientError("sales were loaded while the features were made: run the forecast again.")
        raise BusinessError(
            f"features as of {inputs.as_of} hold {accounted} units, the job read {figures['units_read']}, the warehouse "
            f"has {inputs.units}. Nothing was trained; look at {features.output}."
        )
    _tell(features)


def publish(features: Features, run_id: str) -> int | None:
    """The as-of day's rows in ml.demand_features are then these."""
    inputs = features.inputs
    commit = Commit(
        work=inputs.key,
        run_id=run_id,
        raw_dates=(),
        contract_version=DEMAND_PREDICTIONS.version,
        added=tuple(lake_tables.parquet_files(features.history)),
        notes={
            "as-of": inputs.as_of.isoformat(),
            **{f"snapshot.{name}": str(snapshot) for name, snapshot in inputs.snapshots.items()},
        },
    )
    place = f"s3://{settings().lake_bucket}/{NAMESPACE}/{TABLE}"
    return lake_commits.replace_as_of(NAMESPACE, TABLE, place, commit, inputs.as_of)


def _units_before(connection: SnowflakeConnection, as_of: date) -> int:
    asked = Statement(
        f"summing units sold before {as_of}",
        "SELECT COALESCE(SUM(quantity), 0) FROM DW.FACT_SALES WHERE order_date < %s AND source_date < %s",
        (as_of, as_of),
    )
    return int(execute(connection, asked)[0])


def _tell(features: Features) -> None:
    figures = features.figures
    log(
        "features made",
        series=figures["series"],
        rows_history=figures["rows_history"],
        rows_future=figures["rows_future"],
        without_history=figures["fallback_series"],
        zero=figures["zero_series"],
        articles_without_series=figures["articles_without_series"],
        contradicting_flags=figures["contradicting_flags"],
        delivered_to=figures["delivered_to"],
        last_week=figures["last_week"],
        units_too_old=figures["units_too_old"],
    )
    if figures["weeks_without_sales"]:
        log(
            "weeks in which nothing at all was sold are taken for missing deliveries, not for zeros: backfill them",
            level=logging.WARNING,
            weeks=",".join(figures["weeks_without_sales"]),
        )
    if figures["units_delivered_later"]:
        log(
            "sales of before the day that were delivered on it or later are left out: nobody knew of them then",
            level=logging.WARNING,
            units=figures["units_delivered_later"],
        )
    if figures["off_sale_but_selling"]:
        log(
            "series that sold lately are forecast as nothing, because the SKU master says that they are not on sale "
            "(is_active, launch_date): have the master put right if they are",
            level=logging.WARNING,
            series=figures["off_sale_but_selling"],
        )
    if figures["weeks_without_calendar"]:
        log(
            "the promotion calendar ends before the horizon: the weeks after it are forecast without promotion",
            level=logging.WARNING,
            calendar_reaches=figures["calendar_reaches"],
            weeks=figures["weeks_without_calendar"],
        )
