"""The ranges that a tuning job searches: values of a hyperparameter by their place on its scale, from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from local.aws.actions import refused
from local.aws.sagemaker.requests import refuse

Values = dict[str, str]
Point = npt.NDArray[np.float64]
ORDER_OF_MAGNITUDE = 10.0


class Range(Protocol):
    """One hyperparameter's range."""

    @property
    def name(self) -> str: ...

    def value(self, place: float) -> str:
        """The value at a place in [0, 1), as it is passed to the training job."""
        ...

    def coordinates(self, value: str) -> list[float]:
        """Where the value is, for strategies that measure distances."""
        ...


@dataclass(frozen=True)
class Numbers:
    """An integer or continuous range on its scale. An integer's end is the next integer, which is never drawn."""

    name: str
    low: float
    high: float
    scale: str
    whole: bool

    def value(self, place: float) -> str:
        start, end = self._on_scale(self.low), self._on_scale(self._end)
        number = self._off_scale(start + place * (end - start))
        if self.whole:
            return str(int(min(max(math.floor(number), self.low), self.high)))
        return repr(float(min(max(number, self.low), self.high)))

    def coordinates(self, value: str) -> list[float]:
        start, end = self._on_scale(self.low), self._on_scale(self._end)
        number = float(value) + (0.5 if self.whole else 0.0)
        return [(self._on_scale(number) - start) / (end - start) if end > start else 0.5]

    @property
    def _end(self) -> float:
        return self.high + 1 if self.whole else self.high

    def _on_scale(self, number: float) -> float:
        if self.scale == "Logarithmic":
            return math.log(number)
        return -math.log(1 - number) if self.scale == "ReverseLogarithmic" else number

    def _off_scale(self, number: float) -> float:
        if self.scale == "Logarithmic":
            return math.exp(number)
        return 1 - math.exp(-number) if self.scale == "ReverseLogarithmic" else number


@dataclass(frozen=True)
class Categories:
    name: str
    values: Sequence[str]

    def value(self, place: float) -> str:
        return self.values[int(place * len(self.values))]

    def coordinates(self, value: str) -> list[float]:
        """Two different values are 1 apart, whatever they are."""
        return [math.sqrt(0.5) * (known == value) for known in self.values]


@dataclass(frozen=True)
class Space:
    """All ranges of a tuning job."""

    ranges: Sequence[Range]

    def draw(self, random: np.random.Generator) -> Values:
        return {known.name: known.value(float(random.random())) for known in self.ranges}

    def point(self, values: Mapping[str, str]) -> Point:
        found = [place for known in self.ranges for place in known.coordinates(values[known.name])]
        return np.array(found, dtype=np.float64)


def space_of(ranges: Mapping[str, Any]) -> Space:
    """The ranges of a request. Raises AWS's error for one that has no values."""
    if ranges.get("AutoParameters"):
        refuse("does not choose the ranges of AutoParameters")
    found: list[Range] = [
        *(_numbers(given, whole=True) for given in ranges.get("IntegerParameterRanges") or []),
        *(_numbers(given, whole=False) for given in ranges.get("ContinuousParameterRanges") or []),
        *(
            Categories(given["Name"], given["Values"])
            for given in ranges.get("CategoricalParameterRanges") or []
        ),
    ]
    names = [known.name for known in found]
    if not found:
        raise invalid(
            "No hyperparameter ranges were specified: a tuning job needs at least one in ParameterRanges."
        )
    if len(set(names)) < len(names):
        raise invalid(
            f"Hyperparameter names must be unique among ParameterRanges, and they are {sorted(names)}."
        )
    return Space(found)


def _numbers(given: Mapping[str, Any], whole: bool) -> Numbers:
    name, read = given["Name"], int if whole else float
    try:
        low, high = read(given["MinValue"]), read(given["MaxValue"])
    except ValueError as error:
        kind = "an integer" if whole else "a number"
        raise invalid(
            f"MinValue {given['MinValue']!r} and MaxValue {given['MaxValue']!r} of hyperparameter {name} must each be "
            f"{kind}."
        ) from error
    if not -math.inf < low <= high < math.inf:
        raise invalid(f"MinValue {low} of hyperparameter {name} must not be above its MaxValue {high}.")
    return Numbers(name, low, high, _scale(name, given.get("ScalingType", "Auto"), low, high, whole), whole)


def _scale(name: str, wanted: str, low: float, high: float, whole: bool) -> str:
    """The scale. AWS does not say how it chooses for Auto: here a positive range of over one order of magnitude is
    searched logarithmically, as AWS's guide advises."""
    if wanted == "Auto":
        return "Logarithmic" if low > 0 and high / low > ORDER_OF_MAGNITUDE else "Linear"
    if wanted == "Logarithmic" and low <= 0:
        raise invalid(
            f"Logarithmic scaling of hyperparameter {name} needs a MinValue greater than 0, not {low}."
        )
    if wanted == "ReverseLogarithmic" and (whole or not 0 <= low <= high < 1):
        raise invalid(
            f"ReverseLogarithmic scaling of hyperparameter {name} needs a continuous range in 0 <= x < 1.0, "
            f"not {low} to {high}."
        )
    return wanted


def invalid(message: str) -> Exception:
    error: Exception = refused("ValidationException", message)
    return error
