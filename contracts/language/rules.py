"""The meaning of each rule, in plain Python. pandera's checks call this; SQL dialects implement the same rules."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from contracts.language.dataset import ContractError, Rule

_MONDAY = 0


def keeps(rule: Rule, value: Any, limit: Any = None) -> bool:
    """Whether a non-null value keeps the rule; `limit` is the value of the rule's limit column."""
    try:
        meaning = _MEANINGS[rule.name]
    except KeyError:
        raise ContractError(f"rule {rule.name!r} has no meaning; known are {', '.join(_MEANINGS)}") from None
    return bool(meaning(rule, value, limit))


def years_before(day: dt.date, years: int) -> dt.date:
    """The same day `years` earlier. February 29 becomes 28 if necessary, as in Spark's add_months."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def _in_range(rule: Rule, value: Any, _: Any) -> bool:
    """Whether the value is in the range. NaN is not in any range."""
    least, most = (_as_written(bound, value) for bound in (rule.minimum, rule.maximum))
    above = least is None or (value > least if rule.exclusive else value >= least)
    if not above or most is None:
        return bool(above)
    return bool(value < most if rule.exclusive_maximum else value <= most)


def _as_written(bound: float | None, value: Any) -> Any:
    """To a decimal, 0.1 is a tenth, as it is in SQL, and not the double next to it."""
    return Decimal(str(bound)) if bound is not None and isinstance(value, Decimal) else bound


def _in_length(rule: Rule, value: str, _: Any) -> bool:
    return (rule.minimum or 0) <= len(value) and (rule.maximum is None or len(value) <= rule.maximum)


def _in_time(rule: Rule, value: Any, limit: dt.date) -> bool:
    return bool(value <= limit if rule.days is None else value.date() <= limit + dt.timedelta(days=rule.days))


_MEANINGS: dict[str, Callable[[Rule, Any, Any], bool]] = {
    "allowed": lambda rule, value, _: value in rule.allowed,
    "range": _in_range,
    "length": _in_length,
    "pattern": lambda rule, value, _: re.fullmatch(rule.pattern or "", value) is not None,
    "monday": lambda _, day, __: day.weekday() == _MONDAY,
    "future": _in_time,
    "too_old": lambda rule, day, limit: day >= years_before(limit, rule.years or 0),
    "exceeds": lambda _, value, limit: value <= limit,
}
