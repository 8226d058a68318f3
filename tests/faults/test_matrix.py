"""Which trials are made, and how a difference is told."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from local.faults.call import Address
from local.faults.plan import Fault
from tests.faults import report
from tests.faults.matrix import ONE_FAULT, Plan, crossings, found, plans, sampled
from tests.faults.parts import Part, chosen_parts, next_part
from tests.faults.results import Matrix, Results, Share, gather
from tests.faults.scenarios import PAIRS, SCENARIOS
from tests.faults.state import differences
from tests.faults.trial import Result

CALLS = [Address("s3", "PutObject", f"lake/{n}") for n in range(10)]


def test_every_call_with_every_fault_but_not_at_those_that_may_not_come() -> None:
    every = plans("daily", "start", CALLS, ONE_FAULT, noise={CALLS[3]})
    assert len(every) == 27
    assert {plan.fault.at for plan in every} == set(CALLS) - {CALLS[3]}
    assert {plan.fault.kind for plan in every if plan.fault.at == CALLS[0]} == {"refuse", "lose", "kill"}


def test_a_sample_is_of_the_code_and_of_the_size_that_was_asked() -> None:
    every = plans("daily", "start", CALLS, ONE_FAULT, noise=())
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
    crossed = Plan(
        "load+load", Fault("hold", CALLS[0]), "published", Fault("pause", CALLS[1]), "an empty stage"
    )
    assert Plan.of(json.loads(json.dumps(crossed.as_json()))) == crossed


def test_every_pair_of_calls_of_two_runs() -> None:
    every = crossings("load+load", "start", CALLS, noise={CALLS[0]})
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
        "daily, one fault",
        [
            (plan, Result("x")),
            (plan, Result("x", ["DW.X: 1 missing"], seconds=90)),
            (plan, Result("x", ["x was not reached"], reached=False)),
        ],
        {str(other): other for other in plans("daily", "start", CALLS[1:], ONE_FAULT, noise=())},
    )
    report.write(file, [matrix], "abc")
    text = file.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text  # noqa: PT018
    assert "Code abc: 3 trials, 0.0 hours if made one after the other." in text
    assert "| daily, one fault | 10 | 3 of 30 | 3 lose | 1 | 1 |" in text
    assert "- `daily: lose at s3 PutObject lake/0 #1`" in text


def test_a_stopped_campaign_goes_on_where_it_was_unless_the_code_is_another(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    every = plans("daily", "start", CALLS, ONE_FAULT, noise=())
    first = Results("abc", file)
    matrix = first.expect("daily, one fault", every)
    first.add(matrix, every[0], Result("x", ["DW.X: 1 missing"]))
    first.add(matrix, every[1], Result("x", ["x was not reached"], reached=False))

    for on in (Results("abc", file), Results("abc", tmp_path / "mine.jsonl", known=[file])):
        known = on.expect("daily, one fault", every)
        assert list(known.untried.values()) == every[2:]
        assert [plan for plan in every if not on.wants(plan)] == every[:2]
        assert [result.differences for _, result in known.red] == [["DW.X: 1 missing"]]
        assert known.unreached == every[1:2]
        assert known.missed_bugs == []
    assert Results("another", file).matrices == {}


def test_a_call_of_a_trial_that_names_no_stage_is_counted_once() -> None:
    anywhere = [Plan("daily", Fault("lose", call), bug="a lost commit") for call in (CALLS[0], CALLS[9])]
    others = plans("daily", "start", CALLS[:2], ("refuse", "kill"), noise=())
    matrix = Matrix("daily, one fault", [(plan, Result("x")) for plan in (*anywhere, *others)])
    assert (matrix.calls, matrix.possible) == (3, 6)


def test_a_trial_that_once_found_a_bug_has_to_reach_its_call() -> None:
    plan, gone = found()[0], Plan("daily", Fault("lose", CALLS[0]), bug="no longer in found.json")
    unreached = Result("x", ["x was not reached"], reached=False)
    matrix = Matrix("daily, one fault", [(plan, unreached), (gone, unreached)])
    assert (matrix.red, matrix.missed_bugs) == ([], [plan])


def test_shares_have_every_trial_once_and_are_gathered(tmp_path: Path) -> None:
    every = plans("daily", "start", CALLS, ONE_FAULT, noise=())
    files = [tmp_path / f"{n}.jsonl" for n in range(3)]
    for n, file in enumerate(files):
        results, share = Results("abc", file), Share(n, 3)
        matrix = results.expect("daily, one fault", every)
        for plan in filter(share.has, every):
            results.add(matrix, plan, Result("x"))
        assert matrix.results
        results.finish(f"daily, part {n + 1} of 3")
    together = tmp_path / "all.jsonl"
    for _ in range(2):
        gather(together, files)
        (whole,) = Results("abc", together).matrices.values()
        assert sorted(str(plan) for plan, _ in whole.results) == sorted(map(str, every))
        assert (whole.calls, whole.possible, whole.untried) == (10, 30, {})
    assert Results("abc", together).done == {f"daily, part {n + 1} of 3" for n in range(3)}
    assert Results("another", together).done == set()


def test_a_call_that_only_one_recording_has_is_tried_by_the_part_whose_share_it_is(tmp_path: Path) -> None:
    together, files = tmp_path / "all.jsonl", [tmp_path / f"{n}.jsonl" for n in range(3)]
    parts = [Part(("demand_forecast",), Share(n, 3)) for n in range(3)]
    names = [str(part) for part in parts]
    for n, (file, part) in enumerate(zip(files, parts, strict=True)):
        recorded = CALLS[:5] if n < 2 else CALLS  # the last part's recording has five calls that no other has
        results = Results("abc", file, [together])
        every = plans("demand_forecast", "start", recorded, ONE_FAULT, noise=())
        matrix = results.expect("demand_forecast, one fault", every)
        for plan in [plan for plan in matrix.untried.values() if part.share.has(plan)]:
            results.add(matrix, plan, Result("x"))
        results.finish(str(part))
    gather(together, files)
    gathered = Results("abc", together)
    only_there = plans("demand_forecast", "start", CALLS[5:], ONE_FAULT, noise=())
    assert set(gathered.untried) == {plan for plan in only_there if not parts[2].share.has(plan)}
    assert gathered.matrices["demand_forecast, one fault"].possible == 30
    assert [str(part) for part in chosen_parts(["demand_forecast"], gathered)] == names[:2]


def test_a_later_round_brings_no_calls_of_its_own_but_those_that_found_a_bug(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    Results("abc", file).expect("daily, one fault", plans("daily", "start", CALLS[:5], ONE_FAULT, noise=()))
    again = Results("abc", tmp_path / "mine.jsonl", [file])
    bug = Plan("daily", Fault("lose", CALLS[9]), bug="a lost commit")
    matrix = again.expect("daily, one fault", [bug, *plans("daily", "start", CALLS, ONE_FAULT, noise=())])
    assert {plan.fault.at for plan in matrix.untried.values()} == {*CALLS[:5], CALLS[9]}
    assert matrix.possible == 16


def test_a_process_that_was_killed_while_it_wrote_loses_its_last_line_alone(tmp_path: Path) -> None:
    every = plans("daily", "start", CALLS[:2], ONE_FAULT, noise=())
    file, together = tmp_path / "results-0.jsonl", tmp_path / "all.jsonl"
    first = Results("abc", file)
    matrix = first.expect("daily, one fault", every)
    for plan in every[:2]:
        first.add(matrix, plan, Result("x"))
    file.write_text(file.read_text()[:-20])
    gather(together, [file])
    assert not file.exists()
    assert set(Results("abc", together).untried) == set(every[1:])


def test_a_list_of_calls_that_was_cut_off_is_recorded_anew(tmp_path: Path) -> None:
    every = plans("daily", "start", CALLS, ONE_FAULT, noise=())
    file = tmp_path / "results.jsonl"
    Results("abc", file).expect("daily, one fault", every)
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:4]))
    assert Results("abc", tmp_path / "mine.jsonl", [file]).expect("daily, one fault", every).possible == 30


def test_what_once_found_a_bug_is_tried_though_every_part_is_done() -> None:
    results = Results("abc")
    for part in chosen_parts((), results):
        results.finish(str(part))
    assert {name for part in chosen_parts((), results) for name in part.names} >= {
        p.scenario for p in found()
    }
    for plan in found():
        results.add(results.expect(f"{plan.scenario}, one fault", [plan]), plan, Result("x"))
    assert chosen_parts((), results) == []


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    results = Results("abc")
    results.expect("model_drift, one fault", plans("model_drift", "start", CALLS, ONE_FAULT, noise=()))
    results.expect("cpg_daily, one fault", plans("cpg_daily", "start", CALLS[:1], ONE_FAULT, noise=()))
    text = report.missing([Part(("model_drift",))], results.untried)
    assert "Left: model_drift" in text and "30 recorded trials were not made" in text  # noqa: PT018
    assert "model_drift from start: refuse at s3 PutObject lake/0 #1" in text
    assert "and 10 more" in text and "cpg_daily" not in text  # noqa: PT018


def test_parts_have_every_scenario_and_pair_and_what_is_done_is_left_out() -> None:
    every = chosen_parts((), Results("abc"))
    assert {name for part in every for name in part.names} == SCENARIOS.keys() | PAIRS.keys()
    assert all(
        {PAIRS[name].scenario for name in part.names if name in PAIRS} <= {part.scenario} for part in every
    )
    for name in SCENARIOS.keys() | PAIRS.keys():
        of = [part.share for part in every if name in part.names]
        assert [(share.number, share.of) for share in of] == [(n, len(of)) for n in range(len(of))]
    assert [str(part) for part in chosen_parts(["model_drift"], Results("abc"))] == ["model_drift"]
    one_is_done = Results("abc")
    one_is_done.finish(str(every[0]))
    assert chosen_parts((), one_is_done) == every[1:]
    assert len({part.scenario for part in every[: len(SCENARIOS)]}) == len(SCENARIOS)
    with pytest.raises(SystemExit, match="no scenario or pair is called cpg_dayly"):
        chosen_parts(["cpg_dayly"], Results("abc"))


def test_a_cloud_goes_on_with_the_scenario_that_it_has_prepared() -> None:
    left, lock = chosen_parts((), Results("abc")), threading.Lock()
    of_daily = next_part(left, lock, ["cpg_daily"])
    assert of_daily is not None and of_daily.scenario == "cpg_daily"  # noqa: PT018
    assert next_part(left, lock, ["cpg_backfill"]) == Part(("cpg_backfill",))
    taken = [of_daily]
    while part := next_part(left, lock, ()):
        taken.append(part)
    assert len(set(taken)) == len(taken) == len(chosen_parts((), Results("abc"))) - 1


def test_a_plan_without_a_stage_is_like_the_same_one_from_any() -> None:
    anywhere = Plan("daily", Fault("lose", CALLS[0]), bug="a lost commit")
    assert anywhere.is_like(Plan("daily", Fault("lose", CALLS[0]), "published"))
    assert not anywhere.is_like(Plan("daily", Fault("kill", CALLS[0]), "published"))
    assert not Plan("daily", Fault("lose", CALLS[0]), "start").is_like(
        Plan("daily", Fault("lose", CALLS[0]), "published")
    )
