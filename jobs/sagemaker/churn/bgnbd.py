"""BG/NBD (Fader, Hardie, Lee 2005): customers order at a rate of their own and, after an order, may be gone for good.

Rates are gamma distributed over customers, the probability to be gone after an order is beta distributed. The four
parameters are fitted by maximum likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, logsumexp

_UNIT = 7.0
"""Days of the unit of time in which the fit is stable."""
_PENALTY = 1.0
_PENALTY_PER_CUSTOMER = 1e-3
"""Keep parameters finite that data of few customers do not tell. Of the two the smaller one holds."""
_MOST = 20_000
"""Distinct histories; of more, evenly spread ones are enough for four numbers."""
_FAR = 12.0


@dataclass(frozen=True)
class Purchases:
    """Per customer: repeated orders (none if all are of one day), days from first to last order, days from first to now."""

    repeats: np.ndarray
    last: np.ndarray
    age: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Purchases:
        age = rows["days_since_first_order"].to_numpy(float)
        last = np.maximum(age - rows["recency_days"].to_numpy(float), 0.0)
        # Orders of the first day are one purchase. Of later days the columns do not tell how many had several.
        repeats = np.where(last > 0, np.maximum(rows["orders"].to_numpy(float) - 1, 0.0), 0.0)
        return cls(repeats, last, np.maximum(age, last))


@dataclass(frozen=True)
class BgNbd:
    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fitted(cls, purchases: Purchases) -> BgNbd:
        """The order of the customers makes no difference: equal histories are counted together first."""
        shown = np.stack([purchases.repeats, purchases.last / _UNIT, purchases.age / _UNIT], axis=1)
        distinct, weight = np.unique(shown, axis=0, return_counts=True)
        if len(distinct) > _MOST:
            some = np.linspace(0, len(distinct) - 1, _MOST).round().astype(int)
            distinct, weight = distinct[some], weight[some]
        repeats, last, age = distinct.T
        share = weight / weight.sum()
        penalty = min(_PENALTY / weight.sum(), _PENALTY_PER_CUSTOMER)

        def cost(logs: np.ndarray) -> float:
            r, alpha, a, b = np.exp(np.clip(logs, -_FAR, _FAR))
            return float(
                -(share * _log_likelihood(r, alpha, a, b, repeats, last, age)).sum()
                + penalty * (logs**2).sum()
            )

        starts = ([0.0, 1.0, 0.0, 1.0], [-1.0, 2.0, -1.0, 1.0])
        found = min((minimize(cost, start, method="L-BFGS-B") for start in starts), key=lambda one: one.fun)
        r, alpha, a, b = (float(value) for value in np.exp(np.clip(found.x, -_FAR, _FAR)))
        return cls(r, alpha * _UNIT, a, b)

    def odds_gone(self, of: Purchases) -> np.ndarray:
        """Logarithm of P(gone) / P(alive). Minus infinity without a repeated order: nobody is gone after the first alone."""
        times = (self.r + of.repeats) * np.log((self.alpha + of.age) / (self.alpha + of.last))
        with np.errstate(divide="ignore"):
            once = np.where(
                of.repeats > 0, np.log(self.a) - np.log(self.b + np.maximum(of.repeats, 1) - 1), -np.inf
            )
        return np.asarray(times + once)

    def quiet(self, of: Purchases, horizon: float) -> np.ndarray:
        """Logarithm of the probability that a customer who is alive orders nothing within the horizon."""
        return np.asarray(
            (self.r + of.repeats) * np.log((self.alpha + of.age) / (self.alpha + of.age + horizon))
        )

    def silent(self, of: Purchases, horizon: float) -> np.ndarray:
        """The probability that no order comes within the horizon."""
        alive = 1 / (1 + np.exp(np.minimum(self.odds_gone(of), 500.0)))
        return np.asarray(1 - alive * -np.expm1(self.quiet(of, horizon)))


def _log_likelihood(
    r: float, alpha: float, a: float, b: float, repeats: np.ndarray, last: np.ndarray, age: np.ndarray
) -> np.ndarray:
    shared = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + repeats) - betaln(a, b) - (r + repeats) * np.log(alpha + age)
    gone = betaln(a + 1, b + np.maximum(repeats, 1) - 1) - betaln(a, b) - (r + repeats) * np.log(alpha + last)
    return np.asarray(shared + np.where(repeats > 0, logsumexp([alive, gone], axis=0), alive))
