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
# A run that writes nothing for so long waits for the one that is stopped: no job of these trials takes longer.
_WAITS_AFTER_SECONDS = 10.0
# So does one whose call gets no answer for so long: no statement of these trials takes longer by itself.
_LOCKED_AFTER_SECONDS = 3.0


@dataclass(frozen=True)
class Result:
    name: str
    differences: list[str] = field(default_factory=list)
    logs: tuple[str, ...] = ()
    seconds: float = 0.0
    reached: bool = True
    """Whether the run made the call at which the fault was to come. If not, nothing was tried."""


@dataclass(frozen=True)
class Laboratory:
    settings: LocalSettings
    environment: Mapping[str, str]
    runs: Runs
    state: CloudState

    def undisturbed(self, spec: Spec) -> tuple[Recording, str]:
        with FaultyWay(self.settings) as way:
            run = self._started(spec, way)
            code = run.wait()
        if code != COMPLETED:
            raise AssertionError(f"an undisturbed {spec} ended with {code}; its log: {run.log}")
        if not any(entry.address.service == "snowflake" for entry in way.recording.calls):
            raise AssertionError(f"{spec} went to Snowflake without its proxy: no fault could come there")
        return way.recording, str(run.log)

    def killed(self, spec: Spec, fault: Fault) -> Recording:
        """A run that dies where it is wanted to, for the state that it leaves."""
        with FaultyWay(self.settings, fault) as way:
            self._started(spec, way).wait()
            way.plan.require_reached()
        return way.recording

    def one_fault(self, start: Saved, spec: Spec, fault: Fault, expected: Outcome) -> Result:
        began = time.monotonic()
        self.state.put_back(start)
        with FaultyWay(self.settings, fault) as way:
            first = self._started(spec, way)
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

    def two_runs(
        self, start: Saved, pair: Pair, fault: Fault, crossing: Fault | None, serial: list[Outcome]
    ) -> Result:
        """A is stopped at its call, B goes to its end or to a call of its own; A goes on to its end, then B.

        Then a last run: the outcome is that of A before B or of B before A. B may end before its own call, because A has
        done the work already: the trial is then the one without that call.
        """
        began = time.monotonic()
        self.state.put_back(start)
        name = f"{pair.name}: {fault}" + (f", the other {crossing}" if crossing else "")
        with FaultyWay(self.settings, fault) as way, FaultyWay(self.settings, crossing) as other_way:
            first = self._started(pair.held, way)
            is_reached = _stops(way, first)
            if pair.meanwhile:
                pair.meanwhile()
            second = self._started(pair.other, other_way)
            _ends_or_waits(other_way, second)
            if crossing:
                way.plan.release()
                _ends_or_waits(way, first)
            other_way.plan.release()
            way.plan.release()
            codes = [f"{run.log} ({run.wait()})" for run in (first, second)]
        if not is_reached:
            return Result(
                name, [f"{name} was not reached"], tuple(codes), time.monotonic() - began, reached=False
            )
        last = self.runs.start(pair.last, self.environment)
        found = [] if (end := last.wait()) == COMPLETED else [f"the last run ended with {end}"]
        outcome = self.state.outcome()
        against = [differences(expected, outcome) for expected in serial]
        if all(against):
            found += min(against, key=len)
        return Result(name, found, (*codes, f"{last.log} ({end})"), time.monotonic() - began)

    def _started(self, spec: Spec, way: FaultyWay) -> Run:
        run = self.runs.start(spec, {**self.environment, **way.environment})
        way.goes(run.pid)
        return run


def _stops(way: FaultyWay, run: Run) -> bool:
    """False if the run ended before its call."""
    while not way.plan.reached.wait(0.1):
        if run.ended() is not None:
            return False
    return True


def _ends_or_waits(way: FaultyWay, run: Run) -> None:
    """Return when the run has ended, is stopped at its own call, or waits for the other one (a lock, a lease)."""
    written, since = 0, time.monotonic()
    while run.ended() is None and not way.plan.is_stopped:
        if (now := len(way.recording.mutating)) != written:
            written, since = now, time.monotonic()
        if time.monotonic() - since > _WAITS_AFTER_SECONDS:
            return
        if way.seconds_without_answer > _LOCKED_AFTER_SECONDS:
            return
        time.sleep(0.05)
