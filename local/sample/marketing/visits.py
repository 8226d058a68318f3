"""What customers click on: sessions with gaps around half an hour, late events, and events that are delivered again."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from local.sample.marketing.people import Customer

_PAGES = ("/", "/search?q=tea", "/cart", "/pay")
_TYPES = ("page_view", "click", "add_to_cart", "purchase")
# Half an hour joins, a second more parts.
_GAPS = (5, 60, 600, 1800, 1801, 4000)
_UNKNOWN = "ghost-1"


@dataclass(frozen=True)
class Event:
    event_id: str
    user_id: str | None
    event_type: str
    page_url: str
    duration_ms: int | None
    at: datetime

    def document(self) -> dict[str, Any]:
        return {
            "event_id": self.event_id,
            "user_id": self.user_id,
            "event_type": self.event_type,
            "page_url": self.page_url,
            "duration_ms": self.duration_ms,
            "timestamp": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "properties": {"screen": "wide", "clicks": [1, 2]},
        }

    def corrected(self) -> Event:
        """The same event with another page, half an hour later."""
        return replace(self, page_url="/corrected", at=self.at + timedelta(minutes=30))

    def canonical(self) -> str:
        return json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def visits(customers: list[Customer], day: date, seed: int) -> list[Event]:
    """The events that happened on the day. One user is in no snapshot, and some events have no user."""
    draw = random.Random(f"{seed}/visits/{day}")
    users = [customer.customer_id for customer in draw.sample(customers, len(customers) // 3)]
    found: list[Event] = []
    for user in (*users, _UNKNOWN, None):
        at = datetime.combine(day, time(draw.randrange(20), draw.randrange(60)), UTC)
        for _ in range(draw.randint(2, 12)):
            found.append(_event(f"{day:%d}-{len(found):04}", user, at, draw))
            at += timedelta(seconds=draw.choice(_GAPS))
    return [event for event in found if event.at.date() == day]


def _event(event_id: str, user: str | None, at: datetime, draw: random.Random) -> Event:
    duration = draw.randint(1, 60_000) if draw.random() < 0.9 else None
    return Event(event_id, user, draw.choice(_TYPES), draw.choice(_PAGES), duration, at)
