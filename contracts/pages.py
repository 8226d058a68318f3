"""Generate a page per dataset, and one of the kinds: `python -m contracts.pages` writes docs/contracts/."""

from __future__ import annotations

import sys
from pathlib import Path

from contracts import kinds_page, marketing, retail, shop
from contracts.catalog import DATASETS
from contracts.dialects.snowflake import snowflake_type
from contracts.dialects.spark_types import spark_type_of
from contracts.domain_words import WORDS
from contracts.language.dataset import Column, Dataset, Rule

PAGES = Path(__file__).resolve().parent.parent / "docs" / "contracts"
PAGED: dict[str, Dataset] = DATASETS | {
    dataset.table: dataset
    for dataset in (*retail.INBOX.values(), *marketing.DELIVERED, *shop.EXTRACTED.values())
}
"""Every dataset that comes from outside, by the name of its page."""
COMPUTED: dict[str, tuple[str, Dataset]] = {
    f"{layer}_{name}": (layer, dataset)
    for layer, tables in (("silver", shop.SILVER), ("gold", shop.GOLD), ("ml", shop.LEARNED))
    for name, dataset in tables.items()
}
"""Every table that is computed, by the name of its page, with its layer."""
_MEDALLION = "the flow `snowflake-medallion` ([the Snowflake medallion](../medallion.md))"
_CHURN = "the flow `customer-churn` ([the customer churn pipeline](../customer-churn.md))"
_COMPUTED_BY = {"silver": _MEDALLION, "gold": _MEDALLION, "ml": _CHURN}
_ANEW = "; a change of a contract of its layer or below computes it anew"


def page(dataset: Dataset) -> str:
    """The dataset's page as Markdown."""
    words = WORDS[dataset.domain]
    facts = "\n".join(f"| {name} | {fact} |" for name, fact in words.facts(dataset).items())
    rows = "\n".join(_row(column) for column in dataset.columns)
    provided = (
        f"\nFrom the prefix, not from the file: {_names(dataset.provided)}.\n" if dataset.provided else ""
    )
    return f"""# {dataset.table}

<!-- Written by `python -m contracts.pages` from contracts/: change the contract, not this page. -->

{dataset.description}

| | |
| --- | --- |
| contract version | {dataset.version} |
{facts}
{provided}
A row whose required column is null, does not cast or breaks a rule goes to quarantine with the reasons below.
{words.values}

| column | required | kind | Spark | Snowflake | rules | what it is |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

Reasons: {_reasons(dataset)}.
"""


def computed_page(layer: str, dataset: Dataset) -> str:
    """The page of a table that is computed from others: no row of it is ever in quarantine."""
    rows = "\n".join(_row(column) for column in dataset.columns)
    return f"""# {layer}.{dataset.name}

<!-- Written by `python -m contracts.pages` from contracts/: change the contract, not this page. -->

{dataset.description}

| | |
| --- | --- |
| contract version | {dataset.version}{"" if layer == "ml" else _ANEW} |
| key | {_names(dataset.key)} |
| computed by | {_COMPUTED_BY[layer]} |

| column | required | kind | Spark | Snowflake | rules | what it is |
| --- | --- | --- | --- | --- | --- | --- |
{rows}
"""


def write(folder: Path = PAGES) -> list[Path]:
    """Write every page; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = folder / "README.md"
    kinds.write_text(kinds_page.text(), encoding="utf-8")
    written = [kinds]
    texts = {name: page(dataset) for name, dataset in PAGED.items()}
    texts |= {name: computed_page(*computed) for name, computed in COMPUTED.items()}
    for name, text in texts.items():
        path = folder / f"{name}.md"
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _row(column: Column) -> str:
    rules = "; ".join(_rule_text(rule) for rule in column.rules)
    required = "yes" if column.required else "no"
    spark, snowflake = spark_type_of(column.kind), snowflake_type(column.kind)
    told = f"{column.description} Personal data." if column.personal else column.description
    return f"| `{column.name}` | {required} | {column.kind} | {spark} | {snowflake} | {rules} | {told} |"


def _rule_text(rule: Rule) -> str:
    match rule.name:
        case "allowed":
            return "one of " + ", ".join(map(str, rule.allowed))
        case "range" if rule.minimum is not None and rule.maximum is not None:
            return f"{rule.minimum:g} to {rule.maximum:g}"
        case "range" if rule.minimum is not None:
            return f"{'>' if rule.exclusive else '>='} {rule.minimum:g}"
        case "range":
            return f"{'<' if rule.exclusive_maximum else '<='} {rule.maximum:g}"
        case "length":
            return f"{rule.minimum:g} to {rule.maximum:g} characters"
        case "pattern":
            return f"`{rule.pattern}`"
        case "monday":
            return "a Monday"
        case "too_old":
            return f"at most {rule.years} years before {rule.limit}"
        case "exceeds":
            return f"at most {rule.limit}"
        case _ if rule.days is not None:
            return f"not after the end of {rule.limit} + {rule.days} day"
        case _:
            return f"not after {rule.limit}"


def _reasons(dataset: Dataset) -> str:
    reasons = {f"`{column.name}:{rule}`" for column in dataset.required for rule in _rules(column)}
    return ", ".join(sorted(reasons))


def _rules(column: Column) -> list[str]:
    return ["missing", "type", *(rule.name for rule in column.rules)]


if __name__ == "__main__":
    sys.stdout.writelines(f"{path}\n" for path in write())
