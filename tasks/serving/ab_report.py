"""Champion and challenger once it is known who came back: what each variant predicted, and what happened. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from tasks.serving.captured import Served

_EPSILON = 1e-15
LastAnswers = dict[tuple[str, str, date], tuple[datetime, float]]
"""By variant, customer and day: when it was answered, and the probability."""
Outcomes = Mapping[tuple[str, date], bool]
"""Whether a customer churned, counted from a day. Who is missing is not known yet."""


@dataclass(frozen=True)
class Part:
    """One variant's part of the report. A figure is None where it has no meaning."""

    variant: str
    n: int
    churned: int
    auc: float | None
    brier: float | None
    log_loss: float | None
    mean_probability: float | None
    realised: float | None
    not_known_yet: int


def last_answers(served: Iterable[Served]) -> LastAnswers:
    """Each variant's last answer about a customer and day. Requests of ours don't count, and none without its customer."""
    last: LastAnswers = {}
    for found in served:
        if not found.customer_id or found.probe:
            continue
        key = found.variant, found.customer_id, found.at.astimezone(UTC).date()
        if key not in last or last[key][0] <= found.at:
            last[key] = found.at, found.probability
    return last


def ab_report(last: LastAnswers, outcomes: Outcomes) -> list[Part]:
    """A part per variant. A customer counts once per variant and day, with the last score."""
    parts = []
    for variant in sorted({variant for variant, _, _ in last}):
        rows = [
            (probability, outcomes.get((customer, day)))
            for (name, customer, day), (_, probability) in last.items()
            if name == variant
        ]
        known = [(p, churned) for p, churned in rows if churned is not None]
        parts.append(_part(variant, known, len(rows) - len(known)))
    return parts


def as_json(parts: Iterable[Part]) -> dict[str, Any]:
    return {part.variant: {k: v for k, v in asdict(part).items() if k != "variant"} for part in parts}


def _part(variant: str, known: list[tuple[float, bool]], not_known_yet: int) -> Part:
    if not known:
        return Part(variant, 0, 0, None, None, None, None, None, not_known_yet)
    p, y = (np.array(column, dtype=float) for column in zip(*known, strict=True))
    clipped = np.clip(p, _EPSILON, 1 - _EPSILON)
    return Part(
        variant=variant,
        n=len(known),
        churned=int(y.sum()),
        auc=auc(p, y),
        brier=float(np.mean((p - y) ** 2)),
        log_loss=float(-np.mean(y * np.log(clipped) + (1 - y) * np.log(1 - clipped))),
        mean_probability=float(p.mean()),
        realised=float(y.mean()),
        not_known_yet=not_known_yet,
    )


def auc(p: np.ndarray, y: np.ndarray) -> float | None:
    """How often a churned customer has the higher probability; a tie counts half. None if all or none churned."""
    churned, stayed = int(y.sum()), int(len(y) - y.sum())
    if not churned or not stayed:
        return None
    _, place, counts = np.unique(p, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[y == 1].sum() - churned * (churned + 1) / 2) / (churned * stayed))
