"""The columns that COPY takes from a dataset's curated files: its contract's, what the curation derives, and lineage.

A column added to a contract is staged by itself; a migration then gives it a place in the DW.
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
    """The staged columns that the dataset's table in the DW has too.

    Left behind are natural keys that a fact leaves to its dimensions, what a derived column replaces, and what takes a
    row out of the fact.
    """
    left_behind = {
        RETRACTED,
        *(reference.column for reference in dataset.references),
        *(derived.replaces for derived in dataset.derived),
    }
    return [column for column in staged(dataset) if column not in left_behind]


def sighted(dataset: Dataset) -> Columns:
    """The key and the raw date of a quarantined row, as the text that was delivered."""
    return dict.fromkeys((*dataset.key, "raw_date"), "VARCHAR")
