"""May a model's forecasts be shown to planners? The figures of its backtest, held against rules, in plain Python.

WMAPE of different weeks cannot be compared: some weeks are harder for every method. Against the approved model it is
therefore taken as a share of the better naive method's WMAPE on the same rows.

Seasonal naive forecasts nothing where the week a year ago is not known, and is easily beaten there: the model's skill over
it is judged on the other rows alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tasks.errors import BusinessError, SystemFault, aws_failures
from tasks.services import aws

NAIVE_METHODS = ("seasonal_naive", "mean4")
FIGURES = ("wmape", "mape", "bias", "coverage80", "pinball")
_MODEL, _SEASONAL = "model", "seasonal_naive"
_LEAST_YEAR_AGO = 0.5
"""With the year before known for a smaller share of the rows, the rest says too little of the method."""


class Gate(BaseModel):
    """What a model must reach before it is registered and its forecasts are published."""

    mape_max: Annotated[float, Field(gt=0)] | None = Field(
        default=0.15,
        description="largest mean absolute percentage error over weeks with sales (0.15 is 15%); none where no method can "
        "reach it on this data: the skill below still guards",
    )
    skill_min: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="how much smaller than each naive method's the WMAPE must be (0.05 is 5% smaller); seasonal naive's is "
        "taken where the week a year ago is known, and not judged where that is fewer than half of the rows",
    )
    bias_max: Annotated[float, Field(gt=0)] | None = Field(
        default=0.15,
        description="how far the sum of the forecasts may lie above or below the units sold (0.15 is 15%); none: not judged",
    )
    coverage_min: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=0.65,
        description="smallest share of weeks that must lie within their 80% interval; none: not judged",
    )
    coverage_max: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=0.95,
        description="largest such share: wider intervals tell a planner nothing; none: not judged",
    )
    worse_max: float = Field(
        default=0.05,
        ge=0,
        description="how much larger than the best approved model's the WMAPE may be (0.05 is 5%), each as a share of the "
        "better naive method's on the same weeks",
    )
    compared_with: int = Field(
        default=12,
        ge=1,
        description="how many of the last approved models that look as far ahead: the best of them is the one to compare "
        "with, so that many small steps down cannot add up",
    )


@dataclass(frozen=True)
class Scores:
    """One method on the backtest's rows. None: it has no such figure, as MAPE where nothing was sold."""

    wmape: float | None
    mape: float | None = None
    bias: float | None = None
    coverage80: float | None = None
    pinball: float | None = None

    @classmethod
    def read(cls, figures: Mapping[str, Any]) -> Scores:
        return cls(**{name: _finite(figures.get(name)) for name in FIGURES})


@dataclass(frozen=True)
class YearAgo:
    """The rows whose week a year ago is known: their share, and both methods on them."""

    share: float
    model: Scores
    seasonal_naive: Scores

    @classmethod
    def read(cls, evaluation: Mapping[str, Any]) -> YearAgo:
        known = evaluation["where_year_ago_known"]
        share = float(evaluation["year_ago_known"])
        return cls(share, Scores.read(known[_MODEL]), Scores.read(known[_SEASONAL]))


@dataclass(frozen=True)
class Evaluation:
    model: Scores
    naive: Mapping[str, Scores]
    rows: int
    year_ago: YearAgo

    @classmethod
    def read(cls, evaluation: Mapping[str, Any]) -> Evaluation:
        return cls(
            Scores.read(evaluation[_MODEL]),
            {name: Scores.read(evaluation[name]) for name in NAIVE_METHODS},
            int(evaluation["rows"]),
            YearAgo.read(evaluation),
        )

    def skill(self, naive: str) -> float | None:
        """How much smaller than the naive method's the WMAPE is, as a share, on rows of which both know something."""
        model, other = self.model, self.naive[naive]
        if naive == _SEASONAL:
            model, other = self.year_ago.model, self.year_ago.seasonal_naive
        ratio = _ratio(model.wmape, other.wmape)
        return None if ratio is None else 1 - ratio

    @property
    def relative_wmape(self) -> float | None:
        """Below one: better than the better naive method."""
        naive = [scores.wmape for scores in self.naive.values() if scores.wmape is not None]
        return _ratio(self.model.wmape, min(naive, default=None))


