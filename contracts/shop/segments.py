"""Customer segments: rules of the configuration over recency, frequency and value. The first that matches wins.

Nothing here needs Spark: the worker refuses a wrong configuration before it starts a job.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from contracts.dialects.spark_literals import literal

_COLUMNS = {"recency_days": "recency_days", "orders": "total_orders", "value": "lifetime_value"}
"""What a rule can bound, with the column that it looks at. Both bounds belong to the range."""
_COUNTS = frozenset({"recency_days", "orders"})
_NEVER_NEGATIVE = frozenset({"orders", "value"})
_BOUNDS = tuple(f"{measure}_{end}" for measure in _COLUMNS for end in ("min", "max"))
_KNOWN = ("name", *_BOUNDS, "currencies")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Range:
    least: Decimal | None = None
    most: Decimal | None = None

    @property
    def is_empty(self) -> bool:
        return self.least is not None and self.most is not None and self.least > self.most

    def covers(self, other: Range) -> bool:
        above = self.least is None or (other.least is not None and other.least >= self.least)
        below = self.most is None or (other.most is not None and other.most <= self.most)
        return above and below

    def condition(self, column: str) -> list[str]:
        """SQL that is never null: a customer without orders has no recency, and no rule about it holds for him."""
        ends = ((">=", self.least), ("<=", self.most))
        return [f"coalesce({column} {sign} {end:f}, false)" for sign, end in ends if end is not None]


@dataclass(frozen=True)
class Segment:
    """One rule. Of a measure without a range, and of the currency if none is named, everything will do."""

    name: str
    ranges: Mapping[str, Range]
    currencies: frozenset[str] = frozenset()

    @property
    def is_default(self) -> bool:
        return self.condition() == ""

    def condition(self) -> str:
        parts = [
            part for measure, range_ in self.ranges.items() for part in range_.condition(_COLUMNS[measure])
        ]
        if self.currencies:
            listed = ", ".join(literal(currency) for currency in sorted(self.currencies))
            parts.append(f"coalesce(currency IN ({listed}), false)")
        return " AND ".join(parts)

    def covers(self, other: Segment) -> bool:
        """Whether every customer whom the other rule matches is matched by this one."""
        in_currency = not self.currencies or (bool(other.currencies) and other.currencies <= self.currencies)
        unbounded = Range()
        return in_currency and all(
            range_.covers(other.ranges.get(measure, unbounded)) for measure, range_ in self.ranges.items()
        )


@dataclass(frozen=True)
class Segments:
    """The rules in their order. The last one is the default."""

    rules: tuple[Segment, ...]

    def expression(self) -> str:
        """A Spark SQL expression over recency_days, total_orders, lifetime_value and currency."""
        *rules, default = self.rules
        cases = " ".join(f"WHEN {rule.condition()} THEN {literal(rule.name)}" for rule in rules)
        return f"CASE {cases} ELSE {literal(default.name)} END" if cases else literal(default.name)


def parse(given: object) -> Segments:
    """The segments of the configuration's list. Raises ValueError that says which rule is wrong, and why."""
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise ValueError("segments: give a list of rules; the last one has only a name and is the default")
    rules = tuple(_rule(number, rule) for number, rule in enumerate(given, start=1))
    if not rules[-1].is_default:
        raise ValueError(
            f"segments: the last rule, {rules[-1].name!r}, has conditions; add a default with only a name after it"
        )
    for number, rule in enumerate(rules):
        if before := next((other for other in rules[:number] if other.covers(rule)), None):
            raise ValueError(
                f"segments: rule {number + 1}, {rule.name!r}, is never reached: {before.name!r} before it matches all "
                "that it matches"
            )
    return Segments(rules)


def _rule(number: int, given: object) -> Segment:
    if not isinstance(given, Mapping):
        raise ValueError(f"segments: rule {number} is {given!r}, not a mapping with a name and conditions")
    name = given.get("name")
    where = f"segments: rule {number}"
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{where} has no name")
    where += f", {name!r}"
    if unknown := sorted(str(key) for key in given if key not in _KNOWN):
        raise ValueError(f"{where}: unknown condition {unknown[0]!r}; known are {', '.join(_KNOWN[1:])}")
    ranges = {measure: _range(where, measure, given) for measure in _COLUMNS}
    for measure, range_ in ranges.items():
        if range_.is_empty:
            raise ValueError(
                f"{where} matches nobody: {measure}_min is {range_.least}, {measure}_max is {range_.most}"
            )
    return Segment(
        name,
        {measure: range_ for measure, range_ in ranges.items() if range_ != Range()},
        _currencies(where, given.get("currencies")),
    )


def _range(where: str, measure: str, given: Mapping[Any, Any]) -> Range:
    least, most = (
        _number(f"{where}: {measure}_{end}", measure, given[f"{measure}_{end}"])
        if f"{measure}_{end}" in given
        else None
        for end in ("min", "max")
    )
    return Range(None if least == 0 and measure in _NEVER_NEGATIVE else least, most)


def _number(where: str, measure: str, given: object) -> Decimal:
    kinds = int if measure in _COUNTS else (int, float)
    what = "a whole number" if measure in _COUNTS else "an amount with at most two places"
    if isinstance(given, bool) or not isinstance(given, kinds):
        raise ValueError(f"{where} is {given!r}, not {what}")
    number = Decimal(str(given))
    if not number.is_finite() or number != number.quantize(_CENT) or abs(number) >= 10**15:
        raise ValueError(f"{where} is {given!r}, not {what}")
    if number < 0 and measure in _NEVER_NEGATIVE:
        raise ValueError(f"{where} is {given!r}, which is below zero")
    return number


def _currencies(where: str, given: object) -> frozenset[str]:
    if given is None:
        return frozenset()
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise ValueError(f"{where}: currencies is {given!r}, not a list of currencies")
    if wrong := [currency for currency in given if not isinstance(currency, str) or not currency]:
        raise ValueError(f"{where}: currencies has {wrong[0]!r}, which is not the name of a currency")
    return frozenset(given)
