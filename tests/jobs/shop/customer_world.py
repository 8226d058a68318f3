"""Customers in bronze, and their history by another way: each customer's rows replayed one after the other, in Python."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import xxhash

from contracts.language.dataset import Dataset
from contracts.shop.customers import CUSTOMERS

Row = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_MOMENT = datetime(1, 1, 1, tzinfo=UTC)
OPEN_END = datetime(9999, 12, 31, tzinfo=UTC)
PROVENANCE = ("extraction_timestamp", "source_system", "window_id", "run_id", "query_hash", "is_tombstone")
_PLAIN = {
    "first_name": "Asha",
    "last_name": "Rao",
    "email": "asha@example.com",
    "phone": "098765 43210",
    "address": "1 Hill Road",
    "city": "Pune",
    "state": "MH",
    "zip_code": "411001",
    "country": "IN",
    "is_active": True,
    "is_deleted": False,
    "created_at": START,
}


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def version(customer: str, hours: float | None, extracted: float | None = None, **values: Any) -> Row:
    """A row of bronze: the customer as written at that hour, and extracted an hour later unless told."""
    row = {**_PLAIN, "customer_id": customer, "updated_at": None if hours is None else at(hours), **values}
    found = (hours or 0) + 1 if extracted is None else extracted
    return {**row, **_provenance(at(found)), "is_tombstone": False}


def tombstone(customer: str, hours: float, extracted: float | None = None) -> Row:
    row = {**dict.fromkeys(CUSTOMERS.names), "customer_id": customer, "updated_at": at(hours)}
    return {**row, **_provenance(at(hours if extracted is None else extracted)), "is_tombstone": True}


def _provenance(moment: datetime) -> Row:
    told = {"source_system": "shop", "window_id": "w", "run_id": "r", "query_hash": "q"}
    return {"extraction_timestamp": moment, **told}


def surrogate(text: str) -> int:
    return xxhash.xxh64(text.encode(), seed=42).intdigest() & (2**63 - 1)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Period:
    """What the history says of a customer, without the cleaning."""

    customer_id: str
    effective_at: datetime
    expired_at: datetime
    content: tuple[Any, ...]
    updated_at: datetime | None


TRACKED = [name for name in CUSTOMERS.names if name not in ("customer_id", "updated_at", "is_deleted")]


def periods(rows: Iterable[Row]) -> set[Period]:
    """The history of all customers, by walking through each customer's moments."""
    by_customer: dict[str, list[Row]] = {}
    for row in rows:
        by_customer.setdefault(row["customer_id"], []).append(row)
    return {period for customer, found in by_customer.items() for period in _walk(customer, found)}


def _walk(customer: str, rows: Sequence[Row]) -> list[Period]:
    moments: dict[datetime, Row] = {}
    for row in sorted(rows, key=_rank):  # the last one written stands
        moments[_dated(row, rows)] = row
    found: list[Period] = []
    open_since: datetime | None = None
    for moment in sorted(moments):
        row = moments[moment]
        content = None if row["is_tombstone"] or row["is_deleted"] else tuple(row[name] for name in TRACKED)
        if open_since is not None and content == found[-1].content:
            continue
        if open_since is not None:
            found[-1] = Period(customer, open_since, moment, found[-1].content, found[-1].updated_at)
            open_since = None
        if content is not None:
            found.append(Period(customer, moment, OPEN_END, content, row["updated_at"]))
            open_since = moment
    return found


def _dated(row: Row, rows: Sequence[Row]) -> datetime:
    dated: datetime = row["updated_at"] or row["created_at"] or FIRST_MOMENT
    gone_before = any(
        other["is_tombstone"]
        and other["updated_at"] >= dated
        and other["extraction_timestamp"] < row["extraction_timestamp"]
        for other in rows
    )
    return row["extraction_timestamp"] if gone_before and not row["is_tombstone"] else dated


def _rank(row: Row) -> tuple[bool, datetime, str]:
    return row["is_tombstone"], row["extraction_timestamp"], digest(row)


def digest(row: Row, dataset: Dataset = CUSTOMERS) -> str:
    """The SHA-256 of the source's columns in their order: a null as nothing, a text with its length."""
    told = "|".join(_text(row[column.name], column.kind) for column in dataset.columns)
    return hashlib.sha256(told.encode()).hexdigest()


def _text(value: Any, kind: str) -> str:
    if value is None:
        return ""
    if kind == "text":
        return f"{len(value)}:{value}"
    if kind == "timestamp":
        return str(micros(value))
    return str(value).lower()


def any_rows(customers: int, seed: int) -> list[Row]:
    """Histories: a fifth deletions, a seventh repeats; ties, late rows, rows without a time, and keys found again."""
    chance = random.Random(seed)
    return [row for number in range(customers) for row in _any_history(f"C{seed}-{number}", chance)]


def _any_history(customer: str, chance: random.Random) -> list[Row]:
    rows: list[Row] = []
    for _ in range(chance.randint(1, 7)):
        hours = chance.randint(0, 12)  # few hours, so that times meet
        extracted = hours + chance.choice([0, 1, 1, 5])
        kind = chance.random()
        if kind < 0.1:
            rows.append(tombstone(customer, hours, extracted))
        elif rows and kind < 0.25:
            again = {**chance.choice(rows)}
            if not again["is_tombstone"]:
                again["extraction_timestamp"] += timedelta(hours=chance.choice([0, 0, 3]))
            rows.append(again)
        else:
            values: Row = {
                "first_name": chance.choice(["Asha", "Asha", "Bina"]),
                "city": chance.choice(["Pune", None]),
            }
            values["is_deleted"] = chance.random() < 0.15 or chance.choice([False, False, None])
            if chance.random() < 0.1:
                values |= dict.fromkeys(TRACKED)  # nothing but nulls, which is not the same as gone
            dated = None if chance.random() < 0.05 else hours
            if dated is None and chance.random() < 0.5:
                values["created_at"] = None
            rows.append(version(customer, dated, extracted, **values))
    chance.shuffle(rows)
    return rows
