"""The words that a dataset is written in: its columns and the rules that hold for their values."""

from __future__ import annotations

from contracts.language.dataset import Column, ContractError, Derived, Rule


def required(name: str, kind: str, description: str, *rules: Rule) -> Column:
    """A column that every file must have and whose null sends the row to quarantine."""
    return Column(name, kind, required=True, description=description, rules=rules)


def optional(name: str, kind: str, description: str, *rules: Rule) -> Column:
    """A column that a file may lack; a value that does not fit becomes null and the row stays."""
    return Column(name, kind, required=False, description=description, rules=rules)


def later(name: str, kind: str, description: str, *rules: Rule) -> Column:
    """An optional column that came after the contract's first version."""
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
    """Both ends are allowed."""
    return Rule("range", minimum=minimum, maximum=maximum)


def length(shortest: int, longest: int) -> Rule:
    """In characters."""
    return Rule("length", minimum=shortest, maximum=longest)


def matches(pattern: str) -> Rule:
    """Must be anchored with ^ and $, because engines search differently."""
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise ContractError(
            f"pattern {pattern!r} must start with ^ and end with $: engines search differently"
        )
    return Rule("pattern", pattern=pattern)


def monday() -> Rule:
    """A week is named by the Monday it starts on."""
    return Rule("monday")


def not_after(limit: str) -> Rule:
    """Held against the file's raw date, not against today: a backfill then judges as the day did."""
    return Rule("future", limit=limit)


def not_days_after(limit: str, days: int) -> Rule:
    """No later than the end of so many days after the limit's: allows for a source's clock that is fast."""
    return Rule("future", limit=limit, days=days)


def not_years_before(limit: str, years: int) -> Rule:
    """At most so many years before the limit: what is older is a typing error."""
    return Rule("too_old", limit=limit, years=years)


def at_most_column(limit: str) -> Rule:
    """No greater than another column of the same row."""
    return Rule("exceeds", limit=limit)


def date_key(day: str) -> Derived:
    """YYYYMMDD as a number, by which facts join the calendar."""
    return Derived("date_key", "integer", f"year({day}) * 10000 + month({day}) * 100 + day({day})")
