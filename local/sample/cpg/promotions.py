"""The promotion plan, and the part of it that was executed.

An event covers some SKUs of a brand in some regions for one to three weeks. A cell is one (series, week). It belongs to
the event that started first, so that it has one discount only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from local.sample.cpg.assortment import REGIONS
from local.sample.cpg.catalogue import Catalogue
from local.sample.cpg.profile import Profile
from local.sample.cpg.timeline import Stream, iso_week, monday, rng

PROMOTED_SHARE = 0.15
"""Average share of all (series, week) cells."""
WITHDRAWN_SHARE = 0.04
"""Share of events that snapshots show as planned and that are withdrawn before they start."""
ON_HOLD_SHARE = 0.02
"""Share of events that stay in the calendar with is_promoted false and never take place."""
NOT_EXECUTED_SHARE = 0.01
"""Share of promoted cells in which the plan was not executed: the flag contradicts the prices."""
WITHDRAWN_WEEKS_BEFORE = 2
LONGEST_EVENT_WEEKS = 3
MEAN_CELLS_OF_AN_EVENT = {"slots": 1.7, "regions": 0.55, "weeks": 1.7}

KINDS: dict[str, tuple[float, tuple[float, ...], float]] = {
    # kind: (log lift in addition to the price effect, discounts, share of events)
    "price_off": (0.00, (0.10, 0.15, 0.20, 0.25), 0.42),
    "buy_one_get_one": (0.12, (0.33, 0.40), 0.12),
    "display": (0.22, (0.05, 0.10), 0.18),
    "bundle": (0.06, (0.12, 0.18), 0.13),
    "festive_offer": (0.18, (0.15, 0.20, 0.30), 0.15),
}


@dataclass(frozen=True)
class Event:
    promo_id: str
    start_week: int
    weeks: int
    slots: tuple[int, ...]
    regions: tuple[int, ...]
    kind: str
    depth: float
    is_withdrawn: bool
    is_on_hold: bool
    noise: float

    @property
    def happens(self) -> bool:
        return not (self.is_withdrawn or self.is_on_hold)

    def is_listed_in(self, snapshot_week: int) -> bool:
        return not self.is_withdrawn or snapshot_week < self.start_week - WITHDRAWN_WEEKS_BEFORE

    def log_lift(self, elasticity: float) -> float:
        return KINDS[self.kind][0] + elasticity * -float(np.log1p(-self.depth)) + self.noise


class Plan:
    """The events and cells of the weeks `first` to `last`. Arrays are indexed [week - first, slot, region]."""

    def __init__(self, profile: Profile, catalogue: Catalogue, first: int, last: int) -> None:
        self.first, self.last = first, last
        starts = range(first - LONGEST_EVENT_WEEKS + 1, last + 1)
        self.events = [event for week in starts for event in _events_of(profile, catalogue, week)]
        shape = (last - first + 1, profile.skus, profile.regions)
        self.planned = np.full(shape, -1, dtype=np.int64)
        """Index of the event that the calendar shows for the cell, or -1."""
        self._fill(catalogue)
        self.executed = np.where(self._reached_the_shelf(profile), self.planned, -1)
        self.depth = self._per_cell([event.depth for event in self.events], of=self.executed)

    def log_lift(self, elasticities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log lift of the executed cells, 0 for all others. `elasticities` has one value per slot."""
        extra = self._per_cell(
            [KINDS[event.kind][0] + event.noise for event in self.events], of=self.executed
        )
        return extra + elasticities[None, :, None] * -np.log1p(-self.depth)

    def _fill(self, catalogue: Catalogue) -> None:
        for index, event in enumerate(self.events):
            for week in range(
                max(event.start_week, self.first), min(event.start_week + event.weeks, self.last + 1)
            ):
                slots = [n for n in event.slots if catalogue.may_be_promoted(catalogue.slots[n], week)]
                cells = np.ix_([week - self.first], slots, list(event.regions))
                free = self.planned[cells] < 0
                self.planned[cells] = np.where(free, index, self.planned[cells])

    def _reached_the_shelf(self, profile: Profile) -> NDArray[np.bool_]:
        happens = np.array([event.happens for event in self.events] + [False])
        reached = happens[self.planned]
        for row, week in enumerate(range(self.first, self.last + 1)):
            chance = rng(profile.seed, Stream.PROMOTION_CELL, week).random(reached.shape[1:])
            reached[row] &= chance >= NOT_EXECUTED_SHARE
        return reached

    def _per_cell(self, values: list[float], of: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.array([*values, 0.0])[of]


def _events_of(profile: Profile, catalogue: Catalogue, week: int) -> list[Event]:
    draw = rng(profile.seed, Stream.PROMOTION, week)
    iso = monday(week).isocalendar()
    festive = 1.35 if iso.week >= 40 else 0.9
    mean_cells = MEAN_CELLS_OF_AN_EVENT
    cells = mean_cells["slots"] * mean_cells["regions"] * profile.regions * mean_cells["weeks"]
    expected = PROMOTED_SHARE * profile.skus * profile.regions / cells * festive
    events = []
    for number in range(int(draw.poisson(expected))):
        kind = _kind(draw, week)
        fate = float(draw.random())
        events.append(
            Event(
                promo_id=f"PR{iso.year}{iso.week:02d}-{number + 1:02d}",
                start_week=week,
                weeks=int(draw.choice([1, 2, 3], p=[0.45, 0.40, 0.15])),
                slots=_slots_of_one_brand(catalogue, draw),
                regions=_where(profile, draw),
                kind=kind,
                depth=float(draw.choice(KINDS[kind][1])),
                is_withdrawn=fate < WITHDRAWN_SHARE,
                is_on_hold=WITHDRAWN_SHARE <= fate < WITHDRAWN_SHARE + ON_HOLD_SHARE,
                noise=float(draw.normal(0, 0.03)),
            )
        )
    return events


def _kind(draw: np.random.Generator, week: int) -> str:
    kinds = [kind for kind in KINDS if kind != "festive_offer" or iso_week(week) >= 40]
    shares = np.array([KINDS[kind][2] for kind in kinds])
    return str(draw.choice(kinds, p=shares / shares.sum()))


def _slots_of_one_brand(catalogue: Catalogue, draw: np.random.Generator) -> tuple[int, ...]:
    first = catalogue.slots[int(draw.integers(0, len(catalogue.slots)))]
    family = [s.number for s in catalogue.slots if (s.category, s.brand) == (first.category, first.brand)]
    others = [number for number in family if number != first.number]
    wanted = min(len(others), int(draw.integers(0, 3)))
    return (
        (first.number, *(int(n) for n in draw.choice(others, size=wanted, replace=False)))
        if others
        else (first.number,)
    )


def _where(profile: Profile, draw: np.random.Generator) -> tuple[int, ...]:
    everywhere = range(profile.regions)
    if draw.random() < 0.4:
        return tuple(everywhere)
    zone = REGIONS[int(draw.integers(0, profile.regions))].zone
    return tuple(region for region in everywhere if REGIONS[region].zone == zone)
