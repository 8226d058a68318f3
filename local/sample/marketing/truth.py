"""What the warehouse must say after some uploads, from the generator's own records and in plain Python."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, pairwise

from local.sample.marketing.people import Customer
from local.sample.marketing.uploads import Upload
from local.sample.marketing.visits import Event

_GAP = timedelta(minutes=30)


@dataclass(frozen=True)
class Truth:
    """`unknown`: events of users whom no snapshot has. `addresses`: what no log may hold."""

    customers: int
    active: int
    events: int
    late: int
    sessions: int
    unknown: int
    addresses: frozenset[str]


def truth(uploads: Sequence[Upload]) -> Truth:
    newest = max(upload.day for upload in uploads)
    customers: dict[str, date] = {}
    addresses: set[str] = set()
    standing: dict[str, tuple[date, str, Event]] = {}
    for upload in uploads:
        for row in upload.rows:
            if isinstance(row, Customer):
                customers[row.customer_id] = max(upload.day, customers.get(row.customer_id, upload.day))
                addresses |= {row.email} if row.email else set()
                continue
            version = (upload.day, hashlib.sha256(row.canonical().encode()).hexdigest(), row)
            if row.event_id not in standing or version[:2] > standing[row.event_id][:2]:
                standing[row.event_id] = version
    events = [event for _, _, event in standing.values()]
    return Truth(
        customers=len(customers),
        active=sum(day == newest for day in customers.values()),
        events=len(events),
        late=sum(event.at.date() < day for day, _, event in standing.values()),
        sessions=_sessions(events),
        unknown=sum(event.user_id is not None and event.user_id not in customers for event in events),
        addresses=frozenset(addresses),
    )


def _sessions(events: Sequence[Event]) -> int:
    found = 0
    with_user = sorted((str(event.user_id), event.at) for event in events if event.user_id)
    for _, visits in groupby(with_user, key=lambda visit: visit[0]):
        times = [at for _, at in visits]
        found += 1 + sum(later - at > _GAP for at, later in pairwise(times))
    return found
