"""What the page of a contract says that is not in the contract: how its domain delivers, judges and versions rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from contracts.language.dataset import Dataset


@dataclass(frozen=True)
class Words:
    """The rows of the page's first table, by name, and what becomes of values that do not fit."""

    facts: Callable[[Dataset], dict[str, str]]
    values: str


def _cpg(dataset: Dataset) -> dict[str, str]:
    limits = dataset.thresholds
    version = f"`{dataset.version_column}`, then the raw date" if dataset.version_column else "the raw date"
    return {
        "prefix": f"`{dataset.delivery.prefix if dataset.delivery else ''}`",
        "key": _names(dataset.key),
        "version of a row": f"{version}; the newest wins, of equal ones the row with more filled columns",
        "audit": f"at least {limits.row_count_min} rows; nulls in a required column <= {limits.null_rate_max:g}; "
        f"repeated rows <= {limits.duplicate_rate_max:g}; rejected rows <= {limits.rejected_rate_max:g}; "
        f"rows superseded by another of the same raw date <= {limits.superseded_rate_max:g}",
    }


def _retail(dataset: Dataset) -> dict[str, str]:
    return {
        "file": f"`inbox/`, a name with `{dataset.name}` and a date ([the retail inbox](../retail-inbox.md))",
        "key": _names(dataset.key),
        "version of a row": "the batch date, then the file's arrival, then the line; the greatest wins",
        "tables": f"`RAW.{dataset.name.upper()}`, `STAGE.{dataset.name.upper()}`",
        "limit": "more than 5% broken rows refuse the file (parameter `broken_rate_max`)",
    }


_MARKETING_VERSIONS = {
    "demographics": "the date of the snapshot; the newest wins, of one snapshot the first line",
    "clickstream": "the partition's date, then the SHA-256 of the canonical JSON; the greatest wins",
}


def _marketing(dataset: Dataset) -> dict[str, str]:
    return {
        "prefix": f"`{dataset.delivery.prefix if dataset.delivery else ''}`",
        "key": _names(dataset.key),
        "version of a row": f"{_MARKETING_VERSIONS[dataset.name]} ([marketing](../marketing.md#definitions))",
    }


def _shop(dataset: Dataset) -> dict[str, str]:
    return {
        "source": f"`SHOP.PUBLIC.{dataset.name.upper()}` ([the Snowflake medallion](../medallion.md))",
        "key": _names(dataset.key),
        "version of a row": f"`{dataset.version_column}`; every version that a run could read is kept",
        "tables": f"`bronze.{dataset.name}`, `quarantine.{dataset.table}`",
    }


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


WORDS = {
    "cpg": Words(
        _cpg,
        """\
An optional column may be missing from a file; a value in it that does not fit becomes null, the row stays, and the
value is kept in `kept_aside`. So are the values of columns that the contract does not know.""",
    ),
    "retail": Words(
        _retail,
        """\
Blanks around a value do not count, and a blank value is null. A file whose header lacks a column is refused, even an
optional one; further columns are ignored.""",
    ),
    "shop": Words(
        _shop,
        """\
The source is a database with types of its own: an optional column's null passes, and a value of it that breaks a rule
sends the row to quarantine too. Columns that the contract does not know are kept and reported.""",
    ),
    "marketing": Words(
        _marketing,
        """\
A value of an optional column that does not fit becomes null, and the row stays. The header of a delimited file must
have all columns, an object of JSON the required ones. Values of columns that the contract does not know are not loaded.""",
    ),
}
