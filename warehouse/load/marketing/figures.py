"""Figures for the checks of a load, from what is staged and from the tables after the merge."""

from __future__ import annotations

from datetime import date

from warehouse.load.marketing import events, profiles
from warehouse.load.marketing.staged import EVENTS
from warehouse.statement import Kind, Statement


def rows_before(flow: str, dataset: str, day: date) -> Statement:
    """The rows of the last delivery that was loaded, of this day or the nearest one before it."""
    return Statement(
        f"count the rows of {dataset} before",
        "SELECT rows_published FROM MONITORING.RUN_DATASETS"
        " WHERE flow = %s AND dataset = %s AND run_date <= %s AND status = 'published'"
        " ORDER BY run_date DESC, ended_at DESC LIMIT 1",
        (flow, dataset, str(day)),
        kind=Kind.QUICK,
    )


def repeated_customers() -> Statement:
    """Customers, and keys of customers, that the dimension has more than once."""
    return Statement(
        "look for repeated customers",
        f"SELECT COUNT(*) - COUNT(DISTINCT customer_id), COUNT(*) - COUNT(DISTINCT customer_key) FROM {profiles.TABLE}",
    )


def merged_events() -> Statement:
    """Of the staged events: how many there are, and how many rows the fact has of them."""
    return Statement(
        "count merged events",
        f"SELECT (SELECT COUNT(DISTINCT event_id) FROM {EVENTS}), COUNT(*)\n"
        f"FROM {events.TABLE} event\n"
        f"JOIN (SELECT DISTINCT event_id FROM {EVENTS}) staged ON staged.event_id = event.event_id",
    )


def events_of_unknown_users() -> Statement:
    """Of the staged events: those whose user no snapshot has."""
    return Statement(
        "count events of unknown users",
        f"SELECT COUNT(DISTINCT event.event_id) FROM {EVENTS} event\n"
        f"LEFT JOIN {profiles.TABLE} profile ON profile.customer_id = event.user_id\n"
        "WHERE event.user_id IS NOT NULL AND profile.customer_id IS NULL",
    )