@dataclass(frozen=True)
class Approved:
    """The best of the last approved models. None: the registration of none of them says how good it is."""

    relative_wmape: float | None

    @classmethod
    def best(cls, figures: Iterable[float | None]) -> Approved | None:
        """None: no model is approved yet."""
        found = list(figures)
        known = [figure for figure in map(_finite, found) if figure is not None]
        return cls(min(known, default=None)) if found else None


@dataclass(frozen=True)
class Verdict:
    """One rule of the gate. A figure that is not known passes no rule; one that is not judged fails none and is not ok."""

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
        return f"{self.figure} = {_told(self.value)} (limit {_told(self.limit)}) {self.outcome}"


def judge(gate: Gate, evaluation: Evaluation, approved: Approved | None) -> list[Verdict]:
    """Every rule, also after one has failed: people want all figures. None: no model is approved yet."""
    verdicts = [_at_most("MAPE", evaluation.model.mape, gate.mape_max)] if gate.mape_max is not None else []
    verdicts.extend(_skill(gate, evaluation, name) for name in NAIVE_METHODS)
    verdicts.extend(_bias_and_coverage(gate, evaluation.model))
    if approved is not None:
        known = _finite(approved.relative_wmape)
        limit = None if known is None else known * (1 + gate.worse_max)
        verdicts.append(_at_most("WMAPE as a share of naive", evaluation.relative_wmape, limit))
    return verdicts


def _bias_and_coverage(gate: Gate, model: Scores) -> Iterator[Verdict]:
    if gate.bias_max is not None:
        size = None if model.bias is None else abs(model.bias)
        yield _at_most("bias, up or down", size, gate.bias_max)
    if gate.coverage_min is not None:
        yield _at_least("least coverage of the 80% interval", model.coverage80, gate.coverage_min)
    if gate.coverage_max is not None:
        yield _at_most("most coverage of the 80% interval", model.coverage80, gate.coverage_max)


def _skill(gate: Gate, evaluation: Evaluation, naive: str) -> Verdict:
    figure, skill = f"skill over {naive}", evaluation.skill(naive)
    share = evaluation.year_ago.share
    if naive == _SEASONAL and share < _LEAST_YEAR_AGO:
        known = f"the year before is known for {share:.0%} of the rows"
        return Verdict(figure, skill, gate.skill_min, passed=True, not_judged=known)
    return _at_least(figure, skill, gate.skill_min)


def require(verdicts: Iterable[Verdict], forecast: str) -> None:
    """Raises BusinessError with every figure when a rule says no."""
    verdicts = list(verdicts)
    if all(verdict.passed for verdict in verdicts):
        return
    lines = "\n".join(f"- {verdict}" for verdict in verdicts)
    raise BusinessError(
        f"the model of forecast {forecast} did not pass the gate; it was not registered and none of its predictions were "
        f"published, the last forecasts stay:\n{lines}\n"
        "Look at the run's plot and at evaluation.json by category and region. Where no method reaches gate.mape_max on "
        "this data, set it to none. Where no approved model has its figure (limit unknown), reject them in the registry."
    )


def read_evaluation(address: str) -> Evaluation:
    """Raises SystemFault when the evaluation job did not write what was agreed."""
    bucket, key = aws.split(address)
    with aws_failures(f"reading {address}"):
        body = aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        return Evaluation.read(json.loads(body))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SystemFault(f"{address} is not the evaluation that the gate reads: {error!r}") from error


def _at_most(figure: str, value: float | None, limit: float | None) -> Verdict:
    if value is None or limit is None:
        return Verdict(figure, value, limit, passed=False)
    return Verdict(figure, value, limit, value <= limit or math.isclose(value, limit))


def _at_least(figure: str, value: float | None, limit: float) -> Verdict:
    passed = value is not None and (value >= limit or math.isclose(value, limit))
    return Verdict(figure, value, limit, passed)


def _ratio(value: float | None, of: float | None) -> float | None:
    """Of two perfect methods neither is better."""
    if value is None or of is None:
        return None
    if of == 0:
        return 1.0 if value == 0 else None
    return value / of


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _told(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
