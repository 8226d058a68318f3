"""What is true of a dataset, as plain values: whoever reads a contract needs neither pandera nor pandas.

A Spark job starts twice as fast for it, and is told by its manifest, as a document, which contract to judge by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

RETRACTED = "is_deleted"
CODE_PATTERN = "^[A-Z0-9][A-Z0-9_-]{0,49}$"


class ContractError(ValueError):
    """The contract itself is wrong or unknown: a mistake in the code or in a name, never in the data."""


@dataclass(frozen=True)
class Rule:
    """One condition on one column. `name` is what a quarantined row shows after the colon."""

    name: str
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    exclusive: bool = False
    pattern: str | None = None
    limit: str | None = None
    """The column that holds the date which the value is held against."""
    days: int | None = None
    """So many whole days after the limit's are allowed too."""
    years: int | None = None
    """At most so many years before the limit."""


@dataclass(frozen=True)
class ColumnSpec:
    name: str
    kind: str
    required: bool
    description: str
    rules: tuple[Rule, ...] = ()
    is_later: bool = False
    """Came after the contract's first version: where it is null, the row's hashes and ids are what they were before."""

    @property
    def max_length(self) -> int | None:
        lengths = [
            int(rule.maximum) for rule in self.rules if rule.name == "length" and rule.maximum is not None
        ]
        return min(lengths, default=None)


@dataclass(frozen=True)
class Thresholds:
    """The audit's limits, which a run may override. Rates are shares of the raw slice's rows."""

    row_count_min: int = 1
    null_rate_max: float = 0.05
    duplicate_rate_max: float = 0.01
    rejected_rate_max: float = 0.05
    superseded_rate_max: float = 0.05


@dataclass(frozen=True)
class Spec:
    """All that is true of a dataset. `provided` are columns that come from the prefix, not from the file."""

    dataset: str
    version: str
    description: str
    columns: tuple[ColumnSpec, ...]
    key: tuple[str, ...]
    version_column: str | None
    thresholds: Thresholds
    prefix: str
    provided: tuple[str, ...] = ()
    is_whole: bool = False
    """The files of a raw date are all there is of it: rows that an earlier delivery had and they lack are taken back."""

    @cached_property
    def required(self) -> tuple[ColumnSpec, ...]:
        return tuple(column for column in self.columns if column.required)

    @cached_property
    def optional(self) -> tuple[ColumnSpec, ...]:
        return tuple(column for column in self.columns if not column.required)

    @cached_property
    def _by_name(self) -> dict[str, ColumnSpec]:
        return {column.name: column for column in self.columns}

    @property
    def retracts(self) -> bool:
        """Whether a version of a row may take the row back."""
        return RETRACTED in self._by_name

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def column(self, name: str) -> ColumnSpec:
        try:
            return self._by_name[name]
        except KeyError:
            raise ContractError(
                f"{self.dataset} has no column {name!r}; it has {', '.join(self.names)}"
            ) from None


def with_years(spec: Spec, years: int) -> Spec:
    """The contract with another limit of how old a date may be."""
    columns = tuple(
        replace(
            column,
            rules=tuple(
                replace(rule, years=years) if rule.name == "too_old" else rule for rule in column.rules
            ),
        )
        for column in spec.columns
    )
    return replace(spec, columns=columns)


def document(spec: Spec) -> dict[str, Any]:
    """For a manifest; `from_document` reads it back, from JSON too."""
    return asdict(spec)


def from_document(found: Mapping[str, Any]) -> Spec:
    columns = tuple(
        ColumnSpec(**{**column, "rules": tuple(_rule(rule) for rule in column["rules"])})
        for column in found["columns"]
    )
    listed = {name: tuple(found[name]) for name in ("key", "provided")}
    return Spec(**{**found, **listed, "columns": columns, "thresholds": Thresholds(**found["thresholds"])})


def _rule(found: Mapping[str, Any]) -> Rule:
    return Rule(**{**found, "allowed": tuple(found["allowed"])})
