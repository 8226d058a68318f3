"""The states that trials start from, and what an undisturbed run makes of them.

A Spark job costs more than all the rest of a run, so there is a second state: as the first, but the job is done and in the
ledger. Faults at calls that come after the job start there.
"""

from __future__ import annotations

from dataclasses import dataclass

from local.faults.call import Address
from local.faults.plan import Fault
from local.faults.recording import Recording
from tests.faults.scenarios import Scenario
from tests.faults.state import Saved, differences
from tests.faults.trial import Laboratory, Outcome

JOB_IS_DONE = Address("dynamodb", "PutItem", "highwater-ledger curate/* SUCCEEDED")


@dataclass(frozen=True)
class Prepared:
    start: Saved
    job_done: Saved
    before_job: list[Address]
    """The mutating calls up to the end of the job."""
    after_job: list[Address]
    recording: Recording
    noise: set[Address]
    """Calls in which two recordings of the same run differ."""
    expected: Outcome

    def start_for(self, fault: Fault) -> Saved:
        return self.start if fault.at in self.before_job else self.job_done

    @property
    def calls(self) -> list[Address]:
        return self.before_job + self.after_job


def prepare(lab: Laboratory, scenario: Scenario, empty: Saved) -> Prepared:
    lab.state.put_back(empty)
    scenario.deliver()
    for spec in scenario.before:
        lab.undisturbed(spec)
    start = lab.state.save(f"{scenario.name}_start")
    head = lab.killed(scenario.run, Fault("kill", JOB_IS_DONE))
    lab.state.forget_runs()
    job_done = lab.state.save(f"{scenario.name}_job_done")
    recording, _ = lab.undisturbed(scenario.run)
    expected = lab.state.outcome()
    lab.state.put_back(job_done)
    again, _ = lab.undisturbed(scenario.run)
    if strange := differences(expected, lab.state.outcome()):
        raise AssertionError("two undisturbed runs end differently:\n" + "\n".join(strange))
    return Prepared(
        start, job_done, head.mutating, recording.mutating, recording, recording.differs_from(again), expected
    )
