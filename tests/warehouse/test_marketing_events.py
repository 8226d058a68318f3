"""Events and their sessions: whatever order they are delivered in, the fact is what all of them make at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.marketing import Event, Run, clear, expected_facts, facts, in_duckdb, load_events
from tests.warehouse.standin import Warehouse

HALF_HOUR = 1800
DAY = 86_400

_EVENTS = st.builds(
    Event,
    event_id=st.sampled_from([f"e{number}" for number in range(10)]),
    user_id=st.sampled_from(["u1", "u1", "u1", "u2", None]),
    seconds=st.builds(
        lambda day, steps, more: day * DAY + steps * HALF_HOUR // 2 + more,
        st.sampled_from([-1, 0, 0, 1]),
        st.integers(-4, 12),
        st.sampled_from([0, 0, 0, 1, -1]),
    ),
    page=st.sampled_from(["/", "/cart"]),
)
_DELIVERIES = st.lists(
    st.builds(
        lambda day, events: [replace(event, day=day) for event in events],
        st.integers(0, 2),
        st.lists(_EVENTS, min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def duck() -> Run:
    return in_duckdb()


@pytest.fixture
def clicks(migrated: Warehouse) -> Iterator[Run]:
    clear(migrated.rows)
    yield migrated.rows
    clear(migrated.rows)


def sessions(run: Run) -> list[list[str]]:
    """The events of each session, in the order of their ids."""
    found = run(
        "SELECT session_id, event_id FROM DW.FACT_CLICK_EVENTS WHERE session_id IS NOT NULL ORDER BY 2"
    )
    ids = dict.fromkeys(session for session, _ in found)
    return [[event for session, event in found if session == id_] for id_ in ids]


def check(run: Run, deliveries: Sequence[Sequence[Event]]) -> None:
    clear(run)
    for number, delivered in enumerate(deliveries, start=1):
        load_events(run, delivered)
        assert facts(run) == expected_facts(event for batch in deliveries[:number] for event in batch)


@settings(max_examples=50, deadline=None)
@given(deliveries=_DELIVERIES)
def test_any_deliveries_in_any_order(duck: Run, deliveries: list[list[Event]]) -> None:
    """Repeated, replaced and late events, events that change their user, days that are run again with other files."""
    check(duck, deliveries)


def test_on_the_local_snowflake(clicks: Run) -> None:
    """A joined session, one that parts when the event between is replaced, an extended one, and a repetition of it all."""
    first = [Event("a", "u", 0), Event("c", "u", 3000), Event("n", None, 60), Event("x", "v", 0)]
    late = [Event("b", "u", 1500, day=1), Event("y", "v", -1, day=1)]
    replaced = [Event("b", "v", HALF_HOUR, day=2)]
    for order in ([first, late, replaced, first], [replaced, late, first]):
        check(clicks, order)
    assert sessions(clicks) == [["a"], ["b", "x", "y"], ["c"]]


@pytest.mark.parametrize(
    ("gap", "joined"), [(HALF_HOUR - 1, True), (HALF_HOUR, True), (HALF_HOUR + 1, False), (0, True)]
)
def test_a_gap_of_exactly_half_an_hour_joins(duck: Run, gap: int, joined: bool) -> None:
    check(duck, [[Event("a", "u", 0), Event("b", "u", gap)]])
    assert sessions(duck) == ([["a", "b"]] if joined else [["a"], ["b"]])


def test_a_session_is_parted_when_the_event_between_goes_elsewhere(duck: Run) -> None:
    begun = [Event("a", "u", 0), Event("b", "u", HALF_HOUR), Event("c", "u", 2 * HALF_HOUR)]
    check(duck, [begun, [Event("b", "u", 40 * HALF_HOUR, day=1)]])
    assert sessions(duck) == [["a"], ["b"], ["c"]]


def test_a_late_event_joins_sessions_of_any_age(duck: Run) -> None:
    old = [Event("a", "u", -90 * DAY), Event("c", "u", -90 * DAY + 2 * HALF_HOUR)]
    load = [old, [Event("x", "u", 0), Event("b", "u", -90 * DAY + HALF_HOUR)]]
    check(duck, load)
    assert sessions(duck) == [["a", "b", "c"], ["x"]]


def test_a_session_over_midnight_is_one(duck: Run) -> None:
    check(duck, [[Event("b", "u", DAY + 60, day=1)], [Event("a", "u", DAY - 60)]])
    assert sessions(duck) == [["a", "b"]]


def test_of_one_event_the_later_delivery_wins_then_the_greater_hash(duck: Run) -> None:
    """Also when the loser is loaded last."""
    shown = "SELECT page_url, source_date::VARCHAR, is_late FROM DW.FACT_CLICK_EVENTS"
    small, great = sorted((Event("a", "u", 5, page) for page in ("/", "/cart")), key=lambda e: e.content_hash)
    for order in ([small, great], [great, small]):
        check(duck, [order])
        check(duck, [[event] for event in order])
        assert duck(shown) == [(great.page, "2025-01-10", False)]
        later = replace(small, day=1)
        check(duck, [[great], [later], [great]])
        assert duck(shown) == [(small.page, "2025-01-11", True)]


def test_an_event_that_changes_nothing_is_not_written(duck: Run) -> None:
    """Marts that follow updated_at are not computed again."""
    delivered = [Event("a", "u", 0), Event("b", "u", 60), Event("c", "v", 0)]
    changed = "SELECT event_id FROM DW.FACT_CLICK_EVENTS WHERE updated_at > '2020-01-01' ORDER BY 1"
    check(duck, [delivered])
    for again, written in (
        (delivered, []),
        ([Event("d", "u", 120)], ["d"]),
        ([Event("e", "u", -60)], ["a", "b", "d", "e"]),
    ):
        duck("UPDATE DW.FACT_CLICK_EVENTS SET updated_at = '2020-01-01'")
        load_events(duck, again)
        assert [row[0] for row in duck(changed)] == written
