"""`python -m local demo`: sample data in, the history by backfill, yesterday by the daily deployment, the forecast.

It does nothing that a person could not do by hand: everything runs as deployment runs on the local Prefect server, and every
figure that it prints is a query on the local Snowflake.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import boto3
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import TaskRunSort

from local import resources
from local.demo_forecast import forecast_summary
from local.environment import environment
from local.progress import Report
from local.sample import BucketSink, demo, write
from local.settings import LocalSettings
from local.sql import query

BUSINESS_ZONE = ZoneInfo("Asia/Kolkata")
_POLL_SECONDS = 1.0
# Single weeks of a SKU in a region are too noisy for 15% MAPE by any method; the model must still beat both naive ones.
GATE = {"mape_max": None}
_FIRST_WEEK = timedelta(days=7)  # a day needs the market week that ended before it


class DemoFailed(Exception):
    """A run of the demo did not complete; its page has the whole story."""


@dataclass(frozen=True)
class DemoRun:
    flow_run: FlowRun
    seconds: float


def yesterday() -> date:
    return datetime.now(BUSINESS_ZONE).date() - timedelta(days=1)


def run_demo(settings: LocalSettings, report: Report) -> None:
    """Fills the lake and runs the pipeline; the local cloud is up already and stays so."""
    os.environ.update(environment(settings))
    last = yesterday()
    profile = demo(last)
    report(f"sample data: {profile.start} to {profile.end} (cached after the first time)")
    written = write(profile, BucketSink(resources.LAKE.name, boto3.client("s3")), settings.cache)
    report(f"{written.files} raw files are in s3://{resources.LAKE.name}/raw/")
    history = {
        "start_date": (profile.start + _FIRST_WEEK).isoformat(),
        "end_date": (last - timedelta(days=1)).isoformat(),
        "chunk_days": profile.days,  # few enough to take in one go
    }
    with get_client(sync_client=True) as client:
        _follow(client, settings, "cpg-backfill/cpg-backfill", history, report)
        day = {"run_date": last.isoformat(), "forecast": "never"}  # it follows as a run of its own
        daily = _follow(client, settings, "cpg-daily/cpg-daily", day, report)
        forecast = {"as_of": (last + timedelta(days=1)).isoformat(), "gate": GATE}
        _follow(client, settings, "demand-forecast/demand-forecast", forecast, report)
    print(_summary(settings, daily))


def _follow(
    client: SyncPrefectClient, settings: LocalSettings, name: str, parameters: dict[str, Any], report: Report
) -> DemoRun:
    """Start a deployment run and say each step that it finishes."""
    started = time.monotonic()
    deployment = client.read_deployment_by_name(name)
    run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
    shown = ", ".join(f"{key}={value}" for key, value in parameters.items())
    report(f"{name} ({shown})")
    told: set[UUID] = set()
    while True:
        current = client.read_flow_run(run.id)
        _tell_finished_steps(client, run.id, told, report)
        if current.state and current.state.is_final():
            break
        time.sleep(_POLL_SECONDS)
    page = f"{settings.prefect_url}/runs/flow-run/{run.id}"
    if not current.state.is_completed():
        raise DemoFailed(
            f"{current.name} ended {current.state.name}: {current.state.message}\nIts page: {page}"
        )
    seconds = time.monotonic() - started
    report(f"{current.name} completed in {seconds:.0f} s")
    return DemoRun(current, seconds)


def _tell_finished_steps(client: SyncPrefectClient, run: UUID, told: set[UUID], report: Report) -> None:
    finished = client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])), sort=TaskRunSort.END_TIME_DESC
    )
    for step in reversed(finished):
        if step.id not in told and step.state and step.state.is_final():
            told.add(step.id)
            seconds = step.total_run_time.total_seconds()
            report(f"  {step.name} {'' if step.state.is_completed() else step.state.name} ({seconds:.1f} s)")


def _summary(settings: LocalSettings, daily: DemoRun) -> str:
    run_id = str(daily.flow_run.id)
    address = settings.prefect_url
    return "\n".join(
        [
            "",
            f"What the daily run did with its files ({daily.flow_run.name})",
            _table(
                "SELECT dataset, rows_raw, rows_published, rows_superseded, rows_quarantined, status "
                f"FROM MONITORING.RUN_DATASETS WHERE run_id = '{run_id}' ORDER BY rows_raw DESC",
                settings,
            ),
            "",
            "Quality of sales (figure, limit)",
            _table(
                "SELECT metric, ROUND(value, 5) AS value, threshold, passed FROM MONITORING.DQ_RESULTS "
                f"WHERE run_id = '{run_id}' AND dataset = 'sales' ORDER BY metric",
                settings,
            ),
            "",
            "The sales mart, last four fiscal quarters",
            _table(_QUARTERS, settings),
            "",
            "The promotions that paid best (with a baseline)",
            _table(_PROMOTIONS, settings),
            "",
            forecast_summary(settings),
            f"Prefect UI     {address}/runs/flow-run/{run_id}",
            'Ask the marts  .venv/bin/python -m local sql "SELECT * FROM MARTS.SALES_PERFORMANCE_MART LIMIT 5"',
            "Alerts sent    .venv/bin/python -m local alerts",
            'Your shell     eval "$(.venv/bin/python -m local env)"',
            "Stop it all    make down",
        ]
    )


def _table(statement: str, settings: LocalSettings) -> str:
    return "\n".join(f"  {line}" for line in query(statement, settings).as_table().splitlines())


_QUARTERS = """
SELECT fiscal_year, fiscal_quarter, SUM(units) AS units, ROUND(SUM(net_revenue)) AS net_revenue,
    ROUND(SUM(promo_revenue)) AS promo_revenue, SUM(anomalies) AS anomalies
FROM MARTS.SALES_PERFORMANCE_MART
GROUP BY fiscal_year, fiscal_quarter ORDER BY fiscal_year DESC, fiscal_quarter DESC LIMIT 4"""

_PROMOTIONS = """
SELECT promo_id, sku_code, region_code, promo_type, first_week, units, ROUND(baseline_units) AS baseline_units,
    ROUND(uplift_pct) AS uplift_pct, ROUND(roi, 2) AS roi
FROM MARTS.PROMO_EFFECTIVENESS_MART
WHERE has_baseline AND is_complete AND roi IS NOT NULL ORDER BY roi DESC, promo_id LIMIT 5"""
