"""The gate's whole value table: each rule at, within and past its limit, alone and together."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import BusinessError, SystemFault
from tasks.forecast.forecast_gate import Evaluation, Gate, judge, read_evaluation, require
from tasks.models.verdicts import Approved
from tasks.services import aws

LIMITS = Gate()
ANY_MAPE = Gate(mape_max=None)


def evaluation(
    wmape: float | None = 0.10,
    mape: float | None = 0.12,
    seasonal: float | None = 0.20,
    mean4: float | None = 0.25,
    share: float = 1.0,
    known: tuple[float | None, float | None] | None = None,
    bias: float | None = 0.01,
    coverage: float | None = 0.8,
    origins: dict[str, tuple[float | None, float | None]] | None = None,
) -> Evaluation:
    """`known`: the model's and seasonal naive's WMAPE on the rows whose week a year ago is known.

    `origins`: bias and coverage of each.
    """
    of_known = known or (wmape, seasonal)
    return Evaluation.read(
        {
            "model": {"wmape": wmape, "mape": mape, "bias": bias, "coverage80": coverage, "pinball": 2.5},
            "seasonal_naive": {"wmape": seasonal},
            "mean4": {"wmape": mean4},
            "rows": 100,
            "year_ago_known": share,
            "where_year_ago_known": {
                "model": {"wmape": of_known[0]},
                "seasonal_naive": {"wmape": of_known[1]},
            },
            "by_origin": {
                day: {"wmape": wmape, "bias": of_origin[0], "coverage80": of_origin[1]}
                for day, of_origin in (origins or {"2026-08-03": (bias, coverage)}).items()
            },
        }
    )


def failed(gate: Gate, figures: Evaluation, approved: float | None = None) -> list[str]:
    now = None if approved is None else Approved(approved)
    return [verdict.figure for verdict in judge(gate, figures, now) if not verdict.passed]


BIAS, NARROW, WIDE = (
    "bias, up or down",
    "least coverage of the 80% interval",
    "most coverage of the 80% interval",
)
WORST_BIAS = "bias at the worst origin (2026-08-03), up or down"
WORST_COVERAGE = "least coverage of the 80% interval at the worst origin (2026-08-03)"
NOT_LEANING = Gate(
    bias_max=None, coverage_min=None, coverage_max=None, origin_bias_max=None, origin_coverage_min=None
)
MAPE, SEASONAL, MEAN4, APPROVED = (
    "MAPE",
    "skill over seasonal_naive",
    "skill over mean4",
    "WMAPE as a share of naive",
)


@pytest.mark.parametrize(
    ("gate", "figures", "approved", "expected"),
    [
        (LIMITS, evaluation(), None, []),
        # MAPE: at, past, not asked, not known
        (LIMITS, evaluation(mape=0.15), None, []),
        (LIMITS, evaluation(mape=0.1501), None, [MAPE]),
        (Gate(mape_max=0.5), evaluation(mape=0.49), None, []),
        (ANY_MAPE, evaluation(mape=9.0), None, []),
        (LIMITS, evaluation(mape=None), None, [MAPE]),
        (LIMITS, evaluation(mape=math.nan), None, [MAPE]),
        (ANY_MAPE, evaluation(mape=None), None, []),
        # Skill: 5% smaller than each naive method
        (LIMITS, evaluation(wmape=0.19, seasonal=0.20), None, []),
        (LIMITS, evaluation(wmape=0.1901, seasonal=0.20), None, [SEASONAL]),
        (LIMITS, evaluation(wmape=0.19, seasonal=0.30, mean4=0.19), None, [MEAN4]),
        (LIMITS, evaluation(wmape=0.30), None, [SEASONAL, MEAN4]),
        (Gate(skill_min=0.0), evaluation(wmape=0.20), None, []),
        (Gate(skill_min=0.5), evaluation(wmape=0.10, seasonal=0.20), None, []),
        (Gate(skill_min=0.51), evaluation(wmape=0.10, seasonal=0.20), None, [SEASONAL]),
        (ANY_MAPE, evaluation(wmape=0.5, mape=9.0), None, [SEASONAL, MEAN4]),
        # Figures that are not known or not finite pass nothing
        (LIMITS, evaluation(wmape=None), None, [SEASONAL, MEAN4]),
        (LIMITS, evaluation(wmape=math.inf), None, [SEASONAL, MEAN4]),
        (LIMITS, evaluation(seasonal=None), None, [SEASONAL]),
        # Seasonal naive on the rows that it knows something of, not on those where it says nothing
        (LIMITS, evaluation(seasonal=0.80, share=0.72, known=(0.20, 0.20)), None, [SEASONAL]),
        (LIMITS, evaluation(seasonal=0.80, share=0.5, known=(0.191, 0.20)), None, [SEASONAL]),
        (LIMITS, evaluation(seasonal=0.80, share=0.72, known=(0.19, 0.20)), None, []),
        (LIMITS, evaluation(seasonal=0.10, share=0.72, known=(0.10, 0.20)), None, []),
        (LIMITS, evaluation(seasonal=0.80, share=0.49, known=(0.30, 0.20)), None, []),
        (LIMITS, evaluation(seasonal=1.00, share=0.0, known=(None, None)), None, []),
        (LIMITS, evaluation(wmape=0.3, share=0.49, known=(0.10, 0.20)), None, [MEAN4]),
        # A perfect naive method cannot be beaten
        (LIMITS, evaluation(wmape=0.1, seasonal=0.0), None, [SEASONAL]),
        (LIMITS, evaluation(wmape=0.0, seasonal=0.0), None, [SEASONAL]),
        (Gate(skill_min=0.0), evaluation(wmape=0.0, seasonal=0.0), None, []),
        # The approved model stood at 0.5 of the better naive method; ours is at 0.10 / 0.20
        (LIMITS, evaluation(), 0.5, []),
        (LIMITS, evaluation(wmape=0.105), 0.5, []),
        (LIMITS, evaluation(wmape=0.1051), 0.5, [APPROVED]),
        (Gate(worse_max=0.0), evaluation(wmape=0.1001), 0.5, [APPROVED]),
        (Gate(worse_max=0.5), evaluation(wmape=0.15), 0.5, []),
        # Bias either way; intervals too narrow, too wide
        (LIMITS, evaluation(bias=-0.15), None, []),
        (LIMITS, evaluation(bias=-0.1501), None, [BIAS]),
        (LIMITS, evaluation(bias=0.1501), None, [BIAS]),
        (LIMITS, evaluation(bias=None), None, [BIAS, WORST_BIAS]),
        (LIMITS, evaluation(coverage=0.65), None, []),
        (LIMITS, evaluation(coverage=0.6499), None, [NARROW]),
        (LIMITS, evaluation(coverage=0.95), None, []),
        (LIMITS, evaluation(coverage=0.9501), None, [WIDE]),
        (LIMITS, evaluation(coverage=math.nan), None, [NARROW, WIDE, WORST_COVERAGE]),
        (NOT_LEANING, evaluation(bias=None, coverage=None), None, []),
        (NOT_LEANING, evaluation(bias=-0.9, coverage=0.1), None, []),
        # Harder weeks for every method: WMAPE doubled, and ours is no worse than it was
        (LIMITS, evaluation(wmape=0.20, seasonal=0.40, mean4=0.50), 0.5, []),
        # All at once
        (LIMITS, evaluation(wmape=0.4, mape=0.9), 0.5, [MAPE, SEASONAL, MEAN4, APPROVED]),
    ],
)
def test_the_value_table(
    gate: Gate, figures: Evaluation, approved: float | None, expected: list[str]
) -> None:
    assert failed(gate, figures, approved) == expected


@given(st.floats(0.001, 2), st.floats(0.001, 2), st.floats(0.001, 2), st.floats(0.001, 2), st.floats(0, 0.9))
def test_a_model_that_passes_is_better_than_both(
    wmape: float, seasonal: float, mean4: float, mape: float, skill: float
) -> None:
    gate = Gate(skill_min=skill)
    if not failed(gate, evaluation(wmape, mape, seasonal, mean4)):
        assert wmape <= min(seasonal, mean4) * (1 - skill) * (1 + 1e-6)
        assert mape <= 0.15 * (1 + 1e-6)


def test_the_refusal_tells_every_figure_and_what_to_do() -> None:
    with pytest.raises(BusinessError) as refusal:
        require(judge(LIMITS, evaluation(mape=0.31), None), "2026-11-23")
    text = str(refusal.value)
    assert "forecast 2026-11-23 did not pass the gate" in text
    assert "- MAPE = 0.3100 (limit 0.1500) FAILED" in text
    assert "- skill over seasonal_naive = 0.5000 (limit 0.0500) ok" in text
    assert "set it to none" in text


@pytest.mark.parametrize("unknown", [None, math.nan])
def test_an_approved_model_without_its_figure_passes_no_rule(unknown: float | None) -> None:
    with pytest.raises(BusinessError) as refusal:
        require(judge(LIMITS, evaluation(), Approved.of([unknown])), "2026-11-23")
    assert "- WMAPE as a share of naive = 0.5000 (limit unknown) FAILED" in str(refusal.value)
    assert "reject them in the registry" in str(refusal.value)


def test_what_is_not_judged_does_not_count_as_kept() -> None:
    verdicts = judge(LIMITS, evaluation(share=0.23, known=(0.3, 0.2)), None)
    assert [verdict.outcome for verdict in verdicts] == [
        "ok",
        "not judged: the year before is known for 23% of the rows",
        *["ok"] * 6,
    ]
    assert str(verdicts[1]).startswith("skill over seasonal_naive = -0.5000 (limit 0.0500) not judged: ")
    require(verdicts, "2026-11-23")


@pytest.mark.parametrize(
    ("gate", "origins", "expected"),
    [
        # Two that cancel out when pooled
        (LIMITS, {"2026-05-04": (0.28, 0.8), "2026-08-03": (-0.31, 0.8)}, [WORST_BIAS]),
        (LIMITS, {"2026-05-04": (-0.28, 0.8), "2026-08-03": (0.3, 0.8)}, []),
        (LIMITS, {"2026-05-04": (0.0, 0.95), "2026-08-03": (0.0, 0.49)}, [WORST_COVERAGE]),
        (LIMITS, {"2026-05-04": (0.0, 0.95), "2026-08-03": (0.0, 0.5)}, []),
        (LIMITS, {"2026-05-04": (0.0, 0.8), "2026-08-03": (0.4, 0.3)}, [WORST_BIAS, WORST_COVERAGE]),
        # What is not known is the worst
        (LIMITS, {"2026-05-04": (0.2, 0.8), "2026-08-03": (None, None)}, [WORST_BIAS, WORST_COVERAGE]),
        # Other limits, and none
        (Gate(origin_bias_max=0.5), {"2026-05-04": (0.5, 0.8)}, []),
        (Gate(origin_coverage_min=0.3), {"2026-05-04": (0.0, 0.3)}, []),
        (NOT_LEANING, {"2026-05-04": (0.9, 0.1)}, []),
    ],
)
def test_the_worst_origin_is_judged_by_looser_limits(
    gate: Gate, origins: dict[str, tuple[float | None, float | None]], expected: list[str]
) -> None:
    assert failed(gate, evaluation(origins=origins)) == expected


def test_an_evaluation_without_origins_passes_no_rule_of_theirs() -> None:
    unknown = replace(evaluation(), by_origin={})
    assert failed(LIMITS, unknown) == [
        name.replace(" (2026-08-03)", "") for name in (WORST_BIAS, WORST_COVERAGE)
    ]


def test_a_share_of_naive_is_of_all_rows() -> None:
    """Known or not: the approved model's was taken so, and the better method of all rows is the one to beat."""
    assert evaluation(seasonal=0.80, share=0.72, known=(0.01, 0.02)).relative_wmape == pytest.approx(0.4)


