"""From a pandera model to the facts that other engines need: columns, kinds, rules, key, thresholds.

A model may only use checks that Spark can evaluate as well, or the two engines would judge a row differently.
That is why an unknown check stops the import instead of being left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pandera.pandas as pa

from contracts import checks as checks  # registers our own checks with pandera
from contracts.kinds import _Kind
from contracts.spec import RETRACTED, ColumnSpec, ContractError, Rule, Spec, Thresholds

FACTS = "contract"
LATER = "later"


class Contract(pa.DataFrameModel):
    """The base of every dataset's model. Extra columns pass: they are kept aside, not refused."""

    class Config:
        strict = False
        coerce = False
        metadata: ClassVar[dict[str, Any] | None] = None


def required(description: str, **checks: Any) -> Any:
    """A column that every file must have and whose null sends the row to quarantine."""
    return pa.Field(nullable=False, description=description, **checks)


def optional(description: str, **checks: Any) -> Any:
    """A column that a file may lack; a value that does not fit becomes null and the row stays."""
    return pa.Field(nullable=True, description=description, **checks)


def later(description: str, **checks: Any) -> Any:
    """An optional column that came after the contract's first version."""
    return pa.Field(nullable=True, description=description, metadata={LATER: True}, **checks)


def facts(
    dataset: str,
    *,
    prefix: str,
    key: tuple[str, ...],
    version: str = "1.0.0",
    version_column: str | None = None,
    provided: tuple[str, ...] = (),
    is_whole: bool = False,
    thresholds: Thresholds | None = None,
) -> dict[str, Any]:
    """What a model says about the dataset as a whole, for its Config.metadata."""
    return {
        FACTS: {
            "dataset": dataset,
            "prefix": prefix,
            "key": key,
            "version": version,
            "version_column": version_column,
            "provided": provided,
            "is_whole": is_whole,
            "thresholds": thresholds or Thresholds(),
        }
    }


def rule_of(check: Any) -> Rule:
    """A pandera check in the vocabulary that Spark can evaluate too."""
    facts: Mapping[str, Any] = check.statistics or {}
    match check.name:
        case "isin":
            return Rule("allowed", allowed=tuple(sorted(facts["allowed_values"])))
        case "greater_than":
            return Rule("range", minimum=facts["min_value"], exclusive=True)
        case "greater_than_or_equal_to":
            return Rule("range", minimum=facts["min_value"])
        case "less_than_or_equal_to":
            return Rule("range", maximum=facts["max_value"])
        case "in_range" if facts["include_min"] and facts["include_max"]:
            return Rule("range", minimum=facts["min_value"], maximum=facts["max_value"])
        case "str_length" if facts.get("exact_value") is None:
            return Rule("length", minimum=facts["min_value"], maximum=facts["max_value"])
        case "str_matches":
            return Rule("pattern", pattern=_anchored(facts["pattern"]))
        case "monday":
            return Rule("monday")
        case "not_after":
            return Rule("future", limit=facts["limit"])
        case "not_days_after":
            return Rule("future", limit=facts["limit"], days=facts["days"])
        case "not_years_before":
            return Rule("too_old", limit=facts["limit"], years=facts["years"])
    raise ContractError(
        f"check {check.name!r} with {dict(facts)} has no Spark counterpart: "
        "use another check, or teach contracts.model.rule_of and contracts.spark_sql about it"
    )


def _anchored(pattern: str) -> str:
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise ContractError(
            f"pattern {pattern!r} must start with ^ and end with $: engines search differently"
        )
    return pattern


def spec_of(model: type[Contract]) -> Spec:
    """Read a model's schema once; everything downstream works from the result."""
    schema = model.to_schema()
    facts = (model.Config.metadata or {}).get(FACTS)
    if facts is None:
        raise ContractError(f"{model.__name__}.Config.metadata lacks facts(...): dataset, prefix and key")
    row_rules: dict[str, list[Rule]] = {}
    for check in schema.checks:
        row_rules.setdefault((check.statistics or {}).get("column", ""), []).append(rule_of(check))
    columns = tuple(_column(column, row_rules.pop(str(name), [])) for name, column in schema.columns.items())
    if row_rules:
        raise ContractError(f"{model.__name__}: row checks on unknown columns {sorted(row_rules)}")
    spec = Spec(columns=columns, description=" ".join((model.__doc__ or "").split()), **facts)
    _confirm_key(spec)
    return spec


def _column(column: Any, row_rules: list[Rule]) -> ColumnSpec:
    if not isinstance(column.dtype, _Kind):
        raise ContractError(f"column {column.name!r}: annotate it with one of contracts.kinds")
    if not column.description:
        raise ContractError(f"column {column.name!r} has no description")
    rules = tuple(rule_of(check) for check in column.checks) + tuple(row_rules)
    is_later = bool((column.metadata or {}).get(LATER))
    return ColumnSpec(
        column.name, column.dtype.name, not column.nullable, column.description, rules, is_later
    )


def _confirm_key(spec: Spec) -> None:
    known = {column.name for column in spec.required} | set(spec.provided)
    if missing := [name for name in spec.key if name not in known]:
        raise ContractError(f"{spec.dataset}: key columns {missing} are not required columns")
    if spec.version_column is not None:
        spec.column(spec.version_column)
    if spec.is_whole and not spec.retracts:
        raise ContractError(
            f"{spec.dataset}: rows of a whole delivery can be taken back, which needs {RETRACTED}"
        )
