"""The steps by which a churn model comes into service: beside the champion, watched, then in its place or out again."""

from __future__ import annotations

import io
import itertools
import logging
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq

from tasks.churn import churn_ab
from tasks.churn.churn_dataset import Dataset
from tasks.churn.churn_models import registry
from tasks.errors import HighwaterError, retried
from tasks.events import log
from tasks.lake import lake_tables
from tasks.models import model_page
from tasks.models.model_registry import AS_OF, ModelVersion, how_to_try_again, mark_rolled_back
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
    """Bring the run's model into service, or else the newest approved one. Returns what the endpoint then serves.

    A version that was rolled back before is left out.
    """
    known = approved_models(dataset)
    newest = next((version for version in known if not version.rolled_back), None)
    own = model.status == "Approved" and not model.rolled_back
    approved, told = (model, "") if own else (newest, _skipped(model, known, newest))
    if approved is None:
        state = "" if model.status == "Approved" else f"model {model.name} is {model.status}"
        return f"not deployed: {'; '.join(filter(None, (state, told)))}"
    if own and newest and newest.metadata.get(AS_OF, "") > dataset.as_of.isoformat():
        day = newest.metadata[AS_OF]
        return (
            f"not deployed: model {newest.name} as of {day} is newer than {model.name} as of {dataset.as_of}"
        )
    served = _served(run, dataset, approved, rollout)
    return f"{served}; {told}" if told else served


def _skipped(model: ModelVersion, known: Sequence[ModelVersion], newest: ModelVersion | None) -> str:
    """Which newer version was left out, the newest of them, and how it is tried again. Empty if none was."""
    newer = itertools.takewhile(lambda version: version is not newest, known)
    version = model if model.status == "Approved" else next(newer, None)
    if version is None:
        return ""
    return (
        f"model {version.name} is not tried again, it was rolled back by {version.rolled_back}. "
        f"{how_to_try_again(version)}"
    )


def _served(run: Run, dataset: Dataset, approved: ModelVersion, rollout: Rollout) -> str:
    deployment = deploy_challenger(run, approved, rollout)
    if deployment.state == "challenger":
        try:
            seen = watch(dataset, deployment, rollout)
        except HighwaterError as error:
            raise _out_again(run, approved, error) from error
        deployment = promote(run, approved) if seen.decision == "promote" else roll_back(run, approved, seen)
    clean_up()
    return deployment.message


@step("look for approved models")
def approved_models(dataset: Dataset) -> list[ModelVersion]:
    """Newest first. A past day that is run again has the highest number, but not the newest model."""
    return registry().last(None, "Approved", dataset.horizon_days)


@step("deploy challenger")
def deploy_challenger(run: Run, model: ModelVersion, rollout: Rollout) -> Deployment:
    return deploying.deploy_challenger(model, rollout, run.owner)


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
def promote(run: Run, model: ModelVersion) -> Deployment:
    return deploying.promote(model, run.owner)


@step("roll back")
def roll_back(run: Run, model: ModelVersion, seen: Observation) -> Deployment:
    """Take the challenger out, and mark it: otherwise every later run would try it again."""
    deployment = deploying.roll_back(model, run.owner)
    told = (
        _marked(run, model, seen) if deployment.state != "champion" else "Another run promoted it meanwhile."
    )
    alerts.send(
        "WARNING",
        f"churn model {model.name} was taken out of the endpoint again: {failed(seen.verdicts)}. "
        f"{deployment.message}. {told}",
        run.facts(),
    )
    return deployment


def _marked(run: Run, model: ModelVersion, seen: Observation) -> str:
    missed = failed(v for v in seen.verdicts if not v.not_judged) or failed(seen.verdicts)
    try:
        retried(mark_rolled_back, model, run.run_id, missed)
    except HighwaterError as error:
        return f"It could not be marked, so that the next run with `deploy` tries it again, unless it is rejected: {error}"
    return f"It is not tried again. {how_to_try_again(model)}"


@step("take out challenger")
def take_out(run: Run, model: ModelVersion) -> Deployment:
    """The challenger could not be watched: nobody would see it fail."""
    return deploying.roll_back(model, run.owner)


def _out_again(run: Run, model: ModelVersion, error: HighwaterError) -> HighwaterError:
    """The watch's error, with what became of the challenger."""
    try:
        what = f"The challenger was taken out again: {take_out(run, model).message}."
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
