"""All trials of a run of the harness: what was prepared, what was tried, what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from local.cloud import Cloud
from local.settings import LocalSettings
from tests.e2e.world import World
from tests.faults.matrix import ONE_FAULT, TWO_RUNS, Plan, crossings, found, plans, sampled
from tests.faults.prepared import Prepared, prepare, serial_outcomes
from tests.faults.results import WHOLE, Matrix, Results, Share
from tests.faults.runs import Runs
from tests.faults.scenarios import PAIRS, SCENARIOS, Pair
from tests.faults.state import CloudState, Saved
from tests.faults.trial import Laboratory, Outcome, Result


class Campaign:
    """`seconds`: no further trial is started after so long."""

    def __init__(
        self,
        settings: LocalSettings,
        environment: Mapping[str, str],
        runs: Runs,
        results: Results,
        seconds: float | None = None,
    ) -> None:
        self._lab = Laboratory(settings, environment, runs, CloudState(settings))
        self._world = World(Cloud(settings))
        self._prepared: dict[str, Prepared] = {}
        self._results = results
        self._until = float("inf") if seconds is None else time.monotonic() + seconds
        self._empty: Saved | None = None

    @property
    def prepared(self) -> Collection[str]:
        return self._prepared.keys()

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._until

    def close(self) -> None:
        self._lab.state.close()
        self._world.close()

    def run(self, names: Collection[str], sample: int | None = None, share: Share = WHOLE) -> None:
        """All trials of these scenarios and pairs, or a sample or a share of them."""
        for name in names:
            if name in PAIRS:
                self._two_runs(PAIRS[name], sample, share)
            else:
                self._one_fault(name, sample, share)

    def _nothing_yet(self) -> Saved:
        if self._empty is None:
            self._world.empty()
            self._lab.state.forget_runs()
            self._empty = self._lab.state.save("empty")
        return self._empty

    def _prepared_for(self, name: str) -> Prepared:
        if name not in self._prepared:
            self._prepared[name] = prepare(self._lab, SCENARIOS[name], self._nothing_yet())
        return self._prepared[name]

    def _one_fault(self, name: str, sample: int | None, share: Share) -> None:
        prepared = self._prepared_for(name)
        every = [
            plan
            for stage in prepared.stages
            for plan in plans(name, stage.name, stage.calls, ONE_FAULT, prepared.noise)
        ]
        spec = SCENARIOS[name].run
        self._try(
            *self._chosen(f"{name}, one fault", name, every, sample, share),
            lambda plan: self._lab.one_fault(
                prepared.stage_of(plan).state, spec, plan.fault, prepared.expected
            ),
        )

    def _two_runs(self, pair: Pair, sample: int | None, share: Share) -> None:
        prepared = self._prepared_for(pair.scenario)
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
        self._try(
            *self._chosen(f"{pair.name}, two runs", pair.name, every, sample, share),
            lambda plan: self._lab.two_runs(
                prepared.stage_of(plan).state, pair, plan.fault, plan.crossing, serial
            ),
        )

    def _chosen(
        self, matrix_name: str, name: str, every: list[Plan], sample: int | None, share: Share
    ) -> tuple[Matrix, list[Plan]]:
        """What this part has to try: what once found a bug first, then the sample, or all that nobody has tried."""
        always = [plan for plan in found() if plan.scenario == name]
        others = [plan for plan in every if not any(plan.is_like(known) for known in always)]
        matrix = self._results.expect(matrix_name, always + others)
        chosen = (
            list(matrix.untried.values())
            if sample is None
            else always + sampled(others, sample, self._results.version)
        )
        return matrix, sorted((plan for plan in chosen if share.has(plan)), key=lambda plan: not plan.bug)

    def _try(self, matrix: Matrix, chosen: list[Plan], trial: Callable[[Plan], Result]) -> None:
        for plan in chosen:
            if not self._results.wants(plan) or (self.is_over and not plan.bug):
                continue
            result = trial(plan)
            if not result.reached:
                result = trial(plan)
            self._results.add(matrix, plan, result)
            print(f"{_word(result)} {result.seconds:5.1f} s  {plan}", flush=True)
            for line in (*result.differences, *result.logs) if result.differences else ():
                print(f"      {line}", flush=True)


def _word(result: Result) -> str:
    if not result.reached:
        return "---"
    return "RED" if result.differences else "ok "
