"""One trial: from a saved state, a run with a fault, the same run again, and what became of the tables."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from local.faults.plan import Fault, FaultNotReached
from local.faults.recording import Recording
from local.faults.way import FaultyWay
from local.settings import LocalSettings
from tests.faults.runs import Run, Runs, Spec
from tests.faults.scenarios import Pair
from tests.faults.state import CloudState, Saved, differences
from tests.faults.zygote import COMPLETED

Outcome = dict[str, list[str]]


@dataclass(frozen=True)
class Result:
    name: str
    differences: list[str] = field(default_factory=list)
    logs: tuple[str, ...] = ()
    seconds: float = 0.0
    reached: bool = True

    @property
    def is_green(self) -> bool:
        return self.reached and not self.differences


@dataclass(frozen=True)
class Laboratory:
    settings: LocalSettings
    environment: Mapping[str, str]
    runs: Runs
    state: CloudState

    def undisturbed(self, spec: Spec) -> tuple[Recording, str]:
        with FaultyWay(self.settings) as way:
            run = self.runs.start(spec, {**self.environment, **way.environment})
            way.goes(run.pid)
            code = run.wait()
        if code != COMPLETED:
            raise AssertionError(f"an undisturbed {spec} ended with {code}; its log: {run.log}")
        return way.recording, str(run.log)

    def killed(self, spec: Spec, fault: Fault) -> Recording:
        """A run that dies where it is wanted to, for the state that it leaves."""
        with FaultyWay(self.settings, fault) as way:
            run = self.runs.start(spec, {**self.environment, **way.environment})
            way.goes(run.pid)
            run.wait()
            way.plan.require_reached()
        return way.recording

    def one_fault(self, start: Saved, spec: Spec, fault: Fault, expected: Outcome) -> Result:
        began = time.monotonic()
        self.state.put_back(start)
        with FaultyWay(self.settings, fault) as way:
            first = self.runs.start(spec, {**self.environment, **way.environment})
            way.goes(first.pid)
            code = first.wait()
        name = f"{spec.flow}: {fault}"
        try:
            way.plan.require_reached()
        except FaultNotReached as error:
            return Result(name, [str(error)], (str(first.log),), time.monotonic() - began, reached=False)
        again = self.runs.start(spec, self.environment)
        found = [] if (end := again.wait()) == COMPLETED else [f"the run again ended with {end}"]
        found += differences(expected, self.state.outcome())
        logs = (f"{first.log} ({code})", f"{again.log} ({end})")
        return Result(name, found, logs, time.monotonic() - began)

    def two_runs(self, start: Saved, pair: Pair, fault: Fault, serial: list[Outcome]) -> Result:
        """Equal to A before B, or to B before A."""
        began = time.monotonic()
        self.state.put_back(start)
        name = f"{pair.name}: {fault}"
        with FaultyWay(self.settings, fault) as way:
            first = self.runs.start(pair.held, {**self.environment, **way.environment})
            way.goes(first.pid)
            ended = self._until_reached(way, first)
            if ended is not None:
                return Result(
                    name,
                    [f"{fault} was not reached"],
                    (str(first.log),),
                    time.monotonic() - began,
                    reached=False,
                )
            if pair.meanwhile:
                pair.meanwhile()
            second = self.runs.start(pair.other, self.environment)
            code = second.wait()
            way.plan.release()
            end = first.wait()
        third = self.runs.start(pair.last, self.environment)
        found = [] if (closing := third.wait()) == COMPLETED else [f"the last run ended with {closing}"]
        outcome = self.state.outcome()
        against = [differences(expected, outcome) for expected in serial]
        if all(against):
            found += min(against, key=len)
        logs = (f"{first.log} ({end})", f"{second.log} ({code})", f"{third.log} ({closing})")
        return Result(name, found, logs, time.monotonic() - began)

    @staticmethod
    def _until_reached(way: FaultyWay, run: Run) -> int | None:
        while not way.plan.reached.wait(0.2):
            if (code := run.ended()) is not None:
                return code
        return None
