"""The states that trials start from, and what an undisturbed run makes of them.

A Spark job costs more than all the rest of a run, so there is a second state: as the first, but the job is done and in the
ledger. Faults at calls that come after the job start there.
"""

from __future__ import annotations

from dataclasses import dataclass

from local.faults.call import Address
from local.faults.plan import Fault
from local.faults.recording import Recording
from tests.faults.scenarios import Pair, Scenario, Start
from tests.faults.state import Saved, differences
from tests.faults.trial import Laboratory, Outcome

JOB_IS_DONE = Address("dynamodb", "PutItem", "highwater-ledger curate/* SUCCEEDED")


@dataclass(frozen=True)
class Prepared:
    start: Saved
    job_done: Saved
    published: Saved
    before_job: list[Address]
    """The mutating calls up to the end of the job."""
    after_job: list[Address]
    after_publication: list[Address]
    noise: set[Address]
    """Calls in which two recordings of the same run differ."""
    expected: Outcome

    def start_for(self, fault: Fault) -> Saved:
        return self.start if fault.at in self.before_job else self.job_done

    def state_named(self, start: Start) -> Saved:
        return self.job_done if start == "job_done" else self.published

    def calls_from(self, start: Start) -> list[Address]:
        return self.after_job if start == "job_done" else self.after_publication

    @property
    def calls(self) -> list[Address]:
        return self.before_job + self.after_job


def prepare(lab: Laboratory, scenario: Scenario, empty: Saved) -> Prepared:
    lab.state.put_back(empty)
    scenario.deliver()
    for spec in scenario.before:
        lab.undisturbed(spec)
    if scenario.mend:
        scenario.mend()
    start = lab.state.save(_label(scenario, "start"))
    head = lab.killed(scenario.run, Fault("kill", JOB_IS_DONE))
    lab.state.forget_runs()
    job_done = lab.state.save(_label(scenario, "job_done"))
    recording, _ = lab.undisturbed(scenario.run)
    expected = lab.state.outcome()
    lab.state.put_back(job_done)
    again, _ = lab.undisturbed(scenario.run)
    if strange := differences(expected, lab.state.outcome()):
        raise AssertionError("two undisturbed runs end differently:\n" + "\n".join(strange))
    published, tail = _published(lab, scenario, job_done, recording)
    noise = recording.differs_from(again)
    return Prepared(start, job_done, published, head.mutating, recording.mutating, tail, noise, expected)


def _label(scenario: Scenario, state: str) -> str:
    return f"{scenario.name.replace(' ', '_')}_{state}"


def _published(
    lab: Laboratory, scenario: Scenario, job_done: Saved, recording: Recording
) -> tuple[Saved, list[Address]]:
    """Everything is in the lake, nothing of it in the warehouse."""
    lab.state.put_back(job_done)
    commits = [a for a in recording.mutating if a.service == "glue" and a.key.startswith("curated.")]
    lab.killed(scenario.run, Fault("kill", commits[-1]))
    lab.state.forget_runs()
    saved = lab.state.save(_label(scenario, "published"))
    loading, _ = lab.undisturbed(scenario.run)
    return saved, loading.mutating


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
