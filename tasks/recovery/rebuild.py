"""Fill an empty warehouse from what the lake and the inbox's history keep, by the loads of the daily runs.

Each part can be killed at any point and the whole run again: what is loaded is found loaded. Not rebuilt are the records of
runs (PIPELINE_RUNS, RUN_DATASETS, DQ_RESULTS, RUN_STEPS, MODEL_DRIFT), which only the warehouse has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, get_args
from zoneinfo import ZoneInfo

from contracts.catalog import load_order
from contracts.cpg.predictions import DEMAND_PREDICTIONS
from tasks.churn import churn_outcomes
from tasks.errors import BusinessError, DataError, HighwaterError, SystemFault
from tasks.events import log
from tasks.forecast import forecast_accuracy, predictions
from tasks.models import answers
from tasks.recovery import inbox_files, marketing_days, rebuild_sources, rebuild_target
from tasks.recovery.rebuild_target import RUN_ID, LeftOut
from tasks.runs import monitoring
from tasks.runs.business_day import business_today
from tasks.runs.monitoring import RunRecord
from tasks.services import objects
from tasks.settings import settings
from tasks.warehouse import copy_load, warehouse_load
from tasks.warehouse.warehouse_marts import refresh_marts, refresh_retail_marts
from warehouse.load.shop.copies import COPIES

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

    from tasks.forecast.predictions import Predictions

Part = Callable[["SnowflakeConnection"], Iterator[str]]
"""Does its work and says what it has loaded, and what it had to leave out."""


def rebuild(
    connection: SnowflakeConnection, say: Callable[[str], None], accept_drop: frozenset[date] = frozenset()
) -> None:
    """Raises BusinessError before anything is changed if the warehouse is neither empty nor this rebuild's own beginning,
    and at the end if something was left out or another run has begun. Whatever ends it is on record as FAILED, unless it
    could not be written down any more (SIGKILL, no connection)."""
    rebuild_target.require_empty_or_ours(connection)
    rebuild_sources.require()
    marketing_days.require_delivered(accept_drop)
    started_at = datetime.now(UTC)
    _record(connection, "RUNNING", started_at)
    try:
        _require_whole(connection, _fill(connection, say, accept_drop))
    except (Exception, KeyboardInterrupt) as error:
        _record_failure(connection, started_at, error)
        raise
    _record(connection, "COMPLETED", started_at)


def _require_whole(connection: SnowflakeConnection, left_out: list[str]) -> None:
    said = "\n- ".join(["all is loaded but what was left out:", *left_out]) if left_out else ""
    try:
        rebuild_target.require_no_other(connection)
    except BusinessError as other:
        raise BusinessError("\n".join(filter(None, [str(other), said]))) from other
    if said:
        raise BusinessError(said)


def _fill(
    connection: SnowflakeConnection, say: Callable[[str], None], accept_drop: frozenset[date]
) -> list[str]:
    """What was left out."""
    left_out: list[str] = []
    last: Part = partial(marketing_days.rebuild, accept_drop=accept_drop)
    for part in (*PARTS, last):
        for line in part(connection):
            say(line)
            if isinstance(line, LeftOut):
                left_out.append(line)
    return left_out


def _record_failure(
    connection: SnowflakeConnection, started_at: datetime, error: Exception | KeyboardInterrupt
) -> None:
    """If that fails too, the first error is the one to be told."""
    message = str(error) if isinstance(error, HighwaterError) else type(error).__name__
    try:
        _record(connection, "FAILED", started_at, message)
    except HighwaterError as second:
        log("the failed rebuild is not on record", error=second)


def _record(
    connection: SnowflakeConnection, status: str, started_at: datetime, message: str | None = None
) -> None:
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
            message=message,
        ),
    )


def _facts(connection: SnowflakeConnection) -> Iterator[str]:
    for dataset in load_order():
        loaded = warehouse_load.catch_up(connection, dataset, RUN_ID)
        yield f"{dataset}: {'loaded' if loaded else 'nothing to load'}"
    refresh_marts(connection, whole=True)


def _forecasts(connection: SnowflakeConnection) -> Iterator[str]:
    zone = ZoneInfo(settings().time_zone)
    accepted, broken = predictions.accepted_so_far()
    for error in broken:
        yield LeftOut(f"a forecast, left out: {error}")
    for when, forecast in accepted:
        name = f"forecast of model {forecast.model_version}, accepted {when:%Y-%m-%d}"
        if why := _staged_or_why_not(connection, forecast):
            yield LeftOut(f"{name}, left out, {why}")
        else:
            yield f"{name}: {predictions.merge(connection, forecast, when.astimezone(zone).date())} rows"
    forecast_accuracy.refresh(connection)


def _staged_or_why_not(connection: SnowflakeConnection, forecast: Predictions) -> str | None:
    """Files matter to the staging alone. What fails later, or of whole files, is the warehouse's own fault: it would leave
    out all of them."""
    try:
        predictions.stage(connection, forecast)
    except (DataError, SystemFault) as error:
        if gone := [file for file in forecast.files if not objects.is_there(file)]:
            return f"no longer in the lake: restore them and run again: {', '.join(gone)}"
        if broken := [file for file in forecast.files if not _is_whole(file)]:
            return f"no Parquet: restore their first versions and run again: {', '.join(broken)}"
        if isinstance(error, SystemFault):
            raise
        return str(error)
    return None


def _is_whole(file: str) -> bool:
    try:
        answers.read(file, DEMAND_PREDICTIONS.names)
    except DataError:
        return False
    return True


def _shop(connection: SnowflakeConnection) -> Iterator[str]:
    for name in get_args(copy_load.Name):
        copy_load.load(connection, name, RUN_ID)
        yield f"{COPIES[name].table}: as {COPIES[name].name} is now"
    churn_outcomes.rebuild_accuracy(connection, RUN_ID)


def _inbox(connection: SnowflakeConnection) -> Iterator[str]:
    yield from inbox_files.rebuild(connection)
    refresh_retail_marts(connection, RUN_ID, whole=True)


PARTS: tuple[Part, ...] = (_facts, _forecasts, _shop, _inbox)
"""All parts but marketing, which comes last and takes one argument more."""
