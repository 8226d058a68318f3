"""Pairs of an origin and a target to learn from: what was known then, and what was sold later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.demand_columns import MODEL
from jobs.sagemaker.panel import Columns, Floats, Integers, Panel

LEAST_WEEKS_KNOWN = 8
ORIGINS_BACK = 104


@dataclass(frozen=True)
class Samples:
    series: Integers
    origin: Integers
    target: Integers
    units: Floats
    columns: Columns


def pairs(
    panel: Panel,
    targets: range,
    steps: range,
    origins: range,
    most: int | None,
    seed: int,
    contradicting: bool = False,
) -> Samples:
    """All pairs whose target lies in `targets` and whose origin in `origins`, or `most` of them by chance.

    A week without stock says nothing of demand. One that contradicts its own calendar says nothing of promotions, but was
    forecast as one all the same: nobody knew of it in advance. It is left out unless `contradicting`.
    """
    found = [_pairs_of_step(panel, targets, step, origins, contradicting) for step in steps]
    series, origin, target = (np.concatenate(part) for part in zip(*found, strict=True))
    if most is not None and len(series) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(len(series), most, replace=False))
        series, origin, target = series[chosen], origin[chosen], target[chosen]
    units = panel.units[series, target]
    return Samples(series, origin, target, units, panel.gathered(series, origin, target))


def _pairs_of_step(
    panel: Panel, targets: range, step: int, origins: range, contradicting: bool
) -> tuple[Integers, Integers, Integers]:
    first = max(targets.start, origins.start + step - 1, step - 1)
    last = min(targets.stop, origins.stop + step - 1)
    target = np.arange(first, max(first, last))
    origin = target - (step - 1)
    known = np.nan_to_num(panel.values["weeks_known"][:, origin])
    usable = (known >= LEAST_WEEKS_KNOWN) & ~np.isnan(panel.units[:, target])
    usable &= panel.model_type[:, origin] == MODEL
    usable &= ~(panel.values["is_stockout"][:, target] > 0)
    if not contradicting:
        usable &= ~(panel.values["contradicts"][:, target] > 0)
    series, column = np.nonzero(usable)
    return series, origin[column], target[column]
