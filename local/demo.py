"""`python -m local demo`: backfill a data set, run its last day daily, forecast, take in files, extract, score customers.

The pipelines of sales run beside the others. It does nothing that a person could not do by hand: all runs are
deployment runs on the local Prefect server, and all figures that it prints are queries on the local Snowflake.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
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

_POLL_SECONDS = 1.0


class DemoFailed(Exception):
    """A run of the demo did not complete. Its page in the UI has the details."""


@dataclass(frozen=True)
class DemoRun:
    flow_run: FlowRun
    seconds: float


def run_demo(settings: LocalSettings, report: Report, data: DataSet) -> None:
    """Fill the lake and run the pipelines. The local cloud is up already and stays up."""
    os.environ.update(environment(settings))
    report(data.about)
    report(f"{demo_data.put(data, settings)} raw files are in s3://{resources.LAKE.name}/raw/")
    daily, others = _side_by_side(_Runs(settings, report), data)
    print(_summary(settings, data, daily, others))


def _side_by_side(runs: _Runs, data: DataSet) -> tuple[DemoRun, str]:
    """The sales pipelines beside all others, which do not depend on them: most of a run is waiting for a job.

    Returns the daily run and what the others have to show.
    """
    with ThreadPoolExecutor(max_workers=2) as threads:
        sales = threads.submit(_sales, runs, data)
        others = threads.submit(_others, runs)
        both: list[Future[Any]] = [sales, others]
        try:
            for ended in as_completed(both):
                ended.result()
        finally:
            runs.stop_following()
    return sales.result(), others.result()


def _sales(runs: _Runs, data: DataSet) -> DemoRun:
    found = {step.flow: runs.follow(step.flow, step.parameters) for step in data.steps}
    return found[demo_data.DAILY]


def _others(runs: _Runs) -> str:
    settings = runs.settings
    with get_client(sync_client=True) as client:
        inbox = show_inbox(client, settings, retail.uploads(), runs.report)
    runs.follow(demo_marketing.FLOW, demo_marketing.deliver())
    medallion = show_medallion(settings, lambda given: runs.result(demo_medallion.FLOW, given))
    churn = show_churn(settings, lambda given: runs.result(demo_churn.FLOW, given))
    return "\n\n".join([inbox, marketing_summary(settings), medallion, churn])


@dataclass(frozen=True)
class _Runs:
    """Starts deployment runs and prints each step of theirs as it finishes."""

    settings: LocalSettings
    report: Report
    _is_over: threading.Event = field(default_factory=threading.Event)

    def result(self, flow: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """What a run says at its end."""
        state = self.follow(flow, parameters).flow_run.state
        assert state is not None
        found: dict[str, Any] = state.result()
        return found

    def follow(self, flow: str, parameters: dict[str, Any]) -> DemoRun:
        started = time.monotonic()
        with get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name(f"{flow}/{flow}")
            run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
            self.report(f"{flow} ({', '.join(f'{key}={value}' for key, value in parameters.items())})")
            ended = self._ended(client, run.id, flow)
        assert ended.state is not None
        if not ended.state.is_completed():
            raise DemoFailed(
                f"{ended.name} ended {ended.state.name}: {ended.state.message}\n"
                f"Its page: {self.settings.prefect_url}/runs/flow-run/{run.id}"
            )
        seconds = time.monotonic() - started
        self.report(f"{ended.name} completed in {seconds:.0f} s")
        return DemoRun(ended, seconds)

    def stop_following(self) -> None:
        """The runs themselves go on."""
        self._is_over.set()

    def _ended(self, client: SyncPrefectClient, run: UUID, flow: str) -> FlowRun:
        told: set[UUID] = set()
        while True:
            current = client.read_flow_run(run)
            _tell_finished_steps(client, run, flow, told, self.report)
            if current.state and current.state.is_final():
                return current
            if self._is_over.wait(_POLL_SECONDS):
                raise DemoFailed(f"{current.name} was not followed to its end, because another run failed")


def _tell_finished_steps(
    client: SyncPrefectClient, run: UUID, flow: str, told: set[UUID], report: Report
) -> None:
    finished = client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run])), sort=TaskRunSort.END_TIME_DESC
    )
    for step in reversed(finished):
        if step.id not in told and step.state and step.state.is_final():
            told.add(step.id)
            seconds = step.total_run_time.total_seconds()
            ended = "" if step.state.is_completed() else f"{step.state.name} "
            report(f"  {flow}: {step.name} {ended}({seconds:.1f} s)")


def _summary(settings: LocalSettings, data: DataSet, daily: DemoRun, others: str) -> str:
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
            others,
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
