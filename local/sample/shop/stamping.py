"""When the changes of an advance are dated: just before the present, however long the advance.

An extraction reads up to the source's present and remembers how far it came. A day that lay ahead of the present would not
be read, and one that lay far behind it would be too late. So the changes of a day are dated within the last minutes: in
their order, later than all that the shop has, and those that were committed late a little before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from local.sample.shop.rows import TABLE_OF, Row
from local.sample.shop.state import Change, Shop

LAG = timedelta(seconds=35)
"""Nothing is dated later than this before the present: an extraction with its lag of 30 s finds it all."""
_WITHIN = timedelta(minutes=5)
_LATE = timedelta(minutes=9)
"""What was committed late, but not very late, is dated this long before the present at most."""
_MOMENTS = ("order_ts", "created_at", "updated_at")


def stamped(shop: Shop, changes: Iterable[Change], by: timedelta, present: datetime) -> list[Change]:
    """The changes that lead from the shop's clock so far ahead, dated before the present."""
    end = present - LAG
    begin = max(shop.clock, end - _WITHIN)
    if begin >= end:
        raise ValueError(f"the shop's time is {shop.clock}, less than {LAG.seconds} s ago: try again then")

    def moment(told: datetime) -> datetime:
        if (late := shop.clock - told) >= timedelta(0):
            return begin - late if late > _LATE else max(begin - late, end - _LATE)
        return begin + (end - begin) * ((told - shop.clock) / by)

    return [replace(change, row=_dated(change.row, shop, moment)) for change in changes]


def _dated(row: Row, shop: Shop, moment: Callable[[datetime], datetime]) -> Row:
    """The row with the moments dated anew that the stored row does not have."""
    before = shop.tables[TABLE_OF[type(row)].name].get(row.key)
    told = {name: getattr(row, name) for name in _MOMENTS if getattr(row, name, None) is not None}
    anew: dict[str, Any] = {
        name: moment(at) for name, at in told.items() if at != getattr(before, name, None)
    }
    return replace(row, **anew)
