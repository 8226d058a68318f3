"""The forecast's features: built by the Glue job from pinned snapshots, reconciled with sales, published to the lake."""

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
"""Enough for three backtest origins, each with calibration weeks and training weeks before it."""
_DAYS_A_WEEK = 7
_MAX_PIN_ATTEMPTS = 5


def first_week(as_of: date) -> date:
    """The Monday on or after the day."""
    return as_of + timedelta(days=(8 - as_of.isoweekday()) % _DAYS_A_WEEK)


def weeks(horizon_days: int) -> int:
    return -(-horizon_days // _DAYS_A_WEEK)


@dataclass(frozen=True)
class Inputs:
    """What a forecast is made from. Equal inputs have the same key, so the work is done once."""

    as_of: date
    horizon_weeks: int
    snapshots: dict[str, int | None]
    units: int
    """Units sold and delivered before `as_of`, according to the warehouse."""
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
    """Pin a snapshot of each input table. Sales are pinned at the last snapshot loaded into the warehouse, so that the
    forecast and its actuals are based on the same rows."""
    for _ in range(_MAX_PIN_ATTEMPTS):
        loaded = warehouse_load.last_loaded(connection, "sales")
        if loaded is None:
            raise DataError(
                f"there are no sales in the warehouse, so nothing can be forecast as of {as_of}: backfill them."
            )
        snapshots = {
            name: lake_log.publication_id(lake_tables.load(lake_tables.CURATED, name)) for name in TABLES
        }
        units = _units_before(connection, as_of)
        # If sales were loaded meanwhile, the units belong to a different snapshot.
        if warehouse_load.last_loaded(connection, "sales") == loaded:
            break
    else:
        raise TransientError(
            f"sales before {as_of} could not be summed up consistently: they were loaded during each of "
            f"{_MAX_PIN_ATTEMPTS} attempts."
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
    """Check that every unit sold is in a feature row or accounted for, and every series has every week of the horizon."""
    figures, inputs = features.figures, features.inputs
    expected = figures["series"] * inputs.horizon_weeks
    if figures["rows_future"] != expected:
        raise BusinessError(
            f"features as of {inputs.as_of}: {figures['rows_future']} future rows, but {figures['series']} series x "
            f"{inputs.horizon_weeks} weeks are {expected}. Nothing was trained; look at {features.output}."
        )
    accounted = figures["units_total"] + figures["units_open_week"] + figures["units_too_old"]
    if not accounted == figures["units_read"] == inputs.units:
        now = warehouse_load.last_loaded(connection, "sales")
        if now is None or now.snapshot_id != inputs.snapshots["sales"]:
            raise TransientError("sales were loaded while the features were built: run the forecast again.")
        raise BusinessError(
            f"features as of {inputs.as_of} hold {accounted} units, the job read {figures['units_read']}, the warehouse "
            f"has {inputs.units}. Nothing was trained; look at {features.output}."
        )
    _log_figures(features)


def publish(features: Features, run_id: str) -> int | None:
    """Replace the as-of day's rows in ml.demand_features. Returns the snapshot id."""
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
    statement = Statement(
        f"summing units sold before {as_of}",
        "SELECT COALESCE(SUM(quantity), 0) FROM DW.FACT_SALES WHERE order_date < %s AND source_date < %s",
        (as_of, as_of),
    )
    return int(execute(connection, statement)[0])


def _log_figures(features: Features) -> None:
    figures = features.figures
    log(
        "features built",
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
            "weeks without any sales are treated as missing deliveries, not as zeros: backfill them",
            level=logging.WARNING,
            weeks=",".join(figures["weeks_without_sales"]),
        )
    if figures["units_delivered_later"]:
        log(
            "sales from before the as-of day that were delivered on it or later are left out: they were not yet known",
            level=logging.WARNING,
            units=figures["units_delivered_later"],
        )
    if figures["off_sale_but_selling"]:
        log(
            "series with recent sales are forecast as zero, because the SKU master says that they are not on sale "
            "(is_active, launch_date): have the master corrected if they are",
            level=logging.WARNING,
            series=figures["off_sale_but_selling"],
        )
    suspect = figures["suspect_calendar_weeks"]
    if doubted := [week for week in suspect if week["trust"] < 1]:
        log(
            "the promotion calendar flags most of a category at once in these weeks, more of it than in any week before and "
            "hardly at a discount: the forecast believes as many of the flags as usual (trust). Correct the calendar, "
            "or add the discounts if the promotions are real",
            level=logging.WARNING,
            weeks=doubted,
        )
    if believed := [week for week in suspect if week["trust"] >= 1]:
        log(
            "the promotion calendar flags most of a small category at once in these weeks, more than in any week before "
            "and hardly at a discount: of so few series every flag is believed. Correct the calendar if it is wrong",
            level=logging.WARNING,
            weeks=believed,
        )
    if figures["weeks_without_calendar"]:
        log(
            "the promotion calendar ends before the horizon: later weeks are forecast without promotions",
            level=logging.WARNING,
            calendar_reaches=figures["calendar_reaches"],
            weeks=figures["weeks_without_calendar"],
        )
