"""The checks find what they are there for, and nothing is excused that is not found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from aws_cdk import Acknowledgment, App, Stack, Validations
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct
from highwater_infra import acknowledged
from highwater_infra.account import account
from highwater_infra.environments import PRIVATE
from highwater_infra.permissions import churn, copying, inbox, jobs, models, outside, people, statement, tasks
from highwater_infra.permissions.isolation import TrainingNetwork


def _found(directory: Path) -> str:
    return (directory / "validation-report.json").read_text()


def test_a_planted_fault_fails_the_synthesis(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), analytics_reporting=False)
    s3.Bucket(Stack(app, "planted"), "Open")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    found = _found(tmp_path)
    assert "AwsSolutions-S1" in found
    assert "AwsSolutions-S10" in found


def test_every_excuse_is_still_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acknowledged, "declare", lambda _: None)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        account(PRIVATE, str(tmp_path)).app.synth()
    report = json.loads(_found(tmp_path))
    found = {
        (place["constructPath"].removesuffix("/Resource"), violation["ruleName"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for place in violation["violatingConstructs"]
    }
    excused = {
        (f"{stack}/{path}".removesuffix("/Resource"), rule)
        for stack, constructs in acknowledged.ACKNOWLEDGED.items()
        for path, rules in constructs.items()
        for rule in rules
        if rule.startswith("AwsSolutions-")
    }
    assert excused == found


def test_every_reason_for_a_wildcard_is_needed_and_every_wildcard_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What AwsSolutions finds when no reason is heard, against the reasons."""
    given: set[tuple[str, str]] = set()

    class Heard:
        def __init__(self, role: IConstruct) -> None:
            self._path = role.node.path

        def acknowledge(self, reason: Acknowledgment) -> None:
            given.add((self._path, reason.id.removeprefix("AwsSolutions::")))

    monkeypatch.setattr(statement, "Validations", SimpleNamespace(of=Heard))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        account(PRIVATE, str(tmp_path)).app.synth()
    report = json.loads(_found(tmp_path))
    found = {
        (
            place["constructPath"].removesuffix("/Resource").removesuffix("/DefaultPolicy"),
            violation["ruleName"],
        )
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for place in violation["violatingConstructs"]
    }
    assert given == found


def _statements() -> list[statement.Statement]:
    key, network = "arn:aws:kms:::key/k", TrainingNetwork(["subnet-1"], "sg-1")
    return [
        *jobs.glue_job(key),
        *jobs.medallion_job(key),
        *jobs.sagemaker_job(key, network),
        *tasks.flow_run(key),
        *models.flow_run(network),
        *tasks.worker(key),
        *inbox.flow_run(),
        *churn.flow_run(),
        *churn.feature_store(key),
        *inbox.listener(key),
        *tasks.start(key, log_groups=["/a/log/group"], secrets=["a/secret"]),
        *outside.snowflake(key),
        *outside.deployment(),
        *people.operator(key),
        *copying.replication(key, "eu-west-1", ["a", "b"]),
    ]


def test_a_reason_stands_beside_the_wildcard_that_it_is_for() -> None:
    """Findings are told apart by their resource alone: two statements on `*` could share one reason otherwise."""
    wild = [s for s in _statements() if any(set("*?") & set(_named(r)) for r in s.resources)]
    assert [s.actions for s in wild if not s.because] == []
    assert [s.actions for s in _statements() if s.because and s not in wild] == []


def _named(resource: str) -> str:
    """Without CDK's tokens."""
    return re.sub(r"\$\{[^}]*\}", "", resource)
