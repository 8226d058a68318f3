"""RAW, STAGE and the marts depend on the files alone, not on the order, the transactions or the refreshes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.warehouse.retail.inbox import Inbox
from tests.warehouse.retail.oracle import Arrival, Content, Expected, Sale, Store, expected
from tests.warehouse.standin import Warehouse

pytestmark = pytest.mark.e2e  # needs the local Snowflake

TOKENS = (*(f"{number:03}" for number in range(11)), "1E5")
MIDNIGHT = datetime(2025, 2, 1, tzinfo=UTC)
MOMENTS = tuple(
    MIDNIGHT + timedelta(**apart)
    for apart in ({"microseconds": -1}, {}, {"hours": 30}, {"days": 27}, {"days": 28}, {"days": -400})
)
SECONDS = tuple(datetime(2025, 3, 1, 12, 0, second, tzinfo=UTC) for second in range(3))

sales = st.builds(
    Sale,
    store_token=st.sampled_from(TOKENS),
    transaction_id=st.sampled_from(("T1", "T2")),
    receipt_token=st.sampled_from(("R1", "R2", "R3")),
    transaction_time=st.sampled_from(MOMENTS),
    amount=st.sampled_from(("5.00", "5.00", "7.25", "-2.50", "0.00", "9999999999999999.99")).map(Decimal),
    user_role=st.sampled_from((None, "clerk")),
)
stores = st.builds(
    Store,
    store_group=st.sampled_from((None, "north", "south")),
    store_token=st.sampled_from(TOKENS),
    store_name=st.sampled_from(("Corner", 'Märkt\'s \\ "best"', "%s")),
)
arrivals = st.lists(
    st.tuples(st.sampled_from(SECONDS), st.sampled_from("abc"), st.integers(1, 4)), min_size=1, max_size=3
)
broken_lines = st.integers(0, 2)


@st.composite
def worlds(draw: st.DrawFn) -> list[Content]:
    files = {
        "sales": st.lists(
            st.tuples(st.lists(sales, min_size=5, max_size=25), arrivals, broken_lines),
            min_size=3,
            max_size=4,
        ),
        "stores": st.lists(
            st.tuples(st.lists(stores, min_size=2, max_size=8), arrivals, broken_lines),
            min_size=2,
            max_size=2,
        ),
    }
    contents: list[Content] = []
    versions = count(1)
    for kind, given_files in files.items():
        for rows, times, broken in draw(given_files):
            seen = [
                Arrival(moment, f"inbox/{kind}_{name}.csv", f"v{next(versions)}", date(2025, 3, day))
                for moment, name, day in times
            ]
            contents.append(Content(len(contents), kind, rows, seen, broken))
    return contents


def assert_loaded(inbox: Inbox, wanted: Expected) -> None:
    for kind, staged in (("sales", wanted.sales), ("stores", wanted.stores)):
        assert inbox.raw(kind) == sorted(wanted.raw[kind])
        assert inbox.staged(kind) == staged
    assert inbox.quarantined() == sorted(wanted.quarantined)


def assert_shown(marts: dict[str, dict[Any, tuple[Any, ...]]], wanted: Expected) -> None:
    assert marts["daily_sales"] == wanted.daily_sales
    assert marts["store_performance"] == wanted.store_performance
    assert marts["top_stores"] == wanted.top_stores


@settings(
    max_examples=4,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(world=worlds(), seed=st.integers(0, 1 << 32), sends=st.sampled_from((1, 1, 2)))
def test_any_order_and_any_transactions(
    migrated: Warehouse, world: list[Content], seed: int, sends: int
) -> None:
    inbox, pick, wanted = Inbox(migrated, sends), Random(seed), expected(world)
    inbox.clear()
    waiting = [(content, arrival) for content in world for arrival in content.arrivals]
    pick.shuffle(waiting)
    while waiting:
        together = pick.randint(len(waiting) // 3, len(waiting)) + 1
        inbox.load(waiting[:together])
        del waiting[:together]
        if pick.random() < 0.75:
            inbox.refresh()
    assert_loaded(inbox, wanted)
    inbox.refresh()
    assert_shown(inbox.marts(), wanted)
    totals = sorted(migrated.rows("SELECT * FROM STAGE.RETAIL_STORE_TOTALS"))
    inbox.rebuild()
    assert_shown(inbox.marts(), wanted)
    assert sorted(migrated.rows("SELECT * FROM STAGE.RETAIL_STORE_TOTALS")) == totals
