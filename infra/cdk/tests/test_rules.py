"""The checks find what they are there for, and nothing is excused that is not found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks
from highwater_infra import acknowledged
from highwater_infra.account import account
from highwater_infra.environments import PRIVATE


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
