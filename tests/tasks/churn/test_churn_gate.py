"""The churn model's gate: every rule by values, and what a refusal says."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tasks.churn.churn_gate import ChurnEvaluation, ChurnGate, judge, read_evaluation, require
from tasks.errors import BusinessError, SystemFault
from tasks.models.verdicts import Approved
from tasks.services import aws

SKILL = "average precision over the RFM rule's"
PRECISION = "average precision beside logistic regression"
LOSS = "log loss beside logistic regression"
ECE = "calibration error"
APPROVED = "average precision over the RFM rule's, beside the best approved model's"


def document(**ours: Any) -> dict[str, Any]:
    simple = {"auc": 0.7, "average_precision": 0.5, "log_loss": 0.6, "brier": 0.2, "ece": 0.02, "lift10": 2.0}
    return {
        "methods": {
            "ours": {**simple, "average_precision": 0.6, "log_loss": 0.5, **ours},
            "rfm_rule": {**simple},
            "logistic": {**simple, "average_precision": 0.59, "log_loss": 0.51},
        },
        "rows": 1000,
        "churn_rate": 0.4,
        "chosen": "ours",
    }


def failed(gate: ChurnGate, approved: float | None = None, **ours: Any) -> list[str]:
    best = None if approved is None else Approved(approved)
    verdicts = judge(gate, ChurnEvaluation.read(document(**ours)), best)
    return [verdict.figure for verdict in verdicts if not verdict.passed]


@pytest.mark.parametrize(
    ("gate", "ours", "approved", "expected"),
    [
        (ChurnGate(), {}, None, []),
        (ChurnGate(), {"average_precision": 0.5075}, None, [PRECISION]),  # 1.5% over the rule, to the digit
        (ChurnGate(), {"average_precision": 0.507}, None, [SKILL, PRECISION]),
        (ChurnGate(skill_min=0), {"average_precision": 0.5}, None, [PRECISION]),
        (ChurnGate(beats_logistic=False), {"average_precision": 0.51, "log_loss": 0.9}, None, []),
        (
            ChurnGate(),
            {"average_precision": 0.59, "log_loss": 0.51},
            None,
            [],
        ),  # as good as logistic regression
        (ChurnGate(), {"log_loss": 0.52}, None, [LOSS]),
        (ChurnGate(), {"ece": 0.05}, None, []),
        (ChurnGate(), {"ece": 0.051}, None, [ECE]),
        (ChurnGate(ece_max=None), {"ece": 0.9}, None, []),
        (ChurnGate(), {}, 1.2, []),
        (ChurnGate(), {}, 1.22, []),  # 1.2 is 1.6% less
        (ChurnGate(), {}, 1.23, [APPROVED]),
        (ChurnGate(worse_max=0), {}, 1.2001, [APPROVED]),
        (ChurnGate(), {"average_precision": None, "ece": math.nan}, 1.2, [SKILL, PRECISION, ECE, APPROVED]),
    ],
)
def test_the_rules(
    gate: ChurnGate, ours: dict[str, Any], approved: float | None, expected: list[str]
) -> None:
    assert failed(gate, approved, **ours) == expected


def test_an_approved_model_without_its_figure_passes_no_rule() -> None:
    verdicts = judge(ChurnGate(), ChurnEvaluation.read(document()), Approved(None))
    assert [str(v) for v in verdicts if not v.passed] == [f"{APPROVED} = 1.2000 (limit unknown) FAILED"]


def test_the_refusal_tells_every_figure_and_what_to_do() -> None:
    with pytest.raises(BusinessError) as refusal:
        require(judge(ChurnGate(), ChurnEvaluation.read(document(ece=0.2)), None), "2026-11-29")
    text = str(refusal.value)
    assert "churn model of 2026-11-29 did not pass the gate" in text
    assert "- calibration error = 0.2000 (limit 0.0500) FAILED" in text
    assert "- average precision over the RFM rule's = 1.2000 (limit 1.0150) ok" in text


def test_the_evaluation_is_read_from_the_lake(account: None) -> None:
    aws.s3().put_object(Bucket="highwater-lake", Key="e.json", Body=json.dumps(document()).encode())
    found = read_evaluation("s3://highwater-lake/e.json")
    assert (found.rows, found.churn_rate, found.chosen) == (1000, 0.4, "ours")
    assert found.relative_precision == pytest.approx(1.2)
    broken = document()
    del broken["methods"]["logistic"]
    aws.s3().put_object(Bucket="highwater-lake", Key="broken.json", Body=json.dumps(broken).encode())
    with pytest.raises(SystemFault, match=r"broken\.json is not the evaluation"):
        read_evaluation("s3://highwater-lake/broken.json")
