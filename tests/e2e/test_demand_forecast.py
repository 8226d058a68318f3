"""The demand forecast from raw files to judged predictions, on one small company. The tests follow each other in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelling

from flows.cpg_daily import cpg_daily
from flows.demand_forecast import demand_forecast
from flows.model_drift import model_drift
from local.cloud import Cloud
from tasks.forecast.forecast_gate import Gate
from tasks.forecast.forecast_models import registry
from tasks.forecast.model_drift import Limits
from tasks.lake import lake_tables
from tasks.leases import job_entry, rows
from tasks.models import model_registry
from tasks.models.model_registry import Registration
from tasks.services import aws
from tests.e2e import forecasting as company
from tests.e2e.deliveries import deliver, sale
from tests.e2e.forecasting import (
    HORIZON_WEEKS,
    REGIONS,
    SERIES,
    SKUS,
    SUNDAY,
    TOTAL_UNITS,
    WEEKS,
    monday,
    units,
)
from tests.e2e.test_deployment import finished, run_of, until
from tests.e2e.world import OPEN, World

AS_OF = monday(0)
DAYS = HORIZON_WEEKS * 7
ANY_MAPE = Gate(mape_max=None)
PREDICTIONS = "ML_OUTPUTS.DEMAND_FORECAST_PREDICTIONS"
ROWS = SERIES * HORIZON_WEEKS
# Each run goes on where the one before it died.
DEATHS = (
    "'tasks.jobs.external_jobs:_wait', 'before', 2",  # the first is for the features, the second for a job of SageMaker's
    "'tasks.models.model_registry:Registry.register', 'after'",
    "'tasks.forecast.predictions:accept', 'after'",
    "'tasks.forecast.predictions:load', 'after'",
    "'tasks.runs.monitoring:record_datasets', 'before'",
)


@pytest.fixture(scope="module")
def world(cloud: Cloud) -> World:
    """History delivered and loaded, and a first forecast that was killed at one step after the other."""
    fresh = World(cloud)
    fresh.empty()
    company.deliver_all()
    assert fresh.daily(SUNDAY, company.SOURCES).is_completed()
    fresh.alerts()
    for step in DEATHS:
        company.killed_forecast(fresh, AS_OF, f"from tests.e2e import death; death.arrange({step})")
    return fresh


def forecast(gate: Gate = ANY_MAPE) -> State[Any]:
    registration = Registration(auto_approve=True)
    return demand_forecast(
        as_of=AS_OF, horizon_days=DAYS, gate=gate, register=registration, return_state=True
    )  # type: ignore[return-value]


def jobs() -> dict[str, str]:
    """Every SageMaker job, with its status."""
    sagemaker = aws.sagemaker()
    return {
        **{
            j["TrainingJobName"]: j["TrainingJobStatus"]
            for j in sagemaker.list_training_jobs()["TrainingJobSummaries"]
        },
        **{
            j["ProcessingJobName"]: j["ProcessingJobStatus"]
            for j in sagemaker.list_processing_jobs()["ProcessingJobSummaries"]
        },
        **{
            j["TransformJobName"]: j["TransformJobStatus"]
            for j in sagemaker.list_transform_jobs()["TransformJobSummaries"]
        },
    }


def predictions(world: World) -> list[dict[str, Any]]:
    return world.sql(
        "SELECT sku_code, region_code, forecast_week, model_version, predicted_units, lower, upper, model_type, as_of,"
        f" load_date, actual_units, ape, run_id FROM {PREDICTIONS} ORDER BY 1, 2, 3, 4"
    )


def notices(world: World) -> list[dict[str, Any]]:
    """What people were told, but for the killed run's death: whichever run first finds its lease expired tells of that."""
    return [alert for alert in world.alerts() if "its lease has expired" not in alert["message"]]


