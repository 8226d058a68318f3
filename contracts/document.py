"""A page per dataset, written from its contract: `python -m contracts.document` writes docs/contracts/."""

from __future__ import annotations

import sys
from pathlib import Path

from contracts.catalog import DATASETS
from contracts.snowflake import snowflake_type
from contracts.spark_types import SPARK_TYPES
from contracts.spec import ColumnSpec, Rule, Spec

PAGES = Path(__file__).resolve().parent.parent / "docs" / "contracts"


def page(spec: Spec) -> str:
    """The dataset's page as Markdown."""
    limits = spec.thresholds
    version = f"`{spec.version_column}`, then the raw date" if spec.version_column else "the raw date"
    rows = "\n".join(_row(column) for column in spec.columns)
    provided = f"\nFrom the prefix, not from the file: {_names(spec.provided)}.\n" if spec.provided else ""
    return f"""# {spec.dataset}

<!-- Written by `python -m contracts.document` from contracts/: change the contract, not this page. -->

{spec.description}

| | |
| --- | --- |
| contract version | {spec.version} |
| prefix | `{spec.prefix}` |
| key | {_names(spec.key)} |
| version of a row | {version}; the newest wins, of equal ones the row with more filled columns |
| audit | at least {limits.row_count_min} rows; nulls in a required column <= {limits.null_rate_max:g}; \
repeated rows <= {limits.duplicate_rate_max:g}; rejected rows <= {limits.rejected_rate_max:g}; \
rows superseded by another of the same raw date <= {limits.superseded_rate_max:g} |
{provided}
A row whose required column is null, does not cast or breaks a rule goes to quarantine with the reasons below.
An optional column may be missing from a file; a value in it that does not fit becomes null, the row stays, and the
value is kept in `kept_aside`. So are the values of columns that the contract does not know.

| column | required | kind | Spark | Snowflake | rules | what it is |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

Reasons: {_reasons(spec)}.
"""


def write(folder: Path = PAGES) -> list[Path]:
    """Write every page; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for spec in DATASETS.values():
        path = folder / f"{spec.dataset}.md"
        path.write_text(page(spec), encoding="utf-8")
        written.append(path)
    return written


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _row(column: ColumnSpec) -> str:
    rules = "; ".join(_told(rule) for rule in column.rules)
    required = "yes" if column.required else "no"
    spark, snowflake = SPARK_TYPES[column.kind], snowflake_type(column)
    return f"| `{column.name}` | {required} | {column.kind} | {spark} | {snowflake} | {rules} | {column.description} |"


def _told(rule: Rule) -> str:
    match rule.name:
        case "allowed":
            return "one of " + ", ".join(rule.allowed)
        case "range" if rule.minimum is not None:
            return f"{'>' if rule.exclusive else '>='} {rule.minimum:g}"
        case "range":
            return f"<= {rule.maximum:g}"
        case "length":
            return f"{rule.minimum:g} to {rule.maximum:g} characters"
        case "pattern":
            return f"`{rule.pattern}`"
        case "monday":
            return "a Monday"
        case "too_old":
            return f"at most {rule.years} years before {rule.limit}"
        case _ if rule.days is not None:
            return f"not after the end of {rule.limit} + {rule.days} day"
        case _:
            return f"not after {rule.limit}"


def _reasons(spec: Spec) -> str:
    reasons = {f"`{column.name}:{rule}`" for column in spec.required for rule in _rules(column)}
    return ", ".join(sorted(reasons))


def _rules(column: ColumnSpec) -> list[str]:
    return ["missing", "type", *(rule.name for rule in column.rules)]


if __name__ == "__main__":
    sys.stdout.writelines(f"{path}\n" for path in write())
