"""The states that trials start from, and what an undisturbed run makes of them.

A job costs more than all the rest of a run, so a scenario has stages: the state before the run, and those that the run has
reached when a job of it is done, or its data is published. A fault is tried from the last stage before its call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import dropwhile

from local.faults.call import Address
from local.faults.plan import Fault
from local.faults.recording import Recording
from tests.faults.matrix import START, Plan
from tests.faults.scenarios import Pair, Scenario, Stop
from tests.faults.state import Saved, differences
from tests.faults.trial import Laboratory, Outcome


@dataclass(frozen=True)
class Stage:
    name: str
    state: Saved
    calls: list[Address]
    """The mutating calls from here to the next stage."""
    between_transactions: list[Address] = field(default_factory=list)
    """The statements before which another run's transaction may come: within one of its own, the other waits."""


@dataclass(frozen=True)
class Prepared:
    stages: list[Stage]
    noise: set[Address]
    """Calls in which two recordings of the same run differ."""
    expected: Outcome

    def stage_of(self, plan: Plan) -> Stage:
        """A plan that names no stage has its call in one of them, or else does not reach it from the first."""
        for stage in self.stages:
            if plan.stage == stage.name or (not plan.stage and plan.fault.at in stage.calls):
                return stage
        if not plan.stage:
            return self.stages[0]
        raise LookupError(f"{plan}: none of {', '.join(stage.name for stage in self.stages)} has this call")

    def since(self, stage: str) -> list[Stage]:
        return list(dropwhile(lambda other: other.name != stage, self.stages))


def prepare(lab: Laboratory, scenario: Scenario, empty: Saved) -> Prepared:
    lab.state.put_back(empty)
    scenario.deliver()
    for spec in scenario.before:
        lab.undisturbed(spec)
    if scenario.mend:
        scenario.mend()
    start = lab.state.save(f"{scenario.label}_{START}")
    recording, _ = lab.undisturbed(scenario.run)
    expected = lab.state.outcome()
    stages, last = _stages(lab, scenario, start, recording)
    lab.state.put_back(stages[-1].state)
    again, _ = lab.undisturbed(scenario.run)
    if strange := differences(expected, lab.state.outcome()):
        raise AssertionError("two undisturbed runs end differently:\n" + "\n".join(strange))
    return Prepared(stages, last.differs_from(again), expected)


def _stages(
    lab: Laboratory, scenario: Scenario, start: Saved, whole: Recording
) -> tuple[list[Stage], Recording]:
    """Also the recording of the run from the last of them."""
    stages: list[Stage] = []
    name, state, recording, calls = START, start, whole, whole.mutating
    for stop in scenario.stops:
        at = stop.among(calls)
        stages.append(_stage(name, state, calls[: calls.index(at) + 1], recording))
        name, state = stop.name, _reached(lab, scenario, state, stop, at)
        recording, _ = lab.undisturbed(scenario.run)
        calls = _new(recording, {call for stage in stages for call in stage.calls})
    return [*stages, _stage(name, state, calls, recording)], recording


def _stage(name: str, state: Saved, calls: list[Address], recording: Recording) -> Stage:
    return Stage(name, state, calls, [call for call in recording.between_transactions if call in calls])


def _reached(lab: Laboratory, scenario: Scenario, state: Saved, stop: Stop, at: Address) -> Saved:
    lab.state.put_back(state)
    lab.killed(scenario.run, Fault("kill", at))
    lab.state.forget_runs()
    return lab.state.save(f"{scenario.label}_{stop.label}")


def _new(resumed: Recording, known: set[Address]) -> list[Address]:
    """A resumed run begins with calls that were made in the stages before."""
    return list(dropwhile(lambda call: call in known, resumed.mutating))


def serial_outcomes(lab: Laboratory, pair: Pair, start: Saved) -> list[Outcome]:
    """A before B, and B before A, each with the last run."""
    outcomes = []
    for held_first in (True, False):
        lab.state.put_back(start)
        order = [pair.held, pair.other] if held_first else [pair.other, pair.held]
        if pair.meanwhile and not held_first:
            pair.meanwhile()
        lab.undisturbed(order[0])
        if pair.meanwhile and held_first:
            pair.meanwhile()
        for spec in (order[1], pair.last):
            lab.undisturbed(spec)
        outcomes.append(lab.state.outcome())
    return outcomes
