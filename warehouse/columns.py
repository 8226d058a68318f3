"""The columns that COPY stages from a dataset's curated files: contract columns, derived columns and lineage.

A column added to a contract is staged automatically; only its DW table needs a migration.
"""

from __future__ import annotations

from collections.abc import Mapping

from contracts.dialects.snowflake import snowflake_type
from contracts.language.dataset import RETRACTED, Dataset

Columns = Mapping[str, str]

_LINEAGE: Columns = {
    "source_date": "DATE",
    "source_file": "VARCHAR",
    "run_id": "VARCHAR",
    "content_hash": "BIGINT",
}


def staged(dataset: Dataset) -> Columns:
    columns = {column.name: snowflake_type(column.kind) for column in dataset.columns}
    derived = {d.name: snowflake_type(d.kind) for d in dataset.derived if d.in_warehouse}
    return {**columns, **derived, **dict.fromkeys(dataset.surrogates, "BIGINT"), **_LINEAGE}


def merged(dataset: Dataset) -> list[str]:
    """The staged columns that the dataset's DW table also has.

    Not merged: natural keys that are in the dimensions, columns that a derived column replaces, and the retraction flag.
    """
    not_merged = {
        RETRACTED,
        *(reference.column for reference in dataset.references),
        *(derived.replaces for derived in dataset.derived),
    }
    return [column for column in staged(dataset) if column not in not_merged]


def sighted(dataset: Dataset) -> Columns:
    """The columns staged of quarantined rows: the key as delivered, and the raw date."""
    return dict.fromkeys((*dataset.key, "raw_date"), "VARCHAR")
