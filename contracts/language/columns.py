"""The vocabulary for defining a dataset: columns and the rules for their values."""

from __future__ import annotations

from contracts.language.dataset import Column, ContractError, Derived, Rule


def required(name: str, kind: str, description: str, *rules: Rule, personal: bool = False) -> Column:
    """A column that every file must have. A null in it sends the row to quarantine."""
    return Column(name, kind, required=True, description=description, rules=rules, personal=personal)


def optional(name: str, kind: str, description: str, *rules: Rule, personal: bool = False) -> Column:
    """A column that a file may lack. An invalid value becomes null, and the row is kept."""
    return Column(name, kind, required=False, description=description, rules=rules, personal=personal)


def later(name: str, kind: str, description: str, *rules: Rule) -> Column:
    """An optional column that was added after the contract's first version."""
    return Column(name, kind, required=False, description=description, rules=rules, is_later=True)


def one_of(*values: str | int) -> Rule:
    """Texts, or whole numbers."""
    return Rule("allowed", allowed=tuple(sorted(values, key=str)))


def above(minimum: float) -> Rule:
    return Rule("range", minimum=minimum, exclusive=True)


def at_least(minimum: float) -> Rule:
    return Rule("range", minimum=minimum)


def below(maximum: float) -> Rule:
    return Rule("range", maximum=maximum, exclusive_maximum=True)


def at_most(maximum: float) -> Rule:
    return Rule("range", maximum=maximum)


def between(minimum: float, maximum: float) -> Rule:
    """Between two bounds, inclusive."""
    return Rule("range", minimum=minimum, maximum=maximum)


def length(shortest: int, longest: int) -> Rule:
    """A length in characters, between two bounds, inclusive."""
    return Rule("length", minimum=shortest, maximum=longest)


def matches(pattern: str) -> Rule:
    """A regular expression. It must be anchored with ^ and $, because engines differ in whether they match or search."""
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise ContractError(
            f"pattern {pattern!r} must start with ^ and end with $: engines search differently"
        )
    return Rule("pattern", pattern=pattern)


def monday() -> Rule:
    """A Monday: weeks are identified by the Monday on which they start."""
    return Rule("monday")


def not_after(limit: str) -> Rule:
    """No later than a date in the same row. Use the raw date, not today, so that a backfill gives the same result."""
    return Rule("future", limit=limit)


def not_days_after(limit: str, days: int) -> Rule:
    """No later than the end of `days` days after the limit, to tolerate a source's clock that runs fast."""
    return Rule("future", limit=limit, days=days)


def not_years_before(limit: str, years: int) -> Rule:
    """At most `years` years before the limit: older dates are typos."""
    return Rule("too_old", limit=limit, years=years)


def at_most_column(limit: str) -> Rule:
    """No greater than another column of the same row."""
    return Rule("exceeds", limit=limit)


def date_key(day: str) -> Derived:
    """YYYYMMDD as a number, the key of facts to the calendar."""
    return Derived("date_key", "integer", f"year({day}) * 10000 + month({day}) * 100 + day({day})")
