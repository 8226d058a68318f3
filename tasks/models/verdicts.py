"""Rules about a model: each compares a figure with its limit. Which rules there are is the matter of who judges."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """The result of one rule. An unknown figure does not pass; `not_judged` says why a figure could not fail."""

    figure: str
    value: float | None
    limit: float | None
    passed: bool
    not_judged: str = ""

    @property
    def outcome(self) -> str:
        if self.not_judged:
            return f"not judged: {self.not_judged}"
        return "ok" if self.passed else "FAILED"

    def __str__(self) -> str:
        return f"{self.figure} = {_formatted(self.value)} (limit {_formatted(self.limit)}) {self.outcome}"


def at_most(figure: str, value: float | None, limit: float | None) -> Verdict:
    if value is None or limit is None:
        return Verdict(figure, value, limit, passed=False)
    return Verdict(figure, value, limit, value <= limit or math.isclose(value, limit))


def at_least(figure: str, value: float | None, limit: float | None) -> Verdict:
    if value is None or limit is None:
        return Verdict(figure, value, limit, passed=False)
    return Verdict(figure, value, limit, value >= limit or math.isclose(value, limit))


@dataclass(frozen=True)
class Approved:
    """The best figure of the recent approved models. None: none of them has the figure in its registration."""

    best: float | None

    @classmethod
    def of(
        cls, figures: Iterable[float | None], best: Callable[[Iterable[float]], float] = min
    ) -> Approved | None:
        """The best figure; returns None if no model is approved yet."""
        found = list(figures)
        known = [figure for figure in map(finite, found) if figure is not None]
        return cls(best(known) if known else None) if found else None


def all_passed(verdicts: Iterable[Verdict]) -> bool:
    return all(verdict.passed for verdict in verdicts)


def as_list(verdicts: Iterable[Verdict]) -> str:
    """All verdicts, one on a line."""
    return "\n".join(f"- {verdict}" for verdict in verdicts)


def finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def ratio(value: float | None, of: float | None) -> float | None:
    """value / of. 0 / 0 is 1: of two perfect methods neither is better."""
    if value is None or of is None:
        return None
    if of == 0:
        return 1.0 if value == 0 else None
    return value / of


def _formatted(value: float | None) -> str:
    if value is None:
        return "unknown"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
