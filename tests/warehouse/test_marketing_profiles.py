"""Customers: in whatever order snapshots come, each is as the newest one that has him; active, if that is the newest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.marketing import (
    Customer,
    Run,
    clear,
    expected_profiles,
    in_duckdb,
    load_customers,
    shown_profiles,
)
from tests.warehouse.standin import Warehouse

_SNAPSHOT = st.lists(
    st.builds(
        Customer,
        st.sampled_from(["c1", "c2", "c3", "c4"]),
        st.sampled_from(["Asha", "Bela", None]),
        st.sampled_from(["North", "South", None]),
    ),
    min_size=1,
    max_size=5,
)
Snapshots = dict[int, list[Customer]]


@pytest.fixture(scope="module")
def duck() -> Run:
    return in_duckdb()


@pytest.fixture
def customers(migrated: Warehouse) -> Iterator[Run]:
    clear(migrated.rows)
    yield migrated.rows
    clear(migrated.rows)


def check(run: Run, snapshots: Snapshots, order: list[int]) -> None:
    clear(run)
    for number, day in enumerate(order, start=1):
        load_customers(run, day, snapshots[day])
        loaded = {day: snapshots[day] for day in order[:number]}
        assert shown_profiles(run) == expected_profiles(loaded)


@settings(max_examples=50, deadline=None)
@given(
    snapshots=st.dictionaries(st.integers(-2, 4), _SNAPSHOT, min_size=1, max_size=4).flatmap(
        lambda found: st.tuples(st.just(found), st.permutations([*found, *list(found)[:1]]))
    )
)
def test_any_snapshots_in_any_order(duck: Run, snapshots: tuple[Snapshots, list[int]]) -> None:
    check(duck, *snapshots)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1, 2], [1, 2, 0]])
def test_on_the_local_snowflake(customers: Run, order: list[int]) -> None:
    """One leaves and comes back, one leaves for good, one comes, one is there twice: his first line counts."""
    snapshots = {
        0: [Customer("back"), Customer("gone")],
        1: [Customer("stays")],
        2: [Customer("back", region="South"), Customer("stays", "Bela"), Customer("stays", "Late")],
    }
    check(customers, snapshots, order)
    assert shown(customers) == [
        ("back", "Asha", "South", True),
        ("gone", "Asha", "North", False),
        ("stays", "Bela", "North", True),
    ]


def shown(run: Run) -> list[tuple[object, ...]]:
    return run("SELECT customer_id, first_name, region, is_active FROM DW.DIM_CUSTOMER_PROFILE ORDER BY 1")


def test_a_snapshot_that_is_delivered_again_lacks_who_was_in_it_by_mistake(duck: Run) -> None:
    clear(duck)
    load_customers(duck, 0, [Customer("a"), Customer("b")])
    load_customers(duck, 0, [Customer("a", "Mended")])
    assert shown(duck) == [("a", "Mended", "North", True), ("b", "Asha", "North", False)]
    load_customers(duck, 0, [Customer("a"), Customer("b")])
    assert [row[3] for row in shown(duck)] == [True, True]


def test_updated_at_is_when_something_changed(duck: Run) -> None:
    clear(duck)
    load_customers(duck, 0, [Customer("a"), Customer("b"), Customer("c")])
    duck("UPDATE DW.DIM_CUSTOMER_PROFILE SET updated_at = '2020-01-01'")
    load_customers(duck, 1, [Customer("a"), Customer("b", "Bela")])
    read = (
        "SELECT customer_id, snapshot_date, updated_at > '2020-01-01' FROM DW.DIM_CUSTOMER_PROFILE ORDER BY 1"
    )
    assert duck(read) == [
        ("a", date(2025, 1, 11), False),
        ("b", date(2025, 1, 11), True),
        ("c", date(2025, 1, 10), True),
    ]
    duck("UPDATE DW.DIM_CUSTOMER_PROFILE SET updated_at = '2020-01-01'")
    load_customers(duck, 0, [Customer("a"), Customer("b"), Customer("c")])
    assert [row[2] for row in duck(read)] == [False, False, False]
