"""The contract of a dataset, as plain values that need neither pandera nor pandas.

Flows and Spark jobs start faster without them. A job's manifest contains the contract to apply, as a JSON document.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

from contracts.language.delivery import Delivery
from contracts.language.kinds import KINDS, TEXT_KINDS, exact_size
from contracts.language.nested import NESTED_KINDS, is_known, is_nested

RETRACTED = "is_deleted"
FIRST_DOMAIN = "cpg"
SOURCE_DATE = "source_date"
"""The raw date of the row's file. Every row has it, in addition to the contract's columns."""
_NUMBERS = frozenset({"integer", "decimal", "number"})
_MOMENTS = frozenset({"timestamp", "local_timestamp"})
_DAYS = frozenset({"date"})
RULES: dict[str, frozenset[str]] = {
    "allowed": TEXT_KINDS | {"integer"},
    "range": _NUMBERS,
    "length": TEXT_KINDS | {"json"},
    "pattern": TEXT_KINDS,
    "monday": _DAYS,
    "future": _DAYS | _MOMENTS,
    "too_old": _DAYS,
    "exceeds": TEXT_KINDS | _NUMBERS | _DAYS | _MOMENTS | {"time"},
}
"""Each rule with the kinds that it applies to."""
_NAME_PATTERN = "[a-z][a-z0-9_]*"
CODE_PATTERN = "^[A-Z0-9][A-Z0-9_-]{0,49}$"


class ContractError(ValueError):
    """The contract is invalid or unknown: a mistake in code or in a name, never in the data."""


@dataclass(frozen=True)
class Rule:
    """One condition on one column. `name` is what a quarantined row shows after the colon."""

    name: str
    allowed: tuple[str | int, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    exclusive: bool = False
    """Whether the minimum itself is out of range."""
    exclusive_maximum: bool = False
    pattern: str | None = None
    limit: str | None = None
    """The column of the same row to compare the value with."""
    days: int | None = None
    """Whole days after the limit that are still allowed."""
    years: int | None = None
    """Maximum years before the limit."""

    def applies_to(self, kind: str) -> bool:
        """A day is compared with a day; of a moment, only its day is, which needs a number of days after the limit."""
        if self.name == "future" and (self.days is None) != (kind in _DAYS):
            return False
        return ("decimal" if exact_size(kind) else kind) in RULES[self.name]


@dataclass(frozen=True)
class Column:
    name: str
    kind: str
    required: bool
    description: str
    rules: tuple[Rule, ...] = ()
    is_later: bool = False
    """Added after the contract's first version. Where it is null, the row's hashes and ids stay as they were before."""
    personal: bool = False
    """Says who a person is: masked for analysts, and never in a log, an artifact, an alert or a message."""


@dataclass(frozen=True)
class Reference:
    """A foreign key: a column that identifies a row of another dataset, given by its table name.

    `surrogate` is the surrogate key on which the warehouse joins the two.
    """

    column: str
    dataset: str
    surrogate: str


@dataclass(frozen=True)
class Derived:
    """A column computed from a row's other columns by a Spark SQL expression."""

    name: str
    kind: str
    expression: str
    in_warehouse: bool = True
    replaces: str = ""
    """The contract column that this one replaces in the warehouse."""


@dataclass(frozen=True)
class Thresholds:
    """The audit's limits, which a run may override. Rates are shares of the raw slice's rows."""

    row_count_min: int = 1
    null_rate_max: float = 0.05
    duplicate_rate_max: float = 0.01
    rejected_rate_max: float = 0.05
    superseded_rate_max: float = 0.05


