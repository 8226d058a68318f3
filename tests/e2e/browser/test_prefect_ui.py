"""A person starts the daily run through Prefect's form, with other parameters, and looks at what came of it.

With HIGHWATER_IMAGES=docs/images (`make screenshots`) the pictures of the documentation are made on the way.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import boto3
import pytest
from playwright.sync_api import Page, Response, expect
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    DeploymentFilter,
    DeploymentFilterId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import ArtifactSort

from local import resources
from local.sample.cpg import write
from local.sample.cpg.profile import Profile
from local.sample.sinks import BucketSink
from tests.e2e.browser.conftest import found
from tests.e2e.test_deployment import finished, until
from tests.e2e.world import World

# The picker opens on this month; one step back is always a day that has come.
DAY = (date.today().replace(day=1) - timedelta(days=1)).replace(day=20)
Shot = Callable[..., None]
SERVICE_UNAVAILABLE = 503
pytestmark = pytest.mark.skipif(
    found() is None, reason="NOT DONE: the Prefect UI was not looked at, no Chromium is here (make browser)"
)


@pytest.fixture
def shot(page: Page) -> Shot:
    images = os.environ.get("HIGHWATER_IMAGES")

    def take(name: str, transitions: int = 500) -> None:
        if images is None:
            return
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(transitions)
        page.screenshot(path=Path(images) / f"{name}.png")

    return take


@pytest.fixture
def delivered(world: World) -> World:
    """Three weeks of sample data as the demo has it, some of it broken."""
    profile = Profile(start=DAY - timedelta(days=20), end=DAY)
    write(profile, BucketSink(resources.LAKE.name, boto3.client("s3")), world.cloud.settings.cache)
    return world


def one_month_back(page: Page) -> None:
    """On a busy machine a click on a calendar that has just opened can be without effect: then once more."""
    back, title = page.locator(".p-calendar-header__before button"), page.locator(".p-calendar-header__title")
    for patience in (5_000, 10_000, 20_000):
        back.click()
        with suppress(AssertionError):
            expect(title).to_contain_text(f"{DAY:%B}", timeout=patience)
            break
    expect(title).to_contain_text(f"{DAY:%B}")


def test_a_manual_run_is_started_through_the_form_and_completes(
    delivered: World, page: Page, shot: Shot
) -> None:
    ui = delivered.cloud.settings.prefect_url
    page.goto(f"{ui}/deployments")
    expect(page.get_by_role("link", name="cpg-daily", exact=True).first).to_be_visible()
    shot("deployments")
    page.get_by_role("link", name="cpg-daily", exact=True).first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").first.click()

    # run_date: the 20th of last month, through the picker
    expect(page.get_by_text("The business day to process. Leave empty for yesterday")).to_be_visible()
    page.get_by_role("button", name="date", exact=True).click()
    page.get_by_text("Select date").click()
    one_month_back(page)
    page.locator(".p-calendar-date-picker__date--in-month", has_text=re.compile(r"^20$")).click()
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_text(f"{DAY:%b} 20th, {DAY:%Y}").first).to_be_visible()
    # sources: all but the market
    page.locator(".p-tag", has_text="market").locator("button").click()
    # quality.sales.row_count_min
    rows = page.locator("input[type=number]").first
    expect(rows).to_have_value("1000")
    rows.fill("900")
    shot("run-form-filled")
    known = set(by_hand())
    submit(page)

    (run,) = until(lambda: [run for id_, run in by_hand().items() if id_ not in known])
    assert run.parameters["run_date"] == DAY.isoformat()
    assert run.parameters["sources"] == ["sales", "inventory", "promotions", "masters"]
    assert run.parameters["quality"]["sales"]["row_count_min"] == 900
    # The run's page, drawn in software all the time, would take half of a core from the run.
    page.goto("about:blank")
    done = finished(run)
    assert done.state is not None
    assert done.state.is_completed(), done.state
    assert done.name == f"cpg-daily {DAY}"
    assert {"cpg", "daily"} <= set(done.tags)
    recorded = delivered.sql("SELECT dataset, status FROM MONITORING.RUN_DATASETS ORDER BY dataset")
    assert [row["DATASET"] for row in recorded] == [
        *("customer", "geography", "inventory", "promotions", "sales", "sku")
    ]
    limit = delivered.one(
        "SELECT threshold FROM MONITORING.DQ_RESULTS WHERE dataset = 'sales' AND metric = 'row_count'"
    )
    assert limit == 900

    page.goto(f"{ui}/runs/flow-run/{run.id}")
    expect(page.get_by_text(f"cpg-daily {DAY}").first).to_be_visible()
    shot("flow-run", 2000)  # the graph is drawn on a canvas, which tells nobody when it is done
    page.get_by_text("Artifacts", exact=True).first.click()
    artifacts = artifacts_of(run)
    assert artifacts.keys() >= {"data-quality", "reconciliation", "mart-headlines"}
    for key in ("data-quality", "reconciliation", "mart-headlines"):
        expect(page.get_by_text(key, exact=True).first).to_be_visible()
    for key, said in (
        ("data-quality", f"Audit of {DAY}: 0 of "),
        ("reconciliation", f"{DAY}: raw = published + superseded + quarantined"),
        ("mart-headlines", f"Marts after {DAY}"),
    ):
        page.goto(f"{ui}/artifacts/artifact/{artifacts[key]}")
        expect(page.get_by_text(said).first).to_be_visible()
        shot(f"artifact-{key}")


def artifacts_of(run: FlowRun) -> dict[str, UUID]:
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id])),
            sort=ArtifactSort.CREATED_DESC,
        )
    return {artifact.key: artifact.id for artifact in reversed(found) if artifact.key}


def submit(page: Page) -> None:
    """As a person does: again where the server was busy. The UI does not repeat a 503 itself."""
    answer = press_submit(page)
    for _ in range(4):
        if answer.status != SERVICE_UNAVAILABLE:
            break
        answer = press_submit(page)
    assert answer.ok, answer.text()


def press_submit(page: Page) -> Response:
    """By the keyboard: on a busy machine the UI's word that the server is slow lies over the button."""
    with page.expect_response(re.compile("/create_flow_run$"), timeout=90_000) as answer:
        page.get_by_role("button", name="Submit").press("Enter")
    return answer.value


def by_hand() -> dict[UUID, FlowRun]:
    """The deployment's runs that no schedule made."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("cpg-daily/cpg-daily")
        of = DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id]))
        return {run.id: run for run in client.read_flow_runs(deployment_filter=of) if not run.auto_scheduled}
