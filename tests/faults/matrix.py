"""Which trials there are: every mutating call with every fault, and every mutating call at which another run passes."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.faults.call import Address
from local.faults.plan import Fault, Kind

FOUND = Path(__file__).with_name("found.json")
START = "start"
ONE_FAULT: tuple[Kind, ...] = ("refuse", "lose", "kill")
# hold: what the run has read is old when its call is executed. pause: what it reads next is new.
TWO_RUNS: tuple[Kind, ...] = ("hold", "pause")


@dataclass(frozen=True)
class Plan:
    """One trial. `scenario` names the run that is disturbed, or the pair of runs."""

    scenario: str
    fault: Fault
    stage: str = ""
    """The state that the trial starts from."""
    crossing: Fault | None = None
    """Of two runs, where the other one is stopped as well before the first goes on."""
    bug: str = ""
    """What it once found, where it is in the list of those that are always tried."""

    def __str__(self) -> str:
        since = f" from {self.stage}" if self.stage else ""
        crossing = f", the other {self.crossing}" if self.crossing else ""
        return f"{self.scenario}{since}: {self.fault}{crossing}"

    def is_like(self, other: Plan) -> bool:
        """The same trial, where one of them does not say from which stage."""
        mine, theirs = (
            (plan.scenario, plan.fault, plan.crossing, plan.stage if self.stage and other.stage else "")
            for plan in (self, other)
        )
        return mine == theirs

    def as_json(self) -> dict[str, Any]:
        crossing = {"crossing": _written(self.crossing)} if self.crossing else {}
        stage = {"stage": self.stage} if self.stage else {}
        return {
            "scenario": self.scenario,
            **stage,
            "fault": _written(self.fault),
            **crossing,
            "bug": self.bug,
        }

    @classmethod
    def of(cls, text: Mapping[str, Any]) -> Plan:
        crossing = _read(text["crossing"]) if "crossing" in text else None
        return cls(
            text["scenario"], _read(text["fault"]), text.get("stage", ""), crossing, text.get("bug", "")
        )


def _written(fault: Fault) -> dict[str, Any]:
    return {"kind": fault.kind, **asdict(fault.at)}


def _read(text: Mapping[str, Any]) -> Fault:
    at = Address(text["service"], text["action"], text["key"], text.get("nth", 1))
    return Fault(text["kind"], at)


def plans(
    scenario: str, stage: str, calls: Iterable[Address], kinds: Sequence[Kind], noise: Collection[Address]
) -> list[Plan]:
    """Not at calls that only some recordings have: such a fault may come or not."""
    return [Plan(scenario, Fault(kind, call), stage) for call in calls if call not in noise for kind in kinds]


def crossings(scenario: str, stage: str, calls: Sequence[Address], noise: Collection[Address]) -> list[Plan]:
    """Both runs stopped on their way, at every pair of calls: the first before its call, the other after its own."""
    usable = [call for call in calls if call not in noise]
    return [Plan(scenario, Fault("hold", a), stage, Fault("pause", b)) for a in usable for b in usable]


def sampled(every: Sequence[Plan], size: int | None, seed: str) -> list[Plan]:
    """The same for the same seed; all of them where no size is given."""
    if size is None or size >= len(every):
        return list(every)
    return random.Random(seed).sample(list(every), size)


def found() -> list[Plan]:
    """Every trial that ever found a bug."""
    return [Plan.of(text) for text in json.loads(FOUND.read_text())] if FOUND.exists() else []