@dataclass(frozen=True)
class Dataset:
    """A dataset's contract. `provided` columns come from the prefix, not from the file."""

    domain: str
    name: str
    """Unique in its domain."""
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    delivery: Delivery | None = None
    """None if Highwater produces the dataset itself."""
    references: tuple[Reference, ...] = ()
    derived: tuple[Derived, ...] = ()
    surrogate: str = ""
    """For a master: the surrogate key derived from its code, on which the warehouse joins it."""
    reads: tuple[str, ...] = ()
    """Datasets that its load reads, besides those it refers to."""
    version: str = "1.0.0"
    version_column: str | None = None
    thresholds: Thresholds = Thresholds()
    provided: tuple[str, ...] = ()
    is_whole: bool = False
    """Each delivery of a raw date is complete: rows that an earlier delivery had and a later one lacks are retracted."""
    load_sees_quarantine: bool = False
    """The load also reads the keys of the snapshot's quarantined rows, to distinguish an invalid row from a missing one."""

    def __post_init__(self) -> None:
        """Reject an inconsistent contract where it is defined, not where it is used."""
        self._check_names()
        self._check_columns()
        self._check_rules()
        self._check_what_follows()

    def _check_names(self) -> None:
        for part in (self.domain, self.name):
            if not re.fullmatch(_NAME_PATTERN, part):
                raise ContractError(
                    f"{self.domain}.{self.name}: {part!r} is not lower-case letters, digits and _"
                )

    def _check_columns(self) -> None:
        repeated = [name for name, times in Counter(c.name for c in self.columns).items() if times > 1]
        if repeated:
            raise ContractError(f"{self.name}: column {repeated[0]} is there twice")
        for column in self.columns:
            if not is_known(column.kind):
                raise ContractError(
                    f"{self.name}: column {column.name} is of the unknown kind {column.kind!r}; "
                    f"known are {', '.join((*KINDS, *NESTED_KINDS))}"
                )
            if not column.description:
                raise ContractError(f"{self.name}: column {column.name} has no description")
        # A table that is computed has neither: a null in its key is a group of its own.
        judged = self.delivery is not None or self.version_column is not None
        comparable = {
            column.name
            for column in (self.required if judged else self.columns)
            if not is_nested(column.kind)
        }
        known = comparable | set(self.provided)
        if missing := [name for name in self.key if name not in known]:
            raise ContractError(
                f"{self.name}: key columns {missing} are not required columns of a plain kind"
            )

    def _check_rules(self) -> None:
        beside = {*self.provided, SOURCE_DATE}
        for column in self.columns:
            for rule in column.rules:
                if rule.name not in RULES:
                    raise ContractError(f"{self.name}: {column.name} has the unknown rule {rule.name!r}")
                if rule.limit is not None and rule.limit not in beside:
                    self.column(rule.limit)
                if not rule.applies_to(column.kind):
                    raise ContractError(
                        f"{self.name}: the rule {rule.name!r} of {column.name} does not apply to the kind {column.kind}"
                    )
                if rule.allowed and any(
                    isinstance(v, str) == (column.kind == "integer") for v in rule.allowed
                ):
                    raise ContractError(
                        f"{self.name}: {column.name} is of kind {column.kind}, which its allowed values are not"
                    )

    def _check_what_follows(self) -> None:
        for derived in self.derived:
            if not is_known(derived.kind):
                raise ContractError(f"{self.name}: {derived.name} is of the unknown kind {derived.kind!r}")
            if derived.replaces:
                self.column(derived.replaces)
        for named in (self.version_column, *(reference.column for reference in self.references)):
            if named is not None:
                self.column(named)
        if self.is_whole and not self.retracts:
            raise ContractError(
                f"{self.name}: rows of a whole delivery can be taken back, which needs {RETRACTED}"
            )

    @cached_property
    def required(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.required)

    @cached_property
    def optional(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if not column.required)

    @cached_property
    def personal(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.personal)

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def retracts(self) -> bool:
        """Whether a version of a row can retract it."""
        return RETRACTED in self._by_name

    @property
    def table(self) -> str:
        """The dataset's table in every namespace of the lake, and its name in runs, quarantine and figures.

        The first domain has no prefix, because its tables existed before there was a second domain.
        """
        return self.name if self.domain == FIRST_DOMAIN else f"{self.domain}_{self.name}"

    @property
    def surrogates(self) -> dict[str, str]:
        """Each surrogate key with the column that it is derived from."""
        own = {self.surrogate: self.key[0]} if self.surrogate else {}
        return {reference.surrogate: reference.column for reference in self.references} | own

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def column(self, name: str) -> Column:
        try:
            return self._by_name[name]
        except KeyError:
            raise ContractError(
                f"{self.name} has no column {name!r}; it has {', '.join(self.names)}"
            ) from None


def with_years(dataset: Dataset, years: int) -> Dataset:
    """The contract with a different limit for how old a date may be."""
    columns = tuple(
        replace(
            column,
            rules=tuple(
                replace(rule, years=years) if rule.name == "too_old" else rule for rule in column.rules
            ),
        )
        for column in dataset.columns
    )
    return replace(dataset, columns=columns)
