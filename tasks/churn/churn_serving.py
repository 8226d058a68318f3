"""The steps by which a churn model comes into service: beside the champion, watched, then in its place or out again."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq

from tasks.churn import churn_ab
from tasks.churn.churn_dataset import Dataset
from tasks.churn.churn_models import registry
from tasks.errors import HighwaterError
from tasks.events import log
from tasks.lake import lake_tables
from tasks.models import model_page
from tasks.models.model_registry import AS_OF, ModelVersion
from tasks.runs import alerts
from tasks.runs.run import Run
from tasks.services import objects
from tasks.serving import deploying, observing, serving_page, tidying
from tasks.serving.ab_report import as_json
from tasks.serving.deploying import Deployment
from tasks.serving.observing import Observation
from tasks.serving.rollout import Rollout, failed
from tasks.step import step

_PROBES = 200


def serve(run: Run, dataset: Dataset, model: ModelVersion, rollout: Rollout) -> str:
    """Bring the run's model into service, or else the newest approved one. Returns what the endpoint then serves."""
    approved = model if model.status == "Approved" else registry().newest("Approved", dataset.horizon_days)
    if approved is None:
        return f"not deployed: model {model.name} is {model.status}"
    if approved is model and (newer := newer_model(dataset)):
        day = newer.metadata[AS_OF]
        return (
            f"not deployed: model {newer.name} as of {day} is newer than {model.name} as of {dataset.as_of}"
        )
    deployment = deploy_challenger(approved, rollout)
    if deployment.state == "challenger":
        try:
            seen = watch(dataset, deployment, rollout)
        except HighwaterError as error:
            raise _out_again(approved, error) from error
        deployment = promote(approved) if seen.decision == "promote" else roll_back(run, approved, seen)
    clean_up()
    return deployment.message


@step("look for a newer model")
def newer_model(dataset: Dataset) -> ModelVersion | None:
    """An approved model of a later day. A past day that is run again has the highest number, but not the newest model."""
    newest = registry().newest("Approved", dataset.horizon_days)
    return newest if newest and newest.metadata.get(AS_OF, "") > dataset.as_of.isoformat() else None


@step("deploy challenger")
def deploy_challenger(model: ModelVersion, rollout: Rollout) -> Deployment:
    return deploying.deploy_challenger(model, rollout)


@step("watch challenger")
def watch(dataset: Dataset, deployment: Deployment, rollout: Rollout) -> Observation:
    seen = observing.observe(deployment, rollout, probes(dataset))
    what = (
        f"Challenger {deployment.version} beside champion {seen.champion.version}, {seen.since:%Y-%m-%d %H:%M} to "
        f"{seen.until:%H:%M} UTC, {seen.decision}"
    )
    model_page.gate_table("churn-challenger", what, seen.verdicts, {})
    return seen


@step("promote")
def promote(model: ModelVersion) -> Deployment:
    return deploying.promote(model)


@step("roll back")
def roll_back(run: Run, model: ModelVersion, seen: Observation) -> Deployment:
    deployment = deploying.roll_back(model)
    alerts.send(
        "WARNING",
        f"churn model {model.name} was taken out of the endpoint again: {failed(seen.verdicts)}. {deployment.message}.",
        run.facts(),
    )
    return deployment


@step("take out challenger")
def take_out(model: ModelVersion) -> Deployment:
    """The challenger could not be watched: nobody would see it fail."""
    return deploying.roll_back(model)


def _out_again(model: ModelVersion, error: HighwaterError) -> HighwaterError:
    """The watch's error, with what became of the challenger."""
    try:
        what = f"The challenger was taken out again: {take_out(model).message}."
    except HighwaterError as second:
        what = (
            f"The challenger could not be taken out either, and keeps its share of the traffic ({second}). Run again with "
            "`deploy`, or go back by hand: docs/operate.md, The churn endpoint."
        )
    return type(error)(f"{error} {what}")


def try_report_ab(run: Run, dataset: Dataset) -> None:
    """The report informs people. A run goes on without it."""
    try:
        report_ab(dataset)
    except HighwaterError as error:
        log("no A/B report", level=logging.WARNING, error=error)
        alerts.send(
            "WARNING",
            f"customer-churn {run.label} goes on without its A/B report: {error}",
            run.facts(),
        )


@step("ab report")
def report_ab(dataset: Dataset) -> dict[str, Any]:
    """Show on the run's page how good the endpoint's answers were, once it is known who came back. Returns the figures."""
    parts = churn_ab.report(dataset)
    if parts:
        serving_page.ab_table(parts)
    return as_json(parts)


@step("clean up endpoint")
def clean_up() -> None:
    """Delete configurations and models that nobody uses. The last champion stays for a way back by hand."""
    tidying.clean_up()


def probes(dataset: Dataset) -> Sequence[dict[str, Any]]:
    """Customers of the day as an application would send them."""
    found: list[dict[str, Any]] = []
    for address in lake_tables.parquet_files(dataset.future):
        rows = pq.read_table(io.BytesIO(objects.read(address))).slice(0, _PROBES - len(found))
        found += [{name: _in_json(value) for name, value in row.items()} for row in rows.to_pylist()]
        if len(found) == _PROBES:
            break
    return found


def _in_json(value: Any) -> Any:
    """JSON has no NaN, no decimals and no dates."""
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, int | str) else str(value)
