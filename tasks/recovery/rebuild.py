"""Fill an empty warehouse from what the lake and the inbox's history keep, by the loads of the daily runs.

Each part can be killed at any point and the whole run again: what is loaded is found loaded. Not rebuilt are the records of
runs (PIPELINE_RUNS, RUN_DATASETS, DQ_RESULTS, RUN_STEPS, MODEL_DRIFT), which only the warehouse has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from contracts.catalog import load_order
from tasks.churn import churn_outcomes
from tasks.forecast import forecast_accuracy, predictions
from tasks.recovery import inbox_files, marketing_days, rebuild_target
from tasks.recovery.rebuild_target import RUN_ID
from tasks.runs import monitoring
from tasks.runs.business_day import business_today
from tasks.runs.monitoring import RunRecord
from tasks.settings import settings
from tasks.warehouse import copy_load, warehouse_load
from tasks.warehouse.warehouse_marts import refresh_marts, refresh_retail_marts
from warehouse.load.shop.copies import COPIES

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

Part = Callable[["SnowflakeConnection"], Iterator[str]]
"""Does its work and says what it has loaded, and what it had to leave out."""


def rebuild(connection: SnowflakeConnection, say: Callable[[str], None]) -> None:
    """Raises BusinessError before anything is changed if the warehouse is neither empty nor this rebuild's own beginning."""
    rebuild_target.require_empty_or_ours(connection)
    started_at = datetime.now(UTC)
    _record(connection, "RUNNING", started_at)
    for part in PARTS:
        for line in part(connection):
            say(line)
    _record(connection, "COMPLETED", started_at)


def _record(connection: SnowflakeConnection, status: str, started_at: datetime) -> None:
    ended_at = None if status == "RUNNING" else datetime.now(UTC)
    monitoring.record_run(
        connection,
        RunRecord(
            RUN_ID,
            rebuild_target.FLOW,
            business_today(),
            {},
            status,
            started_at=started_at,
            ended_at=ended_at,
        ),
    )


def _facts(connection: SnowflakeConnection) -> Iterator[str]:
    for dataset in load_order():
        loaded = warehouse_load.catch_up(connection, dataset, RUN_ID)
        yield f"{dataset}: {'loaded' if loaded else 'nothing to load'}"
    refresh_marts(connection, whole=True)


def _forecasts(connection: SnowflakeConnection) -> Iterator[str]:
    zone = ZoneInfo(settings().time_zone)
    for when, forecast in predictions.accepted_so_far():
        rows = predictions.load(connection, forecast, when.astimezone(zone).date())
        yield f"forecast of model {forecast.model_version}, accepted {when:%Y-%m-%d}: {rows} rows"
    forecast_accuracy.refresh(connection)


def _shop(connection: SnowflakeConnection) -> Iterator[str]:
    for name in get_args(copy_load.Name):
        copy_load.load(connection, name, RUN_ID)
        yield f"{COPIES[name].table}: as {COPIES[name].name} is now"
    churn_outcomes.rebuild_accuracy(connection, RUN_ID)


def _inbox(connection: SnowflakeConnection) -> Iterator[str]:
    yield from inbox_files.rebuild(connection)
    refresh_retail_marts(connection, RUN_ID, whole=True)


PARTS: tuple[Part, ...] = (_facts, _forecasts, _shop, _inbox, marketing_days.rebuild)
