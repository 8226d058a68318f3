"""How an order goes on: placed, paid, shipped, delivered; sometimes cancelled or returned."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

_HOURS_UNTIL = {"placed": 6.0, "paid": 24.0, "shipped": 72.0}
_NEXT = {"placed": "paid", "paid": "shipped", "shipped": "delivered"}
_CANCELLED = 0.04
UNKNOWN_STATUS = "on hold?"


def steps(
    status: str, since: datetime, until: datetime, draw: random.Random
) -> Iterator[tuple[datetime, str]]:
    """What becomes of an order of this status. Its waiting has no memory, so that it may be asked in any pieces."""
    at = since
    while status in _NEXT:
        at += timedelta(seconds=round(draw.expovariate(1 / (_HOURS_UNTIL[status] * 3600)), 6))
        if at >= until:
            return
        cancelled = status != "shipped" and draw.random() < _CANCELLED
        status = "cancelled" if cancelled else _NEXT[status]
        yield at, status
