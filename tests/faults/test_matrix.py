"""Which trials are made, and how a difference is told."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from local.faults.call import Address
from local.faults.plan import Fault
from tests.faults import report
from tests.faults.campaign import Matrix
from tests.faults.matrix import ONE_FAULT, Plan, crossings, found, plans, sampled
from tests.faults.scenarios import PAIRS, SCENARIOS
from tests.faults.state import differences
from tests.faults.trial import Result

CALLS = [Address("s3", "PutObject", f"lake/{n}") for n in range(10)]


def test_every_call_with_every_fault_but_not_at_those_that_may_not_come() -> None:
    every = plans("daily", CALLS, ONE_FAULT, noise={CALLS[3]})
    assert len(every) == 27
    assert {plan.fault.at for plan in every} == set(CALLS) - {CALLS[3]}
    assert {plan.fault.kind for plan in every if plan.fault.at == CALLS[0]} == {"refuse", "lose", "kill"}


def test_a_sample_is_of_the_commit_and_of_the_size_that_was_asked() -> None:
    every = plans("daily", CALLS, ONE_FAULT, noise=())
    assert sampled(every, 5, "a") == sampled(every, 5, "a")
    assert sampled(every, 5, "a") != sampled(every, 5, "b")
    assert len(set(sampled(every, 5, "a"))) == 5
    assert sampled(every, None, "a") == every
    assert sampled(every, 100, "a") == every


def test_a_plan_survives_being_written_down() -> None:
    plan = Plan(
        "daily", Fault("lose", Address("glue", "UpdateTable", "curated.sales", 2)), bug="a lost commit"
    )
    assert Plan.of(plan.as_json()) == plan
    crossed = Plan("load+load", Fault("hold", CALLS[0]), Fault("pause", CALLS[1]), "an empty stage")
    assert Plan.of(json.loads(json.dumps(crossed.as_json()))) == crossed


def test_every_pair_of_calls_of_two_runs() -> None:
    every = crossings("load+load", CALLS, noise={CALLS[0]})
    assert len(every) == 81
    assert {(plan.fault.kind, plan.crossing.kind) for plan in every if plan.crossing} == {("hold", "pause")}


def test_what_is_always_tried_names_scenarios_that_exist() -> None:
    assert {plan.scenario for plan in found()} <= SCENARIOS.keys() | PAIRS.keys()
    assert all(plan.bug for plan in found())


def test_differences_are_counted_with_repeats_and_shown_with_rows() -> None:
    assert differences({"DW.X": ["a", "a", "b"]}, {"DW.X": ["a", "a", "b"]}) == []
    assert differences({"DW.X": ["a", "a", "b"]}, {"DW.X": ["a", "b", "c"]}) == [
        "DW.X: 1 missing, 1 extra",
        "  - a",
        "  + c",
    ]
    assert differences({}, {"open jobs": ["curate/1"]}) == ["open jobs: 0 missing, 1 extra", "  + curate/1"]


def test_figures_go_into_their_place_in_the_document(tmp_path: Path) -> None:
    file = tmp_path / "reliability.md"
    file.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    plan = Plan("daily", Fault("lose", CALLS[0]))
    matrix = Matrix(
        "daily, one fault", 10, 30, 1.0, [(plan, Result("x")), (plan, Result("x", ["DW.X: 1 missing"]))]
    )
    campaign: Any = SimpleNamespace(matrices=[matrix], seed="abc")
    report.write(file, campaign, 120)
    text = file.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text  # noqa: PT018
    assert "Commit abc: 2 trials in 2 minutes." in text
    assert "| daily, one fault | 10 | 2 of 30 | 2 lose | 1 |" in text
    assert "- `daily: lose at s3 PutObject lake/0 #1`" in text
