"""An advance of a day is dated within the last minutes, so that an extraction finds it and it is not too late."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from local.sample.shop import LAG, Change, Shop, advance, fill, stamped

NOW = datetime(2026, 11, 29, 12)
DAY, OVERLAP = timedelta(days=1), timedelta(minutes=10)


def moments(shop: Shop, changes: list[Change]) -> list[datetime]:
    """The updated_at that an advance wrote anew."""
    before = {(type(row), row.key): row.updated_at for row in shop.rows()}
    found = [
        change.row.updated_at
        for change in changes
        if change.kind != "delete" and change.row.updated_at != before.get((type(change.row), change.row.key))
    ]
    return [moment for moment in found if moment]


@pytest.mark.parametrize("later", [timedelta(seconds=2), timedelta(minutes=30), timedelta(days=40)])
def test_a_day_is_dated_before_the_present_and_within_the_overlap(later: timedelta) -> None:
    shop = Shop().after(fill(1, NOW - LAG))
    present = NOW + later
    changes = stamped(shop, advance(shop, DAY, 1), DAY, present)
    found = moments(shop, changes)
    assert max(found) == present - LAG
    late = [moment for moment in found if moment <= present - LAG - OVERLAP]
    assert len(found) > 200
    assert len(set(late)) <= 1  # the order that is committed very late, with its items
    assert shop.after(changes).clock == present - LAG


def test_the_order_of_changes_stays() -> None:
    shop = Shop().after(fill(1, NOW - LAG))
    told = advance(shop, DAY, 1)
    dated = stamped(shop, told, DAY, NOW + timedelta(hours=1))
    pairs = sorted(
        (one.row.updated_at, other.row.updated_at)
        for one, other in zip(told, dated, strict=True)
        if one.kind != "delete"
        and one.row.updated_at
        and other.row.updated_at
        and one.row.updated_at > shop.clock
    )
    assert [after for _, after in pairs] == sorted(after for _, after in pairs)


def test_what_did_not_change_keeps_its_date() -> None:
    shop = Shop().after(fill(1, NOW - LAG))
    changes = stamped(shop, advance(shop, DAY, 1), DAY, NOW + timedelta(hours=1))
    kept = [change for change in changes if change.kind == "update" and change.table == "CUSTOMERS"]
    assert kept
    for change in kept:
        if before := shop.customers.get(change.row.key):
            assert change.row.created_at == before.created_at