def test_a_killed_forecast_is_taken_up_and_every_row_arrives(world: World) -> None:
    started, loaded = jobs(), predictions(world)
    assert forecast().is_completed()
    assert predictions(world) == loaded  # by the run that died after its load

    names = sorted(jobs())
    assert set(jobs().values()) == {"Completed"}
    assert started.keys() <= jobs().keys()
    assert [name.rsplit("-", 2)[0] for name in names] == [
        "demand-forecast-evaluate",
        "demand-forecast-predict",
        "demand-forecast-train",
    ]
    features = aws.glue().get_job_runs(JobName="highwater-demand-features")["JobRuns"]
    assert [run["JobRunState"] for run in features] == ["SUCCEEDED"]

    table = lake_tables.load("ml", "demand_features")
    assert table
    made = table.scan().to_arrow()
    future = made.filter(made.column("is_future"))
    assert (made.num_rows - future.num_rows, future.num_rows) == (SERIES * WEEKS, ROWS)
    assert sum(made.column("units").drop_null().to_pylist()) == TOTAL_UNITS
    found = predictions(world)
    assert [(p["SKU_CODE"], p["REGION_CODE"], p["FORECAST_WEEK"]) for p in found] == [
        (sku, region, monday(n)) for sku in SKUS for region in REGIONS for n in range(HORIZON_WEEKS)
    ]
    asked = sorted(
        zip(*(future.column(c).to_pylist() for c in ("sku_code", "region_code", "week")), strict=True)
    )
    assert asked == [(p["SKU_CODE"], p["REGION_CODE"], p["FORECAST_WEEK"]) for p in found]
    assert all(0 <= p["LOWER"] <= p["PREDICTED_UNITS"] <= p["UPPER"] for p in found)
    assert {(p["MODEL_VERSION"], p["MODEL_TYPE"], p["AS_OF"], p["ACTUAL_UNITS"]) for p in found} == {
        ("v1", "model", AS_OF, None)
    }
    (sums,) = [run for run in world.runs() if run["DATASET"] == "demand_predictions"]
    assert (sums["ROWS_RAW"], sums["ROWS_PUBLISHED"]) == (ROWS, ROWS)

    model = registry().newest("Approved")
    assert model
    assert (model.number, model.metadata["as_of"]) == (1, AS_OF.isoformat())
    sales = lake_tables.load("curated", "sales")
    assert model.metadata["snapshot.sales"] == str(lake_tables.snapshot_id(sales))
    told = notices(world)
    assert [a["severity"] for a in told] == ["INFO"]
    assert f"{ROWS} predictions for {SERIES} series x {HORIZON_WEEKS} weeks" in told[0]["message"]


def test_running_it_again_does_nothing_twice(world: World) -> None:
    before, had = predictions(world), jobs()
    snapshot = lake_tables.snapshot_id(lake_tables.load("ml", "demand_features"))
    assert forecast().is_completed()
    assert (predictions(world), jobs()) == (before, had)
    assert lake_tables.snapshot_id(lake_tables.load("ml", "demand_features")) == snapshot
    assert len(aws.glue().get_job_runs(JobName="highwater-demand-features")["JobRuns"]) == 1
    assert registry().newest().number == 1  # type: ignore[union-attr]
    world.alerts()


def pending(world: World, hours: float = 0.5) -> FlowRun:
    """The same forecast with nobody's decision yet and none of its predictions published: only the person is waited for."""
    model = registry().newest()
    assert model
    aws.sagemaker().update_model_package(
        ModelPackageArn=model.arn, ModelApprovalStatus="PendingManualApproval"
    )
    world.sql(f"DELETE FROM {PREDICTIONS}")
    world.alerts()
    parameters = {
        "as_of": AS_OF.isoformat(),
        "horizon_days": DAYS,
        "gate": {"mape_max": None},
        "register": {"wait_for_approval": True, "wait_hours": hours},
    }
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("demand-forecast/demand-forecast")
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters)


def answer(run: FlowRun, **given: str) -> FlowRun:
    """As the button on the run's page does, once the run waits."""
    until(lambda: run_of(run.id).state.is_paused())  # type: ignore[union-attr]
    with get_client(sync_client=True) as client:
        client.resume_flow_run(run.id, run_input=given)
    return finished(run)


def status_and_reason() -> tuple[str, str]:
    (package,) = aws.sagemaker().list_model_packages(ModelPackageGroupName="highwater-demand-forecast")[
        "ModelPackageSummaryList"
    ]
    found = aws.sagemaker().describe_model_package(ModelPackageName=package["ModelPackageArn"])
    return found["ModelApprovalStatus"], found.get("ApprovalDescription", "")


