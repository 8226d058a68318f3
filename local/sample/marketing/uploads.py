"""What is delivered over some days, with how each file must end."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta

from local.sample.marketing.people import Customer, snapshot
from local.sample.marketing.visits import Event, visits

FIRST_DAY = date(2025, 1, 6)
HEADER = ("customer_id", "first_name", "last_name", "email", "region", "signup_date")
_FOLDER = "raw/marketing/{kind}/year={day:%Y}/month={day:%m}/day={day:%d}/"
_LATE_OF = 10
_AGAIN_OF = 15
_CORRECTED_OF = 20


@dataclass(frozen=True)
class Expected:
    """records = header_lines + rows + quarantined + blank_lines."""

    records: int
    header_lines: int
    rows: int
    quarantined: int
    blank_lines: int


@dataclass(frozen=True)
class Upload:
    """An object for the lake bucket. `rows`: what is loaded of it."""

    key: str
    body: bytes = field(repr=False)
    day: date
    expected: Expected
    rows: tuple[Customer | Event, ...] = field(default=(), repr=False)


def uploads(seed: int = 1, days: int = 2) -> list[Upload]:
    """All files of the days. The same seed and days give the same bytes."""
    found: list[Upload] = []
    kept_back: list[Event] = []
    for number in range(days):
        day = FIRST_DAY + timedelta(days=number)
        customers = snapshot(number, seed)
        found += _snapshot_files(customers, day)
        today = visits(customers, day, seed)
        # A tenth comes a day late; with it come some events again, and some of these have changed.
        delivered = [event for place, event in enumerate(today) if place % _LATE_OF]
        again = [_again(place, event) for place, event in enumerate(today) if place % _AGAIN_OF == 1]
        found += _event_files([*delivered, *kept_back], day)
        kept_back = [*(event for place, event in enumerate(today) if place % _LATE_OF == 0), *again]
    return found


def _again(place: int, event: Event) -> Event:
    return event.corrected() if place % _CORRECTED_OF == 1 else event


def _snapshot_files(customers: Sequence[Customer], day: date) -> Iterator[Upload]:
    """Two files. The second has a customer of the first once more, a line without an id and one that is cut off."""
    half = len(customers) // 2
    folder = _FOLDER.format(kind="demographics", day=day)
    first = _csv(HEADER, map(_cells, customers[:half]), delimiter=",")
    # A repeat within the file: the first line counts.
    repeat = [*_cells(customers[0])[:3], "other.address@example.com", "Elsewhere", ""]
    body = (first + _csv(repeat, [], delimiter=",")).encode()
    yield Upload(f"{folder}a.csv", body, day, Expected(half + 2, 1, half, 1, 0), tuple(customers[:half]))
    columns = ("signup_date", "email", "tier", "customer_id", "last_name", "first_name", "region")
    told = [_reordered(_cells(customer), columns) for customer in customers[half:]]
    broken = [_reordered(["", *_cells(customers[1])[1:]], columns), ["2024-02-29", "cut.off@example.com"]]
    again = [_reordered(_cells(customers[1]), columns)]
    body = gzip.compress(f"{_csv(columns, [*told, *broken, *again], delimiter=';')}\n".encode(), mtime=0)
    rest = tuple(customers[half:])
    yield Upload(f"{folder}b.csv.gz", body, day, Expected(len(rest) + 5, 1, len(rest), 3, 1), rest)


def _event_files(events: Sequence[Event], day: date) -> Iterator[Upload]:
    """A third each as lines, as an array and as packed lines. The lines have two that are broken and a blank one."""
    folder = _FOLDER.format(kind="clickstream", day=day)
    parts = [events[place::3] for place in range(3)]
    lines = [json.dumps(event.document()) for event in parts[0]]
    broken = ['{"event_id": "cut', json.dumps(parts[0][0].document() | {"event_id": None})]
    text = "\r\n".join([*lines[:3], broken[0], "", *lines[3:], broken[1], ""])
    size = len(lines)
    yield Upload(f"{folder}a.jsonl", text.encode(), day, Expected(size + 3, 0, size, 2, 1), tuple(parts[0]))
    array = json.dumps([event.document() for event in parts[1]], indent=1, ensure_ascii=False)
    size = len(parts[1])
    yield Upload(f"{folder}b.json", array.encode(), day, Expected(size, 0, size, 0, 0), tuple(parts[1]))
    packed = gzip.compress("".join(f"{event.canonical()}\n" for event in parts[2]).encode(), mtime=0)
    size = len(parts[2])
    yield Upload(f"{folder}c.ndjson.gz", packed, day, Expected(size, 0, size, 0, 0), tuple(parts[2]))


def _cells(customer: Customer) -> list[str]:
    return ["" if value is None else str(value) for value in asdict(customer).values()]


def _reordered(cells: Sequence[str], columns: Sequence[str]) -> list[str]:
    named = dict(zip(HEADER, cells, strict=True))
    return [named.get(column, "gold") for column in columns]


def _csv(first: Iterable[str], rows: Iterable[Iterable[str]], delimiter: str) -> str:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter, lineterminator="\n").writerows([first, *rows])
    return target.getvalue()
