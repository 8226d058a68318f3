"""The daily CPG run: clean yesterday's files against their contracts, audit, publish, load, and refresh the marts.

preflight ─► curate (Spark) ─► quarantine ─► audit ─► publish (Iceberg) ─► load (Snowflake) ─► marts ─► notify
             sales │ the rest                  └─ a failed check stops here: nothing becomes visible

On Mondays the demand forecast follows as a subflow.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Literal

from prefect import flow, runtime
from prefect.client.schemas.objects import State

from flows.demand_forecast import demand_forecast
from flows.write_audit_publish import ACCEPT_TRUNCATED, marts, process, require_whole_unless_accepted
from tasks.errors import DataError, HighwaterError
from tasks.intake.intake_steps import preflight
from tasks.intake.sources import ALL_SOURCES, Source, Sources, datasets_of
from tasks.publishing.curated import outcomes
from tasks.publishing.publishing_steps import finish
from tasks.publishing.quality import Quality
from tasks.runs.business_day import business_today, scheduled_today
from tasks.runs.endings import ended_badly, notify_of_refusal, stop_external_jobs
from tasks.runs.run import Run, guarded
from tasks.settings import settings

_HOURS = 3600
_SUNDAY = 7
WhenToForecast = Literal["on_mondays", "always", "never"]


def run_date_or_yesterday(run_date: date | None) -> date:
    """The requested date, or yesterday in the business time zone."""
    return run_date or scheduled_today() - timedelta(days=1)


def refuse_future(day: date) -> None:
    """Raise DataError for a day that is still in the future."""
    today = business_today()
    if day > today:
        raise DataError(
            f"run_date {day} is in the future: today is {today} in {settings().time_zone}. Nothing was changed; choose "
            "today or an earlier day."
        )


def is_forecast_due(forecast: WhenToForecast, day: date, sources: list[Source]) -> bool:
    """Whether to forecast after this run. "on_mondays" requires sales, since without them there is nothing new to use."""
    on_monday = forecast == "on_mondays" and day.isoweekday() == _SUNDAY and "sales" in sources
    return forecast == "always" or on_monday


def _run_name() -> str:
    run_date = runtime.flow_run.parameters.get("run_date")
    return f"cpg-daily {run_date or scheduled_today() - timedelta(days=1)}"


@flow(
    name="cpg-daily",
    flow_run_name=_run_name,
    timeout_seconds=4 * _HOURS,
    persist_result=True,  # what the run returned can be read from any machine
    on_cancellation=[stop_external_jobs],
    on_crashed=[stop_external_jobs],
    on_failure=[notify_of_refusal],
)
def cpg_daily(
    run_date: date | None = None,
    sources: Sources = list(ALL_SOURCES),  # noqa: B006 - Prefect shows it in the form, nobody changes it
    quality: Quality = Quality(),  # noqa: B008
    forecast: WhenToForecast = "on_mondays",
    accept_truncated: bool = False,
) -> dict[str, Any] | State[Any]:
    """Clean, audit, publish and load one day of CPG data, then refresh the marts.

    Rerunning a date is safe: work that is already done is not repeated.

    Args:
        run_date: The business day to process. Leave empty for yesterday in Asia/Kolkata.
        sources: Which sources to process. If any delivery is missing, the run fails before anything is changed.
        quality: The audit's limits. If any metric exceeds its limit, nothing from the run is published.
        forecast: Whether to run the demand forecast afterwards. "on_mondays" runs it when the processed day is a
            Sunday, so that the week is complete. If the model gate rejects the forecast, only the forecast fails.
        accept_truncated: Accept a master or promotion calendar that has less than half the rows of the previous one,
            or lacks one of its columns. If off, such a delivery fails the run before anything is changed.
    """
    try:
        day = run_date_or_yesterday(run_date)
        run = Run(
            "cpg-daily",
            day,
            day,
            {
                "sources": sources,
                "quality": quality.model_dump(),
                ACCEPT_TRUNCATED: accept_truncated,
            },
        )
        with guarded(run):
            refuse_future(day)
            slices = preflight(datasets_of(sources), day, day)
            require_whole_unless_accepted(run, slices)
            curated = process(run, slices, quality)
            headlines = marts(run)
            finish(run, outcomes(curated), headlines)
        if is_forecast_due(forecast, day, sources):
            forecasting = demand_forecast(as_of=day + timedelta(days=1), return_state=True)
            headlines["forecast"] = forecasting.name
        return headlines
    except HighwaterError as error:
        return ended_badly(error)