def test_a_person_who_rejects_on_the_page_keeps_the_predictions_out(world: World) -> None:
    had = jobs()
    done = answer(pending(world), decision="reject", why="the plot leans")
    assert done.state
    assert done.state.is_failed()
    assert "model v1 was rejected; its predictions were not published" in str(done.state.message)
    assert status_and_reason() == ("Rejected", "the plot leans")
    assert predictions(world) == []
    assert jobs() == had
    told = [(a["severity"], a["message"]) for a in notices(world)]
    assert told[0] == ("WARNING", "model v1 is waiting for approval on this run's page")
    assert told[-1][0] == "HIGH"


def test_a_person_who_approves_on_the_page_lets_them_in(world: World) -> None:
    had = jobs()
    run = pending(world)
    until(lambda: run_of(run.id).state.is_paused())  # type: ignore[union-attr]
    with get_client(sync_client=True) as client:
        refused = client.resume_flow_run(run.id, run_input={"decision": "maybe"})
    assert refused.status.value == "REJECT"
    assert run_of(run.id).state.is_paused()  # type: ignore[union-attr]
    done = answer(run, decision="approve", why="looked at the plot")
    assert done.state
    assert done.state.is_completed()
    assert status_and_reason() == ("Approved", "looked at the plot")
    assert len(predictions(world)) == ROWS
    assert jobs() == had
    world.alerts()


def test_nobody_decides_in_time(world: World) -> None:
    done = finished(pending(world, hours=4 / 3600))
    assert done.state
    assert done.state.is_failed()
    # The server ends a pause that ran out by itself, with its own words; ours follow as soon as the run looks up.
    assert done.state.message == "The flow was paused and never resumed."
    told: list[dict[str, Any]] = []
    (high,) = until(lambda: told.extend(notices(world)) or [a for a in told if a["severity"] == "HIGH"])
    assert "nobody decided on model v1 within" in high["message"]
    assert "Approve it in the registry and run the same day again" in high["message"]
    assert registry().newest().status == "PendingManualApproval"  # type: ignore[union-attr]
    assert predictions(world) == []
    assert forecast().is_completed()  # what the message says to do: approve, and run the same day again
    assert registry().newest().status == "Approved"  # type: ignore[union-attr]
    assert len(predictions(world)) == ROWS
    world.alerts()


def test_a_gate_that_says_no_leaves_the_last_forecast_and_tells_people(world: World) -> None:
    before = predictions(world)
    outcome = forecast(Gate(mape_max=0.001))
    assert outcome.is_failed()
    (alert,) = notices(world)
    assert alert["severity"] == "HIGH"
    assert "MAPE = " in alert["message"]
    assert "(limit 0.0010) FAILED" in alert["message"]
    assert "none of its predictions were published" in str(outcome.message)
    assert predictions(world) == before
    assert registry().newest().number == 1  # type: ignore[union-attr]


def test_drift_is_measured_and_told(world: World) -> None:
    limits = Limits(psi_max=0.000001)
    assert model_drift(as_of=AS_OF, horizon_days=DAYS, limits=limits, return_state=True).is_completed()  # type: ignore[union-attr]
    found = world.sql("SELECT * FROM MONITORING.MODEL_DRIFT")
    features = [row for row in found if row["METRIC"] == "psi"]
    assert len(features) > 10
    assert {(row["MODEL_VERSION"], row["ROWS_COMPARED"]) for row in features} == {("v1", SERIES * 8)}
    assert [row["VALUE"] for row in found if row["METRIC"] == "wmape_ratio"] == [
        None
    ]  # no week has closed yet
    assert [a["severity"] for a in notices(world)] == ["WARNING"]


def test_cancelling_stops_the_training(world: World) -> None:
    """A failed attempt is done again: that training is the one that is cancelled."""
    (work,) = [
        item["id"]["S"]
        for item in aws.dynamodb().scan(TableName="highwater-ledger")["Items"]
        if item["id"]["S"].startswith("train/")
    ]
    done = job_entry.get(work)
    assert done
    assert rows.swap(done, replace(done, status="FAILED"))
    before = jobs()
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("demand-forecast/demand-forecast")
        parameters = {"as_of": AS_OF.isoformat(), "horizon_days": DAYS, "gate": {"mape_max": None}}
        run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
        started = until(lambda: [n for n, s in jobs().items() if n not in before and s == "InProgress"])
        client.set_flow_run_state(run.id, Cancelling())
    assert finished(run).state.is_cancelled()  # type: ignore[union-attr]
    assert until(lambda: jobs()[started[0]] == "Stopped")
    assert job_entry.get(work).status == "STOPPED"  # type: ignore[union-attr]
    world.alerts()


