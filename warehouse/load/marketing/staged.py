"""Temporary tables with what a run has read: the contract's columns, and those that the worker adds to each row."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.dialects.snowflake import snowflake_type
from contracts.language.dataset import Dataset
from contracts.marketing.clickstream import CLICKSTREAM
from contracts.marketing.demographics import DEMOGRAPHICS
from warehouse.columns import Columns
from warehouse.load.staging import count_text, create_text, stage
from warehouse.statement import Statement

CUSTOMERS = "CURATED.MARKETING_DEMOGRAPHICS_STAGE"
EVENTS = "CURATED.MARKETING_CLICKSTREAM_STAGE"
TOUCHED = "CURATED.MARKETING_TOUCHED"
"""Users and times of the events that a merge changes: where sessions may change."""

_PLACE: Columns = {"source_file": "VARCHAR", "line_number": "BIGINT", "run_id": "VARCHAR"}


def _of_contract(dataset: Dataset) -> Columns:
    return {column.name: snowflake_type(column.kind) for column in dataset.columns}


CUSTOMER_COLUMNS: Columns = {
    **_of_contract(DEMOGRAPHICS),
    "customer_key": "BIGINT",
    "email_hash": "VARCHAR",
    "snapshot_date": "DATE",
    **_PLACE,
}
EVENT_COLUMNS: Columns = {
    **_of_contract(CLICKSTREAM),
    "customer_key": "BIGINT",
    "content_hash": "VARCHAR",
    "source_date": "DATE",
    **_PLACE,
}


def stage_customers(files: Sequence[str]) -> list[Statement]:
    return stage(CUSTOMERS, CUSTOMER_COLUMNS, files)


def stage_events(files: Sequence[str]) -> list[Statement]:
    points = {"user_id": "VARCHAR", "event_timestamp": "TIMESTAMP_NTZ"}
    return [
        *stage(EVENTS, EVENT_COLUMNS, files),
        Statement("create a table of what changes", create_text(TOUCHED, points)),
    ]


def count_staged(table: str) -> Statement:
    return Statement("count staged rows", count_text(table))


def count_repeated(table: str, key: str) -> Statement:
    """Count the staged rows beyond the first of each key."""
    return Statement("count repeated keys", f"SELECT COUNT(*) - COUNT(DISTINCT {key}) FROM {table}")
