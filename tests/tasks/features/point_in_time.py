"""What was known of customers at a moment, from the offline store's rows: the rule in plain Python, as an oracle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

Row = Mapping[str, Any]


def known_at(rows: Iterable[Row], origin: datetime, known_within: timedelta) -> dict[str, Row]:
    """By customer, the row that counts. A customer whose latest event is a deletion is left out."""
    by_customer: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if _event(row) <= origin and row["write_time"] <= origin + known_within:
            by_customer[row["customer_id"]].append(row)
    chosen = {customer: _first_of_latest(found) for customer, found in by_customer.items()}
    return {customer: row for customer, row in chosen.items() if not row["is_deleted"]}


def _first_of_latest(rows: list[Row]) -> Row:
    latest = max(_event(row) for row in rows)
    of_latest = [row for row in rows if _event(row) == latest]
    return min(of_latest, key=lambda row: (row["write_time"], row["api_invocation_time"]))


def _event(row: Row) -> datetime:
    return datetime.fromisoformat(row["event_time"])
