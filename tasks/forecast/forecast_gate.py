"""The model gate: check a model's backtest figures against rules before its forecasts are shown to planners.

WMAPEs of different weeks are not comparable, because some weeks are harder for every method. When compared with the
approved model, WMAPE is therefore taken relative to the better naive method's WMAPE on the same rows.

Seasonal naive has no forecast where the same week a year ago is unknown, and is easily beaten there, so the model's skill
over it is judged on the other rows only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tasks.errors import BusinessError, SystemFault
from tasks.models.verdicts import Approved, Verdict, all_passed, as_list, at_least, at_most, finite, ratio
from tasks.services import objects

NAIVE_METHODS = ("seasonal_naive", "mean4")
FIGURES = ("wmape", "mape", "bias", "coverage80", "pinball")
_MODEL, _SEASONAL = "model", "seasonal_naive"
_MIN_YEAR_AGO_SHARE = 0.5
"""Below this share of rows with a known year-ago week, the comparison with seasonal naive is not meaningful."""


class Gate(BaseModel):
    """What a model must achieve before it is registered and its forecasts are published."""

    mape_max: Annotated[float, Field(gt=0)] | None = Field(
        default=0.15,
        description="maximum mean absolute percentage error over weeks with sales (0.15 is 15%); none if no method can "
        "reach it on this data, in which case the skill rule still applies",
    )
    skill_min: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="minimum relative improvement in WMAPE over each naive method (0.05 is 5% smaller); for seasonal naive, "
        "on rows where the week a year ago is known, and not judged if that is less than half of the rows",
    )
    bias_max: Annotated[float, Field(gt=0)] | None = Field(
        default=0.15,
        description="maximum deviation of total forecast from total units sold, up or down (0.15 is 15%); none: not judged",
    )
    coverage_min: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=0.65,
        description="minimum share of weeks within their 80% interval; none: not judged",
    )
    coverage_max: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=0.95,
        description="maximum share of weeks within their 80% interval, as wider intervals are useless to planners; none: "
        "not judged",
    )
    origin_bias_max: Annotated[float, Field(gt=0)] | None = Field(
        default=0.3,
        description="the same as bias_max, at the worst origin of the backtest, whose weeks are few (0.3 is 30%); none: "
        "not judged",
    )
    origin_coverage_min: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=0.5,
        description="the same as coverage_min at the worst origin of the backtest; none: not judged",
    )
    worse_max: float = Field(
        default=0.05,
        ge=0,
        description="maximum increase in WMAPE over the best approved model (0.05 is 5%), each relative to the better naive "
        "method on the same weeks",
    )
    compared_with: int = Field(
        default=12,
        ge=1,
        description="number of recent approved models with the same horizon to consider; the best of them is the baseline, "
        "so that many small regressions cannot add up",
    )


@dataclass(frozen=True)
class Scores:
    """One method's scores on the backtest. None: undefined, such as MAPE where nothing was sold."""

    wmape: float | None
    mape: float | None = None
    bias: float | None = None
    coverage80: float | None = None
    pinball: float | None = None

    @classmethod
    def read(cls, figures: Mapping[str, Any]) -> Scores:
        return cls(**{name: finite(figures.get(name)) for name in FIGURES})


@dataclass(frozen=True)
class YearAgo:
    """Rows whose week a year ago is known: their share, and both methods' scores on them."""

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
    by_origin: Mapping[str, Scores]

    @classmethod
    def read(cls, evaluation: Mapping[str, Any]) -> Evaluation:
        return cls(
            Scores.read(evaluation[_MODEL]),
            {name: Scores.read(evaluation[name]) for name in NAIVE_METHODS},
            int(evaluation["rows"]),
            YearAgo.read(evaluation),
            {origin: Scores.read(figures) for origin, figures in evaluation["by_origin"].items()},
        )

    def skill(self, naive: str) -> float | None:
        """Relative improvement in WMAPE over the naive method, on rows where both have a forecast."""
        model, other = self.model, self.naive[naive]
        if naive == _SEASONAL:
            model, other = self.year_ago.model, self.year_ago.seasonal_naive
        share = ratio(model.wmape, other.wmape)
        return None if share is None else 1 - share

    @property
    def relative_wmape(self) -> float | None:
        """WMAPE divided by the better naive method's. Below one is better than naive."""
        naive = [scores.wmape for scores in self.naive.values() if scores.wmape is not None]
        return ratio(self.model.wmape, min(naive, default=None))