def test_a_pass_is_silent() -> None:
    require(judge(LIMITS, evaluation(), Approved(0.5)), "2026-11-23")


def test_the_form_refuses_limits_without_meaning() -> None:
    for wrong in ({"mape_max": 0}, {"skill_min": 1}, {"skill_min": -0.1}, {"worse_max": -1}, {"bias_max": 0},
                  {"coverage_min": 1.1}, {"compared_with": 0}, {"origin_bias_max": 0},
                  {"origin_coverage_min": -0.1}):  # fmt: skip
        with pytest.raises(ValueError, match="Input should be"):
            Gate(**wrong)


def put(content: Any) -> str:
    aws.s3().put_object(Bucket="highwater-lake", Key="e.json", Body=json.dumps(content).encode())
    return "s3://highwater-lake/e.json"


def test_the_evaluation_is_read_from_the_lake(account: None) -> None:
    naive = {"wmape": 0.4, "mape": None}
    known = {"model": {"wmape": 0.2}, "seasonal_naive": {"wmape": 0.25}}
    scores = {"model": {"wmape": 0.3}, "seasonal_naive": naive, "mean4": {"wmape": 0.6}, "rows": 7}
    origins = {"by_origin": {"2026-08-03": {"bias": -0.2, "coverage80": 0.7, "rows": 7}}}
    read = read_evaluation(put({**scores, **origins, "year_ago_known": 0.9, "where_year_ago_known": known}))
    assert (read.by_origin["2026-08-03"].bias, read.by_origin["2026-08-03"].coverage80) == (-0.2, 0.7)
    assert read.skill("seasonal_naive") == pytest.approx(0.2)
    assert (read.model.wmape, read.rows, read.relative_wmape) == (0.3, 7, pytest.approx(0.75))


@pytest.mark.parametrize("content", [{"model": {}}, [], {"model": 1, "seasonal_naive": {}, "mean4": {}}])
def test_an_evaluation_of_another_form_is_a_fault_that_names_the_file(account: None, content: Any) -> None:
    with pytest.raises(SystemFault, match=r"s3://highwater-lake/e\.json is not the evaluation"):
        read_evaluation(put(content))
