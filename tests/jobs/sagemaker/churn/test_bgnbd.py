"""BG/NBD finds the parameters of a world that obeys it, and its closed forms agree with that world."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jobs.sagemaker.churn.alive import population
from jobs.sagemaker.churn.bgnbd import BgNbd, Purchases, _log_likelihood

TRUE = BgNbd(r=0.8, alpha=40.0, a=0.9, b=2.5)
HORIZON = 60.0


def world(customers: int, seed: int = 4, true: BgNbd = TRUE) -> tuple[Purchases, np.ndarray]:
    """Histories up to a year, and whether nothing was ordered in the horizon after it."""
    draw = np.random.default_rng(seed)
    age = draw.uniform(150, 365, customers)
    rate = draw.gamma(true.r, 1 / true.alpha, customers)
    leave = draw.beta(true.a, true.b, customers)
    repeats, last = np.zeros(customers), np.zeros(customers)
    at, silent = np.zeros(customers), np.ones(customers, bool)
    here = np.ones(customers, bool)
    while here.any():
        at = at + draw.exponential(1 / rate)
        before = here & (at <= age)
        silent &= ~(here & (at > age) & (at <= age + HORIZON))
        repeats, last = repeats + before, np.where(before, at, last)
        here = before & (draw.random(customers) >= leave)
    return Purchases(repeats, last, age), silent


def test_parameters_are_found() -> None:
    found = BgNbd.fitted(world(20_000)[0])
    assert found.r == pytest.approx(TRUE.r, rel=0.08)
    assert found.alpha == pytest.approx(TRUE.alpha, rel=0.12)
    assert found.a / (found.a + found.b) == pytest.approx(TRUE.a / (TRUE.a + TRUE.b), rel=0.08)


@pytest.mark.parametrize("customers", [2_000, 30_000])
def test_of_many_customers_the_likelihood_alone_decides(customers: int) -> None:
    """What keeps parameters finite where data are few may not hold them back where they are many."""
    rare = BgNbd(r=0.15, alpha=400.0, a=0.1, b=6.0)
    of, _ = world(customers, seed=6, true=rare)

    def likelihood(one: BgNbd) -> float:
        return float(_log_likelihood(one.r, one.alpha, one.a, one.b, of.repeats, of.last, of.age).sum())

    assert likelihood(BgNbd.fitted(of)) > likelihood(rare) - 2


def test_probabilities_are_those_of_the_world() -> None:
    of, silent = world(60_000, seed=5)
    said = TRUE.silent(of, HORIZON)
    for part in np.array_split(np.argsort(said), 10):
        assert silent[part].mean() == pytest.approx(said[part].mean(), abs=0.02)


def test_nobody_is_gone_after_the_first_order_alone() -> None:
    once = Purchases(np.zeros(1), np.zeros(1), np.full(1, 200.0))
    expected = ((TRUE.alpha + 200) / (TRUE.alpha + 200 + HORIZON)) ** TRUE.r
    assert TRUE.silent(once, HORIZON)[0] == pytest.approx(expected)


def test_the_order_of_customers_makes_no_difference() -> None:
    of, _ = world(2_000)
    turned = Purchases(of.repeats[::-1], of.last[::-1], of.age[::-1])
    assert BgNbd.fitted(turned) == BgNbd.fitted(of)


def test_the_population_has_those_who_left_with_the_time_that_has_passed() -> None:
    rows = pd.DataFrame(
        {
            "customer_id": ["A", "A", "B"],
            "as_of": pd.to_datetime(["2025-01-01", "2025-01-29", "2025-01-01"]),
            "recency_days": [5, 3, 170],
            "days_since_first_order": [50, 78, 300],
            "orders": [4, 6, 2],
        }
    )
    found = population(rows).set_index("customer_id")
    assert found.loc["A", ["recency_days", "days_since_first_order", "orders"]].tolist() == [3, 78, 6]
    assert found.loc["B", ["recency_days", "days_since_first_order", "orders"]].tolist() == [198, 328, 2]


def test_who_ordered_on_one_day_alone_has_repeated_nothing() -> None:
    rows = pd.DataFrame(
        {"orders": [1, 3, 5], "recency_days": [40, 40, 10], "days_since_first_order": [40, 40, 40]}
    )
    found = Purchases.of(rows)
    assert found.repeats.tolist() == [0, 0, 4]
    assert found.last.tolist() == [0, 0, 30]
    silent = TRUE.silent(found, HORIZON)
    assert silent[0] == silent[1]