def judge(gate: Gate, evaluation: Evaluation, approved: Approved | None) -> list[Verdict]:
    """Apply every rule, even after one has failed. `approved` is None if no model is approved yet."""
    verdicts = [at_most("MAPE", evaluation.model.mape, gate.mape_max)] if gate.mape_max is not None else []
    verdicts.extend(_skill(gate, evaluation, name) for name in NAIVE_METHODS)
    verdicts.extend(_bias_and_coverage(gate, evaluation.model))
    verdicts.extend(_worst_origins(gate, evaluation.by_origin))
    if approved is not None:
        known = approved.best
        limit = None if known is None else known * (1 + gate.worse_max)
        verdicts.append(at_most("WMAPE as a share of naive", evaluation.relative_wmape, limit))
    return verdicts


def _bias_and_coverage(gate: Gate, model: Scores) -> Iterator[Verdict]:
    if gate.bias_max is not None:
        yield at_most("bias, up or down", _size(model.bias), gate.bias_max)
    if gate.coverage_min is not None:
        yield at_least("least coverage of the 80% interval", model.coverage80, gate.coverage_min)
    if gate.coverage_max is not None:
        yield at_most("most coverage of the 80% interval", model.coverage80, gate.coverage_max)


def _worst_origins(gate: Gate, by_origin: Mapping[str, Scores]) -> Iterator[Verdict]:
    """Origins that lean to opposite sides cancel out in the pooled figures, and planners order by one of them at a time."""
    if gate.origin_bias_max is not None:
        origin, bias = _worst({day: _size(scores.bias) for day, scores in by_origin.items()}, max)
        yield at_most(f"bias at the worst origin{origin}, up or down", bias, gate.origin_bias_max)
    if gate.origin_coverage_min is not None:
        origin, share = _worst({day: scores.coverage80 for day, scores in by_origin.items()}, min)
        yield at_least(
            f"least coverage of the 80% interval at the worst origin{origin}", share, gate.origin_coverage_min
        )


def _worst(
    figures: Mapping[str, float | None], worse: Callable[[Iterable[float]], float]
) -> tuple[str, float | None]:
    """Where it is, in brackets, and the figure; one that is not known is the worst."""
    known = {day: figure for day, figure in figures.items() if figure is not None}
    if unknown := sorted({*figures} - {*known}):
        return f" ({unknown[0]})", None
    if not known:
        return "", None
    worst = worse(known.values())
    return f" ({min(day for day, figure in known.items() if figure == worst)})", worst


def _size(bias: float | None) -> float | None:
    return None if bias is None else abs(bias)


def _skill(gate: Gate, evaluation: Evaluation, naive: str) -> Verdict:
    figure, skill = f"skill over {naive}", evaluation.skill(naive)
    share = evaluation.year_ago.share
    if naive == _SEASONAL and share < _MIN_YEAR_AGO_SHARE:
        reason = f"the year before is known for {share:.0%} of the rows"
        return Verdict(figure, skill, gate.skill_min, passed=True, not_judged=reason)
    return at_least(figure, skill, gate.skill_min)


def require(verdicts: Iterable[Verdict], forecast: str) -> None:
    """Raise BusinessError with all figures if any rule failed."""
    verdicts = list(verdicts)
    if all_passed(verdicts):
        return
    raise BusinessError(
        f"the model of forecast {forecast} did not pass the gate; it was not registered and none of its predictions were "
        f"published, the last forecasts stay:\n{as_list(verdicts)}\n"
        "Look at the run's plot and at evaluation.json by category and region. Where no method reaches gate.mape_max on "
        "this data, set it to none. Where no approved model has its figure (limit unknown), reject them in the registry."
    )


def read_evaluation(address: str) -> Evaluation:
    """Read the evaluation job's report. Raises SystemFault if it does not have the expected form."""
    try:
        return Evaluation.read(json.loads(objects.read(address)))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SystemFault(f"{address} is not the evaluation that the gate reads: {error!r}") from error
