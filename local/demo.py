"""`python -m local demo`: backfill a data set, run its last day daily, forecast, take in files, extract, score customers.

It does nothing that a person could not do by hand: all runs are deployment runs on the local Prefect server, and all
figures that it prints are queries on the local Snowflake.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import TaskRunSort

from local import demo_churn, demo_data, demo_marketing, demo_medallion, resources
from local.demo_churn import show_churn
from local.demo_data import DataSet
from local.demo_forecast import forecast_summary
from local.demo_inbox import show_inbox
from local.demo_marketing import marketing_summary
from local.demo_medallion import show_medallion
from local.environment import environment
from local.progress import Report
from local.sample import retail
from local.settings import LocalSettings
from local.sql import query

_POLL_SECONDS = 0.5


class DemoFailed(Exception):
    """A run of the demo did not complete. Its page in the UI has the details."""


@dataclass(frozen=True)
class DemoRun:
    flow_run: FlowRun
    seconds: float


def run_demo(settings: LocalSettings, report: Report, data: DataSet) -> None:
    """Fill the lake and run the pipeline. The local cloud is up already and stays up."""
    os.environ.update(environment(settings))
    report(data.about)
    report(f"{demo_data.put(data, settings)} raw files are in s3://{resources.LAKE.name}/raw/")
    runs: dict[str, DemoRun] = {}
    with get_client(sync_client=True) as client:
        for step in data.steps:
            runs[step.flow] = _follow(client, settings, f"{step.flow}/{step.flow}", step.parameters, report)
        inbox = show_inbox(client, settings, retail.uploads(), report)
        name, parameters = demo_marketing.FLOW, demo_marketing.deliver()
        _follow(client, settings, f"{name}/{name}", parameters, report)
        medallion = show_medallion(
            settings, lambda given: _result(client, settings, demo_medallion.FLOW, given, report)
        )
        churn = show_churn(settings, lambda given: _result(client, settings, demo_churn.FLOW, given, report))
    print(_summary(settings, data, runs[demo_data.DAILY], inbox, f"{medallion}\n\n{churn}"))


def _result(
    client: SyncPrefectClient, settings: LocalSettings, flow: str, parameters: dict[str, Any], report: Report
) -> dict[str, Any]:
    """Start a deployment run, and return what it says at its end."""
    state = _follow(client, settings, f"{flow}/{flow}", parameters, report).flow_run.state
    assert state is not None
    found: dict[str, Any] = state.result()
    return found


def _follow(
    client: SyncPrefectClient, settings: LocalSettings, name: str, parameters: dict[str, Any], report: Report
) -> DemoRun:
    """Start a deployment run, and print each step as it finishes."""
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


def _summary(settings: LocalSettings, data: DataSet, daily: DemoRun, inbox: str, shop: str) -> str:
    run_id = str(daily.flow_run.id)
    address = settings.prefect_url
    return "\n".join(
        [
            "",
            f"What the daily run did with its files ({daily.flow_run.name})",
            query(
                "SELECT dataset, rows_raw, rows_published, rows_superseded, rows_quarantined, status "
                f"FROM MONITORING.RUN_DATASETS WHERE run_id = '{run_id}' ORDER BY rows_raw DESC",
                settings,
            ).indented(),
            "",
            "Quality of sales (figure, limit)",
            query(
                "SELECT metric, ROUND(value, 5) AS value, threshold, passed FROM MONITORING.DQ_RESULTS "
                f"WHERE run_id = '{run_id}' AND dataset = 'sales' ORDER BY metric",
                settings,
            ).indented(),
            "",
            "The sales mart, last four fiscal quarters",
            query(_QUARTERS, settings).indented(),
            "",
            *_promotions(settings, data),
            "",
            forecast_summary(settings, data.weeks_close),
            "",
            inbox,
            "",
            marketing_summary(settings),
            "",
            shop,
            "",
            f"Prefect UI     {address}/runs/flow-run/{run_id}",
            'Ask the marts  .venv/bin/python -m local sql "SELECT * FROM MARTS.SALES_PERFORMANCE_MART LIMIT 5"',
            "Alerts sent    .venv/bin/python -m local alerts",
            'Your shell     eval "$(.venv/bin/python -m local env)"',
            "Stop it all    make down",
        ]
    )


def _promotions(settings: LocalSettings, data: DataSet) -> tuple[str, str]:
    if data.has_costs:
        return "The promotions that paid best (with a baseline)", query(_PAID_BEST, settings).indented()
    return "The promotions that sold most beyond their baseline (no costs, so no return)", query(
        _SOLD_MOST, settings
    ).indented()


_QUARTERS = """
SELECT fiscal_year, fiscal_quarter, SUM(units) AS units, ROUND(SUM(net_revenue)) AS net_revenue,
    ROUND(SUM(promo_revenue)) AS promo_revenue, ROUND(SUM(promo_unknown_revenue)) AS promo_unknown_revenue,
    SUM(anomalies) AS anomalies
FROM MARTS.SALES_PERFORMANCE_MART
GROUP BY fiscal_year, fiscal_quarter ORDER BY fiscal_year DESC, fiscal_quarter DESC LIMIT 4"""

_PAID_BEST = """
SELECT promo_id, sku_code, region_code, promo_type, first_week, ROUND(attributed_units) AS units,
    ROUND(baseline_units) AS baseline_units,
    ROUND(uplift_pct) AS uplift_pct, ROUND(roi, 2) AS roi
FROM MARTS.PROMO_EFFECTIVENESS_MART
WHERE has_baseline AND is_complete AND roi IS NOT NULL ORDER BY roi DESC, promo_id LIMIT 5"""

_SOLD_MOST = """
SELECT promo_id, sku_code, region_code, promo_type, first_week, ROUND(attributed_units) AS units,
    ROUND(baseline_units) AS baseline_units,
    ROUND(uplift_units) AS uplift_units, ROUND(uplift_pct) AS uplift_pct
FROM MARTS.PROMO_EFFECTIVENESS_MART
WHERE has_baseline AND is_complete ORDER BY uplift_units DESC, promo_id LIMIT 5"""