def test_actuals_and_accuracy_come_with_the_next_daily_run(world: World) -> None:
    """The first week closes; a line of it is corrected in the same delivery, and one series sells nothing."""
    closing = SUNDAY + timedelta(weeks=1)
    lines = [
        line
        for line in company.history(0, 0)
        if (line["sku_code"], line["region_code"]) != ("SKU-3", "SOUTH")
    ]
    corrected = {**lines[0], "quantity": 7, "changed_at": f"{closing} 09:00:00"}
    late = sale("O-last", closing, 10, sku_code="SKU-1", region_code="SOUTH", quantity=3)
    deliver("sales", closing, [*lines, corrected, late])
    assert world.daily(closing).is_completed()

    sold = {(s, r): units(s, r, 0) for s in SKUS for r in REGIONS}
    sold["SKU-1", "NORTH"], sold["SKU-3", "SOUTH"] = 7, 0
    sold["SKU-1", "SOUTH"] += 3
    found = predictions(world)
    errors = {}
    for p in found:
        key = (p["SKU_CODE"], p["REGION_CODE"])
        if p["FORECAST_WEEK"] != monday(0):
            assert (p["ACTUAL_UNITS"], p["APE"]) == (None, None)
            continue
        errors[key] = abs(p["PREDICTED_UNITS"] - sold[key])
        assert p["ACTUAL_UNITS"] == sold[key]
        assert p["APE"] == (pytest.approx(errors[key] / sold[key]) if sold[key] else None)
    summary = world.sql(
        "SELECT SUM(predictions) AS n, SUM(absolute_error) AS e, SUM(actual_units) AS u"
        " FROM MARTS.FORECAST_ACCURACY_SUMMARY_MART WHERE model_version = 'v1' AND lead_weeks = 1"
    )
    assert summary == [{"N": SERIES, "E": pytest.approx(sum(errors.values())), "U": sum(sold.values())}]


def test_the_daily_run_of_a_sunday_makes_the_forecast(world: World) -> None:
    """By its default parameters, `forecast` included; the day itself was loaded long ago.

    The approved model looks 3 weeks ahead and this one 13, which is harder: beside it the gate would say no.
    """
    approved = registry().newest()
    assert approved
    model_registry.decide(approved, "Rejected", "for three weeks only")
    published = len(predictions(world))
    world.alerts()
    outcome = cpg_daily(run_date=SUNDAY, sources=list(company.SOURCES), quality=OPEN, return_state=True)
    assert outcome.is_completed()  # type: ignore[union-attr]
    assert outcome.result()["forecast"] == "Completed"  # type: ignore[union-attr]
    with get_client(sync_client=True) as client:
        (forecasting,) = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                parent_flow_run_id=FlowRunFilterParentFlowRunId(
                    any_=[outcome.state_details.flow_run_id]  # type: ignore[union-attr]
                )
            )
        )
    assert forecasting.name == f"demand-forecast {AS_OF}"
    weeks = 13  # of the default 90 days
    of_the_day = world.sql(
        f"SELECT COUNT(*) AS n, COUNT(DISTINCT forecast_week) AS w, COUNT(actual_units) AS a FROM {PREDICTIONS}"
        " WHERE model_version = 'v2'"
    )
    assert of_the_day == [{"N": SERIES * weeks, "W": weeks, "A": SERIES}]  # one week has closed since
    assert len(predictions(world)) == published + SERIES * weeks
    assert registry().newest().status == "PendingManualApproval"  # type: ignore[union-attr]
    told = sorted((a["severity"], a["message"]) for a in notices(world))
    assert [severity for severity, _ in told] == ["INFO", "INFO"]
    assert told[0][1].startswith(f"cpg-daily {SUNDAY} is done")
    assert told[1][1].startswith(f"demand-forecast {AS_OF} is done: model v2 (PendingManualApproval)")
