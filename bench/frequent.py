"""An invented grocer's category whose promotions make its sales: half of the weeks, most of the units.

Few articles carry the volume and each has weeks of its own that all regions share, so that what looks like a hundred series
is ten. What a promotion does depends steeply on its kind and depth, and the same one varies threefold. Prices shift, some
weeks spike unplanned, many flags are of little depth and of some regions alone, and one week's calendar flags everything.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ARTICLES, REGIONS, WEEKS = 10, 10, 134
KINDS = ("deal", "feature", "price_off")
FALSE_WEEK = WEEKS - 20
"""Its calendar says that every article is featured; nothing of it took place."""
ORIGINS = tuple(WEEKS - 8 * number for number in range(6, 0, -1))
"""Weeks from which eight weeks can be forecast: the false one is in the horizon of one and in the history of two."""
_LARGE = 4
_BASE = {0: (0.05, 4.0), 1: (0.9, 6.0), 2: (0.2, 6.0)}
"""Logarithm of the lift of each kind: at no depth, and for each unit of it."""
_SHOCK, _OWN_SHOCK, _QUIET_SHOCK = 0.55, 0.15, 0.12
_ELASTICITY = -1.5

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def world(rng: np.random.Generator) -> tuple[Integers, Floats, Floats, Floats]:
    """Of each series and week: the planned kind's number (0 for none), discount, price paid, units expected."""
    plan, depth = _calendar_of_articles(rng)
    article = np.repeat(np.arange(ARTICLES), REGIONS)
    takes_part = rng.random((len(article), WEEKS)) < np.array([0.0, 0.5, 0.95, 0.95])[plan[article]]
    ran, discount = np.where(takes_part, plan[article], 0), np.where(takes_part, depth[article], 0.0)
    regular = _regular_prices(rng)[article]
    price = regular * (1 - discount)
    level = np.where(
        np.arange(ARTICLES) < _LARGE, rng.uniform(60, 120, ARTICLES), rng.uniform(4, 15, ARTICLES)
    )
    own = level[article] * rng.lognormal(0, 0.3, len(article))
    drift = np.cumsum(rng.normal(0, 0.02, (ARTICLES, WEEKS)), axis=1)[article]
    against_usual = np.log(regular / np.median(regular, axis=1, keepdims=True))
    expected = own[:, None] * np.exp(
        drift + _ELASTICITY * against_usual + _lift(ran, discount) + _shocks(rng, ran, article)
    )
    flagged, told = ran.copy(), discount.copy()
    flagged[:, FALSE_WEEK] = 1 + KINDS.index("feature")
    told[:, FALSE_WEEK] = 0.03
    return flagged, told, price, expected


def _calendar_of_articles(rng: np.random.Generator) -> tuple[Integers, Floats]:
    """In the false week nothing runs."""
    shape = (ARTICLES, WEEKS)
    plan = np.where(rng.random(shape) < 0.6, rng.choice([1, 2, 3], shape, p=[0.5, 0.3, 0.2]), 0)
    plan[:, FALSE_WEEK] = 0
    shallow, deep = rng.uniform(0, 0.05, shape), rng.choice([0.1, 0.15, 0.2, 0.25, 0.3], shape)
    return plan, np.where(plan == 0, 0.0, np.where(plan == 1, shallow, deep))


def _regular_prices(rng: np.random.Generator) -> Floats:
    """Two or three shifts by 10 to 15% of each article."""
    steps = rng.uniform(0.10, 0.15, (ARTICLES, WEEKS)) * rng.choice([-1, 1], (ARTICLES, WEEKS))
    shifts = np.where(rng.random((ARTICLES, WEEKS)) < 0.02, steps, 0.0)
    return np.asarray(rng.uniform(2, 6, ARTICLES)[:, None] * np.exp(np.cumsum(shifts, axis=1)))


def _lift(ran: Integers, discount: Floats) -> Floats:
    """Who has stocked up buys less in the week after."""
    lift = np.zeros(ran.shape)
    for kind, (flat, slope) in _BASE.items():
        lift = np.where(ran == kind + 1, flat + slope * discount, lift)
    after = np.pad(ran, ((0, 0), (1, 0)))[:, :-1] >= 2
    return np.where(after & (ran == 0), -0.2, lift)


def _shocks(rng: np.random.Generator, ran: Integers, article: Integers) -> Floats:
    """Mostly of the article, hence of all its regions; one week in sixty is a spike that no calendar knows of."""
    shared = rng.normal(0, 1, (ARTICLES, WEEKS))[article]
    own = rng.normal(0, _OWN_SHOCK, ran.shape)
    spike = np.where(rng.random((ARTICLES, WEEKS)) < 1 / 60, np.log(3.0), 0.0)[article]
    return np.asarray(shared * np.where(ran > 0, _SHOCK, _QUIET_SHOCK) + own + np.where(ran > 0, 0.0, spike))
