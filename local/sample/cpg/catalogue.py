"""SKUs over time: a permanent range, slow movers, and limited editions that succeed one another.

A *slot* is a place in the range. A permanent slot always holds the same SKU. A rotating slot holds one generation of
limited editions after another. Demand is drawn per slot; codes and dates belong to the SKU.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from local.sample.cpg.assortment import CATEGORIES, Category, Pack
from local.sample.cpg.profile import Profile
from local.sample.cpg.timeline import Stream, monday, rng, week_of

LAUNCH_WEEKDAY = 2
"""Limited editions launch on a Wednesday. Their master record arrives with the snapshot of the next Monday."""
NO_PROMOTION_WEEKS = 24
PRICE_RISE_PER_YEAR = 0.035
TRADE_PRICE_SHARE_OF_MRP = 0.80
COST_SHARE_OF_MRP = 0.52
INTERMITTENT_EVERY = 20
INTERMITTENT_AT = 5
ROTATING_SHARE = 0.09


@dataclass(frozen=True)
class Slot:
    number: int
    category: Category
    brand: str
    pack: Pack
    is_rotating: bool
    is_intermittent: bool
    popularity: float
    trend_per_year: float
    price_rise_week: int
    first_launch_week: int
    """Launch week of generation 0 of a rotating slot."""


@dataclass(frozen=True)
class Sku:
    code: str
    name: str
    slot: Slot
    launch: date
    discontinued: date | None
    """The first day on which the SKU is no longer sold."""


class Catalogue:
    def __init__(self, profile: Profile) -> None:
        self.slots = _slots(profile)
        self._life_weeks = profile.limited_edition_weeks
        self._gap_weeks = max(1, self._life_weeks // 20)
        self._run_down_weeks = max(1, self._life_weeks // 8)

    def sku_in(self, slot: Slot, day: date) -> Sku | None:
        """The SKU on sale in this slot on this day, if any."""
        sku = self._generation(slot, self._generation_number(slot, day))
        if day < sku.launch or (sku.discontinued is not None and day >= sku.discontinued):
            return None
        return sku

    def known_on(self, day: date) -> list[Sku]:
        """The SKUs in a master snapshot of this day: those on sale, and the previous generation of each rotating slot."""
        known = []
        for slot in self.slots:
            if not slot.is_rotating:
                known.append(self._generation(slot, 0))
                continue
            current = self._generation_number(slot, day)
            generations = (self._generation(slot, number) for number in (current - 1, current))
            known.extend(sku for sku in generations if sku.launch <= day)
        return known

    def life(self, day: date) -> NDArray[np.float64]:
        """Demand factor per slot: 1 for permanent slots, 0 if nothing is on sale.

        For limited editions it rises after the launch and falls before the end.
        """
        return np.array([self._life_of(slot, day) for slot in self.slots])

    def may_be_promoted(self, slot: Slot, week: int) -> bool:
        """Whether the slot's SKU may be promoted. A new limited edition may not.

        Otherwise the calendar, which is planned ahead, would list it long before its launch.
        """
        if not slot.is_rotating:
            return True
        first, last = self.sku_in(slot, monday(week)), self.sku_in(slot, monday(week) + timedelta(days=6))
        return first is not None and first == last and week - week_of(first.launch) >= NO_PROMOTION_WEEKS

    def mrp(self, week: int) -> NDArray[np.float64]:
        """Price (MRP) per slot in whole rupees. It rises once a year, in a different week for each slot."""
        return np.array([mrp_of(slot, week) for slot in self.slots])

    def _generation_number(self, slot: Slot, day: date) -> int:
        if not slot.is_rotating:
            return 0
        first_day = monday(slot.first_launch_week) + timedelta(days=LAUNCH_WEEKDAY)
        return (day - first_day).days // (7 * self._life_weeks)

    def _generation(self, slot: Slot, number: int) -> Sku:
        if not slot.is_rotating:
            code = f"{slot.category.code}-{slot.number:03d}"
            launched = monday(0) - timedelta(days=30 * (slot.number % 37))
            return Sku(code, f"{slot.brand} {slot.pack.sub_category} {slot.pack.size}", slot, launched, None)
        launch_week = slot.first_launch_week + number * self._life_weeks
        launch = monday(launch_week) + timedelta(days=LAUNCH_WEEKDAY)
        end = monday(launch_week + self._life_weeks - self._gap_weeks)
        code = f"{slot.category.code}-{slot.number:03d}-L{launch:%y%m%d}"
        name = f"{slot.brand} {slot.pack.sub_category} {slot.pack.size} – सीमित संस्करण {launch:%Y}"
        return Sku(code, name, slot, launch, end)

    def _life_of(self, slot: Slot, day: date) -> float:
        if not slot.is_rotating:
            return 1.0
        sku = self.sku_in(slot, day)
        if sku is None or sku.discontinued is None:
            return 0.0
        age_weeks = (day - sku.launch).days / 7
        weeks_left = (sku.discontinued - day).days / 7
        rise = 1 - 0.65 * float(np.exp(-age_weeks / 5))
        return rise * min(1.0, 0.25 + 0.75 * weeks_left / self._run_down_weeks)


def mrp_of(slot: Slot, week: int) -> float:
    rises = (week + slot.price_rise_week) // 52
    return round(slot.pack.mrp * (1 + PRICE_RISE_PER_YEAR) ** rises)


def _slots(profile: Profile) -> tuple[Slot, ...]:
    draw = rng(profile.seed, Stream.SKU)
    rotating_from = profile.skus - max(1, round(profile.skus * ROTATING_SHARE))
    slots = []
    for number in range(profile.skus):
        category = CATEGORIES[number % len(CATEGORIES)]
        turn = number // len(CATEGORIES)
        is_rotating = number >= rotating_from
        is_intermittent = not is_rotating and number % INTERMITTENT_EVERY == INTERMITTENT_AT
        popularity = float(np.exp(draw.normal(0, 0.45)))
        slots.append(
            Slot(
                number=number,
                category=category,
                brand=category.brands[turn % len(category.brands)],
                pack=category.packs[turn % len(category.packs)],
                is_rotating=is_rotating,
                is_intermittent=is_intermittent,
                popularity=popularity * (0.012 if is_intermittent else 1.0),
                trend_per_year=float(draw.normal(0.03, 0.035)),
                price_rise_week=int(draw.integers(0, 52)),
                first_launch_week=-3 * profile.limited_edition_weeks
                + (number - rotating_from) * profile.limited_edition_weeks // (profile.skus - rotating_from),
            )
        )
    return tuple(slots)
