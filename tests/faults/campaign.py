"""All trials of a run of the harness: what was prepared, what was tried, what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from local.cloud import Cloud
from local.settings import LocalSettings
from tests.e2e.world import World
from tests.faults.matrix import ONE_FAULT, TWO_RUNS, Plan, crossings, found, plans, sampled
from tests.faults.prepared import Prepared, prepare, serial_outcomes
from tests.faults.results import Matrix, Results
from tests.faults.runs import Runs
from tests.faults.scenarios import PAIRS, SCENARIOS, Pair
from tests.faults.state import CloudState, Saved
from tests.faults.trial import Laboratory, Outcome, Result


class Campaign:
    def __init__(
        self, settings: LocalSettings, environment: Mapping[str, str], runs: Runs, results: Results
    ) -> None:
        self._lab = Laboratory(settings, environment, runs, CloudState(settings))
        self._world = World(Cloud(settings))
        self._prepared: dict[str, Prepared] = {}
        self._results = results
        self._until = float("inf")

    def close(self) -> None:
        self._lab.state.close()

    def run(self, only: Collection[str] | None, sample: int | None, seconds: float | None) -> None:
        if seconds is not None:
            self._until = time.monotonic() + seconds
        unknown = set(only or ()) - SCENARIOS.keys() - PAIRS.keys()
        if unknown:
            raise SystemExit(
                f"no scenario or pair is called {', '.join(unknown)}: {', '.join([*SCENARIOS, *PAIRS])}"
            )
        self._world.empty()
        self._lab.state.forget_runs()
        empty = self._lab.state.save("empty")
        for name in (name for name in SCENARIOS if not only or name in only):
            self._one_fault(name, empty, sample)
        for name in (name for name in PAIRS if not only or name in only):
            self._two_runs(PAIRS[name], empty, sample)

    def _prepared_for(self, name: str, empty: Saved) -> Prepared:
        if name not in self._prepared:
            self._prepared[name] = prepare(self._lab, SCENARIOS[name], empty)
        return self._prepared[name]

    def _one_fault(self, name: str, empty: Saved, sample: int | None) -> None:
        prepared = self._prepared_for(name, empty)
        every = [
            plan
            for stage in prepared.stages
            for plan in plans(name, stage.name, stage.calls, ONE_FAULT, prepared.noise)
        ]
        matrix = self._results.begin(f"{name}, one fault", prepared.calls, len(every))
        spec = SCENARIOS[name].run
        self._try(
            matrix,
            _with_found(every, sample, self._results.version, name),
            lambda plan: self._lab.one_fault(
                prepared.stage_of(plan).state, spec, plan.fault, prepared.expected
            ),
        )

    def _two_runs(self, pair: Pair, empty: Saved, sample: int | None) -> None:
        prepared = self._prepared_for(pair.scenario, empty)
        stages = prepared.since(pair.start)
        serial: list[Outcome] = (
            [prepared.expected] if pair.repeats_itself else serial_outcomes(self._lab, pair, stages[0].state)
        )
        every = [
            plan
            for stage in stages
            for plan in plans(pair.name, stage.name, stage.calls, TWO_RUNS, prepared.noise)
        ]
        if pair.crossing:
            last = stages[-1]
            every += crossings(pair.name, last.name, last.between_transactions, prepared.noise)
        calls = sum(len(stage.calls) for stage in stages)
        matrix = self._results.begin(f"{pair.name}, two runs", calls, len(every))
        self._try(
            matrix,
            _with_found(every, sample, self._results.version, pair.name),
            lambda plan: self._lab.two_runs(
                prepared.stage_of(plan).state, pair, plan.fault, plan.crossing, serial
            ),
        )

    def _try(self, matrix: Matrix, chosen: list[Plan], trial: Callable[[Plan], Result]) -> None:
        for plan in chosen:
            if time.monotonic() > self._until and not plan.bug:
                return
            if not self._results.wants(plan):
                continue
            result = trial(plan)
            self._results.add(matrix, plan, result)
            print(f"{'ok ' if result.is_green else 'RED'} {result.seconds:5.1f} s  {plan}", flush=True)
            for line in () if result.is_green else (*result.differences, *result.logs):
                print(f"      {line}", flush=True)


def _with_found(every: list[Plan], sample: int | None, seed: str, name: str) -> list[Plan]:
    """Those that found a bug first, then the sample."""
    always = [plan for plan in found() if plan.scenario == name]
    others = [plan for plan in every if not any(plan.is_like(known) for known in always)]
    return always + sampled(others, sample, seed)
