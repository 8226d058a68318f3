"""The campaign in parts, for several clouds: each takes the next part that nobody has, until none is left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, MutableSequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import zip_longest

from tests.faults.matrix import Plan, found
from tests.faults.results import WHOLE, Results, Share
from tests.faults.scenarios import PAIRS, SCENARIOS


@dataclass(frozen=True)
class Part:
    """Matrices that start from one scenario, or a share of their trials: a cloud prepares a scenario once."""

    names: tuple[str, ...]
    share: Share = WHOLE

    def __str__(self) -> str:
        shown = "" if self.share.of == 1 else f", part {self.share.number + 1} of {self.share.of}"
        return f"{' and '.join(self.names)}{shown}"

    def has_any(self, plans: Iterable[Plan]) -> bool:
        return any(plan.scenario in self.names and self.share.has(plan) for plan in plans)

    @property
    def scenario(self) -> str:
        name = self.names[0]
        return PAIRS[name].scenario if name in PAIRS else name


def _shared(of: int, *names: str) -> list[Part]:
    return [Part(names, Share(number, of)) for number in range(of)]


# What takes longest comes first, so that no cloud begins a long part when the others have nothing left to do, and one
# scenario after the other, so that each cloud prepares another one.
_BY_SCENARIO = [
    [*_shared(3, "forecast+daily"), *_shared(3, "demand_forecast")],
    _shared(3, "first day of every source"),
    [
        *_shared(2, "load+load"),
        *_shared(2, "daily+daily", "daily+redelivery", "daily+backfill", "daily+replay"),
        *_shared(1, "cpg_daily"),
    ],
    _shared(1, "cpg_backfill"),
    _shared(1, "cpg_replay"),
    _shared(1, "model_drift"),
]
EVERY = [part for of_each in zip_longest(*_BY_SCENARIO) for part in of_each if part]


def chosen_parts(only: Collection[str], results: Results) -> list[Part]:
    """Those that are not done, and those that have trials which nobody made: of another recording, or new in found.json."""
    if unknown := set(only) - SCENARIOS.keys() - PAIRS.keys():
        raise SystemExit(
            f"no scenario or pair is called {', '.join(sorted(unknown))}: {', '.join([*SCENARIOS, *PAIRS])}"
        )
    kept = [
        Part(tuple(name for name in part.names if not only or name in only), part.share) for part in EVERY
    ]
    left = [*results.untried, *(plan for plan in found() if results.wants(plan))]
    return [part for part in kept if part.names and (str(part) not in results.done or part.has_any(left))]


def next_part(
    left: MutableSequence[Part], lock: AbstractContextManager[object], prepared: Iterable[str]
) -> Part | None:
    """Takes one from those that are left: rather of a scenario that this cloud has prepared."""
    known = set(prepared)
    with lock:
        if not left:
            return None
        index = next((n for n, part in enumerate(left) if part.scenario in known), 0)
        return left.pop(index)
